"""Cluster one group of cells: variable genes, components, neighbours, Leiden, and how well it splits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

MINIMUM_CELLS = 20
"""Fewer cells are kept as one cluster."""

MINIMUM_BATCH = 50
"""Samples with fewer cells share one batch when variable genes are chosen."""

_SILHOUETTE_CELLS = 5000


@dataclass(frozen=True)
class Options:
    """What a group is clustered with."""

    resolution: float
    n_top_genes: int
    n_pcs: int
    n_neighbors: int


@dataclass
class Embedded:
    """Cells of a group in components, with their neighbour graph.

    Attributes
    ----------
    cells
        Working AnnData: obsm["X_pca"], obsp["connectivities"].
    n_genes, n_pcs, n_batches
        What was used.
    remarks
        What was reduced and why.
    """

    cells: ad.AnnData
    n_genes: int
    n_pcs: int
    n_batches: int
    remarks: list[str] = field(default_factory=list)

    @property
    def pca(self) -> np.ndarray:
        """(n_cells, n_pcs) float32."""
        return self.cells.obsm["X_pca"]


@dataclass(frozen=True)
class Clusters:
    """Clusters of a group.

    Attributes
    ----------
    codes
        (n_cells,) clusters by falling size.
    modularity, silhouette
        Of the partition; NaN where there is one cluster.
    """

    codes: np.ndarray
    modularity: float
    silhouette: float


def embed(values: sparse.csr_matrix, batches: np.ndarray | None, options: Options, seed: int) -> Embedded:
    """Principal components of the variable genes of log values (n_cells, n_vars), and neighbours.

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
    variable, n_batches = _variable_genes(cells, batches, options.n_top_genes)
    cells = cells[:, variable].copy()
    remarks = []
    n_pcs = min(options.n_pcs, n_cells - 1, cells.n_vars - 1)
    if n_pcs < options.n_pcs:
        remarks.append(
            f"{options.n_pcs} components reduced to {n_pcs} for {n_cells} cells x {cells.n_vars} genes"
        )
    n_neighbors = min(options.n_neighbors, n_cells - 1)
    if n_neighbors < options.n_neighbors:
        remarks.append(f"{options.n_neighbors} neighbours reduced to {n_neighbors}")
    sc.pp.pca(cells, n_comps=n_pcs, svd_solver="arpack", random_state=seed)
    sc.pp.neighbors(cells, n_neighbors=n_neighbors, use_rep="X_pca", random_state=seed)
    return Embedded(cells, cells.n_vars, n_pcs, n_batches, remarks)


def _variable_genes(cells: ad.AnnData, batches: np.ndarray | None, n_top: int) -> tuple[np.ndarray, int]:
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


def leiden(embedded: Embedded, resolution: float, seed: int) -> Clusters:
    """Leiden clusters of the neighbour graph (Traag 2019), iterated until nothing improves.

    leidenalg is called directly with what :func:`scanpy.tl.leiden` passes to it.
    """
    import igraph
    import leidenalg

    weights = sparse.coo_matrix(embedded.cells.obsp["connectivities"])
    edges = np.column_stack([weights.row, weights.col]).tolist()
    graph = igraph.Graph(n=weights.shape[0], edges=edges, directed=True)
    partition = leidenalg.find_partition(
        graph,
        leidenalg.RBConfigurationVertexPartition,
        weights=weights.data.astype(np.float64).tolist(),
        resolution_parameter=resolution,
        n_iterations=-1,
        seed=seed,
    )
    codes = np.asarray(partition.membership, dtype=np.int64)
    if codes.max() == 0:
        return Clusters(codes, float("nan"), float("nan"))
    modularity = graph.modularity(partition.membership, weights=weights.data.tolist(), directed=True)
    return Clusters(codes, float(modularity), _silhouette(embedded.pca, codes, seed))


def _silhouette(pca: np.ndarray, codes: np.ndarray, seed: int) -> float:
    """Mean silhouette in component space, on at most 5,000 cells drawn with the seed."""
    from sklearn.metrics import silhouette_score

    if len(codes) > _SILHOUETTE_CELLS:
        drawn = np.sort(np.random.default_rng(seed).choice(len(codes), _SILHOUETTE_CELLS, replace=False))
        pca, codes = pca[drawn], codes[drawn]
    if not 1 < len(np.unique(codes)) < len(codes):
        return float("nan")
    return float(silhouette_score(pca, codes))


def umap(embedded: Embedded, seed: int) -> np.ndarray:
    """Two-dimensional UMAP of the neighbour graph, (n_cells, 2) float32."""
    import scanpy as sc

    start: Any = "spectral" if embedded.cells.n_obs >= MINIMUM_CELLS else "random"
    sc.tl.umap(embedded.cells, init_pos=start, random_state=seed)
    return np.asarray(embedded.cells.obsm["X_umap"], dtype=np.float32)
