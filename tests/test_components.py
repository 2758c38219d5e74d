"""Principal components of variable genes."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from niche import _components
from niche._components import components


def blobs(n=40, genes=120, types=3, seed=0):
    """Log values of well separated types, their labels."""
    rng = np.random.default_rng(seed)
    centres = rng.gamma(0.6, 2.0, (types, genes))
    labels = np.repeat(np.arange(types), n)
    values = np.log1p(rng.poisson(centres[labels] * 3))
    return sparse.csr_matrix(values.astype(np.float32)), labels


def test_same_as_scanpy():
    import scanpy as sc

    values, _ = blobs()
    found = components(values, None, 200, 10, 0)
    assert found.n_batches == 0
    expected = sc.pp.pca(values, n_comps=10, svd_solver="arpack", random_state=0)
    assert np.allclose(np.abs(found.pca), np.abs(expected), atol=1e-4)


def test_types_lie_apart():
    values, labels = blobs()
    found = components(values, None, 60, 5, 0)
    assert len(found.genes) == 60
    centres = np.array([found.pca[labels == i].mean(axis=0) for i in range(3)])
    spread = max(found.pca[labels == i].std() for i in range(3))
    assert np.linalg.norm(centres[0] - centres[1]) > spread


def test_small_data_are_reduced_with_a_remark():
    found = components(blobs(n=7)[0], None, 100, 30, 0)
    assert found.pca.shape == (21, 20)
    assert found.remarks == ["30 components reduced to 20 for 21 cells x 100 genes"]


def test_genes_without_expression_are_left_out():
    values = blobs()[0].toarray()
    values[:, :30] = 0
    found = components(sparse.csr_matrix(values), None, 1000, 5, 0)
    assert found.genes.tolist() == list(range(30, 120))


def test_batches():
    assert _components._batches(np.repeat([0, 1], [60, 30])) is None
    assert np.bincount(_components._batches(np.repeat([0, 1], [60, 70]))).tolist() == [60, 70]
    pooled = _components._batches(np.repeat([0, 1, 2, 3], [60, 70, 30, 30]))
    assert np.bincount(pooled).tolist() == [60, 70, 0, 0, 60]
    left_out = _components._batches(np.repeat([0, 1, 2], [60, 70, 30]))
    assert (left_out == -1).sum() == 30


def test_genes_that_differ_between_samples_only_are_not_chosen():
    values, labels = blobs(genes=400)
    batches = np.tile([0, 1], len(labels) // 2)
    dense = values.toarray()
    dense[:, :40] = np.log1p(np.random.default_rng(1).poisson(4, dense[:, :40].shape))
    dense[batches == 1, :40] += 3
    shifted = sparse.csr_matrix(dense)
    with_batches = components(shifted, batches, 100, 10, 0)
    without = components(shifted, None, 100, 10, 0)
    assert (with_batches.n_batches, without.n_batches) == (2, 1)
    chosen = [int((found.genes < 40).sum()) for found in (with_batches, without)]
    assert chosen[0] < chosen[1]
