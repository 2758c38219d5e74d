"""Lines through series."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from niche._stats.line_fits import crossings, line_fits, quantiles_of_t


def drawn(seed=0):
    """Three series of 5, 4 and 7 points, mixed."""
    rng = np.random.default_rng(seed)
    series = rng.permutation(np.repeat([0, 1, 3], [5, 4, 7]))
    x = rng.normal(10, 3, series.size)
    y = 2 + np.array([1.5, -1, 0, 2])[series] * x + 0.3 * rng.normal(size=series.size)
    return x, y, series


def test_same_as_scipy():
    x, y, series = drawn()
    fits = line_fits(x, y, series, 5)
    for s in (0, 1, 3):
        expected = stats.linregress(x[series == s], y[series == s])
        assert fits.slope[s] == pytest.approx(expected.slope)
        assert fits.intercept[s] == pytest.approx(expected.intercept)
        assert fits.slope_error[s] == pytest.approx(expected.stderr)
    assert fits.n.tolist() == [5, 4, 0, 7, 0]
    assert np.isnan(fits.slope[[2, 4]]).all()


def test_too_few_points():
    fits = line_fits(
        np.array([1.0, 1.0, 2.0, 5.0]), np.array([3.0, 1.0, 2.0, 0.0]), np.array([0, 1, 1, 2]), 3
    )
    assert np.isnan(fits.slope[[0, 2]]).all() and fits.slope[1] == 1
    assert np.isnan(fits.slope_error).all()
    same_x = line_fits(np.ones(3), np.arange(3.0), np.zeros(3, dtype=int), 1)
    assert np.isnan(same_x.slope[0])


def test_crossing_and_its_interval_are_where_the_band_meets_the_level():
    x, y, series = drawn(1)
    fits = line_fits(x, y, series, 4)
    level = np.array([9.0, 0.0, 0.0, 20.0])
    at, low, high = crossings(fits, level, 0.95)
    for s in (0, 3):
        assert fits.intercept[s] + fits.slope[s] * at[s] == pytest.approx(level[s])
        limit = stats.t.isf(0.025, fits.n[s] - 2)
        for end in (low[s], high[s]):
            value = fits.intercept[s] + fits.slope[s] * end
            error = fits.residual_sd[s] * np.sqrt(
                1 / fits.n[s] + (end - fits.centre[s]) ** 2 / fits.spread[s]
            )
            assert abs(value - level[s]) == pytest.approx(limit * error)
        assert low[s] < at[s] < high[s]


def test_crossing_of_a_flat_line_has_no_bounds():
    x = np.arange(5.0)
    fits = line_fits(x, np.array([1.0, -1, 1, -1, 1.2]), np.zeros(5, dtype=int), 1)
    at, low, high = crossings(fits, np.array([3.0]), 0.95)
    assert np.isfinite(at[0]) and np.isnan([low[0], high[0]]).all()


def test_quantiles():
    found = quantiles_of_t(np.array([-1.0, 0.0, 3.0]), 0.9)
    assert np.isnan(found[:2]).all() and found[2] == pytest.approx(stats.t.isf(0.05, 3))
