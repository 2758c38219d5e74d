from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from niche.tl import _cluster_group
from niche.tl._cluster_group import Options, embed, leiden

OPTIONS = Options(resolution=1.0, n_top_genes=100, n_pcs=10, n_neighbors=10)


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


def test_same_as_scanpy(recwarn):
    import scanpy as sc

    embedded = embed(blobs()[0], None, OPTIONS, 0)
    ours = leiden(embedded, 1.0, 3).codes
    assert not [w for w in recwarn if "leiden" in str(w.message)]
    sc.tl.leiden(embedded.cells, 1.0, flavor="leidenalg", random_state=3)
    assert embedded.cells.obs["leiden"].astype(int).tolist() == ours.tolist()


def test_resolution_splits():
    embedded = embed(blobs()[0], None, OPTIONS, 0)
    assert leiden(embedded, 3.0, 0).codes.max() > leiden(embedded, 0.5, 0).codes.max()
    one = leiden(embed(blobs(types=1)[0], None, OPTIONS, 0), 0.01, 0)
    assert one.codes.max() == 0
    assert np.isnan([one.modularity, one.silhouette]).all()


def test_small_groups_are_reduced_with_a_remark():
    embedded = embed(blobs(n=7)[0], None, Options(1.0, 100, 30, 25), 0)
    assert (embedded.n_pcs, embedded.pca.shape) == (20, (21, 20))
    assert embedded.remarks == [
        "30 components reduced to 20 for 21 cells x 100 genes",
        "25 neighbours reduced to 20",
    ]


def test_genes_without_expression_are_left_out():
    values = blobs()[0].toarray()
    values[:, 30:] = 0
    assert embed(sparse.csr_matrix(values), None, OPTIONS, 0).n_genes == 30


def test_batches():
    assert _cluster_group._batches(np.repeat([0, 1], [60, 30])) is None
    assert np.bincount(_cluster_group._batches(np.repeat([0, 1], [60, 70]))).tolist() == [60, 70]
    pooled = _cluster_group._batches(np.repeat([0, 1, 2, 3], [60, 70, 30, 30]))
    assert np.bincount(pooled).tolist() == [60, 70, 0, 0, 60]
    left_out = _cluster_group._batches(np.repeat([0, 1, 2], [60, 70, 30]))
    assert (left_out == -1).sum() == 30


def test_genes_that_differ_between_samples_only_are_not_chosen():
    values, labels = blobs(genes=400)
    batches = np.tile([0, 1], len(labels) // 2)
    dense = values.toarray()
    dense[:, :40] = np.log1p(np.random.default_rng(1).poisson(4, dense[:, :40].shape))
    dense[batches == 1, :40] += 3
    shifted = sparse.csr_matrix(dense)
    with_batches = embed(shifted, batches, OPTIONS, 0)
    without = embed(shifted, None, OPTIONS, 0)
    assert (with_batches.n_batches, without.n_batches) == (2, 1)
    planted = {str(i) for i in range(40)}
    chosen = [len(planted & set(found.cells.var_names)) for found in (with_batches, without)]
    assert chosen[0] < chosen[1]


def test_silhouette_of_a_sample(monkeypatch):
    embedded = embed(blobs()[0], None, OPTIONS, 0)
    codes = leiden(embedded, 0.5, 0).codes
    full = _cluster_group._silhouette(embedded.pca, codes, 0)
    monkeypatch.setattr(_cluster_group, "_SILHOUETTE_CELLS", 60)
    drawn = _cluster_group._silhouette(embedded.pca, codes, 0)
    assert drawn == _cluster_group._silhouette(embedded.pca, codes, 0)
    assert drawn == pytest.approx(full, abs=0.1)
    assert np.isnan(_cluster_group._silhouette(embedded.pca, np.zeros(len(codes), int), 0))


def test_umap_of_few_cells():
    found = _cluster_group.umap(embed(blobs(n=3)[0], None, OPTIONS, 0), 0)
    assert found.shape == (9, 2)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
