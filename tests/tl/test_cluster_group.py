from __future__ import annotations

import random

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


def test_as_good_as_scanpy(recwarn):
    import scanpy as sc
    from sklearn.metrics import adjusted_rand_score

    embedded = embed(blobs(n=100, types=5)[0], None, OPTIONS, 0)
    ours = leiden(embedded, 1.0, 3).codes
    assert not [w for w in recwarn if "leiden" in str(w.message)]
    sc.tl.leiden(embedded.cells, 1.0, flavor="igraph", directed=False, n_iterations=-1, random_state=3)
    theirs = embedded.cells.obs["leiden"].astype(int).to_numpy()
    assert adjusted_rand_score(ours, theirs) > 0.95
    graph = weighted(embedded.graph)
    quality = [graph.modularity(codes.tolist(), weights="weight") for codes in (ours, theirs)]
    assert quality[0] == pytest.approx(quality[1], abs=0.01)


def test_clusters_are_numbered_by_falling_size():
    values, _ = blobs(n=60)
    found = leiden(embed(values[:130], None, OPTIONS, 0), 0.3, 0)
    sizes = np.bincount(found.codes)
    assert (np.diff(sizes) <= 0).all()


def test_the_seed_of_igraph_is_given_back():
    embedded = embed(blobs()[0], None, OPTIONS, 0)
    graph = weighted(embedded.graph)
    random.seed(7)
    expected = random.random()
    random.seed(7)
    first = partition(graph, 1.0, 5)
    assert random.random() == expected
    assert np.array_equal(first, partition(graph, 1.0, 5))


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
