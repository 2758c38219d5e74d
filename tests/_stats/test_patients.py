"""Correlation within patients: closed forms, the restricted likelihood, and what a family teaches of it."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from niche._kernels.weighted_fits import fit_features
from niche._stats.patients import GRID, consensus, fine_grid, log_likelihood, patients_of, posterior

CODES = np.array([2, 0, 1, 2, 0, 2, 5])


def block(start, rho):
    owner = np.repeat(np.arange(start.size - 1), np.diff(start))
    return np.where(np.eye(owner.size) > 0, 1.0, rho * (owner[:, None] == owner[None]))


def test_samples_are_sorted_by_patient():
    found = patients_of(CODES)
    np.testing.assert_array_equal(found.order, [1, 4, 2, 0, 3, 5, 6])
    np.testing.assert_array_equal(found.start, [0, 2, 3, 6, 7])
    np.testing.assert_array_equal(found.sizes, [2, 1, 3, 1])
    assert found.repeated
    assert not patients_of(np.array([3, 1, 2])).repeated


def test_determinant_is_that_of_the_matrix():
    found, rho = patients_of(CODES), np.array([-0.2, 0.0, 0.4, 0.9])
    expected = [np.linalg.slogdet(block(found.start, value))[1] for value in rho]
    np.testing.assert_allclose(found.log_det(rho), expected, atol=1e-12)


def likelihoods(y, w, design, codes, rho):
    """Restricted log likelihoods (n_features, n_rho), samples in any order."""
    found = patients_of(codes)
    n = (y.shape[0], rho.size)
    rss, log_det = np.zeros((2, *n))
    fit_features(
        np.ascontiguousarray(y[:, found.order]), np.ascontiguousarray(w[:, found.order]),
        np.ascontiguousarray(design[found.order]), found.start, rho,
        np.zeros((0, design.shape[1])), np.zeros((0, design.shape[1])),
        np.zeros((*n, 0)), np.zeros((*n, 0)), rss, log_det, np.zeros(n),
    )  # fmt: skip
    return log_likelihood(rss, log_det, design.shape[0] - design.shape[1], found.log_det(rho))


def paired(rng, n_features, rho, n_patients=8, organs=2):
    """Values of every patient in every organ, their correlation within patients being ``rho`` (n_features,)."""
    rho = np.broadcast_to(rho, n_features)[:, None, None]
    own = rng.normal(size=(n_features, n_patients, 1))
    y = np.sqrt(rho) * own + np.sqrt(1 - rho) * rng.normal(size=(n_features, n_patients, organs))
    codes = np.repeat(np.arange(n_patients), organs)
    design = np.eye(organs)[np.tile(np.arange(organs), n_patients)]
    return y.reshape(n_features, -1) + 5.0, design, codes


def test_likelihood_is_that_of_the_matrices_and_of_the_mixed_model():
    """Up to a constant: the restricted likelihood with the variance profiled out."""
    y, design, codes = paired(np.random.default_rng(0), 3, 0.5)
    ours = likelihoods(y, np.ones_like(y), design, codes, GRID)
    n, p = design.shape
    for e in range(3):
        direct = []
        for value in GRID:
            inverse = np.linalg.inv(block(patients_of(codes).start, value))
            inner = design.T @ inverse @ design
            residual = y[e] - design @ np.linalg.solve(inner, design.T @ inverse @ y[e])
            direct.append(
                -0.5 * ((n - p) * np.log(residual @ inverse @ residual) + np.linalg.slogdet(inner)[1]
                        - np.linalg.slogdet(inverse)[1])
            )  # fmt: skip
        np.testing.assert_allclose(ours[e] - ours[e, 0], np.array(direct) - direct[0], atol=1e-9)
        model = sm.MixedLM(y[e], design, groups=codes)
        model.fit(reml=True)
        for r, value in ((2, GRID[2]), (4, GRID[4])):  # rho / (1 - rho) is the ratio of variances
            theirs = [model.loglike(_at(model, v), profile_fe=True) for v in (value, GRID[1])]
            assert ours[e, r] - ours[e, 1] == pytest.approx(theirs[0] - theirs[1], abs=1e-7)


def _at(model, rho):
    from statsmodels.regression.mixed_linear_model import MixedLMParams

    return MixedLMParams.from_components(fe_params=np.zeros(model.k_fe), cov_re=np.array([[rho / (1 - rho)]]))


def test_posterior_by_hand():
    """Two values; one feature for each, with likelihood ratio 3: the prior stays even, posteriors 3:1."""
    log = np.log(np.array([[3.0, 1.0], [1.0, 3.0]]))
    prior, each = posterior(log)
    np.testing.assert_allclose(prior, [0.5, 0.5])
    np.testing.assert_allclose(each, [[0.75, 0.25], [0.25, 0.75]])


def test_posterior_of_a_small_family_stays_even():
    """One feature alone believes its own likelihood; beside many without an opinion it meets an even prior."""
    log = np.log(np.array([[3.0, 1.0]]))
    alone, _ = posterior(log)
    assert alone[0] > 0.99
    prior, each = posterior(log, even=1e6)
    np.testing.assert_allclose(prior, 0.5, atol=1e-5)
    np.testing.assert_allclose(each, [[0.75, 0.25]], atol=1e-5)
    # one feature and one without an opinion: p = (q + 1 / 2) / 2 with q = 3 p / (1 + 2 p)
    half, _ = posterior(log, even=1.0)
    assert half[0] == pytest.approx((3 * half[0] / (1 + 2 * half[0]) + 0.5) / 2, abs=1e-5)


def test_posterior_of_one_value_or_no_feature():
    prior, each = posterior(np.array([[-3.0], [7.0]]))
    np.testing.assert_array_equal(prior, [1.0])
    np.testing.assert_array_equal(each, [[1.0], [1.0]])
    prior, each = posterior(np.zeros((0, 7)))
    assert each.shape == (0, 7) and np.isfinite(prior).all()


def test_features_that_say_nothing_follow_those_that_do():
    log = np.zeros((10, 3))
    log[:5, 2] = 40.0
    prior, each = posterior(log)
    assert prior[2] > 0.99
    np.testing.assert_allclose(each[5:], np.broadcast_to(prior, (5, 3)), atol=1e-9)
    np.testing.assert_allclose(each.sum(axis=1), 1.0)


def test_a_planted_mixture_of_correlations_is_found():
    """60 % of features at 0, 40 % at 0.75, 12 patients in three organs: shares within 0.08."""
    rng = np.random.default_rng(1)
    truth = np.where(np.arange(4_000) < 2_400, 0.0, 0.75)
    y, design, codes = paired(rng, truth.size, truth, n_patients=12, organs=3)
    prior, each = posterior(likelihoods(y, np.ones_like(y), design, codes, GRID))
    assert prior[GRID <= 0.15].sum() == pytest.approx(0.6, abs=0.08)
    assert prior[(GRID > 0.5) & (GRID < 0.95)].sum() == pytest.approx(0.4, abs=0.08)
    assert each[:2_400, GRID <= 0.15].sum(axis=1).mean() > 0.8
    assert each[2_400:, GRID >= 0.6].sum(axis=1).mean() > 0.8


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6])
def test_consensus_recovers_a_common_correlation(rho):
    y, design, codes = paired(np.random.default_rng(2), 3_000, rho, n_patients=12)
    grid = fine_grid(2)
    found = consensus(likelihoods(y, np.ones_like(y), design, codes, grid), grid)
    assert found == pytest.approx(rho, abs=0.03)


def test_consensus_is_the_trimmed_mean_on_the_atanh_scale():
    grid = np.array([0.0, 0.5, 0.9])
    log = np.array([[0, 1, 0]] * 5 + [[1, 0, 0]] * 1 + [[0, 0, 1]] * 1, dtype=float)
    assert consensus(log, grid) == pytest.approx(0.5)  # one of seven is trimmed at each end
    log = np.array([[0, 1, 0], [1, 0, 0]], dtype=float)
    assert consensus(log, grid) == pytest.approx(np.tanh(np.arctanh(0.5) / 2))


def test_consensus_asks_only_features_that_know():
    """Features whose samples are all of different patients have the same likelihood at every correlation."""
    grid = fine_grid(3)
    peaked = -((grid[None] - np.array([[0.5]])) ** 2) * 50
    log = np.concatenate([np.repeat(peaked, 10, axis=0), np.zeros((30, grid.size))])
    assert consensus(log, grid) == pytest.approx(0.5, abs=1e-9)
    noise = log + 1e-12 * np.random.default_rng(3).normal(size=log.shape)
    assert consensus(noise, grid) == pytest.approx(0.5, abs=1e-9)
    assert consensus(np.zeros((4, grid.size)), grid) == 0.0


@pytest.mark.parametrize("largest", [2, 3, 5])
def test_fine_grid_holds_possible_correlations(largest):
    grid = fine_grid(largest)
    assert grid[0] > -1 / (largest - 1) and grid[-1] == 0.95
    np.testing.assert_allclose(np.diff(grid), 0.05)
    assert 0.0 in grid
