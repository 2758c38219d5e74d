"""Variance and within-patient correlation are what was asked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche.datasets._simulate.options import Options
from niche.datasets._simulate.variation import draw_variation, sample_shift


def shifts(**options: float) -> tuple[np.ndarray, np.ndarray]:
    """Two samples of each of 60 patients: (patients, 2, types, genes) and the drawn correlations."""
    patients = [f"P{i}" for i in range(60)]
    design = pd.DataFrame({"patient": patients, "study": "s", "assay": "a"})
    variation = draw_variation(np.random.default_rng(0), design, Options(**options), 2, 300)
    rng = np.random.default_rng(1)
    drawn = [[sample_shift(rng, variation, row, 1.0) for _ in range(2)] for _, row in design.iterrows()]
    return np.array(drawn), variation.correlation


def test_sd_and_correlation() -> None:
    drawn, correlation = shifts(patient_sd=0.4, within_patient_correlation=0.5)
    assert np.sqrt((drawn**2).mean()) == pytest.approx(0.4, rel=0.06)
    between = (drawn[:, 0] * drawn[:, 1]).mean(axis=0) / (drawn**2).mean(axis=(0, 1))
    assert between.mean() == pytest.approx(0.5, abs=0.03)
    assert np.corrcoef(between.ravel(), correlation.ravel())[0, 1] > 0.6


@pytest.mark.parametrize("r", [0.0, 1.0])
def test_extreme_correlations(r: float) -> None:
    drawn, _ = shifts(patient_sd=0.4, within_patient_correlation=r)
    assert np.corrcoef(drawn[:, 0].ravel(), drawn[:, 1].ravel())[0, 1] == pytest.approx(r, abs=0.02)


def test_variance_factor_studies_and_none() -> None:
    assert not shifts(patient_sd=0.0)[0].any()
    design = pd.DataFrame({"patient": ["A", "B"], "study": ["s", "t"], "assay": "a"})
    variation = draw_variation(
        np.random.default_rng(0), design, Options(patient_sd=0.0, study_sd=0.3), 2, 500
    )
    first, second = (
        sample_shift(np.random.default_rng(0), variation, row, 1.0) for _, row in design.iterrows()
    )
    assert np.array_equal(first[0], first[1]) and first.std() == pytest.approx(0.3, rel=0.15)
    assert np.abs(np.corrcoef(first[0], second[0])[0, 1]) < 0.2
    noisy = draw_variation(np.random.default_rng(0), design, Options(), 2, 500)
    single = sample_shift(np.random.default_rng(3), noisy, design.iloc[0], 1.0)
    double = sample_shift(np.random.default_rng(3), noisy, design.iloc[0], 4.0)
    np.testing.assert_allclose(double, 2 * single)
