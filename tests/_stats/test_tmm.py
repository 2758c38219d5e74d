"""Factors of the trimmed mean of M-values: by hand, as edgeR has them, and what leaves them alone."""

from __future__ import annotations

import numpy as np
import pytest

from niche._stats.tmm import tmm_factors


def library(counts):
    return counts.sum(axis=1).astype(float)


def formula_counts():
    """Counts by a formula, so that any tool can be given them: 200 genes x 4 samples."""
    g = np.arange(1, 201)
    base = 20 + (g * 37) % 211
    counts = np.stack([base, base + (g * 13) % 17, 2 * base + (g * 7) % 29, base + (g * 11) % 23])
    counts[1, :30] *= 9
    counts[3, 170:] = 0
    return counts.astype(float)


def test_equals_another_implementation_of_edger():
    """rnanorm 2.2.0 (validated by its authors on edgeR): ``TMM().fit(counts).get_norm_factors(counts)``."""
    got = tmm_factors(formula_counts(), library(formula_counts()))
    theirs = [1.1625572174069672, 0.5413873833136033, 1.1633270944583873, 1.365764089766316]
    np.testing.assert_allclose(got, theirs, rtol=1e-9)


def test_by_hand():
    """Ten genes, one doubled: trimming 3 of 10 ratios at each end leaves those at the common ratio.

    Both libraries are 1,000 by declaration; nine genes have a ratio of exactly 1/2, one of 4. The trimmed mean
    is 1/2 whatever the inverse variances are, the factors (1, 1/2) are divided by their geometric mean.
    """
    first = np.array([10, 20, 30, 40, 50, 60, 70, 80, 90, 100.0])
    second = first / 2
    second[9] = 400
    got = tmm_factors(np.stack([first, second]), np.array([1000.0, 1000.0]))
    np.testing.assert_allclose(got, [2**0.5, 2**-0.5])


def test_weights_are_inverse_variances_by_hand():
    """Of four genes, one ratio and no level is trimmed at each end: two are averaged by their precision."""
    n = 1000.0
    first, second = np.array([100, 50, 80, 60.0]), np.array([100, 60, 100, 40.0])
    ratio = np.log2(second / first)  # 0, 0.263, 0.322, -0.585: the middle two are 0 and 0.263
    variance = [(n - second[i]) / n / second[i] + (n - first[i]) / n / first[i] for i in (0, 1)]
    expected = 2 ** (ratio[1] / variance[1] / (1 / variance[0] + 1 / variance[1]))
    got = tmm_factors(np.stack([first, second]), np.array([n, n]))
    assert got[1] / got[0] == pytest.approx(expected, rel=1e-12)


def test_product_is_one():
    rng = np.random.default_rng(0)
    counts = rng.negative_binomial(2, 0.05, (7, 300)).astype(float)
    assert np.prod(tmm_factors(counts, library(counts))) == pytest.approx(1.0)


def test_depth_composition_and_order():
    rng = np.random.default_rng(1)
    counts = rng.poisson(rng.gamma(2, 100, 400), (5, 400)).astype(float)
    one = tmm_factors(counts, library(counts))
    np.testing.assert_allclose(one, 1.0, atol=0.02)  # samples that differ by chance only
    shuffled = rng.permutation(400)
    np.testing.assert_allclose(tmm_factors(counts[:, shuffled], library(counts)), one)
    rows = rng.permutation(5)
    np.testing.assert_allclose(tmm_factors(counts[rows], library(counts)[rows]), one[rows])
    padded = np.concatenate([counts, np.zeros((5, 100))], axis=1)
    np.testing.assert_allclose(tmm_factors(padded, library(counts)), one)


def test_a_few_loud_genes_are_undone():
    """Ten genes take half of one library: its other genes look halved, and its factor says so."""
    rng = np.random.default_rng(2)
    truth = rng.gamma(2, 200, 500)
    counts = rng.poisson(truth, (4, 500)).astype(float)
    counts[2, :10] += counts[2].sum() / 10
    got = tmm_factors(counts, library(counts))
    assert got[2] / got[0] == pytest.approx(0.5, rel=0.03)
    np.testing.assert_allclose(got[[0, 1, 3]] / got[0], 1.0, rtol=0.03)


@pytest.mark.parametrize("counts", [np.zeros((3, 5)), np.ones((1, 5)), np.diag([4.0, 5, 6]), np.ones((3, 1))])
def test_nothing_to_compare_gives_one(counts):
    np.testing.assert_array_equal(tmm_factors(counts, np.full(len(counts), 100.0)), 1.0)
