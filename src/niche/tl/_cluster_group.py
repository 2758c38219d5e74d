"""Cluster one group of cells: components, neighbours, Leiden, and how well it splits."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._components import components

MINIMUM_CELLS = 20
"""Fewer cells are kept as one cluster."""

_SILHOUETTE_CELLS = 5000


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
    sc.pp.neighbors(cells, n_neighbors=fewer, use_rep="X_pca", random_state=seed)
    return Embedded(cells, 0, coordinates.shape[1], 0, remarks)


def leiden(embedded: Embedded, resolution: float, seed: int) -> Clusters:
    """Leiden clusters of the neighbour graph (Traag 2019), iterated until nothing improves."""
    graph = weighted(embedded.graph)
    codes = partition(graph, resolution, seed)
    if codes.max(initial=0) == 0:
        return Clusters(codes, float("nan"), float("nan"))
    modularity = graph.modularity(codes.tolist(), weights="weight")
    return Clusters(codes, float(modularity), silhouette(embedded.pca, codes, seed))


def weighted(weights: sparse.csr_matrix) -> Any:
    """The neighbour graph as igraph takes it, undirected; edges in a fixed order."""
    import igraph

    upper = sparse.triu(weights, k=1).tocsr()
    upper.sort_indices()
    edges = upper.tocoo()
    graph = igraph.Graph(n=weights.shape[0], edges=np.column_stack([edges.row, edges.col]).tolist())
    graph.es["weight"] = edges.data.astype(np.float64).tolist()
    return graph


def partition(graph: Any, resolution: float, seed: int) -> np.ndarray:
    """Leiden partition of a weighted graph by modularity at a resolution: codes by falling size."""
    with _igraph_seed(seed):
        found = graph.community_leiden(
            objective_function="modularity", weights="weight", resolution=resolution, n_iterations=-1
        )
    labels, codes, sizes = np.unique(
        np.asarray(found.membership, dtype=np.int64), return_inverse=True, return_counts=True
    )
    rank = np.empty(len(labels), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(labels))
    return rank[codes]


@contextmanager
def _igraph_seed(seed: int) -> Iterator[None]:
    """Let igraph draw from a generator of its own, and from Python's again afterwards."""
    import igraph

    igraph.set_random_number_generator(random.Random(seed))
    try:
        yield
    finally:
        igraph.set_random_number_generator(random)


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
