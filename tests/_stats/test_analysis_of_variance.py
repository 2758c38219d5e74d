"""Analysis of variance: beside scipy's, its size with shares of groups, what cannot be estimated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from niche._stats.analysis_of_variance import analysis_of_variance


def dummies(codes):
    return (codes[:, None] == np.unique(codes)).astype(float)


def test_same_as_one_way_analysis_of_scipy():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [4, 5, 6])
    values = 7.0 + rng.normal(size=(15, 3)) + codes[:, None] * [0.0, 1.0, 3.0]
    p, added, left = analysis_of_variance(values, dummies(codes))
    expected = [stats.f_oneway(*(column[codes == c] for c in range(3))).pvalue for column in values.T]
    np.testing.assert_allclose(p, expected)
    assert (added, left) == (2, 12)


def test_uniform_with_shares_of_groups():
    rng = np.random.default_rng(1)
    terms = dummies(np.repeat([0, 1, 2], 4))
    terms[0], terms[5] = [0.5, 0.5, 0], [0, 0.5, 0.5]
    p, _, _ = analysis_of_variance(rng.normal(size=(12, 4000)), terms)
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=0.01)


def test_what_cannot_be_estimated_is_missing():
    values = np.random.default_rng(2).normal(size=(10, 2))
    p, added, _ = analysis_of_variance(values, np.ones((10, 1)))
    assert np.isnan(p).all() and added == 0
    p, _, left = analysis_of_variance(values[:2], np.eye(2))
    assert np.isnan(p).all() and left == 0
    values[:, 0] = 0.3
    p, _, _ = analysis_of_variance(values, dummies(np.repeat([0, 1], 5)))
    assert np.isnan(p[0]) and 0 < p[1] <= 1
