"""The tail law against scipy, and its floors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from niche._kernels import pearson_tail


@pytest.mark.parametrize("skew", [-1.5, -0.3, -0.03, 0.03, 0.2, 1.0, 3.0])
@pytest.mark.parametrize("z", [-1.5, -1e-4, 0.0, 1e-5, 1.0, 2.0, 4.0])
def test_equals_scipy(skew, z):
    expected = stats.pearson3.logsf(z, skew)
    found = pearson_tail.log_tail(z, 0.0, 1.0, skew)
    assert found == expected or found == pytest.approx(expected, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("z", [-2.0, 0.0, 1.0, 5.0, 30.0])
def test_without_skew_it_is_normal(z):
    assert pearson_tail.log_tail(z, 0.0, 1.0, 0.0) == pytest.approx(stats.norm.logsf(z), rel=1e-5, abs=1e-12)


@pytest.mark.parametrize("skew", [-1.0, 1.0])
def test_is_smooth_where_the_large_shape_branch_begins(skew):
    near = [pearson_tail.log_tail(3.0, 0.0, 1.0, skew * s) for s in (0.0199, 0.0200, 0.0201)]
    assert near[1] - near[0] == pytest.approx(near[2] - near[1], rel=0.02)


def test_far_tails_stay_finite_in_log_space():
    assert pearson_tail.log_tail(60.0, 0.0, 1.0, 0.5) == pytest.approx(stats.gamma.logsf(16 + 60 * 4, 16), rel=1e-6)
    assert np.isfinite(pearson_tail.log_tail(200.0, 0.0, 1.0, 0.1))


def test_beyond_the_support_the_p_value_is_one_over_the_relabelings():
    beyond = pearson_tail.log_tail(5.0, 0.0, 1.0, -1.5)
    assert beyond == -np.inf
    np.testing.assert_allclose(pearson_tail.p_values(np.array([beyond]), np.log([720.0])), 1 / 720)


def test_p_values_are_never_zero_nor_above_one():
    p = pearson_tail.p_values(np.array([-1e6, -np.inf, 0.0, 1e-9]), np.full(4, 1e5))
    assert (p > 0).all()
    assert (p <= 1).all()


def test_without_variance_there_is_no_p_value():
    assert np.isnan(pearson_tail.log_tail(1.0, 1.0, 0.0, 0.0))
    assert np.isnan(pearson_tail.p_values(np.array([np.nan]), np.array([3.0])))[0]


def test_many_at_once_equal_one_by_one():
    rng = np.random.default_rng(0)
    moments = np.stack([rng.normal(size=50), rng.gamma(1, 1, 50), rng.normal(size=50) * 0.1], axis=1)
    value = moments[:, 0] + rng.normal(size=50)
    expected = [pearson_tail.log_tail(v, *m) for v, m in zip(value, moments, strict=True)]
    np.testing.assert_array_equal(pearson_tail.log_tails(value, moments), expected)
