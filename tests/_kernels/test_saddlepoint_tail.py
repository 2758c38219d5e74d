"""The tail law against the laws it contains, and its floors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from niche._kernels import saddlepoint_tail


def gamma_tail(z, skew):
    return stats.pearson3.logsf(z, skew)


def inverse_gaussian_tail(z, skew):
    """Power 3: the kurtosis is 5/3 skew^2."""
    shape = 9 / skew**2
    return stats.invgauss.logsf(1 + z / np.sqrt(shape), 1 / shape, scale=shape)


@pytest.mark.parametrize("skew", [-0.6, -0.3, -0.03, 0.03, 0.2, 0.6, 1.0])
@pytest.mark.parametrize("z", [-1.5, -1e-4, 0.0, 1e-5, 0.01, 1.0, 2.0, 2.9])
def test_is_the_gamma_law_where_the_kurtosis_is_a_gammas(skew, z):
    found = saddlepoint_tail.log_tail(z, 0.0, 1.0, skew, 1.5 * skew**2)
    assert found == pytest.approx(gamma_tail(z, skew), rel=2e-3, abs=2e-3)


@pytest.mark.parametrize("skew", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("z", [-0.5, 0.5, 2.0, 4.0, 8.0])
def test_is_the_inverse_gaussian_law_where_the_kurtosis_is_its(skew, z):
    found = saddlepoint_tail.log_tail(z, 0.0, 1.0, skew, 5 / 3 * skew**2)
    assert found == pytest.approx(inverse_gaussian_tail(z, skew), rel=2e-3, abs=0.015)


@pytest.mark.parametrize("z", [-2.0, 0.0, 1.0, 5.0, 24.99, 30.0])
def test_without_skew_it_is_normal(z):
    assert saddlepoint_tail.log_tail(z, 0.0, 1.0, 0.0, 0.0) == pytest.approx(
        stats.norm.logsf(z), rel=1e-5, abs=1e-12
    )


@pytest.mark.parametrize("ratio", [0.5, 0.99999, 1.0, 1.2, 1.5, 1.6])
def test_is_smooth_where_its_branches_meet(ratio):
    for z, skew in ((1e-3, 0.3), (2.0, 1e-4)):
        around = []
        for step in (0.999, 1.0, 1.001):
            value, g = (z * step, skew) if z < 1 else (z, skew * step)
            around.append(saddlepoint_tail.normal_deviate(value, g, ratio * g * g))
        assert around[1] - around[0] == pytest.approx(around[2] - around[1], abs=2e-5)


def test_its_powers_one_and_two_are_limits():
    for ratio in (1.0, 1.5):
        near = [saddlepoint_tail.normal_deviate(3.0, 0.4, (ratio + d) * 0.16) for d in (-1e-4, 0.0, 1e-4)]
        assert near[0] == pytest.approx(near[1], abs=1e-4) and near[1] == pytest.approx(near[2], abs=1e-4)


def test_a_heavier_fourth_moment_means_a_heavier_tail():
    tails = [saddlepoint_tail.log_tail(4.0, 0.0, 1.0, 0.5, ratio * 0.25) for ratio in (0.5, 1.0, 1.5)]
    assert tails[0] < tails[1] < tails[2]


def test_far_tails_stay_finite_in_log_space():
    assert saddlepoint_tail.log_tail(60.0, 0.0, 1.0, 0.5, 0.375) == pytest.approx(
        gamma_tail(60, 0.5), rel=1e-3
    )
    assert np.isfinite(saddlepoint_tail.log_tail(200.0, 0.0, 1.0, 0.1, 0.01))


def test_beyond_the_support_the_p_value_is_one_over_the_relabelings():
    beyond = saddlepoint_tail.log_tail(5.0, 0.0, 1.0, -1.5, 1.5 * 2.25)
    assert beyond == -np.inf
    assert saddlepoint_tail.p_value(beyond, np.log(720.0)) == pytest.approx(1 / 720)
    assert saddlepoint_tail.log_tail(-5.0, 0.0, 1.0, 1.5, 1.5 * 2.25) == 0.0


def test_p_values_are_never_zero_nor_above_one():
    p = np.array([saddlepoint_tail.p_value(log_p, 1e5) for log_p in (-1e6, -np.inf, 0.0, 1e-9)])
    assert (p > 0).all()
    assert (p <= 1).all()


def test_without_variance_there_is_no_p_value():
    assert np.isnan(saddlepoint_tail.log_tail(1.0, 1.0, 0.0, 0.0, 0.0))
    assert np.isnan(saddlepoint_tail.p_value(np.nan, 3.0))


@pytest.mark.parametrize("z", [-np.inf, -3.0, 0.0, 2.0, 24.9, 25.1, 30.0, np.inf])
def test_p_of_a_deviate_is_p_of_its_log_tail(z):
    log_p = 0.0 if z == -np.inf else -np.inf if z == np.inf else saddlepoint_tail.log_normal_tail(z)
    for limit in (20.0, 2_000.0):
        found = saddlepoint_tail.p_of_deviate(z, np.exp(-limit))
        assert found == pytest.approx(saddlepoint_tail.p_value(log_p, limit), rel=1e-12)
        assert 0 < found <= 1
    assert np.isnan(saddlepoint_tail.p_of_deviate(np.nan, 0.0))


@pytest.mark.parametrize(("n", "taken", "zeros", "seed"), [(100, 20, 10, 1), (300, 40, 15, 3)])
def test_negative_skew_does_not_end_the_tail_early(n, taken, zeros, seed):
    """Means of some of n cells of which most express: p far out is small, but no less than what is drawn."""
    rng = np.random.default_rng(seed)
    values = np.r_[np.zeros(zeros), np.abs(rng.normal(2.5, 0.6, n - zeros))]
    values -= values.mean()
    drawn = np.array([values[rng.choice(n, taken, replace=False)].mean() for _ in range(40_000)])
    z = np.sort(drawn / drawn.std())
    skew, kurtosis = (z**3).mean(), (z**4).mean() - 3
    assert skew < -0.1
    for rank in (400, 40, 12):
        found = saddlepoint_tail.log_tail(z[-rank], 0.0, 1.0, skew, kurtosis) / np.log(10)
        assert abs(found - np.log10(rank / 40_000)) < 0.45
    assert -7 < saddlepoint_tail.log_tail(3.2, 0.0, 1.0, -0.21, -0.054) / np.log(10) < -3
