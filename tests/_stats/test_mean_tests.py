"""Tests of means."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from niche._stats.mean_tests import one_mean, two_means

FIRST, SECOND = np.array([1.0, 2.5, 0.5, 3.0, 2.2]), np.array([0.1, 0.3, -0.2])


def test_same_as_scipy():
    found, expected = two_means(FIRST, SECOND), stats.ttest_ind(FIRST, SECOND, equal_var=False)
    assert (found.statistic, found.df, found.p) == pytest.approx(
        (expected.statistic, expected.df, expected.pvalue)
    )
    assert found.interval(0.9) == pytest.approx(tuple(expected.confidence_interval(0.9)))
    found, expected = one_mean(FIRST), stats.ttest_1samp(FIRST, 0)
    assert (found.statistic, found.df, found.p) == pytest.approx((expected.statistic, 4, expected.pvalue))
    assert found.interval(0.95) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_what_cannot_be_tested_keeps_its_estimate():
    assert one_mean(FIRST[:1]).estimate == 1
    alone = two_means(FIRST, SECOND[:1])
    assert alone.estimate == pytest.approx(FIRST.mean() - 0.1)
    for test in (one_mean(FIRST[:1]), alone, one_mean(FIRST[:0]), two_means(FIRST, SECOND[:0])):
        assert np.isnan([test.p, test.statistic, *test.interval(0.95)]).all()


def test_values_without_spread_are_not_tested():
    for test in (one_mean(np.full(4, 0.1)), two_means(np.full(3, 0.3), np.full(3, 0.1 + 0.2) * (1 + 1e-16))):
        assert np.isnan(test.p)
    far = two_means(np.array([1e6, 1e6 + 1e-3]), np.array([0.0, 1e-3]))
    assert 0 < far.p < 1e-3
