"""Log odds and their precision by hand."""

from __future__ import annotations

import numpy as np
import pytest

from niche._stats.proportions import blind_shares, counting_variance, log_odds, weights


def test_log_odds_by_hand():
    assert log_odds(np.array([[0, 7]]), np.array([[3, 0]])).tolist() == [
        [np.log2(0.5 / 3.5), np.log2(7.5 / 0.5)]
    ]
    # a factor on the abundance is the same difference at any share
    low, high = (log_odds(np.array([x * 1e6]), np.array([1e6])) for x in (0.1, 10))
    doubled = [log_odds(np.array([2 * x * 1e6]), np.array([1e6])) for x in (0.1, 10)]
    assert np.allclose([doubled[0] - low, doubled[1] - high], 1, atol=1e-5)


def test_blind_shares_count_units_alike_and_only_where_a_type_can_be():
    counts = np.array([[1, 0], [30, 0], [0, 5]])
    others = np.array([[9, 10], [70, 100], [20, 5]])
    present = np.array([[True, False], [True, False], [False, True]])
    assert blind_shares(counts, others, present).tolist() == [pytest.approx((0.1 + 0.3) / 2), 0.5]
    assert np.isnan(blind_shares(counts, others, np.zeros_like(present))).all()


def test_counting_variance_is_that_of_binomial_odds():
    found = counting_variance(np.array([0.2, 0.5]), np.array([[400, 400]]))
    rng = np.random.default_rng(0)
    for p, variance in zip((0.2, 0.5), found[0], strict=True):
        x = rng.binomial(400, p, 200_000)
        assert np.var(log_odds(x, 400 - x)) == pytest.approx(variance, rel=0.03)


def test_weights_follow_counting_where_nothing_else_varies():
    """Residuals as small as counting makes them: precision goes by cells."""
    counting = np.array([0.1, 0.1, 0.4, 0.4])
    values = np.zeros(4)
    found = weights(values, counting, np.ones((4, 1)))
    assert found.mean() == pytest.approx(1) and found[0] / found[2] == pytest.approx(
        (0.4 + 0.025) / (0.1 + 0.025)
    )


def test_weights_are_alike_where_patients_scatter():
    """Residual variance of 100 leaves counting no say."""
    values = np.array([-10.0, 10.0, -10.0, 10.0])
    found = weights(values, np.array([0.1, 0.1, 0.4, 0.4]), np.ones((4, 1)))
    assert np.allclose(found, 1, atol=0.002)


def test_the_spread_between_units_is_recovered():
    rng = np.random.default_rng(1)
    n, design = 4000, np.ones((4000, 1))
    counting = rng.uniform(0.05, 0.5, n)
    values = rng.normal(0, np.sqrt(0.3 + counting))
    found = weights(values, counting, design)
    expected = 1 / (0.3 + counting)
    assert np.allclose(found, expected / expected.mean(), rtol=0.05)


def test_no_degrees_of_freedom_no_weights():
    assert weights(np.array([1.0, 2.0]), np.array([0.1, 0.9]), np.eye(2)).tolist() == [1, 1]
