"""A small study of sublines, made once."""

from __future__ import annotations

from functools import cache

import anndata as ad

import niche


@cache
def _study() -> ad.AnnData:
    adata = niche.datasets.simulate_sublines(
        7, sublines={"bone": 4, "lung": 3, "brain": 2}, n_genes=500, organ_genes=20
    )
    niche.tl.compare_sublines(adata, replicate_key="culture")
    return adata


def study() -> ad.AnnData:
    """Four bone, three lung and two brain sublines with one parental line, compared; the caller's own copy."""
    return _study().copy()
