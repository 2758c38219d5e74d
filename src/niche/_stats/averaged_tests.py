"""Moderated t and F tests, averaged over the correlations that are possible within patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from niche._stats.moderation import prior_of

SMALLEST_P = float(np.finfo(float).tiny)
_SMALLEST_INVERTED = 1e-200


@dataclass(frozen=True)
class Fits:
    """Fits of a family at every correlation.

    Attributes
    ----------
    estimate, scale
        (n_features, n_rho, n_contrasts) effect, and its standard error over the residual's.
    rss
        (n_features, n_rho) residual sums of squares.
    df
        (n_features,) residual degrees of freedom.
    wald, rank
        (n_features, n_rho) joint quadratic form over its rank (n_features,), 0 where nothing is joint.
    level
        (n_features,) average expression, over which variances are trended.
    weight
        (n_features, n_rho) how likely each correlation is.
    """

    estimate: np.ndarray
    scale: np.ndarray
    rss: np.ndarray
    df: np.ndarray
    wald: np.ndarray
    rank: np.ndarray
    level: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Tests:
    """Tests of a family; NaN where a contrast cannot be estimated, or without degrees of freedom or variance.

    Attributes
    ----------
    effect, se, statistic, p, p_up, p_down
        (n_features, n_contrasts); ``statistic`` is the t whose two-sided p this is, ``se`` the standard error
        that makes the interval agree with it.
    df
        (n_features,) degrees of freedom of the t.
    f, f_p
        (n_features,) joint moderated F and its p.
    moderated
        Whether variances were moderated.
    """

    effect: np.ndarray
    se: np.ndarray
    statistic: np.ndarray
    p: np.ndarray
    p_up: np.ndarray
    p_down: np.ndarray
    df: np.ndarray
    f: np.ndarray
    f_p: np.ndarray
    moderated: bool


def average(fits: Fits, *, trend: bool = True, moderate: bool = True) -> Tests:
    """Test every contrast at every correlation and average the p-values by ``fits.weight``."""
    n, n_rho, n_contrasts = fits.estimate.shape
    p_up, p_down, spread = np.zeros((3, n, n_contrasts))
    f, f_p, df_mean, variance = np.zeros((4, n))
    effect = np.einsum("er,erc->ec", fits.weight, fits.estimate)
    moderated = False
    for r in range(n_rho):
        s2 = fits.rss[:, r] / np.maximum(fits.df, 1)
        prior = prior_of(s2, fits.df if moderate else np.zeros(n), fits.level if trend else None)
        moderated |= bool((prior.df > 0).any())
        s2, df = prior.moderated(s2, fits.df)
        df = np.minimum(np.maximum(df, 1e-3), 1e10)
        weight = fits.weight[:, r]
        se = fits.scale[:, r] * np.sqrt(s2)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            t = fits.estimate[:, r] / se
            ratio = fits.wald[:, r] / s2
        down, up = _tails(t, df)
        p_down += weight[:, None] * down
        p_up += weight[:, None] * up
        spread += weight[:, None] * (se**2 + (fits.estimate[:, r] - effect) ** 2)
        f += weight * ratio
        f_p += weight * special.fdtrc(np.maximum(fits.rank, 1), df, ratio)
        df_mean += weight * df
        variance += weight * s2
    testable = (fits.df > 0) & (variance > 0)
    p_up, p_down = (np.clip(one, SMALLEST_P, 1.0) for one in (p_up, p_down))
    p = np.minimum(2 * np.minimum(p_up, p_down), 1.0)
    # Of one correlation the t and its standard error are known; of several they follow from the mean p.
    statistic, se = (t, se) if n_rho == 1 else _agreeing(effect, p, df_mean, np.sqrt(spread))
    gone = ~testable[:, None] | ~np.isfinite(effect)
    none = ~testable | (fits.rank == 0)
    se, statistic, p, p_up, p_down = (np.where(gone, np.nan, one) for one in (se, statistic, p, p_up, p_down))
    return Tests(
        np.where(np.isfinite(effect), effect, np.nan),
        se,
        statistic,
        p,
        p_up,
        p_down,
        df=np.where(testable, df_mean, np.nan),
        f=np.where(none, np.nan, f),
        f_p=np.where(none, np.nan, np.clip(f_p, SMALLEST_P, 1.0)),
        moderated=moderated,
    )


def _tails(t: np.ndarray, df: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper tail of t (n_features, n_contrasts); the larger is what the smaller leaves."""
    smaller = special.stdtr(df[:, None], -np.abs(t))
    larger, below = 1.0 - smaller, t < 0
    return np.where(below, smaller, larger), np.where(below, larger, smaller)


def _agreeing(
    effect: np.ndarray, p: np.ndarray, df: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The t of a two-sided p, and the standard error that gives it; the plain one near an effect of 0."""
    size = -special.stdtrit(df[:, None], np.maximum(p, _SMALLEST_INVERTED) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(p < _SMALLEST_INVERTED, np.maximum(np.abs(effect) / spread, size), size)
        se = np.abs(effect) / size
    steady = (size > 0.2) & np.isfinite(se)
    return np.sign(effect) * size, np.where(steady, se, spread)


def interval(tests: Tests, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Two-sided confidence interval of every effect."""
    half = quantile(tests.df, 0.5 + level / 2)[:, None] * tests.se
    return tests.effect - half, tests.effect + half


def detectable(tests: Tests, *, alpha: float = 0.05, power: float = 0.8) -> np.ndarray:
    """Smallest effect that a test at ``alpha`` finds with this power, given the standard error seen."""
    reach = quantile(tests.df, 1 - alpha / 2) + quantile(tests.df, power)
    return reach[:, None] * tests.se


def quantile(df: np.ndarray, p: float) -> np.ndarray:
    """Quantile of t for every feature; many share their degrees of freedom (n_features,)."""
    distinct, place = np.unique(df, return_inverse=True)
    return special.stdtrit(distinct, p)[place]
