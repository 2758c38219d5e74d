"""Straight lines through many short series at once, and the point where each crosses a level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class LineFits:
    """Least-squares lines, one per series; every array is (n_series,).

    NaN where a series has too few points: two for a line, three for its error.

    Attributes
    ----------
    n
        Points.
    slope, intercept
        Of the line, the intercept at x = 0.
    slope_error
        Standard error of the slope.
    residual_sd
        Square root of the residual sum of squares over n - 2.
    centre, spread
        Mean of x, and sum of squared deviations from it.
    """

    n: np.ndarray
    slope: np.ndarray
    intercept: np.ndarray
    slope_error: np.ndarray
    residual_sd: np.ndarray
    centre: np.ndarray
    spread: np.ndarray


def line_fits(x: np.ndarray, y: np.ndarray, series: np.ndarray, n_series: int) -> LineFits:
    """Fit ``y = intercept + slope x`` to every series.

    Parameters
    ----------
    x, y
        (n_points,) finite.
    series
        (n_points,) code of the series of every point, from 0.
    n_series
        Number of series; those without a point are NaN.
    """

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(series, weights=values, minlength=n_series)

    n = np.bincount(series, minlength=n_series)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre, middle = total(x) / n, total(y) / n
        dx, dy = x - centre[series], y - middle[series]
        spread = total(dx**2)
        slope = np.where((n > 1) & (spread > 0), total(dx * dy) / spread, np.nan)
        rest = total((dy - slope[series] * dx) ** 2)
        residual_sd = np.where(n > 2, np.sqrt(rest / np.maximum(n - 2, 1)), np.nan)
        error = residual_sd / np.sqrt(spread)
    return LineFits(n, slope, middle - slope * centre, error, residual_sd, centre, spread)


def quantiles_of_t(df: np.ndarray, confidence: float) -> np.ndarray:
    """Two-sided quantile of Student's t at each of ``df``; NaN where there are none."""
    return np.where(df > 0, stats.t.isf((1 - confidence) / 2, np.maximum(df, 1)), np.nan)


def crossings(
    fits: LineFits, level: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""The x at which each line reaches ``level`` (n_series,), with its interval by Fieller's theorem.

    The interval holds every x at which the level lies within the confidence interval of the line:
    :math:`(a + b x - c)^2 \le t^2 s^2 (1/n + (x - \bar x)^2 / S)`. It is bounded only where the slope differs
    from 0 at that confidence; elsewhere its ends are NaN.

    Returns
    -------
    tuple of ndarray
        Crossing, lower and upper end.
    """
    limit = quantiles_of_t(fits.n - 2.0, confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        at = (level - fits.intercept) / fits.slope
        g = (limit * fits.slope_error / fits.slope) ** 2
        from_centre = at - fits.centre
        middle = from_centre / (1 - g)
        root = (1 - g) / fits.n + from_centre**2 / fits.spread
        half = limit * fits.residual_sd / np.abs(fits.slope) / (1 - g) * np.sqrt(root)
        bounded = g < 1
    low = np.where(bounded, fits.centre + middle - half, np.nan)
    high = np.where(bounded, fits.centre + middle + half, np.nan)
    return at, low, high
