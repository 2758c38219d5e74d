"""The confounding table as it was found."""

from __future__ import annotations

import anndata as ad
import pytest
from compared import make_compared

import niche
from niche.errors import MissingKeyError, NicheWarning


@pytest.fixture(scope="module")
def compared() -> ad.AnnData:
    return make_compared()


def test_brain_comes_from_a_study_of_its_own(compared: ad.AnnData) -> None:
    table = niche.get.confounding(compared)
    assert list(table) == ["term", "contrast", "confounded", "covariate"]
    assert set(table["term"]) == {"study"} and not table["covariate"].any()
    hidden = set(table.loc[table["confounded"], "contrast"])
    assert hidden == {"bone_vs_brain", "brain_vs_kidney", "brain_vs_lung"}
    assert len(table) == 6


def test_covariates_are_marked(compared: ad.AnnData) -> None:
    adata = compared.copy()
    with pytest.warns(NicheWarning, match="cannot be told apart"):
        niche.tl.compare_communication(adata, covariates=["age"], key_added="aged")
    table = niche.get.confounding(adata, key="aged")
    assert dict(zip(table["term"], table["covariate"], strict=True)) == {"age": True, "study": False}
    assert not table.loc[table["term"] == "age", "confounded"].any()


def test_a_study_without_such_columns_has_no_row(compared: ad.AnnData) -> None:
    adata = compared.copy()
    del adata.obs["study"]
    niche.tl.compare_communication(adata)
    table = niche.get.confounding(adata)
    assert table.empty and list(table) == ["term", "contrast", "confounded", "covariate"]


def test_nothing_stored(compared: ad.AnnData) -> None:
    with pytest.raises(MissingKeyError, match=r"Run niche.tl.compare_communication first"):
        niche.get.confounding(compared, key="other")
