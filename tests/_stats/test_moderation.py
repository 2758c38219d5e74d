"""Variances are moderated as limma does, and more carefully where features are outlying."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from niche._stats.moderation import FEWEST, Prior, natural_spline, prior_of


def variances(rng, n, df, prior_df, scale=0.5, wild=0.0, times=20.0):
    """Residual variances whose truth is ``scale`` times an inverse chi-square; the first are ``wild``."""
    df = np.broadcast_to(np.asarray(df, dtype=float), n)
    true = np.full(n, scale) if np.isinf(prior_df) else scale * prior_df / rng.chisquare(prior_df, n)
    true[: int(wild * n)] *= times
    return true * rng.chisquare(df) / df, df.copy()


@pytest.mark.parametrize("trend", [False, True])
@pytest.mark.parametrize("varying", [False, True])
def test_plain_moderation_equals_limma(trend, varying):
    limma = pytest.importorskip("inmoose.limma", reason="limma by inmoose")
    rng = np.random.default_rng(1)
    n = 400
    df = rng.choice([2.0, 3.0, 7.0], n) if varying else 4.0
    level = rng.gamma(2, 2, n)
    s2, df = variances(rng, n, df, 5.0, scale=0.3 * np.exp(-0.2 * level) if trend else 0.3)
    ours = prior_of(s2, df, level if trend else None, robust=False)
    theirs = limma.squeezeVar(s2.copy(), df, covariate=level.copy() if trend else None)
    np.testing.assert_allclose(ours.df, np.full(n, theirs["df_prior"]), rtol=1e-7)
    np.testing.assert_allclose(ours.variance, np.broadcast_to(theirs["var_prior"], n), rtol=1e-7)
    np.testing.assert_allclose(ours.moderated(s2, df)[0], theirs["var_post"], rtol=1e-7)


@pytest.mark.parametrize(
    ("trend", "prior_df", "prior", "post"),
    [
        (
            False,
            2.3065244561,
            [1.1022100033, 1.1022100033, 1.1022100033],
            [1.2663298578, 0.4404725079, 3.5654247642],
        ),
        (
            True,
            2.2469238495,
            [1.2613644371, 1.0941432327, 1.0487724303],
            [1.3108785335, 0.4334922839, 3.5686670564],
        ),
    ],
)
def test_plain_moderation_equals_numbers_of_limma(trend, prior_df, prior, post):
    """``squeezeVar`` of limma as ported by inmoose 0.9.1, on variances by a formula; features 1, 50 and 100."""
    i = np.arange(1, 101)
    s2, df, level = np.exp(2 * np.sin(i * i / 7)), np.where(i % 3 == 0, 3.0, 6.0), (i * 29) % 97 / 10
    ours = prior_of(s2, df, level if trend else None, robust=False)
    at = [0, 49, 99]
    np.testing.assert_allclose(ours.df, prior_df, rtol=1e-7)
    np.testing.assert_allclose(ours.variance[at], prior, rtol=1e-7)
    np.testing.assert_allclose(ours.moderated(s2, df)[0][at], post, rtol=1e-7)


def test_zero_degrees_of_freedom_take_no_part_as_in_limma():
    limma = pytest.importorskip("inmoose.limma", reason="limma by inmoose")
    rng = np.random.default_rng(2)
    s2, df = variances(rng, 200, 4.0, 5.0)
    level = rng.uniform(2, 10, 200)
    df[::7], s2[::7] = 0.0, 0.0
    theirs = limma.squeezeVar(s2.copy(), df, covariate=level.copy())
    ours = prior_of(s2, df, level, robust=False)
    used = df > 0
    np.testing.assert_allclose(ours.df[0], theirs["df_prior"], rtol=1e-7)
    np.testing.assert_allclose(ours.variance[used], theirs["var_prior"][used], rtol=1e-7)


def test_posterior_by_hand():
    prior = Prior(np.array([2.0, 2.0, 2.0, 1.0]), np.array([4.0, np.inf, 0.0, 100.0]))
    s2, total = prior.moderated(np.array([5.0, 5.0, 5.0, 1.0]), np.array([2.0, 2.0, 2.0, 2.0]))
    np.testing.assert_allclose(s2, [(4 * 2 + 2 * 5) / 6, 2.0, 5.0, 1.0])
    np.testing.assert_allclose(total, [6.0, 8.0, 2.0, 8.0])  # at most the 8 that the family has together


def test_small_families_are_left_alone():
    rng = np.random.default_rng(3)
    s2, df = variances(rng, FEWEST, 3.0, 5.0)
    few = prior_of(s2[1:], df[1:], None)
    np.testing.assert_array_equal(few.df, 0.0)
    np.testing.assert_array_equal(few.moderated(s2[1:], df[1:])[0], s2[1:])
    np.testing.assert_array_equal(few.moderated(s2[1:], df[1:])[1], df[1:])
    assert (prior_of(s2, df, None).df > 0).all()
    df[0] = 0.0
    np.testing.assert_array_equal(prior_of(s2, df, None).df, 0.0)


@pytest.mark.parametrize("prior_df", [4.0, 10.0])
@pytest.mark.parametrize("df", [4.0, 8.0])
def test_prior_of_clean_variances_is_recovered(prior_df, df):
    """Within 10 % in degrees of freedom and 3 % in scale; nearly nothing is taken for an outlier."""
    rng = np.random.default_rng(4)
    s2, df = variances(rng, 20_000, df, prior_df)
    prior = prior_of(s2, df, None)
    assert prior.df.max() == pytest.approx(prior_df, rel=0.10)
    assert prior.variance[0] == pytest.approx(0.5, rel=0.03)
    assert (prior.df < 0.9 * prior.df.max()).mean() < 0.01


@pytest.mark.parametrize("prior_df", [4.0, 10.0])
def test_hypervariable_features_hardly_move_the_prior(prior_df):
    """With 3 % of variances 20-fold: within 25 % in degrees of freedom, at least 30 % nearer than the plain fit."""
    rng = np.random.default_rng(5)
    s2, df = variances(rng, 20_000, 6.0, prior_df, wild=0.03)
    robust, plain = prior_of(s2, df, None), prior_of(s2, df, None, robust=False)
    assert robust.df.max() == pytest.approx(prior_df, rel=0.25)
    assert robust.variance[0] == pytest.approx(0.5, rel=0.03)
    assert abs(robust.df.max() - prior_df) < 0.7 * abs(plain.df.max() - prior_df)


def test_outlying_features_are_shrunk_less():
    rng = np.random.default_rng(6)
    n = 2_000
    s2, df = variances(rng, n, 6.0, 10.0, wild=0.01, times=60.0)
    prior = prior_of(s2, df, None)
    wild, tame = prior.df[: n // 100], prior.df[n // 100 :]
    assert np.median(wild) < 1.0 < 6.0 < np.median(tame)
    by_size = prior.df[np.argsort(s2)]
    assert (np.diff(by_size) <= 1e-9).all()  # a larger variance never gets more prior


def test_family_of_one_variance_keeps_infinite_degrees_of_freedom():
    df = np.full(20_000, 4.0)
    quantile = special.chdtri(df, 1 - (np.arange(df.size) + 0.5) / df.size) / df  # an exact chi-square sample
    for robust in (False, True):
        prior = prior_of(0.7 * quantile, df, None, robust=robust)
        assert np.isinf(prior.df).all()
        s2, total = prior.moderated(0.7 * quantile, df)
        np.testing.assert_allclose(s2, 0.7, rtol=0.01)
        np.testing.assert_array_equal(total, df.sum())


def test_outliers_are_spared_in_a_family_of_one_variance():
    """One feature of 200-fold variance must not be tested with the variance of the others."""
    n, df = 2_000, 4.0
    s2 = special.chdtri(df, 1 - (np.arange(n) + 0.5) / n) / df
    s2[:3] *= 200 / s2[:3]
    prior = prior_of(s2, np.full(n, df), None)
    assert np.isinf(np.median(prior.df))
    assert (prior.df[:3] < 1.0).all()
    np.testing.assert_allclose(prior.moderated(s2, np.full(n, df))[0][:3], 200.0, rtol=0.2)


def test_unequal_degrees_of_freedom_are_brought_to_one_scale():
    """Half of the family with 2, half with 8: the same prior as either half alone would give."""
    rng = np.random.default_rng(7)
    df = np.tile([2.0, 8.0], 10_000)
    s2, df = variances(rng, df.size, df, 6.0)
    prior = prior_of(s2, df, None)
    assert prior.df.max() == pytest.approx(6.0, rel=0.12)
    assert prior.variance[0] == pytest.approx(0.5, rel=0.03)


def test_robust_trend_is_recovered():
    rng = np.random.default_rng(8)
    n = 20_000
    level = rng.uniform(0, 12, n)
    true = 0.2 + np.exp(-0.5 * level)
    s2, df = variances(rng, n, 6.0, 8.0, scale=true, wild=0.02)
    prior = prior_of(s2, df, level)
    inside = (level > 1) & (level < 11)
    np.testing.assert_allclose(prior.variance[inside], true[inside], rtol=0.15)


def test_zero_variances_do_no_harm():
    rng = np.random.default_rng(9)
    s2, df = variances(rng, 300, 4.0, 5.0)
    s2[:20] = 0.0
    prior = prior_of(s2, df, rng.uniform(0, 5, 300))
    post, total = prior.moderated(s2, df)
    assert np.isfinite(prior.variance).all() and (prior.variance > 0).all()
    assert (post > 0).all() and np.isfinite(total).all()


def test_scale_equivariance():
    rng = np.random.default_rng(10)
    s2, df = variances(rng, 500, 5.0, 6.0, wild=0.02)
    level = rng.uniform(0, 8, 500)
    one, other = prior_of(s2, df, level), prior_of(9.0 * s2, df, level)
    np.testing.assert_allclose(other.variance, 9.0 * one.variance, rtol=1e-6)
    np.testing.assert_allclose(other.df, one.df, rtol=1e-5)


def test_order_of_features_does_not_matter():
    rng = np.random.default_rng(11)
    s2, df = variances(rng, 300, 5.0, 6.0, wild=0.02)
    level, shuffled = rng.uniform(0, 8, 300), rng.permutation(300)
    one, other = prior_of(s2, df, level), prior_of(s2[shuffled], df[shuffled], level[shuffled])
    np.testing.assert_allclose(other.variance, one.variance[shuffled], rtol=1e-8)
    np.testing.assert_allclose(other.df, one.df[shuffled], rtol=1e-6)


def test_natural_spline_is_linear_outside_and_spans_the_line():
    x = np.linspace(0, 9, 40)
    basis = natural_spline(x, x)
    assert basis.shape == (40, 4)
    for line in (np.ones(40), x):
        np.testing.assert_allclose(basis @ np.linalg.lstsq(basis, line, rcond=None)[0], line, atol=1e-9)
    fine = np.linspace(0, 9, 4001)
    at = natural_spline(x, fine)
    curvature = np.diff(at, 2, axis=0) / (fine[1] - fine[0]) ** 2 * 81  # in units of the whole range
    assert np.abs(curvature[[0, -1]]).max() < 0.01 * np.abs(curvature).max()  # none at either end


@pytest.mark.parametrize("levels", [[3.0], [1.0, 2.0]])
def test_natural_spline_of_few_levels(levels):
    x = np.tile(levels, 30)
    assert np.linalg.matrix_rank(natural_spline(x, x)) == len(levels)
