"""The table of what differs between organs, on a study made by hand and on leaked molecules."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from compared import AXIS, make_compared

import niche
from niche.errors import InputValueError, MissingKeyError
from niche.get._comparisons import AMBIENT_REASON
from niche.get.compare_communication import COLUMNS


@pytest.fixture(scope="module")
def adata() -> ad.AnnData:
    return make_compared()


def of_axis(table):
    source, target, ligand, receptor = AXIS
    mine = (table["source"] == source) & (table["target"] == target)
    return table[mine & (table["ligand_complex"] == ligand) & (table["receptor_complex"] == receptor)]


def test_columns_and_a_row_per_contrast_and_measured_edge(adata):
    table = niche.get.compare_communication(adata)
    assert tuple(table.columns) == COLUMNS
    assert not table.duplicated(["contrast", "source", "target", "ligand_complex", "receptor_complex"]).any()
    assert "FLT1" in set(table["receptor_complex"])
    contrasts = table["contrast"].astype(str).unique()
    assert {"omnibus", "bone_vs_rest", "bone_vs_brain", "brain_vs_lung", "bone_vs_kidney"} <= set(contrasts)
    sizes = table.groupby("contrast", observed=True).size()
    assert sizes.nunique() == 1


def test_ligand_of_the_host_drives_the_axis_in_bone(adata):
    table = of_axis(niche.get.compare_communication(adata)).set_index("contrast")
    row = table.loc["bone_vs_rest"]
    assert row["organ"] == "bone"
    assert row["call"] in ("enriched", "specific")
    assert (row["driver"], row["driver_compartment"]) == ("ligand", "host")
    assert row["ci_low"] < 1.5 < row["ci_high"]
    assert abs(row["log2fc_ligand"] - 3) < 0.7
    assert abs(row["log2fc_receptor"]) < 0.7
    assert row["log2fc"] == pytest.approx((row["log2fc_ligand"] + row["log2fc_receptor"]) / 2, abs=0.2)
    assert row["n_patients"] == 9
    omnibus = table.loc["omnibus"]
    assert np.isnan(omnibus["log2fc"])
    assert omnibus["call"] == "differs"
    assert omnibus["organ"] == ""


def test_one_patient_gives_an_estimate_and_no_test(adata):
    row = of_axis(niche.get.compare_communication(adata, contrast="bone_vs_kidney")).iloc[0]
    assert row["log2fc"] > 0.5
    assert np.isnan(row["pval"])
    assert row["call"] == "not_testable"
    assert "1 patient in kidney" in row["reason"]


def test_a_missing_cell_type_is_absent_and_not_zero(adata):
    table = niche.get.compare_communication(adata, contrast="bone_vs_kidney", source="Macrophage")
    assert len(table)
    assert table["log2fc"].isna().all()
    assert (table["call"] == "not_testable").all()
    silent = table["ligand_complex"].eq("CCL2").to_numpy()  # its receptor is too rare in every organ
    reason = table["reason"].astype(str)
    assert (reason[~silent] == "cell type absent in kidney: source").all()
    assert reason[silent].str.startswith("depth").all()


def test_filters(adata):
    whole = niche.get.compare_communication(adata)
    bone = niche.get.compare_communication(adata, organ="bone", call=["enriched", "specific"], qval=0.1)
    assert set(bone["organ"]) == {"bone"}
    assert set(bone["call"]) <= {"enriched", "specific"}
    mine = (whole["organ"] == "bone") & whole["call"].isin(["enriched", "specific"]) & (whole["qval"] <= 0.1)
    assert len(bone) == mine.sum() > 0
    with pytest.raises(InputValueError, match=r"contrast: 'bone_vs_skin' not in the result\. Available"):
        niche.get.compare_communication(adata, contrast="bone_vs_skin")
    with pytest.raises(MissingKeyError, match=r"Run niche\.tl\.compare_communication first"):
        niche.get.compare_communication(adata, key="other")


def test_ambient_is_not_assessed_where_it_was_not_run(adata):
    assert set(niche.get.compare_communication(adata)["ambient_share"]) == {"not_assessed"}


def test_a_leaked_axis_carries_its_share_and_the_reason():
    """SFTPA1 is made by the cells of the lung alone, and is seen in the droplets of all others."""
    adata = niche.datasets.demo()
    niche.pp.normalize(adata)
    niche.pp.ambient(adata)
    niche.tl.communication(adata, "cell_type", null=None, scores=["lr_means"])
    niche.tl.compare_communication(adata)
    called = niche.get.compare_communication(adata, contrast="lung_vs_rest", call=["enriched", "specific"])
    leaked = called[called["ligand_complex"] == "SFTPA1"]
    assert len(leaked)
    assert (leaked["ambient_share"] >= 0.5).all()
    assert leaked["reason"].astype(str).str.contains(AMBIENT_REASON).all()
    low = called[called["ambient_share"] < 0.5]
    assert len(low)
    assert not low["reason"].astype(str).str.contains(AMBIENT_REASON).any()
