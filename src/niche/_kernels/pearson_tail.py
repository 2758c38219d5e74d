"""Upper tail of a law with given mean, variance and skewness, in log space."""

from __future__ import annotations

from math import erfc, lgamma, log, pi, sqrt

import numpy as np
from numba import njit, prange

_NORMAL_BELOW = 1e-7
_SADDLEPOINT_ABOVE = 1e4
_STEPS = 10_000


@njit(cache=True)
def log_normal_tail(z: float) -> float:
    """Log of P(Z > z) of a standard normal; asymptotic beyond 25 standard deviations."""
    if z < 25.0:
        return log(0.5 * erfc(z / sqrt(2.0)))
    z2 = z * z
    return -0.5 * z2 - log(z) - 0.5 * log(2.0 * pi) + log(1.0 - 1.0 / z2 + 3.0 / (z2 * z2))


@njit(cache=True)
def _log_gamma_upper_fraction(a: float, x: float) -> float:
    """Log of Q(a, x) by Lentz's continued fraction, for x > a + 1."""
    tiny = 1e-300
    b = x + 1.0 - a
    c = 1.0 / tiny
    d = 1.0 / b
    h = d
    for i in range(1, _STEPS):
        an = -i * (i - a)
        b += 2.0
        d = an * d + b
        d = 1.0 / (d if abs(d) > tiny else tiny)
        c = b + an / c
        c = c if abs(c) > tiny else tiny
        step = d * c
        h *= step
        if abs(step - 1.0) < 1e-14:
            break
    return a * log(x) - x - lgamma(a) + log(h)


@njit(cache=True)
def _log_gamma_lower_series(a: float, x: float) -> float:
    """Log of P(a, x) by its series, for 0 < x <= a + 1."""
    term = 1.0 / a
    total = term
    for i in range(1, _STEPS):
        term *= x / (a + i)
        total += term
        if term < total * 1e-15:
            break
    return a * log(x) - x - lgamma(a) + log(total)


@njit(cache=True)
def log_gamma_upper(a: float, x: float) -> float:
    """Log of the regularised upper incomplete gamma function Q(a, x)."""
    if x <= 0.0:
        return 0.0
    if x > a + 1.0:
        return _log_gamma_upper_fraction(a, x)
    return log(max(-np.expm1(_log_gamma_lower_series(a, x)), 1e-300))


@njit(cache=True)
def log_gamma_lower(a: float, x: float) -> float:
    """Log of the regularised lower incomplete gamma function P(a, x); -inf for x <= 0."""
    if x <= 0.0:
        return -np.inf
    if x <= a + 1.0:
        return _log_gamma_lower_series(a, x)
    return log(max(-np.expm1(_log_gamma_upper_fraction(a, x)), 1e-300))


@njit(cache=True)
def _gamma_deviate(a: float, x: float) -> float:
    """Normal deviate r* of a gamma variable of large shape (Barndorff-Nielsen, relative error O(1/a))."""
    u = (x - a) / sqrt(a)
    ratio = (x - a) / a
    r = sqrt(max(2.0 * a * (ratio - np.log1p(ratio)), 0.0))
    if r < 1e-3:
        return u + (1.0 - u * u) / (3.0 * sqrt(a))
    r = r if u > 0 else -r
    return r + log(u / r) / r


@njit(cache=True)
def log_tail(value: float, mean: float, variance: float, third: float) -> float:
    """Log of P(T >= value) of the Pearson III law with these cumulants; NaN without variance.

    With skewness g and k = 4 / g^2 the standardised law is (G(k) - k) / sqrt(k) for g > 0, G(k) a
    gamma variable of shape k, and its mirror image for g < 0, whose support ends at 2 / |g|: there
    the tail is -inf and the caller floors it.
    """
    if not variance > 0.0:
        return np.nan
    sd = sqrt(variance)
    z = (value - mean) / sd
    skew = third / (variance * sd)
    if abs(skew) < _NORMAL_BELOW:
        return log_normal_tail(z)
    k = 4.0 / (skew * skew)
    root = sqrt(k)
    if k > _SADDLEPOINT_ABOVE:
        x = k + z * root if skew > 0 else k - z * root
        if x <= 0.0:
            return 0.0 if skew > 0 else -np.inf
        deviate = _gamma_deviate(k, x)
        return log_normal_tail(deviate if skew > 0 else -deviate)
    if skew > 0:
        return log_gamma_upper(k, k + z * root)
    return log_gamma_lower(k, k - z * root)


@njit(parallel=True, cache=True)
def log_tails(value, moments):  # pragma: no cover - compiled
    """:func:`log_tail` of (n,) values under (n, 3) means, variances and third cumulants."""
    out = np.empty(value.size)
    for i in prange(value.size):
        out[i] = log_tail(value[i], moments[i, 0], moments[i, 1], moments[i, 2])
    return out


def p_values(log_p: np.ndarray, log_relabelings: np.ndarray) -> np.ndarray:
    """Turn log tails into p-values in (0, 1]: never below one over the number of relabelings, never 0."""
    floored = np.minimum(np.maximum(log_p, -log_relabelings), 0.0)
    return np.maximum(np.exp(floored), np.finfo(float).tiny)
