"""Precision of pseudobulk values: voom's trend recomputed, cells, and organs that scatter more."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special
from statsmodels.nonparametric.smoothers_lowess import lowess

from niche._stats.precision import (
    FEWEST,
    cell_weights,
    expected,
    group_variances,
    log_cpm,
    voom_weights,
)


def negative_binomial(rng, library, n_genes=600, dispersion=0.1):
    """Counts whose variance is mean + dispersion x mean^2, over three decades of expression."""
    share = 10 ** rng.uniform(-6, -3, n_genes)
    mean = library[:, None] * share[None]
    return rng.negative_binomial(1 / dispersion, 1 / (1 + dispersion * mean)).astype(float), share


def two_groups(n):
    return np.eye(2)[np.repeat([0, 1], n)]


def test_log_cpm_by_hand():
    got = log_cpm(np.array([[0.0, 7.5], [3.5, 0.0]]), np.array([999.0, 7999.0]))
    np.testing.assert_allclose(got, np.log2([[500.0, 8000.0], [500.0, 62.5]]))


def test_expected_counts_by_hand_and_blind_to_groups():
    counts, library = np.array([[10.0, 0], [0, 30]]), np.array([100.0, 300.0])
    np.testing.assert_allclose(expected(counts, library), [[2.5, 7.5], [7.5, 22.5]])
    np.testing.assert_allclose(expected(counts[::-1], library), expected(counts, library))  # whoever has them
    np.testing.assert_array_equal(expected(np.zeros((2, 2)), np.zeros(2)), 0.0)


def test_voom_weights_equal_the_steps_of_the_paper():
    """Law et al. 2014: root sd over mean log count by lowess (f = 0.5), read at every fitted log count, ^-4."""
    rng = np.random.default_rng(0)
    library = np.array([2e5, 3e5, 5e5, 1e6, 2e6, 4e5])
    counts, _ = negative_binomial(rng, library)
    values, design = log_cpm(counts, library), two_groups(3)
    usable = expected(counts, library).min(axis=0) >= 3
    got = voom_weights(values, library, design, usable)

    means = np.array([values[:3].mean(axis=0), values[3:].mean(axis=0)])[[0, 0, 0, 1, 1, 1]]
    sd = np.sqrt(((values - means) ** 2).sum(axis=0) / 4)
    x = values.mean(axis=0) + np.log2(library + 1).mean() - np.log2(1e6)
    trend = lowess(np.sqrt(sd[usable]), x[usable], frac=0.5, it=3, delta=0.01 * np.ptp(x[usable]))
    fitted_count = np.log2(2**means * 1e-6 * (library + 1)[:, None])
    np.testing.assert_allclose(got, np.interp(fitted_count, trend[:, 0], trend[:, 1]) ** -4, rtol=1e-6)


def test_voom_weights_follow_the_variance_of_the_counts():
    """Precision rises with depth and expression, to the inverse variance of log counts within 25 %."""
    rng = np.random.default_rng(1)
    library = np.repeat([1e5, 1e6], 6)
    design = np.tile(np.eye(2), (6, 1))  # groups of both depths
    counts, share = negative_binomial(rng, library, n_genes=4_000)
    usable = expected(counts, library).min(axis=0) >= 3
    got = voom_weights(log_cpm(counts, library), library, design, usable)
    mean = library[:, None] * share[None]
    true = (np.log(2) ** 2) / (1 / mean + 0.1)
    middle = usable & (mean.min(axis=0) > 10) & (mean.max(axis=0) < 3_000)
    ratio = got[:, middle] / true[:, middle]
    assert np.median(ratio) == pytest.approx(1.0, rel=0.25)
    by_depth = got[6:, middle].mean(axis=0) / got[:6, middle].mean(axis=0)
    assert (by_depth >= 1 - 1e-6).mean() > 0.99
    by_level = np.array_split(got[0, middle][np.argsort(mean[0, middle])], 8)
    assert (np.diff([part.mean() for part in by_level]) > 0).all()


def test_voom_needs_degrees_of_freedom_and_features():
    rng = np.random.default_rng(2)
    library = np.full(4, 1e6)
    values = log_cpm(negative_binomial(rng, library, n_genes=40)[0], library)
    some = np.arange(40) < FEWEST
    np.testing.assert_array_equal(voom_weights(values, library, np.eye(4), some), 1.0)
    few = np.arange(40) < FEWEST - 1
    np.testing.assert_array_equal(voom_weights(values, library, two_groups(2), few), 1.0)
    assert np.ptp(voom_weights(values, library, two_groups(2), some)) > 0


@pytest.mark.parametrize("kind", ["all alike", "one level", "no residual"])
def test_voom_weights_are_finite_and_positive_where_there_is_no_trend(kind):
    rng = np.random.default_rng(3)
    library = np.full(6, 1e6)
    counts = rng.poisson(50, (6, 60)).astype(float)
    if kind == "all alike":
        counts = np.tile(counts[:, :1], (1, 60))
    if kind == "one level":
        counts = rng.permuted(np.tile(np.array([40.0, 45, 50, 55, 60, 65])[:, None], (1, 60)), axis=0)
    if kind == "no residual":
        counts = np.tile(rng.poisson(50, 60).astype(float), (6, 1))
    got = voom_weights(log_cpm(counts, library), library, two_groups(3), np.ones(60, dtype=bool))
    assert np.isfinite(got).all() and (got > 0).all()


def test_cell_weights_recover_the_variance_of_few_cells():
    """Variance 1 + 40 / cells planted: the ratio of weights within 20 %."""
    rng = np.random.default_rng(4)
    cells = np.array([10, 20, 40, 80, 160, 320, 10, 20, 40, 80, 160, 320.0])
    planted = 1 + 40 / cells
    values = 5 + np.sqrt(planted)[:, None] * rng.normal(size=(12, 2_000))
    got = cell_weights(values, cells, two_groups(6), np.ones(2_000, dtype=bool))
    np.testing.assert_array_equal(got, got[:, :1] @ np.ones((1, 2_000)))
    np.testing.assert_allclose(got[:, 0] / got[5, 0], planted[5] / planted, rtol=0.2)


def test_cell_weights_are_one_where_cells_do_not_matter_or_nothing_is_known():
    rng = np.random.default_rng(5)
    cells = np.array([10, 20, 40, 10, 20, 40.0])
    values = rng.normal(size=(6, 100))
    every = np.ones(100, dtype=bool)
    np.testing.assert_array_equal(cell_weights(values, cells, np.eye(6), every), 1.0)
    np.testing.assert_array_equal(
        cell_weights(values, cells, two_groups(3), np.arange(100) < FEWEST - 1), 1.0
    )
    np.testing.assert_array_equal(cell_weights(np.zeros((6, 100)), cells, two_groups(3), every), 1.0)
    more = np.array([0.5, 1, 1.5, 0.5, 1, 1.5])[:, None] * rng.normal(
        size=(6, 3_000)
    )  # more cells, more scatter
    got = cell_weights(more, cells, two_groups(3), np.ones(3_000, dtype=bool))
    np.testing.assert_allclose(got, 1.0, atol=1e-9)  # never: more cells, less weight


def spread_groups(rng, factors, n, n_genes):
    group = np.repeat(np.arange(len(factors)), n)
    sd = np.sqrt(np.asarray(factors, dtype=float))[group] * np.sqrt(6 / rng.chisquare(6, n_genes))[:, None]
    return (rng.normal(5, 2, n_genes)[:, None] + sd * rng.normal(size=(n_genes, group.size))).T, group


@pytest.mark.parametrize("sizes", [(3, 3, 3), (2, 4, 6), (6, 3, 2)])
def test_planted_variances_of_organs_are_recovered(sizes):
    """Factors 1, 2, 4 within 10 %, also where an organ has 2 patients: log chi-square is corrected for."""
    rng = np.random.default_rng(6)
    values, group = [], np.repeat([0, 1, 2], sizes)
    sd = np.sqrt([1.0, 2.0, 4.0])[group][:, None]
    values = 5 + sd * rng.normal(size=(group.size, 4_000))
    got = group_variances(values, np.ones_like(values), np.eye(3)[group], group, np.ones(4_000, dtype=bool))
    assert np.prod(got) == pytest.approx(1.0)
    np.testing.assert_allclose(got / got[0], [1.0, 2.0, 4.0], rtol=0.1)


def test_the_correction_for_degrees_of_freedom_matters():
    """Alike organs of 2 and 6 patients: without it the first would seem 2.4-fold less variable."""
    rng = np.random.default_rng(7)
    group = np.repeat([0, 1], [2, 6])
    values = rng.normal(size=(8, 4_000))
    got = group_variances(values, np.ones_like(values), np.eye(2)[group], group, np.ones(4_000, dtype=bool))
    np.testing.assert_allclose(got, 1.0, rtol=0.05)
    log = [np.log(values[group == g].var(axis=0, ddof=1)).mean() for g in (0, 1)]
    naive = np.exp(log[1] - log[0])
    theory = np.exp((special.digamma(2.5) - np.log(2.5)) - (special.digamma(0.5) - np.log(0.5)))
    assert naive == pytest.approx(theory, rel=0.1) and theory > 2


def test_known_weights_are_taken_out_first():
    rng = np.random.default_rng(8)
    group = np.repeat([0, 1], 5)
    weights = rng.gamma(3, 1, (10, 3_000)) * np.where(group == 0, 4.0, 1.0)[:, None]
    values = rng.normal(size=(10, 3_000)) / np.sqrt(weights)
    got = group_variances(values, weights, np.eye(2)[group], group, np.ones(3_000, dtype=bool))
    np.testing.assert_allclose(got, 1.0, rtol=0.05)


def test_an_organ_of_one_patient_has_no_factor_of_its_own():
    rng = np.random.default_rng(9)
    group = np.array([0, 0, 0, 1, 2, 2, 2])
    values = np.where(group == 2, 2.0, 1.0)[:, None] * rng.normal(size=(7, 3_000))
    got = group_variances(values, np.ones_like(values), np.eye(3)[group], group, np.ones(3_000, dtype=bool))
    assert got[1] == 1.0
    np.testing.assert_allclose(got[[0, 2]], [0.5, 2.0], rtol=0.1)


def test_few_features_say_nothing_of_an_organ():
    """Weights made of a handful of residuals and then taken as known would make tests far too liberal."""
    rng = np.random.default_rng(10)
    group = np.repeat([0, 1], 3)
    values = rng.normal(size=(6, 100))
    few = np.arange(100) < FEWEST - 1
    np.testing.assert_array_equal(
        group_variances(values, np.ones_like(values), np.eye(2)[group], group, few), 1.0
    )


def test_no_degrees_of_freedom_and_no_residuals_give_one():
    group, every = np.array([0, 1, 2]), np.ones(50, dtype=bool)
    values = np.random.default_rng(11).normal(size=(3, 50))
    np.testing.assert_array_equal(group_variances(values, np.ones((3, 50)), np.eye(3), group, every), 1.0)
    group = np.repeat([0, 1], 3)
    got = group_variances(np.zeros((6, 50)), np.ones((6, 50)), np.eye(2)[group], group, every)
    np.testing.assert_allclose(got, 1.0)
