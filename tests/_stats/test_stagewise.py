"""Stage-wise q-values: by hand, Shaffer's numbers, and the error rates they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from niche._stats.fdr import benjamini_hochberg
from niche._stats.stagewise import stage_wise


def test_equals_the_definition_by_hand():
    """Three features, two pass the screen: the confirmed p-values are made up for by 3/2."""
    screen = np.array([0.001, 0.04, 0.5])  # q 0.003, 0.06, 0.5
    p = np.array([[0.0001, 0.02, 0.3], [0.03, 0.05, 0.9], [0.2, 0.01, 0.4]])
    got = stage_wise(screen, p, np.ones(3, dtype=int), alpha=0.1)
    np.testing.assert_allclose(got, [[0.003, 0.03, 0.45], [0.06, 0.075, 1.0], [0.5, 0.5, 0.6]])


def test_holm_where_nothing_is_known_of_the_nulls():
    p = np.array([[0.01, 0.04, 0.03, 0.2]])
    got = stage_wise(np.array([1e-9]), p, np.array([4]), alpha=0.1)
    np.testing.assert_allclose(got, [[0.04, 0.09, 0.09, 0.2]])  # Holm 1979


@pytest.mark.parametrize(
    ("organs", "factors"),
    [(2, [1]), (3, [1, 1, 1]), (4, [3, 3, 3, 3, 2, 1])],
)
def test_shaffer_numbers_of_all_pairs(organs, factors):
    """With the joint null false, at most the pairs among all organs but one are null."""
    n = organs * (organs - 1) // 2
    p = np.linspace(0.001, 0.004, n)[None]
    got = stage_wise(np.array([1e-12]), p, np.array([(organs - 1) * (organs - 2) // 2]), alpha=0.1)
    np.testing.assert_allclose(got[0], np.maximum.accumulate(p[0] * factors))


def test_never_below_the_screen_and_never_above_one():
    rng = np.random.default_rng(0)
    screen, p = rng.uniform(size=200) ** 3, rng.uniform(size=(200, 6)) ** 4
    got = stage_wise(screen, p, np.full(200, 3), alpha=0.1)
    assert (got >= benjamini_hochberg(screen)[:, None]).all() and got.max() <= 1.0
    assert (got >= p - 1e-15).all()
    by_p = np.take_along_axis(got, np.argsort(p, axis=1), axis=1)
    assert (np.diff(by_p, axis=1) >= 0).all()


def test_nan_is_no_test():
    screen = np.array([0.001, np.nan, 0.002])
    p = np.array([[0.01, np.nan, 0.02], [0.01, 0.01, 0.01], [np.nan, np.nan, np.nan]])
    got = stage_wise(screen, p, np.array([3, 3, 3]), alpha=0.1)
    np.testing.assert_allclose(got[0], [0.02, np.nan, 0.02])  # two contrasts: times 2, then times 1
    assert np.isnan(got[1:]).all()
    assert np.isnan(stage_wise(np.full(2, np.nan), p[:2], np.array([1, 1]), alpha=0.1)).all()


def test_order_of_contrasts_and_features_does_not_matter():
    rng = np.random.default_rng(1)
    screen, p, most = rng.uniform(size=50) ** 3, rng.uniform(size=(50, 6)) ** 4, rng.integers(1, 4, 50)
    rows, columns = rng.permutation(50), rng.permutation(6)
    one = stage_wise(screen, p, most, alpha=0.1)
    other = stage_wise(screen[rows], p[rows][:, columns], most[rows], alpha=0.1)
    np.testing.assert_allclose(other, one[rows][:, columns])


def _normal_tests(rng, mean, n=4):
    """Omnibus and pairwise p-values of organ means (n_features, k) with a known variance."""
    k = mean.shape[1]
    seen = mean + rng.normal(size=mean.shape) / np.sqrt(n)
    joint = stats.chi2.sf(n * ((seen - seen.mean(axis=1, keepdims=True)) ** 2).sum(axis=1), k - 1)
    a, b = np.triu_indices(k, 1)
    pairs = 2 * stats.norm.sf(np.abs(seen[:, a] - seen[:, b]) / np.sqrt(2 / n))
    true = mean[:, a] == mean[:, b]
    return joint, pairs, true


@pytest.mark.parametrize("k", [3, 4])
def test_share_of_features_with_a_false_contrast_is_controlled(k):
    """Overall FDR (Heller 2009) at 0.1: of features with a confirmed contrast, those with a wrong one.

    4,000 features, 15 % in which one organ differs: the partial null that Shaffer's numbers are for. Mean of
    25 draws, whose standard error is about 0.005.
    """
    rng = np.random.default_rng(2)
    share = []
    for _ in range(25):
        mean = np.zeros((4_000, k))
        mean[:600, 0] = 2.5
        joint, pairs, true = _normal_tests(rng, mean)
        q = stage_wise(joint, pairs, np.full(4_000, (k - 1) * (k - 2) // 2), alpha=0.1)
        called = q <= 0.1
        wrong = (called & true).any(axis=1)
        share.append(wrong.sum() / max(called.any(axis=1).sum(), 1))
    assert np.mean(share) <= 0.1 + 0.01
    assert called[:600].any(axis=1).mean() > 0.8


def test_under_the_global_null_hardly_a_study_confirms_anything():
    """At most 10 % of 400 studies (0.13 at three standard errors)."""
    rng = np.random.default_rng(3)
    any_called = []
    for _ in range(400):
        joint, pairs, _ = _normal_tests(rng, np.zeros((100, 4)))
        any_called.append((stage_wise(joint, pairs, np.full(100, 3), alpha=0.1) <= 0.1).any())
    assert np.mean(any_called) <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 400)
