"""Cluster one group of cells: components, neighbours, Leiden, and how well it splits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._components import components

MINIMUM_CELLS = 20
"""Fewer cells are kept as one cluster."""

ITERATIONS = 2
"""Of Leiden, as scanpy and leidenalg recommend: more take two to five times as long and change little."""

_SILHOUETTE_CELLS = 5000

_APPROXIMATE_FROM = 8192
"""Cells from which scanpy searches neighbours approximately."""


@dataclass(frozen=True)
class Options:
    """What a group is clustered with."""

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
        What was used; ``n_genes`` is 0 for given coordinates.
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

    @property
    def graph(self) -> sparse.csr_matrix:
        """Weights of the neighbour graph, symmetric."""
        return self.cells.obsp["connectivities"]


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
    """Principal components of the variable genes of log values (n_cells, n_vars), and neighbours."""
    found = components(values, batches, options.n_top_genes, options.n_pcs, seed)
    placed = neighbours(found.pca, options.n_neighbors, seed)
    placed.n_genes, placed.n_batches = len(found.genes), found.n_batches
    placed.remarks = [*found.remarks, *placed.remarks]
    return placed


def neighbours(coordinates: np.ndarray, n_neighbors: int, seed: int) -> Embedded:
    """Neighbour graph of cells in given coordinates (n_cells, n_dimensions)."""
    import scanpy as sc

    n_cells = len(coordinates)
    cells = ad.AnnData(obs=pd.DataFrame(index=pd.RangeIndex(n_cells).astype(str)))
    cells.obsm["X_pca"] = np.ascontiguousarray(coordinates, dtype=np.float32)
    fewer = min(n_neighbors, n_cells - 1)
    remarks = [f"{n_neighbors} neighbours reduced to {fewer}"] if fewer < n_neighbors else []
    search = _approximate_search(fewer, n_cells, seed) if n_cells >= _APPROXIMATE_FROM else None
    sc.pp.neighbors(cells, n_neighbors=fewer, use_rep="X_pca", transformer=search, random_state=seed)
    return Embedded(cells, 0, coordinates.shape[1], 0, remarks)


def _approximate_search(n_neighbors: int, n_cells: int, seed: int) -> Any:
    """The search scanpy takes for many cells, giving its result as the csr matrix scanpy reads.

    pynndescent 0.7 returns a sparse array, at which scanpy 1.11 breaks off.
    """
    from pynndescent import PyNNDescentTransformer

    class Search(PyNNDescentTransformer):
        def fit_transform(self, X: np.ndarray, y: None = None) -> sparse.csr_matrix:
            return sparse.csr_matrix(super().fit_transform(X, y))

    return Search(
        n_neighbors=n_neighbors, metric="euclidean", metric_kwds={}, random_state=seed, n_jobs=1,
        n_trees=min(64, 5 + round(n_cells**0.5 / 20)), n_iters=max(5, round(np.log2(n_cells))),
    )  # fmt: skip


def leiden(embedded: Embedded, resolution: float, seed: int) -> Clusters:
    """Leiden clusters of the neighbour graph (Traag 2019), and how well they split it."""
    graph = weighted(embedded.graph)
    codes = partition(graph, resolution, seed)
    if codes.max(initial=0) == 0:
        return Clusters(codes, float("nan"), float("nan"))
    modularity = graph.modularity(codes.tolist(), weights="weight")
    return Clusters(codes, float(modularity), silhouette(embedded.pca, codes, seed))


def weighted(weights: sparse.csr_matrix) -> Any:
    """The neighbour graph as scanpy gives it to leidenalg: every edge in both directions, in its order."""
    import igraph

    edges = weights.tocoo()
    there = edges.data != 0
    ends = np.column_stack([edges.row[there], edges.col[there]]).tolist()
    graph = igraph.Graph(n=weights.shape[0], edges=ends, directed=True)
    graph.es["weight"] = edges.data[there].astype(np.float64).tolist()
    return graph


def partition(graph: Any, resolution: float, seed: int) -> np.ndarray:
    """Leiden partition of a weighted graph by modularity at a resolution: codes by falling size.

    The partition of ``scanpy.tl.leiden(flavor="leidenalg", n_iterations=2)``; leidenalg draws from a
    generator of its own.
    """
    import leidenalg

    found = leidenalg.find_partition(
        graph,
        leidenalg.RBConfigurationVertexPartition,
        weights="weight",
        n_iterations=ITERATIONS,
        seed=seed,
        resolution_parameter=resolution,
    )
    labels, codes, sizes = np.unique(
        np.asarray(found.membership, dtype=np.int64), return_inverse=True, return_counts=True
    )
    rank = np.empty(len(labels), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(labels))
    return rank[codes]


def silhouette(pca: np.ndarray, codes: np.ndarray, seed: int) -> float:
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
