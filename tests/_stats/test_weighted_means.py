"""Weighted means: scipy's one-sample t with equal weights, missing values, error rates."""

from __future__ import annotations

import numpy as np
from scipy import stats

from niche._stats.weighted_means import weighted_means


def test_equal_weights_are_a_t_test() -> None:
    y = np.random.default_rng(0).normal(0.3, 1, (4, 6))
    found = weighted_means(y, np.full(y.shape, 3.0))
    t, p = stats.ttest_1samp(y, 0, axis=1)
    np.testing.assert_allclose(found["statistic"], t)
    np.testing.assert_allclose(found["pval"], p)
    low, high = stats.ttest_1samp(y, 0, axis=1).confidence_interval()
    np.testing.assert_allclose((found["ci_low"], found["ci_high"]), (low, high))


def test_missing_values_are_left_out() -> None:
    y = np.array([[1.0, 2, np.nan, 4], [1, np.nan, np.nan, np.nan], [np.nan] * 4])
    found = weighted_means(y, np.ones(y.shape))
    np.testing.assert_allclose(found["effect"], [7 / 3, 1, np.nan])
    assert np.isnan(found["pval"]).tolist() == [False, True, True]
    assert found["sign_stability"][0] == 1


def test_unequal_weights_hold_their_level() -> None:
    rng = np.random.default_rng(1)
    se = np.tile([0.5, 1, 2, 0.7], (20_000, 1))
    y = rng.normal(0, se)
    assert abs((weighted_means(y, 1 / se**2)["pval"] < 0.05).mean() - 0.05) < 0.006
