"""Regression of standardised expression on usage against the dense computation."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from niche._kernels.program_genes import regressed_genes, top_genes


def data(seed: int = 0) -> tuple[sparse.csr_matrix, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = sparse.csr_matrix(np.log1p(rng.poisson(0.6, (80, 12))).astype(np.float32))
    return x, rng.dirichlet([0.5] * 3, 80)


def test_equal_to_the_dense_regression() -> None:
    x, usage = data()
    dense = x.toarray().astype(float)
    z = (dense - dense.mean(axis=0)) / dense.std(axis=0)
    np.testing.assert_allclose(regressed_genes(x, usage), np.linalg.lstsq(usage, z)[0], atol=1e-8)


def test_weights_are_copies_of_cells() -> None:
    x, usage = data(1)
    times = np.random.default_rng(2).integers(1, 4, 80)
    again = np.repeat(np.arange(80), times)
    np.testing.assert_allclose(
        regressed_genes(x, usage, times.astype(float)), regressed_genes(x[again], usage[again]), atol=1e-8
    )


def test_a_gene_without_variance_has_none() -> None:
    x, usage = data(3)
    x = sparse.hstack([x, sparse.csr_matrix((80, 1)), sparse.csr_matrix(np.ones((80, 1)))]).tocsr()
    found = regressed_genes(x, usage)
    assert (found[:, -2:] == 0).all()
    assert np.isfinite(found).all()


def test_top_genes_by_falling_score_and_ties_by_code() -> None:
    scores = np.array([[0.0, 2.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0]])
    assert top_genes(scores, 3).tolist() == [[3, 1, 2], [0, 1, 2]]
