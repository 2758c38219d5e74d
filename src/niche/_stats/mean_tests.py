"""Student's t on the values of independent units: one mean, two means, and paired differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

_SAME = 1e-10


@dataclass(frozen=True)
class MeanTest:
    """A mean, or a difference of means, with its t-test against 0.

    Attributes
    ----------
    estimate, error, df
        The mean or difference, its standard error, and degrees of freedom.
    statistic, p
        Of the two-sided test; p is never 0.
    """

    estimate: float
    error: float
    df: float
    statistic: float
    p: float

    def interval(self, confidence: float) -> tuple[float, float]:
        """Confidence interval; NaN without degrees of freedom."""
        if not self.df > 0:
            return np.nan, np.nan
        half = float(stats.t.isf((1 - confidence) / 2, self.df)) * self.error
        return self.estimate - half, self.estimate + half


def one_mean(values: np.ndarray) -> MeanTest:
    """Mean of independent values (n,); no test below 2 of them, or where all are the same."""
    n = values.size
    estimate = float(values.mean()) if n else np.nan
    error = float(np.sqrt(_variance(values) / n)) if n > 1 else np.nan
    return _tested(estimate, error, float(n - 1))


def two_means(first: np.ndarray, second: np.ndarray) -> MeanTest:
    r"""Mean of ``first`` less that of ``second``, both (n,) independent, with unequal variances.

    Welch's test: :math:`t = (\bar x - \bar y) / \sqrt{s_x^2/n_x + s_y^2/n_y}` with the degrees of freedom of
    Satterthwaite. No test below 2 values on a side.
    """
    if not (first.size and second.size):
        return _tested(np.nan, np.nan, np.nan)
    estimate = float(first.mean() - second.mean())
    if min(first.size, second.size) < 2:
        return _tested(estimate, np.nan, np.nan)
    parts = np.array([_variance(side) / side.size for side in (first, second)])
    spare = np.array([first.size - 1, second.size - 1])
    whole = parts.sum()
    df = float(whole**2 / (parts**2 / spare).sum()) if whole > 0 else np.nan
    return _tested(estimate, float(np.sqrt(whole)), df)


def _variance(values: np.ndarray) -> float:
    """Variance of at least two values, 0 where they differ by rounding only."""
    variance = float(values.var(ddof=1))
    return variance if variance > (_SAME * float(np.abs(values).max())) ** 2 else 0.0


def _tested(estimate: float, error: float, df: float) -> MeanTest:
    if not (error > 0 and df > 0):
        return MeanTest(estimate, error, df, np.nan, np.nan)
    statistic = estimate / error
    p = max(2 * float(stats.t.sf(abs(statistic), df)), float(np.finfo(float).tiny))
    return MeanTest(estimate, error, df, statistic, p)
