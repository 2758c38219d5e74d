"""Moderated tests at one correlation are limma's; averaged over correlations they are the paired t-test."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from niche._kernels.weighted_fits import fit_features
from niche._stats import averaged_tests
from niche._stats.averaged_tests import SMALLEST_P, Fits, average, detectable, interval
from niche._stats.moderation import prior_of
from niche._stats.patients import log_likelihood, patients_of

CONTRASTS = np.array([[1.0, -1, 0], [1.0, 0, -1], [1, -0.5, -0.5]])
JOINT = np.array([[-1.0, 1, 0], [-1.0, 0, 1]])


def fits_of(y, w, design, codes, rho, contrasts, joint, weight=None):
    """Fits of samples sorted by patient; posteriors from the likelihood times a flat prior over ``rho``."""
    found, n = patients_of(codes), (y.shape[0], rho.size)
    estimate, scale = np.zeros((2, *n, len(contrasts)))
    rss, log_det, wald = np.zeros((3, *n))
    fit_features(
        y,
        w,
        design,
        found.start,
        rho,
        contrasts,
        joint,
        estimate,
        scale,
        rss,
        log_det,
        wald,
    )
    df = design.shape[0] - design.shape[1]
    log = log_likelihood(rss, log_det, df, found.log_det(rho))
    if weight is None:
        weight = np.exp(log - log.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
    rank = np.full(n[0], len(joint))
    return Fits(estimate, scale, rss, np.full(n[0], float(df)), wald, rank, y.mean(axis=1), weight), log


def one_way(seed=0, n=300, per_group=4):
    rng = np.random.default_rng(seed)
    design = np.eye(3)[np.repeat(np.arange(3), per_group)]
    sd = np.sqrt(6 / rng.chisquare(6, n))[:, None]
    return rng.normal(5, 2, (n, 1)) + sd * rng.normal(size=(n, len(design))), design, rng


@pytest.mark.parametrize("trend", [False, True])
def test_moderated_t_and_f_equal_limma(trend, monkeypatch):
    limma = pytest.importorskip("inmoose.limma", reason="limma by inmoose")
    import patsy

    y, design, _ = one_way()
    fit = limma.lmFit(pd.DataFrame(y), patsy.dmatrix("~0+g", {"g": np.repeat(list("abc"), 4)}))
    given = pd.DataFrame(CONTRASTS.T, index=fit.coefficients.columns, columns=["ab", "ac", "rest"])
    every = limma.eBayes(limma.contrasts_fit(fit, given), trend=trend)
    two = limma.eBayes(limma.contrasts_fit(fit, given.iloc[:, :2]), trend=trend)

    monkeypatch.setattr(averaged_tests, "prior_of", partial(prior_of, robust=False))
    fits, _ = fits_of(y, np.ones_like(y), design, np.arange(12), np.zeros(1), CONTRASTS, JOINT)
    got = average(fits, trend=trend)
    assert got.moderated
    np.testing.assert_allclose(got.effect, every.coefficients.to_numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(got.statistic, every.t.to_numpy(), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(got.p, every.p_value.to_numpy(), rtol=1e-6)
    np.testing.assert_allclose(got.df, np.asarray(every.df_total), rtol=1e-7)
    np.testing.assert_allclose(got.f, np.asarray(two.F), rtol=1e-6)
    expected = stats.f.sf(np.asarray(two.F), 2, np.asarray(two.df_total))
    np.testing.assert_allclose(got.f_p, expected, rtol=1e-6)


@pytest.mark.parametrize("trend", [False, True])
def test_weighted_fits_are_moderated_as_limma_moderates_those_of_statsmodels(trend, monkeypatch):
    limma = pytest.importorskip("inmoose.limma", reason="limma by inmoose")
    y, design, rng = one_way(n=120)
    w = rng.gamma(3, 1, y.shape)
    models = [sm.WLS(y[e], design, weights=w[e]).fit() for e in range(120)]
    s2 = np.array([m.scale for m in models])
    prior = limma.squeezeVar(s2.copy(), np.full(120, 9.0), covariate=y.mean(axis=1) if trend else None)
    shrunk = s2 / prior["var_post"]

    monkeypatch.setattr(averaged_tests, "prior_of", partial(prior_of, robust=False))
    fits, _ = fits_of(y, w, design, np.arange(12), np.zeros(1), CONTRASTS, JOINT)
    got = average(fits, trend=trend)
    t = np.array([m.t_test(CONTRASTS).tvalue for m in models]) * np.sqrt(shrunk)[:, None]
    f = np.array([float(m.f_test(JOINT).fvalue) for m in models]) * shrunk
    np.testing.assert_allclose(got.statistic, t, rtol=1e-6)
    np.testing.assert_allclose(got.df, 9 + prior["df_prior"], rtol=1e-7)
    np.testing.assert_allclose(got.f, f, rtol=1e-6)


def test_unmoderated_tests_equal_statsmodels():
    y, design, rng = one_way(1, n=8)
    w = rng.gamma(3, 1, y.shape)
    got = average(fits_of(y, w, design, np.arange(12), np.zeros(1), CONTRASTS, JOINT)[0])
    assert not got.moderated  # eight features are no family
    low, high = interval(got, 0.95)
    for e in range(8):
        fit = sm.WLS(y[e], design, weights=w[e]).fit()
        test = fit.t_test(CONTRASTS)
        np.testing.assert_allclose(got.statistic[e], test.tvalue, rtol=1e-8)
        np.testing.assert_allclose(got.p[e], test.pvalue, rtol=1e-8)
        np.testing.assert_allclose(np.stack([low[e], high[e]], axis=1), test.conf_int(), rtol=1e-8)
        joint = fit.f_test(JOINT)
        assert (got.f[e], got.f_p[e]) == pytest.approx((float(joint.fvalue), float(joint.pvalue)), rel=1e-8)


def paired(seed, n_features, n_patients, rho=0.5, effect=0.8):
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(n_features, n_patients, 1))
    y = np.sqrt(rho) * own + np.sqrt(1 - rho) * rng.normal(size=(n_features, n_patients, 2))
    y += 5 + effect * np.array([1, 0])
    return y.reshape(n_features, -1), np.tile(np.eye(2), (n_patients, 1)), np.repeat(np.arange(n_patients), 2)


DIFFERENCE = np.array([[1.0, -1.0]])


def test_at_the_restricted_maximum_the_statistic_is_that_of_the_paired_t():
    """And the estimate and standard error are those of statsmodels' mixed model, fitted by REML.

    The maximum is where the mean squares between (B) and within (W) patients say: rho = (B - W) / (B + W).
    """
    y, design, codes = paired(2, 8, 7)
    sums, differences = y[:, ::2] + y[:, 1::2], y[:, ::2] - y[:, 1::2]
    between, within = sums.var(axis=1, ddof=1), differences.var(axis=1, ddof=1)
    best = (between - within) / (between + within)
    exact = stats.ttest_rel(y[:, ::2], y[:, 1::2], axis=1).statistic
    n_mixed = 0
    for e in range(8):
        rho = best[e] + np.array([-1e-3, 0.0, 1e-3])
        fits, log = fits_of(y[e : e + 1], np.ones((1, 14)), design, codes, rho, DIFFERENCE, np.zeros((0, 2)))
        assert log[0].argmax() == 1
        se = fits.scale[0, :, 0] * np.sqrt(fits.rss[0] / fits.df[0])
        assert fits.estimate[0, 1, 0] / se[1] == pytest.approx(exact[e], rel=1e-9)
        np.testing.assert_allclose(fits.estimate[0, :, 0], differences[e].mean(), rtol=1e-9)
        if best[e] > 0.05:  # a mixed model has no negative correlation
            test = sm.MixedLM(y[e], design, groups=codes).fit(reml=True).t_test(DIFFERENCE)
            assert float(np.squeeze(test.effect)) == pytest.approx(differences[e].mean(), rel=1e-6)
            assert float(np.squeeze(test.sd)) == pytest.approx(se[1], rel=1e-4)
            n_mixed += 1
    assert n_mixed >= 4


def test_p_averaged_over_every_correlation_is_that_of_the_paired_t():
    """Exactly so for a prior flat in atanh(rho), which makes the variances within and between independent.

    A correlation taken as known has 2n - 2 degrees of freedom, the paired t n - 1: the average makes up for it.
    """
    for n_patients in (3, 5, 9):
        y, design, codes = paired(3, 6, n_patients)
        rho = np.tanh(np.linspace(-9, 9, 3601))
        fits, _ = fits_of(y, np.ones_like(y), design, codes, rho, DIFFERENCE, np.zeros((0, 2)))
        exact = stats.ttest_rel(y[:, ::2], y[:, 1::2], axis=1)
        got = average(fits)
        np.testing.assert_allclose(got.p[:, 0], exact.pvalue, rtol=2e-3)
        known = [
            2 * stats.t.sf(abs(exact.statistic[e]), 2 * n_patients - 2) for e in range(6)
        ]  # what the best correlation alone would give
        assert (got.p[:, 0] > np.array(known)).all()


def test_p_is_the_weighted_mean_by_hand():
    """Two correlations with weights 1/4 and 3/4, t 2 and 1 on 4 degrees of freedom."""
    fits = Fits(
        estimate=np.array([[[2.0], [1.0]]]), scale=np.ones((1, 2, 1)), rss=np.full((1, 2), 4.0), df=np.array([4.0]),
        wald=np.array([[3.0, 2.0]]), rank=np.array([2]), level=np.zeros(1), weight=np.array([[0.25, 0.75]]),
    )  # fmt: skip
    got = average(fits)
    up = 0.25 * stats.t.sf(2, 4) + 0.75 * stats.t.sf(1, 4)
    assert got.p_up[0, 0] == pytest.approx(up)
    assert got.p_down[0, 0] == pytest.approx(1 - up)
    assert got.p[0, 0] == pytest.approx(2 * up)
    assert got.effect[0, 0] == pytest.approx(1.25)
    assert got.statistic[0, 0] == pytest.approx(stats.t.isf(up, 4))
    assert got.se[0, 0] == pytest.approx(1.25 / stats.t.isf(up, 4))
    assert got.f_p[0] == pytest.approx(0.25 * stats.f.sf(3, 2, 4) + 0.75 * stats.f.sf(2, 2, 4))


def test_of_one_correlation_statistic_standard_error_and_both_p_are_of_the_same_t():
    y, design, _ = one_way(3, n=60)
    fits, _ = fits_of(y, np.ones_like(y), design, np.arange(12), np.zeros(1), CONTRASTS, JOINT)
    got = average(fits)
    df = got.df[:, None]
    np.testing.assert_allclose(got.statistic, got.effect / got.se, rtol=1e-12)
    np.testing.assert_allclose(got.p, 2 * stats.t.sf(np.abs(got.statistic), df), rtol=1e-9)
    np.testing.assert_allclose(got.p_up, stats.t.sf(got.statistic, df), rtol=1e-9)
    np.testing.assert_allclose(got.p_down, stats.t.cdf(got.statistic, df), rtol=1e-9)


def test_interval_and_p_agree():
    y, design, codes = paired(4, 400, 5, effect=0.7)
    rho = np.array([0.0, 0.3, 0.6, 0.9])
    got = average(fits_of(y, np.ones_like(y), design, codes, rho, DIFFERENCE, np.zeros((0, 2)))[0])
    for level in (0.95, 0.9):
        low, high = interval(got, level)
        np.testing.assert_array_equal((low > 0) | (high < 0), got.p < 1 - level)
    assert 0.05 < (got.p < 0.05).mean() < 0.95


def test_detectable_effect_has_the_power_it_says():
    """80 % by the non-central t, within 2 %."""
    y, design, _ = one_way(5, n=5)
    got = average(fits_of(y, np.ones_like(y), design, np.arange(12), np.zeros(1), CONTRASTS, JOINT)[0])
    size = detectable(got)
    for e in range(5):
        centre, df = size[e, 0] / got.se[e, 0], got.df[e]
        power = stats.nct.sf(stats.t.isf(0.025, df), df, centre)
        assert power == pytest.approx(0.8, abs=0.02)


def test_without_degrees_of_freedom_there_is_an_estimate_and_nothing_else():
    y, design, _ = one_way(6, n=4, per_group=1)
    got = average(fits_of(y, np.ones_like(y), design, np.arange(3), np.zeros(1), CONTRASTS, JOINT)[0])
    np.testing.assert_allclose(got.effect, y @ CONTRASTS.T)
    for values in (got.se, got.statistic, got.df, got.p, got.p_up, got.p_down, got.f, got.f_p):
        assert np.isnan(values).all()


def test_what_cannot_be_estimated_is_nan_and_does_not_spread():
    y, design, _ = one_way(7, n=60)
    fits, _ = fits_of(y, np.ones_like(y), design, np.arange(12), np.zeros(1), CONTRASTS, JOINT)
    fits.estimate[:, :, 1] = np.nan
    got = average(fits)
    assert np.isnan(got.p[:, 1]).all() and np.isnan(got.effect[:, 1]).all()
    assert np.isfinite(got.p[:, [0, 2]]).all() and np.isfinite(got.f_p).all()


@pytest.mark.parametrize("df", [2.0, 5.0, 30.0])
def test_overwhelming_effects_keep_a_finite_statistic_and_a_p_above_zero(df):
    fits = Fits(
        estimate=np.array([[[-1e160]]]), scale=np.ones((1, 1, 1)), rss=np.full((1, 1), df), df=np.array([df]),
        wald=np.array([[1e300]]), rank=np.array([1]), level=np.zeros(1), weight=np.ones((1, 1)),
    )  # fmt: skip
    got = average(fits)
    assert SMALLEST_P <= got.p[0, 0] < 1e-100 and got.f_p[0] >= SMALLEST_P
    assert np.isfinite(got.statistic[0, 0]) and got.statistic[0, 0] < -1e3
    low, high = interval(got, 0.95)
    assert low[0, 0] <= -1e160 <= high[0, 0] < 0


def test_no_variation_is_no_evidence():
    """A feature without any residual cannot be tested by itself; in a family it takes the family's variance."""
    y, design, _ = one_way(8, n=60)
    y[0] = design @ np.array([4.0, 5.0, 7.0])
    few, _ = fits_of(y[:3], np.ones((3, 12)), design, np.arange(12), np.zeros(1), CONTRASTS, JOINT)
    got = average(few)
    np.testing.assert_allclose(got.effect[0], [-1.0, -3.0, -2.0])
    assert np.isnan(got.p[0]).all() and np.isnan(got.f_p[0]) and np.isfinite(got.p[1:]).all()
    many, _ = fits_of(y, np.ones_like(y), design, np.arange(12), np.zeros(1), CONTRASTS, JOINT)
    assert (average(many).p[0] > 1e-6).all()


def test_no_moderation_on_request():
    y, design, _ = one_way(9, n=80)
    fits, _ = fits_of(y, np.ones_like(y), design, np.arange(12), np.zeros(1), CONTRASTS, JOINT)
    got = average(fits, moderate=False)
    assert not got.moderated
    expected = stats.f_oneway(y[:, :4], y[:, 4:8], y[:, 8:], axis=1)
    np.testing.assert_allclose(got.f, expected.statistic, rtol=1e-9)
    np.testing.assert_allclose(got.f_p, expected.pvalue, rtol=1e-9)
