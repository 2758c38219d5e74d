"""Weighted fits with correlated samples of a patient equal generalised least squares written out."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from niche._kernels.weighted_fits import fit_features, fit_without_each_patient

START = np.array([0, 3, 4, 6, 8, 9, 12])
RHO = np.array([-0.3, 0.0, 0.25, 0.6, 0.9])


def correlation(start, rho):
    """1 on the diagonal and rho between samples of one patient."""
    owner = np.repeat(np.arange(start.size - 1), np.diff(start))
    return np.where(np.eye(owner.size) > 0, 1.0, rho * (owner[:, None] == owner[None]))


def data(seed=0, n_features=5):
    rng = np.random.default_rng(seed)
    organ = np.array([0, 1, 2, 0, 0, 1, 1, 2, 2, 0, 1, 2])
    design = np.concatenate([np.eye(3)[organ], rng.normal(size=(12, 1))], axis=1)
    y = rng.normal(6, 1, (n_features, 12))
    return y, rng.gamma(2, 2, (n_features, 12)), design


CONTRASTS = np.array([[1, -1, 0, 0], [1, -0.5, -0.5, 0], [0, 0, 0, 1.0]])
JOINT = np.array([[-1, 1, 0, 0], [-1, 0, 1.0, 0]])


def fitted(y, w, design, start=START, rho=RHO, contrasts=CONTRASTS, joint=JOINT):
    n = (y.shape[0], rho.size)
    out = {
        "estimate": np.zeros((*n, len(contrasts))), "scale": np.zeros((*n, len(contrasts))),
        "rss": np.zeros(n), "log_det": np.zeros(n), "wald": np.zeros(n),
    }  # fmt: skip
    fit_features(
        y, w, design, start, rho, contrasts, joint,
        out["estimate"], out["scale"], out["rss"], out["log_det"], out["wald"],
    )  # fmt: skip
    return out


def gls(y, w, design, start, rho):
    root = np.diag(w**-0.5)
    return sm.GLS(y, design, sigma=root @ correlation(start, rho) @ root).fit()


def test_equals_weighted_least_squares_of_statsmodels():
    y, w, design = data()
    got = fitted(y, w, design, rho=np.zeros(1))
    for e in range(y.shape[0]):
        fit = sm.WLS(y[e], design, weights=w[e]).fit()
        test = fit.t_test(CONTRASTS)
        s = np.sqrt(got["rss"][e, 0] / (12 - 4))
        assert s**2 == pytest.approx(fit.scale, rel=1e-9)
        np.testing.assert_allclose(got["estimate"][e, 0], test.effect, rtol=1e-9)
        np.testing.assert_allclose(got["scale"][e, 0] * s, test.sd, rtol=1e-9)
        assert got["wald"][e, 0] / s**2 == pytest.approx(float(fit.f_test(JOINT).fvalue), rel=1e-9)


@pytest.mark.parametrize("r", range(RHO.size))
def test_equals_generalised_least_squares_of_statsmodels(r):
    y, w, design = data(1)
    got = fitted(y, w, design)
    for e in range(y.shape[0]):
        fit = gls(y[e], w[e], design, START, RHO[r])
        test = fit.t_test(CONTRASTS)
        s = np.sqrt(got["rss"][e, r] / (12 - 4))
        assert s**2 == pytest.approx(fit.scale, rel=1e-8)
        np.testing.assert_allclose(got["estimate"][e, r], test.effect, rtol=1e-8)
        np.testing.assert_allclose(got["scale"][e, r] * s, test.sd, rtol=1e-8)
        assert got["wald"][e, r] / s**2 == pytest.approx(float(fit.f_test(JOINT).fvalue), rel=1e-8)


@pytest.mark.parametrize("r", range(RHO.size))
def test_parts_of_the_restricted_likelihood_are_those_of_the_matrices(r):
    y, w, design = data(2)
    got = fitted(y, w, design)
    for e in range(y.shape[0]):
        root = np.diag(w[e] ** -0.5)
        inverse = np.linalg.inv(root @ correlation(START, RHO[r]) @ root)
        inner = design.T @ inverse @ design
        residual = y[e] - design @ np.linalg.solve(inner, design.T @ inverse @ y[e])
        assert got["log_det"][e, r] == pytest.approx(np.linalg.slogdet(inner)[1], rel=1e-9)
        assert got["rss"][e, r] == pytest.approx(residual @ inverse @ residual, rel=1e-8)


def test_fits_side_by_side_are_those_one_by_one():
    """Neither the other correlations nor contrasts change a bit of what is fitted at one."""
    y, w, design = data(11)
    got = fitted(y, w, design)
    alone = fitted(y, w, design, contrasts=np.zeros((0, 4)), joint=np.zeros((0, 4)))
    for name in ("rss", "log_det"):
        np.testing.assert_array_equal(alone[name], got[name])
    for r in range(RHO.size):
        one = fitted(y, w, design, rho=RHO[r : r + 1])
        for name, values in one.items():
            np.testing.assert_array_equal(values[:, 0], got[name][:, r])


def test_a_patient_with_one_sample_does_not_know_rho():
    y, w, design = data(3)
    got = fitted(y, w, design, start=np.arange(13))
    for values in got.values():
        np.testing.assert_allclose(values, np.repeat(values[:, 1:2], RHO.size, axis=1), rtol=1e-9)


def test_constants_and_scales():
    y, w, design = data(4)
    one, moved, heavier = fitted(y, w, design), fitted(3 * y + 100, w, design), fitted(y, 7 * w, design)
    np.testing.assert_allclose(moved["estimate"], 3 * one["estimate"], rtol=1e-7)
    np.testing.assert_allclose(moved["rss"], 9 * one["rss"], rtol=1e-7)
    np.testing.assert_allclose(moved["wald"], 9 * one["wald"], rtol=1e-7)
    np.testing.assert_allclose(heavier["estimate"], one["estimate"], rtol=1e-9)
    np.testing.assert_allclose(
        heavier["rss"] * heavier["scale"][:, :, 0] ** 2, one["rss"] * one["scale"][:, :, 0] ** 2
    )
    for factor in (1e-90, 1e90):  # determinants that a product of roots cannot hold
        np.testing.assert_allclose(
            fitted(y, factor * w, design)["log_det"], one["log_det"] + 4 * np.log(factor), rtol=1e-12
        )


def test_samples_without_weight_might_as_well_be_absent():
    y, w, design = data(5)
    w[:, 11] = 1e-12
    start = np.append(START[:-1], 11)
    got = fitted(y, w, design, rho=np.zeros(1))
    less = fitted(y[:, :11], w[:, :11], np.ascontiguousarray(design[:11]), start=start, rho=np.zeros(1))
    np.testing.assert_allclose(got["estimate"], less["estimate"], rtol=1e-6)
    np.testing.assert_allclose(got["rss"], less["rss"], rtol=1e-6)


def test_a_column_told_twice_changes_nothing_that_can_be_estimated():
    y, w, design = data(6)
    twice = np.concatenate([design, design[:, 3:]], axis=1)  # the covariate once more
    row = np.array([[1, -1, 0, 0, 0], [1, -0.5, -0.5, 0, 0], [0, 0, 0, 0.5, 0.5]])
    got = fitted(y, w, twice, contrasts=row, joint=np.pad(JOINT, ((0, 0), (0, 1))))
    plain = fitted(y, w, design, contrasts=np.array([[1, -1, 0, 0], [1, -0.5, -0.5, 0], [0, 0, 0, 0.5]]))
    for name in ("estimate", "rss", "wald"):
        np.testing.assert_allclose(got[name][..., :2], plain[name][..., :2], rtol=1e-7)
    np.testing.assert_allclose(got["scale"][..., :2], plain["scale"][..., :2], rtol=1e-7)


def test_an_exact_fit_leaves_no_residual():
    _, w, design = data(7)
    y = np.array([design @ np.array([5.0, 6.0, 7.0, 0.5])] * 5)
    got = fitted(y, w, design)
    np.testing.assert_allclose(
        got["estimate"], np.broadcast_to([-1.0, -1.5, 0.5], got["estimate"].shape), atol=1e-9
    )
    np.testing.assert_array_equal(got["rss"], 0.0)  # not what rounding leaves
    y[0, 3] += 1e-4
    assert (fitted(y, w, design)["rss"][0] > 0).all()


def left_out(y, w, design, at, estimate, estimable, start=START):
    same = np.zeros(estimate.shape, dtype=np.int64)
    fit_without_each_patient(y, w, design, start, RHO, at, CONTRASTS, estimable, estimate, same)
    return same


def test_signs_without_each_patient_are_those_of_refits():
    y, w, design = data(8, n_features=40)
    at = np.tile(np.arange(RHO.size), 8)
    estimate = np.array([fitted(y, w, design)["estimate"][e, at[e]] for e in range(40)])
    same = left_out(y, w, design, at, estimate, np.ones((6, 3), dtype=bool))
    expected = np.zeros_like(same)
    owner = np.repeat(np.arange(6), np.diff(START))
    for e in range(40):
        for j in range(6):
            kept = owner != j
            rest = np.unique(np.append(0, np.cumsum(np.bincount(owner[kept], minlength=6))))
            fit = gls(y[e, kept], w[e, kept], design[kept], rest, RHO[at[e]])
            expected[e] += CONTRASTS @ fit.params * estimate[e] > 0
    np.testing.assert_array_equal(same, expected)
    assert (same < 6).any()


def test_contrasts_that_need_the_patient_are_not_counted():
    y, w, design = data(9)
    estimable = np.ones((6, 3), dtype=bool)
    estimable[2, 0] = estimable[4] = False
    estimate = fitted(y, w, design)["estimate"][:, 1]
    at = np.ones(5, dtype=np.int64)
    every, some, others = (
        left_out(y, w, design, at, estimate, mask)
        for mask in (np.ones_like(estimable), estimable, ~estimable)
    )
    np.testing.assert_array_equal(some, every - others)
    assert (some <= [4, 5, 5]).all() and others.any()


def test_leaving_out_the_only_patient_of_an_organ():
    """Its column is empty then; the other organs compare as in a model that never had it."""
    y, w, _ = data(10, n_features=40)
    organ = np.array([0, 1, 0, 0, 1, 1, 0, 0, 1, 2, 2, 0])
    design, start = np.eye(3)[organ], np.array([0, 3, 6, 9, 12])
    only = np.array([[1.0, -1.0, 0.0]])
    estimate = fitted(y, w, design, start=start, contrasts=only, joint=np.zeros((0, 3)))["estimate"][:, 2]
    same = np.zeros((40, 1), dtype=np.int64)
    estimable = np.array([[False], [False], [False], [True]])
    fit_without_each_patient(y, w, design, start, RHO, np.full(40, 2), only, estimable, estimate, same)
    expected = np.array(
        [only[0, :2] @ gls(y[e, :9], w[e, :9], design[:9, :2], start[:-1], RHO[2]).params for e in range(40)]
    )
    np.testing.assert_array_equal(same[:, 0], expected * estimate[:, 0] > 0)
    assert 0 < same.sum() < 40
