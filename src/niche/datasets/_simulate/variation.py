"""What patients, samples, studies and assays add to the log expression of every gene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from niche.datasets._simulate.options import Options

_SPREAD_OF_SD = 0.2
_CONCENTRATION = 6.0


@dataclass(frozen=True)
class Variation:
    """Shared parts of the variation; a sample adds its own part on top.

    Attributes
    ----------
    sd
        Standard deviation (natural log) between samples of different patients, cell types x genes.
    correlation
        Correlation between two samples of one patient, cell types x genes.
    patients, groups
        Standard normal draws of each patient; finished shifts of each ``column:level`` of study
        and assay (genes).
    """

    sd: np.ndarray
    correlation: np.ndarray
    patients: dict[str, np.ndarray]
    groups: dict[str, np.ndarray]


def draw_variation(
    rng: np.random.Generator, design: pd.DataFrame, options: Options, n_types: int, n_genes: int
) -> Variation:
    """Draw the standard deviations, the within-patient correlations and every patient's part.

    The correlation is Beta distributed around ``within_patient_correlation`` and differs between
    genes and cell types, as it does in patients.
    """
    mean = options.within_patient_correlation
    shape = (n_types, n_genes)
    sd = options.patient_sd * np.exp(rng.normal(0.0, _SPREAD_OF_SD, shape))
    if 0 < mean < 1:
        correlation = rng.beta(mean * _CONCENTRATION, (1 - mean) * _CONCENTRATION, shape)
    else:
        correlation = np.full(shape, mean)
    names = list(dict.fromkeys(design["patient"]))
    patients = {
        name: stream.standard_normal(shape, dtype=np.float32)
        for name, stream in zip(names, rng.spawn(len(names)), strict=True)
    }
    groups = {}
    for column, spread in (("study", options.study_sd), ("assay", options.assay_sd)):
        for level in dict.fromkeys(design[column]):
            groups[f"{column}:{level}"] = spread * rng.normal(size=n_genes)
    return Variation(sd=sd, correlation=correlation, patients=patients, groups=groups)


def sample_shift(
    rng: np.random.Generator, variation: Variation, sample: pd.Series, variance: float
) -> np.ndarray:
    """Return the shift of log expression of one sample (cell types x genes).

    ``sqrt(variance) sd (sqrt(r) patient + sqrt(1 - r) sample) + study + assay``: two samples of a
    patient correlate with ``r``, whatever their organs.
    """
    own = rng.standard_normal(variation.sd.shape, dtype=np.float32)
    r = variation.correlation
    mixed = np.sqrt(r) * variation.patients[sample["patient"]] + np.sqrt(1 - r) * own
    group = variation.groups[f"study:{sample['study']}"] + variation.groups[f"assay:{sample['assay']}"]
    return np.sqrt(variance) * variation.sd * mixed + group[None, :]
