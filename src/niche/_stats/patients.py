"""Samples of the same patients: what their correlation may be, and how likely each value is.

The within-patient correlation differs between features, and few patients say little about that of one
feature. So each feature is fitted at every value of a grid; how common the values are is learnt from the
whole family by EM on the restricted likelihood, and tests are averaged over what is left possible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GRID = np.array([0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9])
"""Correlations that are averaged over."""

_FINE = 0.05
_TRIM = 0.15
_STEPS = 200


@dataclass(frozen=True)
class Patients:
    """Samples in the order of their patients.

    Attributes
    ----------
    order
        (n_samples,) that sorts samples by patient.
    start
        (n_patients + 1,) where the samples of each patient begin.
    """

    order: np.ndarray
    start: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """(n_patients,) samples."""
        return np.diff(self.start)

    @property
    def repeated(self) -> bool:
        """Whether a patient has several samples."""
        return bool((self.sizes > 1).any())

    def log_det(self, rho: np.ndarray) -> np.ndarray:
        """(n_rho,) log determinant of the correlation matrix."""
        b = self.sizes[None]
        return ((b - 1) * np.log1p(-rho[:, None]) + np.log1p((b - 1) * rho[:, None])).sum(axis=1)


def patients_of(codes: np.ndarray) -> Patients:
    """Sort samples by patient code (n_samples,)."""
    order = np.argsort(codes, kind="stable")
    _, first = np.unique(codes[order], return_index=True)
    return Patients(order, np.append(first, codes.size).astype(np.int64))


def fine_grid(largest: int) -> np.ndarray:
    """Correlations to search for one of a family; negative ones as far as ``largest`` samples allow."""
    lowest = -0.9 / max(largest - 1, 1)
    return np.round(np.arange(np.ceil(lowest / _FINE), 0.95 / _FINE + 0.5) * _FINE, 10)


def log_likelihood(
    rss: np.ndarray, log_det: np.ndarray, df: np.ndarray | int, correlation: np.ndarray
) -> np.ndarray:
    """Restricted log likelihood (n_features, n_rho) with the variance profiled out.

    ``correlation`` (n_rho,) is the log determinant of the correlation matrix.
    """
    df = np.broadcast_to(np.asarray(df, dtype=float), rss.shape[:1])[:, None]
    return -0.5 * (df * np.log(np.maximum(rss, 1e-300)) + log_det + correlation[None])


def posterior(log_likelihoods: np.ndarray, even: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """How common each correlation is (n_rho,), and how likely for each feature (n_features, n_rho).

    EM from a uniform start; with one value there is nothing to learn. ``even`` features for which all values
    are equally likely are added, which keeps a small family from believing what it says by chance.
    """
    n, r = log_likelihoods.shape
    by_rho = np.ascontiguousarray(log_likelihoods.T)  # sums over few correlations are then sums of long rows
    likelihood = np.exp(by_rho - by_rho.max(axis=0))
    prior = np.full(r, 1 / r)
    for _ in range(_STEPS if r > 1 and n else 0):
        weighted = likelihood * prior[:, None]
        updated = (weighted / weighted.sum(axis=0)).sum(axis=1)
        updated = (updated + even / r) / (n + even)
        moved = float(np.abs(updated - prior).max())
        prior = updated
        if moved < 1e-6:
            break
    weighted = likelihood * prior[:, None]
    return prior, np.ascontiguousarray((weighted / weighted.sum(axis=0)).T)


def consensus(log_likelihoods: np.ndarray, grid: np.ndarray) -> float:
    """One correlation for the family: the trimmed mean of the features' own on the atanh scale.

    Smyth et al. 2005 (doi:10.1093/bioinformatics/bti270), with the restricted likelihood searched on
    ``grid`` (n_rho,). Features with the same likelihood everywhere, those without repeated patients, have no
    say; 0 where none has.
    """
    telling = log_likelihoods[np.ptp(log_likelihoods, axis=1) > 1e-6]
    if not len(telling):
        return 0.0
    own = np.sort(np.arctanh(grid[telling.argmax(axis=1)]))
    cut = int(_TRIM * own.size)
    return float(np.tanh(own[cut : own.size - cut].mean()))
