"""Association beside covariates."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from niche._stats.association import linear_association, rank_association


def drawn(n=12, k=2, seed=0):
    rng = np.random.default_rng(seed)
    c = rng.normal(size=(n, k))
    x = rng.normal(size=n) + c.sum(axis=1)
    return x, 0.5 * x + rng.normal(size=n), c


def test_without_covariates_as_scipy():
    x, y, _ = drawn()
    none = np.zeros((x.size, 0))
    found, expected = linear_association(x, y, none, 0.95), stats.linregress(x, y)
    assert found.estimate == pytest.approx(expected.slope * x.std(ddof=1))
    assert found.p == pytest.approx(expected.pvalue) and found.df == 10
    half = stats.t.isf(0.025, 10) * expected.stderr * x.std(ddof=1)
    assert (found.ci_low, found.ci_high) == pytest.approx((found.estimate - half, found.estimate + half))
    ranked, expected = rank_association(x, y, none, 0.95), stats.spearmanr(x, y)
    assert (ranked.estimate, ranked.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert -1 < ranked.ci_low < ranked.estimate < ranked.ci_high < 1


def test_with_covariates_as_least_squares():
    x, y, c = drawn()
    found = linear_association(x, y, c, 0.95)
    design = np.column_stack([np.ones(x.size), x, c])
    beta, rest = np.linalg.lstsq(design, y, rcond=None)[:2]
    error = np.sqrt(rest[0] / 8 * np.linalg.inv(design.T @ design)[1, 1])
    assert found.df == 8 and found.statistic == pytest.approx(beta[1] / error)
    assert found.estimate == pytest.approx(beta[1] * x.std(ddof=1))
    assert rank_association(x, y, c, 0.95).df == 8


def test_columns_that_hang_together_cost_their_rank_only():
    x, y, c = drawn(k=1)
    twice = np.column_stack([c, 2 * c, np.ones(len(c))])
    assert linear_association(x, y, twice, 0.95).p == pytest.approx(linear_association(x, y, c, 0.95).p)


@pytest.mark.parametrize("test", [linear_association, rank_association])
def test_what_cannot_be_tested(test):
    x, y, c = drawn()
    for args in ((np.ones(12), y, c), (x, np.ones(12), c), (c[:, 0], y, c), (x[:4], y[:4], c[:4])):
        found = test(*args, 0.95)
        assert np.isnan([found.p, found.estimate, found.ci_low]).all()


def test_p_is_never_zero():
    x = np.arange(100.0)
    assert 0 < rank_association(x, x, np.zeros((100, 0)), 0.95).p < 1e-100
    x = np.arange(200.0)
    assert rank_association(x, x, np.zeros((200, 0)), 0.95).p == np.finfo(float).tiny


@pytest.mark.parametrize("n", [5, 6])
def test_ranks_of_few_keep_every_level(n):
    """Over all orders of n values, p at or below a level is no more frequent than the level."""
    x, none = np.arange(float(n)), np.zeros((n, 0))
    p = np.array([rank_association(x, np.array(y), none, 0.95).p for y in itertools.permutations(x)])
    assert p.min() == pytest.approx(2 / math.factorial(n))
    for level in (1e-6, 0.001, 0.01, 0.02, 0.05, 0.1, 0.5):
        assert (p <= level).mean() <= level * (1 + 1e-9)
    assert np.mean(p <= 0.05) > 0.015


def test_exact_ranks_are_those_of_scipy():
    x, y = np.array([1.0, 2, 2, 5, 4, 7]), np.array([3.0, 1, 4, 4, 6, 5])
    expected = stats.permutation_test(
        (x,), lambda one: stats.spearmanr(one, y).statistic, permutation_type="pairings", n_resamples=np.inf
    )
    assert rank_association(x, y, np.zeros((6, 0)), 0.95).p == pytest.approx(expected.pvalue)


def test_perfect_ranks_have_no_interval():
    for n in (5, 8, 12):
        x = np.arange(float(n))
        found = rank_association(x, -(x**3), np.zeros((n, 0)), 0.95)
        assert found.estimate == pytest.approx(-1) and found.p == pytest.approx(2 / math.factorial(n))
        assert np.isnan([found.ci_low, found.ci_high, found.statistic]).all()


def test_a_perfect_line_is_no_test():
    x = np.arange(5.0)
    found = linear_association(x, 2 * x + 1, np.zeros((5, 0)), 0.95)
    assert np.isnan([found.p, found.estimate]).all()


def test_ranks_beside_a_covariate_keep_the_level():
    rng = np.random.default_rng(0)
    p = []
    for _ in range(400):
        x, y, c = rng.normal(size=(3, 6)).round(1)
        p.append(rank_association(x + c, y + c, c[:, None], 0.95).p)
    assert np.nanmean(np.array(p) <= 0.05) < 0.09 and np.nanmin(p) > 1e-3
