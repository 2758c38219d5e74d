"""Principal components of the variable genes, as clusters and integration both need them."""

from __future__ import annotations

from dataclasses import dataclass, field

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

MINIMUM_BATCH = 50
"""Samples with fewer cells share one batch when variable genes are chosen."""


@dataclass(frozen=True)
class Components:
    """Cells in principal components.

    Attributes
    ----------
    pca
        (n_cells, n_pcs) float32.
    genes
        Columns of the matrix that were used.
    n_batches
        Batches the variable genes were chosen in; 0 where all genes were taken.
    remarks
        What was reduced and why.
    """

    pca: np.ndarray
    genes: np.ndarray
    n_batches: int
    remarks: list[str] = field(default_factory=list)


def components(
    values: sparse.csr_matrix, batches: np.ndarray | None, n_top_genes: int, n_pcs: int, seed: int
) -> Components:
    """Principal components of the variable genes of log values (n_cells, n_vars).

    ``batches`` are sample codes; the variable genes are those that vary within samples where at least
    two samples have 50 cells.
    """
    import scanpy as sc

    seen = np.flatnonzero(values.getnnz(axis=0) > 0)
    n_cells = values.shape[0]
    cells = ad.AnnData(
        values[:, seen].astype(np.float32),
        obs=pd.DataFrame(index=pd.RangeIndex(n_cells).astype(str)),
        var=pd.DataFrame(index=pd.RangeIndex(len(seen)).astype(str)),
    )
    variable, n_batches = _variable(cells, batches, n_top_genes)
    cells = cells[:, variable].copy()
    fewer = min(n_pcs, n_cells - 1, cells.n_vars - 1)
    remarks = []
    if fewer < n_pcs:
        remarks.append(f"{n_pcs} components reduced to {fewer} for {n_cells} cells x {cells.n_vars} genes")
    sc.pp.pca(cells, n_comps=fewer, svd_solver="arpack", random_state=seed)
    return Components(cells.obsm["X_pca"], seen[variable], n_batches, remarks)


def variable_genes(
    values: sparse.csr_matrix, batches: np.ndarray | None, n_top: int
) -> tuple[np.ndarray, int]:
    """Mask (n_vars,) of the genes of log values that vary within samples, and the number of batches."""
    return _variable(ad.AnnData(values), batches, n_top)


def _variable(cells: ad.AnnData, batches: np.ndarray | None, n_top: int) -> tuple[np.ndarray, int]:
    """Mask of the variable genes, and the number of batches they were chosen in."""
    import scanpy as sc

    if cells.n_vars <= n_top:
        return np.ones(cells.n_vars, dtype=bool), 0
    batch = None if batches is None else _batches(batches)
    if batch is None:
        found = sc.pp.highly_variable_genes(cells, n_top_genes=n_top, flavor="seurat", inplace=False)
        return found["highly_variable"].to_numpy(), 1
    used = cells[batch >= 0].copy()
    used.obs["batch"] = pd.Categorical(batch[batch >= 0].astype(str))
    found = sc.pp.highly_variable_genes(
        used, n_top_genes=n_top, flavor="seurat", batch_key="batch", inplace=False
    )
    return found["highly_variable"].to_numpy(), len(np.unique(batch[batch >= 0]))


def _batches(codes: np.ndarray) -> np.ndarray | None:
    """Batch of each cell; small samples are pooled, or left out (-1) where even the pool is small.

    None unless two samples are big enough.
    """
    sizes = np.bincount(codes)
    big = sizes >= MINIMUM_BATCH
    if big.sum() < 2:
        return None
    pooled = int(sizes[~big].sum())
    batch = np.where(big, np.arange(len(sizes)), len(sizes) if pooled >= MINIMUM_BATCH else -1)
    return batch[codes]
