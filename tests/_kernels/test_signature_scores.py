"""Scores of gene sets by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from niche._kernels import signature_scores as kernel


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    return np.log1p(rng.poisson(rng.gamma(1, 2, 200), (50, 200))).astype(np.float32)


def test_column_sums_of_tiles(values):
    found = [
        kernel.column_sums(sparse.csr_matrix(values), first, min(first + 16, 50))
        for first in range(0, 50, 16)
    ]
    assert found[3].shape == (200,)
    np.testing.assert_allclose(found[1], values[16:32].astype(float).sum(axis=0))
    np.testing.assert_allclose(np.sum(found, axis=0), values.astype(float).sum(axis=0))


def test_controls_are_of_the_bins_of_the_genes_and_none_of_them():
    bins = np.repeat([0, 1, 2, -1], 50)
    genes, left_out = np.array([0, 1, 60]), np.array([0, 1, 60, 61])
    found = kernel.control_weights(bins, genes, left_out, 10, np.random.default_rng(0))
    assert found.sum() == pytest.approx(1) and (found[left_out] == 0).all()
    by_bin = [found[bins == b] for b in (0, 1, 2, -1)]
    assert [(part > 0).sum() for part in by_bin] == [10, 10, 0, 0]
    assert by_bin[0].sum() == pytest.approx(2 / 3), "two of three genes are of this bin"
    few = kernel.control_weights(bins, genes, left_out, 1000, np.random.default_rng(0))
    assert (few[:50] > 0).sum() == 48, "all of a bin where it has fewer"


def test_no_controls():
    bins = np.repeat([0, 1], [3, 50])
    assert kernel.control_weights(bins, np.arange(3), np.arange(3), 5, np.random.default_rng(0)) is None


def test_score_is_up_less_down_each_less_its_controls(values):
    bins = np.zeros(200, dtype=int)
    up, down = np.arange(5), np.arange(5, 9)
    weights = kernel.set_weights(bins, up, down, 500, np.random.default_rng(0))
    assert weights.sum() == pytest.approx(0)
    found = kernel.products(sparse.csr_matrix(values), 0, 50, sparse.csr_matrix(weights[:, None]))[:, 0]
    expected = values[:, up].mean(axis=1) - values[:, down].mean(axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-6)  # both have all others as controls
    only = kernel.set_weights(bins, up, up[:0], 500, np.random.default_rng(0))
    scores = kernel.products(sparse.csr_matrix(values), 0, 50, sparse.csr_matrix(only[:, None]))[:, 0]
    np.testing.assert_allclose(scores, values[:, up].mean(axis=1) - values[:, 5:].mean(axis=1), atol=1e-6)


def test_moments_of_samples():
    scores = np.array([[1.0, 2.0], [3.0, 2.0], [5.0, 8.0], [100.0, 100.0]])
    n, means, variance = kernel.sample_moments(scores, np.array([0, 0, 2, -1]), 3)
    assert n.tolist() == [2, 0, 1]
    np.testing.assert_array_equal(means, [[2, 2], [np.nan, np.nan], [5, 8]])
    np.testing.assert_allclose(variance, [2, 0])
