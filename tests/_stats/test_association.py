"""Association beside covariates."""

from __future__ import annotations

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
    x = np.arange(30.0)
    assert 0 < rank_association(x, x, np.zeros((30, 0)), 0.95).p < 1e-100
