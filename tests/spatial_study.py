"""Small sections with planted pairs, made once."""

from __future__ import annotations

from functools import cache

import anndata as ad
import numpy as np

import niche


@cache
def _sections() -> ad.AnnData:
    adata = niche.datasets.simulate_spatial(1, patients=3, side=14, pairs_per_kind=3, n_genes=150, effect=15)
    niche.pp.normalize(adata)
    return adata


def sections() -> ad.AnnData:
    """Three patients in each of two organs, one section of 196 spots each, normalised; the caller's copy."""
    return _sections().copy()


@cache
def _analysed() -> ad.AnnData:
    adata = sections()
    niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"])
    return adata


def analysed() -> ad.AnnData:
    """With :func:`niche.tl.spatial_communication` run; the caller's copy."""
    return _analysed().copy()


def lay_out(adata: ad.AnnData) -> None:
    """Give the cells of every sample of a dissociated study places on a square lattice, in their order."""
    place = adata.obs.groupby("sample", observed=True).cumcount().to_numpy()
    adata.obsm["spatial"] = np.stack(np.divmod(place, 15), axis=1).astype(float)
