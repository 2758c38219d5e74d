"""Upper tail of a law with given mean, variance, skewness and kurtosis, in log space.

The standardised law is that member of the power-variance (Tweedie) family whose skewness g and excess
kurtosis k are the statistic's: with q = 1 / (2 - k / g^2), c = g / q and y = 1 + c z::

    t    = (y^(1 - q) - 1) / ((1 - q) c)              the saddlepoint
    K(t) = ((y^(2 - q) - 1) / ((2 - q) c) - t) / c    the cumulant function there
    r    = sign(t) sqrt(2 (t z - K)),  u = t y^(q / 2),  r* = r + log(u / r) / r

and P(T >= value) = P(Z >= r*) (Barndorff-Nielsen 1986, doi:10.1093/biomet/73.2.307; Jorgensen 1987,
doi:10.1111/j.2517-6161.1987.tb01685.x). q = 1 is a Poisson, q = 2 a gamma (Pearson III) law.

With negative skewness the support ends at z = -1 / c, the earlier the smaller q, while the law that is
described goes on. So q is at least 2 abs(g) z, which leaves as much again before the end, but not raised
beyond a gamma's 2.
"""

from __future__ import annotations

from math import erfc, log, pi, sqrt

import numpy as np
from numba import njit

_NO_SKEW = 1e-4
_TINY = np.finfo(np.float64).tiny
_CENTRE = 1e-3
_LEAST_RATIO, _LARGEST_RATIO = 0.3, 1.75


@njit(cache=True)
def log_normal_tail(z: float) -> float:
    """Log of P(Z > z) of a standard normal; asymptotic beyond 25 standard deviations."""
    if z < 25.0:
        return log(0.5 * erfc(z / sqrt(2.0)))
    z2 = z * z
    return -0.5 * z2 - log(z) - 0.5 * log(2.0 * pi) + log(1.0 - 1.0 / z2 + 3.0 / (z2 * z2))


@njit(cache=True)
def _away_from_integers(q: float) -> float:
    """Keep the power off 1 and 2, where the closed forms are limits."""
    if abs(q - 1.0) < 1e-6:
        return 1.0 + 1e-6
    if abs(q - 2.0) < 1e-6:
        return 2.0 + 1e-6
    return q


@njit(cache=True)
def normal_deviate(z: float, skew: float, kurtosis: float) -> float:
    """Deviate r* of a standard normal with the tail of the standardised law at z; inf beyond its support."""
    if abs(skew) < _NO_SKEW or abs(z) < _CENTRE:
        return z + skew * (1.0 - z * z) / 6.0
    ratio = min(max(kurtosis / (skew * skew), _LEAST_RATIO), _LARGEST_RATIO)
    q = 1.0 / (2.0 - ratio)
    if skew < 0.0 and z > 0.0:
        q = max(q, min(-2.0 * skew * z, 2.0))
    q = _away_from_integers(q)
    c = skew / q
    y = 1.0 + c * z
    if y <= 0.0:
        return np.inf if z > 0 else -np.inf
    log_y = np.log1p(c * z)
    t = np.expm1((1.0 - q) * log_y) / ((1.0 - q) * c)
    cumulant = (np.expm1((2.0 - q) * log_y) / ((2.0 - q) * c) - t) / c
    r = sqrt(max(2.0 * (t * z - cumulant), 0.0))
    if r == 0.0:
        return z
    r = r if z > 0 else -r
    return r + (log(t / r) + 0.5 * q * log_y) / r


@njit(cache=True)
def deviate(value: float, mean: float, variance: float, third: float, fourth: float) -> float:
    """Normal deviate with the tail at ``value`` of the law with these cumulants; NaN without variance."""
    if not variance > 0.0:
        return np.nan
    scale = 1.0 / sqrt(variance)
    square = scale * scale
    return normal_deviate((value - mean) * scale, third * square * scale, fourth * square * square)


@njit(cache=True)
def log_tail(value: float, mean: float, variance: float, third: float, fourth: float) -> float:
    """Log of P(T >= value) given the first four cumulants; NaN without variance, -inf beyond the support."""
    z = deviate(value, mean, variance, third, fourth)
    if z == np.inf:
        return -np.inf
    if z == -np.inf:
        return 0.0
    return log_normal_tail(z) if z == z else np.nan


@njit(cache=True)
def p_of_deviate(z: float, least: float) -> float:
    """P-value of a normal deviate, in (0, 1] and never below ``least``, as :func:`p_value` of its tail."""
    if np.isnan(z):
        return np.nan
    if z < 25.0:
        return max(0.5 * erfc(z / sqrt(2.0)), least, _TINY)
    return max(np.exp(log_normal_tail(z)) if z < np.inf else 0.0, least, _TINY)


@njit(cache=True)
def p_value(log_p: float, log_relabelings: float) -> float:
    """Turn a log tail into a p-value in (0, 1]: never below one over the number of relabelings, never 0."""
    if np.isnan(log_p):
        return np.nan
    return max(np.exp(min(max(log_p, -log_relabelings), 0.0)), _TINY)
