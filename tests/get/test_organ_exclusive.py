"""Edges of cell types that one organ alone has."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from tiny import make

import niche
from niche.errors import InputValueError
from niche.get.organ_exclusive import COLUMNS

COMMON = {"Cancer": 30, "Fibroblast": 20}


@pytest.fixture(scope="module")
def study() -> ad.AnnData:
    """Osteoblasts in bone; hepatocytes in liver and its normal tissue; two stray ones in a bone sample."""
    design = [(f"b{i}", f"p{i}", "bone", "metastasis", {**COMMON, "Osteoblast": 25}) for i in range(4)]
    design += [(f"l{i}", f"q{i}", "liver", "metastasis", {**COMMON, "Hepatocyte": 25}) for i in range(4)]
    design += [("n0", "q0", "liver", "normal", {"Fibroblast": 20, "Hepatocyte": 25})]
    adata = make(design)
    niche.tl.communication(adata, null="analytic", tissues=("metastasis", "normal"))
    return adata


def test_every_edge_of_an_exclusive_type_and_no_other(study: ad.AnnData) -> None:
    table = niche.get.organ_exclusive(study)
    assert tuple(table) == COLUMNS
    whole = niche.get.communication(study)
    ends = {"Osteoblast": {"bone"}, "Hepatocyte": {"liver", "liver (normal)"}}
    mine = pd.Series(False, index=whole.index)
    for name, organs in ends.items():
        mine |= ((whole["source"] == name) | (whole["target"] == name)) & whole["organ"].isin(organs)
    expected = whole[mine].reset_index(drop=True)
    shared = [name for name in COLUMNS if name in whole]
    pd.testing.assert_frame_equal(table[shared], expected[shared])
    assert set(table["between_organs"]) == {"not_testable"}
    assert set(table["between_organs_reason"]) == {
        "Osteoblast exists in bone only: there is no other organ to compare with",
        "Hepatocyte exists in liver only: there is no other organ to compare with",
    }
    sent = table["source"].isin(list(ends))
    assert (table["exclusive"] == np.where(sent, "source", "target")).all()
    assert "level='lineage'" in table.attrs["hint"]
    assert "not tested between organs" in table.attrs["statement"]


def test_rows_to_keep(study: ad.AnnData) -> None:
    whole = niche.get.organ_exclusive(study)
    for name, value in (("organ", "bone"), ("source", "Hepatocyte"), ("status", "tested")):
        found = niche.get.organ_exclusive(study, **{name: value})
        assert len(found) == (whole[name] == value).sum() > 0
    assert (niche.get.organ_exclusive(study, qval=0.5)["qval"] <= 0.5).all()


def test_both_ends_and_stray_cells() -> None:
    design = [(f"b{i}", f"p{i}", "bone", "metastasis", {**COMMON, "Osteoblast": 25}) for i in range(2)]
    design += [("l0", "q0", "liver", "metastasis", {**COMMON, "Osteoblast": 2})]
    adata = make(design)
    niche.tl.communication(adata, null=None, senders="host", receivers="host")
    assert niche.get.organ_exclusive(adata).empty
    table = niche.get.organ_exclusive(adata, stray_cells=2)
    assert set(table["organ"]) == {"bone"}
    own = table[(table["source"] == "Osteoblast") & (table["target"] == "Osteoblast")]
    assert set(own["exclusive"]) == {"source and target"}
    assert table["pval"].isna().all()


def test_what_is_not_compared_by_cell_type_is_by_lineage(study: ad.AnnData) -> None:
    study = study.copy()
    niche.tl.compare_communication(study)
    by_type = niche.get.compare_communication(study, contrast="bone_vs_liver", source="Hepatocyte")
    assert by_type["reason"].str.startswith("cell type absent in bone: source").all()
    assert by_type["pval"].isna().all()

    niche.tl.communication(study, null="analytic", level="lineage", key_added="lineages")
    niche.tl.compare_communication(study, key="lineages", key_added="compared")
    table = niche.get.compare_communication(
        study, key="compared", contrast="bone_vs_liver", source="parenchymal", target="malignant"
    )
    assert table["pval"].notna().sum() >= 3
    assert set(table["call"]) & {"undetermined", "shared", "enriched", "depleted"}
    assert (table.loc[table["pval"].notna(), "n_patients"] == 8).all()
    patients = niche.get.compare_samples(study, table[table["pval"].notna()].head(1), key="compared")
    assert patients["used"].sum() == 8
    assert niche.get.organ_exclusive(study, key="lineages").empty


def test_bad_input(study: ad.AnnData) -> None:
    with pytest.raises(InputValueError, match="stray_cells"):
        niche.get.organ_exclusive(study, stray_cells=-1)
    with pytest.raises(InputValueError, match="organ: 'moon'"):
        niche.get.organ_exclusive(study, organ="moon")
    liver = study[study.obs["organ"] == "liver"].copy()
    niche.tl.communication(liver, null=None, tissues=("metastasis", "normal"))
    with pytest.raises(InputValueError, match="one organ only"):
        niche.get.organ_exclusive(liver)
