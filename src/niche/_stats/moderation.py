"""Empirical Bayes moderation of residual variances: trended, and robust to outlying features.

Smyth 2004 (doi:10.2202/1544-6115.1027), Phipson et al. 2016 (doi:10.1214/16-AOAS920).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

FEWEST = 50
"""Smaller families are not moderated."""

_TAILS = (0.05, 0.1)
_NODES = (np.arange(128) + 0.5) / 128
_MOST_DF = 1e10
_SECOND_DF = np.append(np.geomspace(0.1, 1e5, 140), _MOST_DF)


@dataclass(frozen=True)
class Prior:
    """What the variances of a family are shrunk to.

    Attributes
    ----------
    variance
        (n,) prior variance of each feature.
    df
        (n,) prior degrees of freedom: 0 without moderation, smaller for outlying features.
    """

    variance: np.ndarray
    df: np.ndarray

    def moderated(self, s2: np.ndarray, df: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Posterior variance and total degrees of freedom, at most those of the family together."""
        total = np.minimum(df + self.df, max(float(df.sum()), 1.0))
        known = np.isfinite(self.df)
        finite = np.where(known, self.df, 1.0)
        weight = np.where(known, finite / np.maximum(df + finite, 1e-300), 1.0)
        return weight * self.variance + (1 - weight) * s2, total


def prior_of(s2: np.ndarray, df: np.ndarray, covariate: np.ndarray | None, *, robust: bool = True) -> Prior:
    """Fit a scaled F to residual variances ``s2`` (n,) with ``df`` (n,), trended over ``covariate`` (n,).

    Features without degrees of freedom take no part. Families of fewer than 50 features get no prior.
    """
    usable = (df > 0) & np.isfinite(s2)
    if usable.sum() < FEWEST:
        return Prior(np.ones_like(s2), np.zeros_like(s2))
    x, df1 = s2[usable], df[usable]
    x = np.maximum(x, 1e-5 * (np.median(x) or 1.0))
    basis = natural_spline(covariate[usable], covariate) if covariate is not None else np.ones((s2.size, 1))
    variance, df2 = _log_moments(x, df1, basis[usable], basis)
    found = np.full(s2.size, df2)
    if robust:
        variance, found = _robust(x, df1, usable, basis, variance, df2)
    return Prior(variance, found)


def natural_spline(knots_from: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Basis (n, <= 4) of natural cubic splines with inner knots at the terciles of ``knots_from``."""
    inner = np.quantile(knots_from, (1 / 3, 2 / 3))
    knots = np.unique([knots_from.min(), *inner, knots_from.max()])
    if knots.size < 2:
        return np.ones((at.size, 1))
    width = knots[-1] - knots[0]
    x = np.clip((at - knots[0]) / width, 0.0, 1.0)
    columns, k = [np.ones_like(x), x], (knots - knots[0]) / width

    def truncated(j: int) -> np.ndarray:
        return (np.maximum(x - k[j], 0) ** 3 - np.maximum(x - k[-1], 0) ** 3) / (k[-1] - k[j])

    columns += [truncated(j) - truncated(knots.size - 2) for j in range(knots.size - 2)]
    return np.stack(columns, axis=1)


def _log_moments(
    x: np.ndarray, df1: np.ndarray, basis: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, float]:
    """Scale at every feature and second degrees of freedom by the moments of log variances."""
    e = np.log(x) - special.digamma(df1 / 2) + np.log(df1 / 2)
    coefficients, _, rank, _ = np.linalg.lstsq(basis, e, rcond=None)
    excess = np.sum((e - basis @ coefficients) ** 2) / max(x.size - rank, 1)
    excess -= special.polygamma(1, df1 / 2).mean()
    trend = at @ coefficients
    if excess <= 0:
        return (np.exp(trend) if at.shape[1] > 1 else np.full(len(at), x.mean())), np.inf
    df2 = 2 * _trigamma_inverse(excess)
    return np.exp(trend + special.digamma(df2 / 2) - np.log(df2 / 2)), float(df2)


def _trigamma_inverse(value: float) -> float:
    if value > 1e7:
        return 1 / np.sqrt(value)
    if value < 1e-6:
        return 1 / value
    y = 0.5 + 1 / value
    for _ in range(50):
        tri = special.polygamma(1, y)
        step = tri * (1 - tri / value) / special.polygamma(2, y)
        y += step
        if -step / y < 1e-8:
            break
    return float(y)


def _robust(
    x: np.ndarray, df1: np.ndarray, usable: np.ndarray, basis: np.ndarray, variance: np.ndarray, df2: float
) -> tuple[np.ndarray, np.ndarray]:
    """Refit with winsorised log variances, and lower the prior weight of outlying features."""
    top = float(df1.max())
    alike = _to_same_df(x / variance[usable], df1, df2, top)
    z = np.log(np.maximum(alike, 1e-300))
    low, high = np.quantile(z, (_TAILS[0], 1 - _TAILS[1]))
    winsorised = np.clip(z, low, high)
    spread, centre = winsorised.var(ddof=basis.shape[1]), winsorised.mean()
    robust_df = _df_of_spread(spread, top)
    shift = centre - _winsorised_mean(top, robust_df)
    scale = variance * np.exp(shift)
    ratio = alike / np.exp(shift)
    found = np.full(usable.size, robust_df)
    found[usable] = _lowered(ratio, top, robust_df)
    return scale, found


def _to_same_df(ratio: np.ndarray, df1: np.ndarray, df2: float, top: float) -> np.ndarray:
    """Variance ratios as they would be at the largest degrees of freedom."""
    fewer, out = df1 < top, ratio.copy()
    second = min(df2, _MOST_DF)
    p = special.fdtrc(df1[fewer], second, ratio[fewer])
    out[fewer] = special.fdtri(top, second, np.clip(1 - p, 1e-15, 1 - 1e-15))
    return out


@lru_cache(maxsize=64)
def _log_f_moments(df1: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of a winsorised log F at every second degrees of freedom of the grid."""
    nodes = np.clip(_NODES, _TAILS[0], 1 - _TAILS[1])
    z = np.log(special.fdtri(df1, _SECOND_DF[:, None], nodes[None]))
    return z.mean(axis=1), z.var(axis=1)


def _df_of_spread(spread: float, df1: float) -> float:
    """Second degrees of freedom whose winsorised log F has this variance; infinite where none fits."""
    variance = _log_f_moments(df1)[1]
    if spread <= variance[-2]:
        return np.inf
    if spread >= variance[0]:
        return float(_SECOND_DF[0])
    return float(np.exp(np.interp(-spread, -variance[:-1], np.log(_SECOND_DF[:-1]))))


def _winsorised_mean(df1: float, df2: float) -> float:
    """Mean of a winsorised log F."""
    mean = _log_f_moments(df1)[0]
    if not np.isfinite(df2):
        return float(mean[-1])
    return float(np.interp(np.log(df2), np.log(_SECOND_DF[:-1]), mean[:-1]))


def _lowered(ratio: np.ndarray, df1: float, df2: float) -> np.ndarray:
    """Prior degrees of freedom, lowered where a variance is larger than the family lets expect."""
    n = ratio.size
    order = np.argsort(-ratio, kind="stable")
    tail = np.maximum(special.fdtrc(df1, min(df2, _MOST_DF), ratio[order]), 1e-300)
    expected = (np.arange(n) + 0.5) / n
    regular = np.minimum(tail / expected, 1.0)
    out = np.empty(n)
    if regular.min() >= 1.0:
        return np.full(n, df2)
    if not np.isfinite(df2):
        out[order] = np.maximum.accumulate(np.where(regular < 1.0, regular * n * df1, np.inf))
        return out
    outlier = np.log(0.5) / np.log(tail[0]) * df2
    again = max(special.fdtrc(df1, outlier, ratio[order[0]]), 1e-300)
    outlier = min(np.log(0.5) / np.log(again) * outlier, df2)
    lowered = regular * df2 + (1 - regular) * outlier
    running = np.cumsum(lowered) / np.arange(1, n + 1)
    lowest = int(running.argmin())
    lowered[: lowest + 1] = running[lowest]
    out[order] = np.maximum.accumulate(lowered)
    return out
