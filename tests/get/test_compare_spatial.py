"""The table of comparisons: filters and levels."""

from __future__ import annotations

import pytest
from spatial_study import analysed

import niche
from niche.errors import InputValueError, MissingKeyError


def test_filters_and_levels() -> None:
    adata = analysed()
    with pytest.raises(MissingKeyError, match=r"niche.tl.compare_spatial"):
        niche.get.compare_spatial(adata)
    niche.tl.compare_spatial(adata)
    names = {"mean_in_liver", "mean_in_lung", "omnibus", "liver_vs_rest", "lung_vs_rest", "liver_vs_lung"}
    table = niche.get.compare_spatial(adata)
    assert set(table["contrast"]) == names and len(table) == 15 * len(names)
    liver = niche.get.compare_spatial(adata, organ="liver")
    assert set(liver["contrast"]) == {"mean_in_liver", "liver_vs_rest", "liver_vs_lung"}
    called = niche.get.compare_spatial(adata, qval=0.1)
    assert (called["qval"] <= 0.1).all()
    values = niche.get.compare_spatial(adata, level="sample", organ="lung")
    assert set(values["organ"]) == {"lung"} and values["value"].notna().all()
    with pytest.raises(InputValueError, match="belong to level='organ'"):
        niche.get.compare_spatial(adata, level="sample", qval=0.1)
    with pytest.raises(InputValueError, match="contrast: 'no' not in the result"):
        niche.get.compare_spatial(adata, contrast="no")
