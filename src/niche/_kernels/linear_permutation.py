r"""Exact moments of a linear permutation statistic :math:`T = \sum_i a_i y_{\pi(i)}`, within strata.

All :math:`n!` permutations of the values y of a stratum are alike likely. With central power sums
:math:`A_k = \sum (a_i - \bar a)^k` and :math:`B_k` of y::

    E T   = n a y        (of the means)
    Var T = A2 B2 / (n - 1)
    k3    = n A3 B3 / ((n - 1)(n - 2))
    m4    = A4 B4 / n + [4 A4 B4 + 3 (A2^2 - A4)(B2^2 - B4)] / (n (n - 1))
            + 6 (2 A4 - A2^2)(2 B4 - B2^2) / (n (n - 1)(n - 2))
            + (3 A2^2 - 6 A4)(3 B2^2 - 6 B4) / (n (n - 1)(n - 2)(n - 3)),   k4 = m4 - 3 Var^2

Variance: Hoeffding 1951 (doi:10.1214/aoms/1177729545). Strata are independent, so cumulants add.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.special import gammaln, stdtr

from niche._kernels.saddlepoint_tail import deviate, p_of_deviate

_NO_KURTOSIS = 1e-6
_ROUNDING = 1e-12


@dataclass(frozen=True)
class PowerSums:
    """Central power sums of columns within strata.

    Attributes
    ----------
    n
        (n_strata,) rows.
    mean
        (n_strata, n_columns).
    second, third, fourth
        (n_strata, n_columns) sums of powers of what is left of the mean.
    tied
        (n_strata, n_columns) rows at the lowest value, which cannot be told apart when permuted.
    """

    n: np.ndarray
    mean: np.ndarray
    second: np.ndarray
    third: np.ndarray
    fourth: np.ndarray
    tied: np.ndarray

    def take(self, columns: np.ndarray) -> PowerSums:
        """The same of some of the columns (n_taken,)."""
        parts = (self.mean, self.second, self.third, self.fourth, self.tied)
        return PowerSums(self.n, *(part[:, columns] for part in parts))


@dataclass(frozen=True)
class Cumulants:
    """First four cumulants of statistics (n_pairs,), and the least p-value the permutations can give."""

    mean: np.ndarray
    variance: np.ndarray
    third: np.ndarray
    fourth: np.ndarray
    least: np.ndarray


def power_sums(values: np.ndarray, stratum: np.ndarray, n_strata: int) -> PowerSums:
    """Power sums of ``values`` (n_rows, n_columns) in strata (n_rows,)."""
    shape = (n_strata, values.shape[1])
    n = np.zeros(n_strata, dtype=np.int64)
    mean, second, third, fourth, tied = (np.zeros(shape) for _ in range(5))
    for s in range(n_strata):
        part = values if n_strata == 1 else values[stratum == s]
        n[s] = len(part)
        if not n[s]:
            continue
        mean[s] = part.mean(axis=0)
        centred = part - mean[s]
        centred[:, np.abs(centred).max(axis=0) <= _ROUNDING * np.abs(mean[s])] = 0.0
        square = centred * centred
        second[s], third[s] = square.sum(axis=0), (square * centred).sum(axis=0)
        fourth[s] = (square * square).sum(axis=0)
        tied[s] = (part == part.min(axis=0)).sum(axis=0)
    return PowerSums(n, mean, second, third, fourth, tied)


def cumulants(a: PowerSums, y: PowerSums) -> Cumulants:
    """Cumulants of every statistic from the power sums of its two sides, of one shape."""
    n = a.n[:, None].astype(float)
    mean = (n * a.mean * y.mean).sum(axis=0)
    some = np.where(n > 1, n, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.nan_to_num(a.second * y.second / (some - 1))
        third = np.where(n > 2, n * a.third * y.third / ((n - 1) * (n - 2)), 0.0)
        fourth = np.where(n > 1, _fourth_moment(n, a, y) - 3 * variance**2, 0.0)
        tied = np.maximum(a.tied, y.tied)
        arrangements = np.where(variance > 0, gammaln(n + 1) - gammaln(tied + 1), 0.0).sum(axis=0)
    return Cumulants(mean, variance.sum(axis=0), third.sum(axis=0), fourth.sum(axis=0), np.exp(-arrangements))


def _fourth_moment(n: np.ndarray, a: PowerSums, y: PowerSums) -> np.ndarray:
    a2, a4, b2, b4 = a.second**2, a.fourth, y.second**2, y.fourth
    pairs, triples = n * (n - 1), n * (n - 1) * (n - 2)
    out = a4 * b4 / n + (4 * a4 * b4 + 3 * (a2 - a4) * (b2 - b4)) / pairs
    out = out + np.where(n > 2, 6 * (2 * a4 - a2) * (2 * b4 - b2) / triples, 0.0)
    return out + np.where(n > 3, 9 * (a2 - 2 * a4) * (b2 - 2 * b4) / (triples * (n - 3)), 0.0)


def upper_tail(value: np.ndarray, null: Cumulants) -> tuple[np.ndarray, np.ndarray]:
    """Z (n,) and P(T >= value) by laws with these four cumulants; NaN without variance, never 0.

    Above the mean the larger of two tails: the saddlepoint law, without skewness where that is negative (its
    support would end too early), and Student's t of the same variance and kurtosis, which holds where there
    is kurtosis without skewness.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(null.variance > 0, (value - null.mean) / np.sqrt(null.variance), np.nan)
        kurtosis = np.where(null.variance > 0, null.fourth / null.variance**2, 0.0)
    above = z > 0
    third = np.where(above, np.maximum(null.third, 0.0), null.third)
    p = _tails(value, null.mean, null.variance, third, null.fourth, null.least)
    heavy = above & (kurtosis > _NO_KURTOSIS)
    df = 4.0 + 6.0 / kurtosis[heavy]
    p[heavy] = np.maximum(p[heavy], stdtr(df, -z[heavy] * np.sqrt(df / (df - 2.0))))
    return z, p


@njit(cache=True)
def _tails(value, mean, variance, third, fourth, least):  # pragma: no cover - compiled
    out = np.empty(value.size)
    for i in range(value.size):
        out[i] = p_of_deviate(deviate(value[i], mean[i], variance[i], third[i], fourth[i]), least[i])
    return out
