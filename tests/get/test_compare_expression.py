"""The table of compared genes."""

from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pytest
from compared import make_compared

import niche
from niche.errors import InputValueError, MissingKeyError, NicheWarning
from niche.get.compare_expression import COLUMNS


@pytest.fixture(scope="module")
def study() -> ad.AnnData:
    adata = make_compared()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NicheWarning)
        niche.tl.compare_expression(adata)
    return adata


def test_columns_and_order(study: ad.AnnData) -> None:
    table = niche.get.compare_expression(study)
    assert tuple(table) == COLUMNS
    assert list(table["contrast"].unique()[:2]) == ["omnibus", "bone_vs_rest"]
    assert set(table["ambient_share"]) == {"not_assessed"}


def test_rows_to_keep(study: ad.AnnData) -> None:
    get = niche.get.compare_expression
    whole = get(study)
    for name, value in (
        ("contrast", "bone_vs_lung"), ("organ", "brain"), ("cell_type", "Cancer"), ("gene", ["CXCL12", "CD44"]),
        ("call", "shared"),
    ):  # fmt: skip
        expected = whole[whole[name].isin([value] if isinstance(value, str) else value)]
        assert len(expected)
        found = get(study, **{name: value})
        assert found.astype(str).equals(expected.reset_index(drop=True).astype(str)), name
    good = get(study, qval=0.1)
    assert len(good) == (whole["qval"] <= 0.1).sum() > 0


def test_bad_input(study: ad.AnnData) -> None:
    for name in ("contrast", "organ", "cell_type", "gene", "call"):
        with pytest.raises(InputValueError, match=f"{name}: 'nothing' not in the result"):
            niche.get.compare_expression(study, **{name: "nothing"})
    with pytest.raises(InputValueError, match="qval"):
        niche.get.compare_expression(study, qval=2)
    with pytest.raises(MissingKeyError, match="Run niche.tl.compare_expression first"):
        niche.get.compare_expression(study, key="nothing")


def test_ambient_share_is_that_of_the_gene(demo_ambient: ad.AnnData) -> None:
    """What niche.get.ambient says of the difference of one gene between organs."""
    table = niche.get.compare_expression(
        demo_ambient, contrast="bone_vs_lung", cell_type="Malignant"
    ).set_index("gene")
    against = niche.get.ambient(
        demo_ambient, level="genes", organ="bone", cell_type="Malignant", against="lung"
    ).set_index("gene")["effect_share"]
    known = table["log2fc"].notna()
    found = table["ambient_share"][known].astype(float)
    np.testing.assert_allclose(found, against[found.index], equal_nan=True)
    assert found.notna().sum() > 50
    assert table["ambient_share"][~known].isna().all()
    omnibus = niche.get.compare_expression(demo_ambient, contrast="omnibus")
    assert omnibus["ambient_share"].isna().all()


@pytest.fixture(scope="module")
def demo_ambient(_demo: ad.AnnData) -> ad.AnnData:
    adata = _demo[
        _demo.obs["cell_type"].isin(["Malignant", "Macrophage", "T cell", "AT2", "Osteoblast"])
    ].copy()
    niche.pp.ambient(adata)
    niche.tl.compare_expression(adata, "cell_type")
    return adata
