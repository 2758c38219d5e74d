"""Precision of contrasts by formula, and power beside scipy, statsmodels and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from niche._stats.detectable_effect import contrast_precision, cut_of_fdr, detectable_effect, power_of_t


@pytest.mark.parametrize("df", [1, 2, 5, 20, 200])
@pytest.mark.parametrize("alpha", [0.05, 1e-3, 1e-5])
def test_power_is_that_of_the_noncentral_f(df, alpha):
    """T squared is noncentral F with one numerator degree of freedom."""
    limit = stats.t.isf(alpha / 2, df)
    for effect in limit * np.array([0.3, 0.8, 1.2]):
        expected = stats.ncf.sf(limit**2, 1, df, effect**2)
        if np.isfinite(expected):
            assert power_of_t(effect, df, alpha) == pytest.approx(expected, abs=1e-10)
    assert power_of_t(0.0, df, alpha) == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize(
    ("n", "alpha", "power"), [(2, 0.05, 0.8), (3, 0.05, 0.8), (6, 0.01, 0.9), (12, 0.001, 0.5)]
)
def test_detectable_effect_is_that_of_statsmodels(n, alpha, power):
    tests = pytest.importorskip(
        "statsmodels.stats.power", reason="statsmodels is not installed (extra: test)"
    )
    found = detectable_effect(2 * n - 2, alpha, power) * np.sqrt(2 / n)
    assert tests.TTestIndPower().power(found, n, alpha) == pytest.approx(power, abs=1e-6)
    found = detectable_effect(n - 1, alpha, power) / np.sqrt(n)
    theirs = tests.TTestPower().power(found, n, alpha)
    if np.isfinite(theirs):  # it is NaN for one degree of freedom, which the test above covers
        assert theirs == pytest.approx(power, abs=1e-6)


def test_extremes_stay_finite():
    """scipy's noncentral t gives NaN here."""
    found = detectable_effect(1.0, 1e-6, 0.8)
    # with one degree of freedom and a far limit only the estimated sd matters: P(chi_1 < effect / limit) = 0.8
    assert found / stats.t.isf(5e-7, 1) == pytest.approx(stats.chi.ppf(0.8, 1), rel=1e-6)


def test_unpaired_by_formula():
    group = np.repeat([0, 1, 2], [3, 4, 5])
    patient = np.arange(12)
    error, df = contrast_precision(patient, group, np.array([1, -0.5, -0.5]), 0.3, 0.7)
    assert error == pytest.approx(np.sqrt(1 / 3 + 0.25 / 4 + 0.25 / 5)) and df == pytest.approx(9)
    # how the variance is divided does not matter when no patient repeats
    assert contrast_precision(patient, group, np.array([1, -0.5, -0.5]), 0.0, 1.0) == pytest.approx(
        (error, df)
    )


def test_paired_by_formula():
    """Patients drop out: the contrast has the variance within patients and its degrees of freedom."""
    group, patient = np.tile([0, 1, 2], 5), np.repeat(np.arange(5), 3)
    for between in (0.1, 0.5, 5.0):
        error, df = contrast_precision(patient, group, np.array([1, -0.5, -0.5]), between, 0.4)
        assert error == pytest.approx(np.sqrt(0.4 * (1 + 0.5) / 5)) and df == pytest.approx(8)
    error, df = contrast_precision(
        np.tile(np.arange(4), 2), np.repeat([0, 1], 4), np.array([1, -1]), 0.5, 0.5
    )
    assert error == pytest.approx(np.sqrt(2 * 0.5 / 4)) and df == pytest.approx(3)


def test_repeated_samples_are_not_patients():
    """Ten samples of each of two patients say hardly more about the organ than one of each."""
    once = contrast_precision(np.arange(4), np.array([0, 0, 1, 1]), np.array([1, -1]), 0.9, 0.1)
    patient, group = np.repeat(np.arange(4), 10), np.repeat([0, 0, 1, 1], 10)
    often = contrast_precision(patient, group, np.array([1, -1]), 0.9, 0.1)
    assert often[0] == pytest.approx(np.sqrt(2 * (0.9 + 0.01) / 2)) and once[0] == pytest.approx(1.0)
    assert often[1] == once[1] == 2, "two patients per organ leave two degrees of freedom"


def test_partial_lies_between():
    group = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    unpaired = contrast_precision(np.arange(8), group, np.array([1, -1]), 0.5, 0.5)
    partial = contrast_precision(np.array([0, 1, 2, 3, 0, 1, 4, 5]), group, np.array([1, -1]), 0.5, 0.5)
    paired = contrast_precision(np.array([0, 1, 2, 3, 0, 1, 2, 3]), group, np.array([1, -1]), 0.5, 0.5)
    assert paired[0] < partial[0] < unpaired[0]
    assert (paired[1], partial[1], unpaired[1]) == (3, 4, 6)


def test_no_residuals():
    assert contrast_precision(np.arange(2), np.arange(2), np.array([1, -1]), 0.5, 0.5)[1] == 0


@pytest.mark.parametrize("alpha", [0.05, 0.002])
def test_power_by_simulation(alpha):
    """The contrast of a one-way analysis of variance at the detectable effect is significant in 80 %."""
    rng, sizes, weights = np.random.default_rng(3), [3, 4, 5], np.array([1, -0.5, -0.5])
    group = np.repeat([0, 1, 2], sizes)
    error, df = contrast_precision(np.arange(12), group, weights, 0.5, 0.5)
    effect = detectable_effect(df, alpha, 0.8) * error
    y = rng.normal(size=(20_000, 12)) + effect * (group == 0)
    means = np.stack([y[:, group == g].mean(axis=1) for g in range(3)], axis=1)
    s2 = ((y - means[:, group]) ** 2).sum(axis=1) / 9
    t = means @ weights / np.sqrt(s2 * (weights**2 / np.array(sizes)).sum())
    assert np.mean(np.abs(t) > stats.t.isf(alpha / 2, 9)) == pytest.approx(
        0.8, abs=4 * np.sqrt(0.16 / 20_000)
    )


def test_fdr_cut_holds_its_promise():
    """Benjamini-Hochberg lets false ones be q times the share of true nulls of what is found."""
    cut = cut_of_fdr(0.1, 0.8, 0.05)
    found = 0.95 * cut + 0.05 * 0.8
    assert cut == pytest.approx(0.1 * found) and 0.95 * cut / found == pytest.approx(0.095)
