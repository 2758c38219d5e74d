from __future__ import annotations

import random
import warnings

import anndata as ad
import igraph
import numpy as np
import pytest
from scipy import sparse

from niche.tl import _cluster_group
from niche.tl._cluster_group import Options, embed, leiden, neighbours, partition, weighted

OPTIONS = Options(n_top_genes=100, n_pcs=10, n_neighbors=10)


def blobs(n=40, genes=120, types=3, seed=0):
    """Log values of well separated types, their labels."""
    rng = np.random.default_rng(seed)
    centres = rng.gamma(0.6, 2.0, (types, genes))
    labels = np.repeat(np.arange(types), n)
    values = np.log1p(rng.poisson(centres[labels] * 3))
    return sparse.csr_matrix(values.astype(np.float32)), labels


def test_planted_types_are_found():
    values, labels = blobs()
    found = leiden(embed(values, None, OPTIONS, 0), 0.5, 0)
    assert len(set(zip(labels, found.codes, strict=True))) == 3
    assert found.silhouette > 0.3
    assert 0.5 < found.modularity < 1


def by_scanpy(embedded, resolution, seed, **options):
    """Codes by falling size; those of equal size as leidenalg numbers them."""
    import scanpy as sc

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # scanpy announces igraph as its future default
        sc.tl.leiden(
            embedded.cells, resolution, flavor="leidenalg", n_iterations=2, random_state=seed, **options
        )
    found = embedded.cells.obs["leiden"].astype(int)
    order = sorted(set(found), key=lambda code: (-(found == code).sum(), code))
    return found.map({code: i for i, code in enumerate(order)}).to_numpy()


@pytest.mark.parametrize("resolution", [0.3, 1.0, 2.5])
def test_the_partition_of_scanpy(resolution):
    embedded = embed(blobs(n=100, types=5)[0], None, OPTIONS, 0)
    for seed in (0, 3):
        assert np.array_equal(leiden(embedded, resolution, seed).codes, by_scanpy(embedded, resolution, seed))


def test_the_partition_of_scanpy_on_real_cells(shared_data):
    adata = ad.read_h5ad(shared_data / "maynard2020_nsclc_mets_3k.h5ad")[:1500].copy()
    embedded = embed(sparse.csr_matrix(adata.X), None, Options(2000, 30, 15), 0)
    for resolution, seed in ((0.4, 0), (1.0, 7)):
        ours = leiden(embedded, resolution, seed).codes
        assert ours.max() > 3
        assert np.array_equal(ours, by_scanpy(embedded, resolution, seed))


def test_no_word_from_scanpy_about_its_future(recwarn):
    leiden(embed(blobs()[0], None, OPTIONS, 0), 1.0, 3)
    assert not [w for w in recwarn if "leiden" in str(w.message)]


def two_halves():
    """More cells than are searched exactly, in two halves far apart."""
    coordinates = np.random.default_rng(0).normal(size=(8200, 3))
    coordinates[4100:] += 20
    return coordinates


def held_apart(found):
    return found.graph[:4100, 4100:].nnz == 0 and found.graph.getnnz(axis=1).min() >= 4


def test_many_cells_where_the_search_returns_a_sparse_array(monkeypatch):
    from pynndescent import PyNNDescentTransformer
    from sklearn.neighbors import KNeighborsTransformer

    asked = []

    def exact(self, X, y=None):
        asked.append(self.get_params())
        return sparse.csr_array(KNeighborsTransformer(n_neighbors=self.n_neighbors - 1).fit_transform(X))

    monkeypatch.setattr(PyNNDescentTransformer, "fit_transform", exact)
    found = neighbours(two_halves(), 5, 3)
    assert held_apart(found)
    assert [(a["n_neighbors"], a["random_state"], a["n_trees"], a["n_iters"]) for a in asked] == [
        (5, 3, 10, 13)
    ]


@pytest.mark.validation
def test_many_cells_are_searched_approximately():
    found = neighbours(two_halves(), 5, 0)
    assert held_apart(found)
    assert (found.graph != neighbours(two_halves(), 5, 0).graph).nnz == 0


def test_clusters_are_numbered_by_falling_size():
    values, _ = blobs(n=60)
    found = leiden(embed(values[:130], None, OPTIONS, 0), 0.3, 0)
    sizes = np.bincount(found.codes)
    assert (np.diff(sizes) <= 0).all()


def test_global_random_states_are_left_alone():
    embedded = embed(blobs()[0], None, OPTIONS, 0)
    graph = weighted(embedded.graph)
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002 - the global state is what is watched
    before = (random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002
    drawn = igraph.Graph.Erdos_Renyi(30, 0.2).get_edgelist()  # igraph draws from Python's random
    random.setstate(before[0])
    first = partition(graph, 1.0, 5)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
    assert igraph.Graph.Erdos_Renyi(30, 0.2).get_edgelist() == drawn
    assert np.array_equal(first, partition(graph, 1.0, 5))
    assert not np.array_equal(partition(graph, 3.0, 5), partition(graph, 3.0, 6))


def test_resolution_splits():
    embedded = embed(blobs()[0], None, OPTIONS, 0)
    assert leiden(embedded, 3.0, 0).codes.max() > leiden(embedded, 0.5, 0).codes.max()
    one = leiden(embed(blobs(types=1)[0], None, OPTIONS, 0), 0.01, 0)
    assert one.codes.max() == 0
    assert np.isnan([one.modularity, one.silhouette]).all()


def test_small_groups_are_reduced_with_a_remark():
    embedded = embed(blobs(n=7)[0], None, Options(100, 30, 25), 0)
    assert (embedded.n_pcs, embedded.pca.shape) == (20, (21, 20))
    assert embedded.remarks == [
        "30 components reduced to 20 for 21 cells x 100 genes",
        "25 neighbours reduced to 20",
    ]


def test_given_coordinates_are_used_as_they_are():
    coordinates = np.random.default_rng(0).normal(size=(50, 4))
    found = neighbours(coordinates, 10, 0)
    assert np.allclose(found.pca, coordinates, atol=1e-6)
    assert (found.n_genes, found.n_pcs) == (0, 4)


def test_silhouette_of_a_sample(monkeypatch):
    embedded = embed(blobs()[0], None, OPTIONS, 0)
    codes = leiden(embedded, 0.5, 0).codes
    full = _cluster_group.silhouette(embedded.pca, codes, 0)
    monkeypatch.setattr(_cluster_group, "_SILHOUETTE_CELLS", 60)
    drawn = _cluster_group.silhouette(embedded.pca, codes, 0)
    assert drawn == _cluster_group.silhouette(embedded.pca, codes, 0)
    assert drawn == pytest.approx(full, abs=0.1)
    assert np.isnan(_cluster_group.silhouette(embedded.pca, np.zeros(len(codes), int), 0))


def test_umap_of_few_cells():
    found = _cluster_group.umap(embed(blobs(n=3)[0], None, OPTIONS, 0), 0)
    assert found.shape == (9, 2)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
