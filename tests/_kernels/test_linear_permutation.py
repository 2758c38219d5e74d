"""Exact cumulants against all permutations; tails against many."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from niche._kernels.linear_permutation import cumulants, power_sums, upper_tail


def every_arrangement(n: int, strata: tuple[int, ...]) -> np.ndarray:
    """All permutations of rows within strata of these sizes."""
    starts = np.cumsum([0, *strata[:-1]])
    parts = [
        [[s + i for i in order] for order in itertools.permutations(range(k))]
        for s, k in zip(starts, strata, strict=True)
    ]
    return np.array([[i for part in chosen for i in part] for chosen in itertools.product(*parts)])


@pytest.mark.parametrize("strata", [(7,), (5, 2), (4, 3), (6, 1), (3, 2, 2), (2,)])
def test_cumulants_are_those_of_all_permutations(strata: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    n = sum(strata)
    a, y = rng.gamma(1, 1, (n, 3)), rng.gamma(0.5, 1, (n, 3)) + 2
    codes = np.repeat(np.arange(len(strata)), strata)
    drawn = np.array([(a * y[order]).sum(axis=0) for order in every_arrangement(n, strata)])
    found = cumulants(power_sums(a, codes, len(strata)), power_sums(y, codes, len(strata)))
    away = drawn - drawn.mean(axis=0)
    variance = (away**2).mean(axis=0)
    np.testing.assert_allclose(found.mean, drawn.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.variance, variance, rtol=1e-10)
    np.testing.assert_allclose(found.third, (away**3).mean(axis=0), rtol=1e-8, atol=1e-12)
    fourth = (away**4).mean(axis=0) - 3 * variance**2
    np.testing.assert_allclose(found.fourth, fourth, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("kind", ["smooth", "sparse", "negative skew"])
def test_tail_against_many_permutations(kind: str) -> None:
    rng = np.random.default_rng(1)
    n, m = 120, 40_000
    a, y = rng.gamma(2, 1, n), rng.gamma(2, 1, n)
    if kind == "sparse":
        y = np.where(rng.random(n) < 0.15, y, 0.0)
    if kind == "negative skew":
        a, y = -(rng.gamma(0.5, 1, n) ** 2), np.where(rng.random(n) < 0.1, y, 0.0)
    drawn = np.sort([a @ rng.permutation(y) for _ in range(m)])
    null = cumulants(*(power_sums(one[:, None], np.zeros(n, int), 1) for one in (a, y)))
    for level in (0.05, 0.01, 0.001):
        value = drawn[int((1 - level) * m)]
        _, p = upper_tail(np.array([value]), null)
        assert np.log10(p[0] / level) > -0.15, "p may be too large, hardly too small"
        if kind != "negative skew":
            assert np.log10(p[0] / level) < 0.25


def test_p_is_never_0_nor_below_the_number_of_arrangements() -> None:
    a, y = np.eye(30)[0][:, None], np.eye(30)[0][:, None]
    null = cumulants(*(power_sums(one, np.zeros(30, int), 1) for one in (a, y)))
    _, p = upper_tail(np.array([1.0]), null)
    assert p[0] >= 1 / 30 - 1e-12  # one value among 30 places
    _, far = upper_tail(np.array([1e6]), null)
    assert far[0] > 0


def test_no_variance_gives_no_p() -> None:
    a, y = np.ones((5, 1)), np.arange(5.0)[:, None]
    z, p = upper_tail(np.array([10.0]), cumulants(*(power_sums(one, np.zeros(5, int), 1) for one in (a, y))))
    assert np.isnan(z[0]) and np.isnan(p[0])


def test_taking_columns() -> None:
    sums = power_sums(np.arange(12.0).reshape(4, 3), np.array([0, 0, 1, 1]), 2)
    assert np.array_equal(sums.take(np.array([2, 0])).mean, sums.mean[:, [2, 0]])


@pytest.mark.parametrize("n", [37, 101, 350])
def test_rounding_is_no_variance(n: int) -> None:
    flat = np.full((n, 1), 1.3)
    assert power_sums(flat, np.zeros(n, int), 1).second == 0
