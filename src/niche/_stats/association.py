"""Linear and rank association of two variables beside covariates."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

from niche._stats.independent_columns import SAME, beyond, independent_columns

LEAST_DF = 3
MOST_PERMUTED = 8
"""Values up to which ranks are tested by all their permutations."""


@dataclass(frozen=True)
class Association:
    """Slope per standard deviation of x, or partial rank correlation, with its t-test; NaN without one."""

    estimate: float = np.nan
    ci_low: float = np.nan
    ci_high: float = np.nan
    statistic: float = np.nan
    df: float = np.nan
    p: float = np.nan


def linear_association(
    x: np.ndarray, y: np.ndarray, covariates: np.ndarray, confidence: float
) -> Association:
    r"""Least squares of y on x and covariates: change of y per standard deviation of x.

    :math:`t = b / s_b` with n - 2 - k degrees of freedom. ``x``, ``y`` (n,), ``covariates`` (n, k). NaN where
    fewer than 3 degrees of freedom are left, x or y do not vary beyond the covariates, or y follows wholly.
    """
    x_rest, y_rest, _, df = _rests(x, y, covariates)
    if not df >= LEAST_DF:
        return Association(df=df)
    scale = x.std(ddof=1)
    b = float(x_rest @ y_rest / (x_rest @ x_rest))
    left = float(np.linalg.norm(y_rest - b * x_rest))
    if not left > SAME * np.linalg.norm(y):
        return Association(df=df)
    error = left / np.sqrt(df * (x_rest @ x_rest))
    half = float(stats.t.isf((1 - confidence) / 2, df)) * error
    return Association(
        b * scale, (b - half) * scale, (b + half) * scale, b / error, df, _p_of_t(b / error, df)
    )


def rank_association(x: np.ndarray, y: np.ndarray, covariates: np.ndarray, confidence: float) -> Association:
    r"""Spearman's correlation of x and y, partial where there are covariates.

    All are ranked, then the ranks of covariates are taken out of the others;
    :math:`t = r \sqrt{df / (1 - r^2)}`, interval by Fisher's transform with :math:`1 / \sqrt{df - 1}`.

    Up to 8 values p is the share of all n! permutations of what is left of the ranks of y that correlate at
    least as much: exact without covariates, with them as Freedman and Lane permute (doi:10.2307/1391660).
    Beyond, that of t, never below 2 / n!, the smallest that permutations could give. At r of 1 or -1 interval
    and t have no meaning and are NaN.
    """
    ranks = (stats.rankdata(values, axis=0) for values in (x, y, covariates))
    x_rest, y_rest, beside, df = _rests(*ranks)
    if not df >= LEAST_DF:
        return Association(df=df)
    r = float(np.clip(x_rest @ y_rest / np.sqrt((x_rest @ x_rest) * (y_rest @ y_rest)), -1, 1))
    t = low = high = np.nan
    if abs(r) < 1 - SAME:
        t = r * np.sqrt(df / (1 - r**2))
        half = float(stats.norm.isf((1 - confidence) / 2)) / np.sqrt(df - 1)
        low, high = (float(np.tanh(np.arctanh(r) + side * half)) for side in (-1, 1))
    if x.size <= MOST_PERMUTED:
        return Association(r, low, high, t, df, _p_of_permutations(x_rest, y_rest, beside, abs(r)))
    least = 2 / math.factorial(x.size) if x.size <= 170 else 0.0
    return Association(r, low, high, t, df, max(least, _p_of_t(t, df)))


def _p_of_permutations(x_rest: np.ndarray, y_rest: np.ndarray, beside: np.ndarray, r: float) -> float:
    """Share of permutations of ``y_rest`` whose correlation with ``x_rest`` is at least ``r`` in size."""
    permuted = y_rest[_permutations(y_rest.size)]
    size = (permuted**2).sum(axis=1)
    if beside.shape[1]:
        size = size - ((permuted @ np.linalg.qr(beside)[0]) ** 2).sum(axis=1)
    bound = (r * (1 - SAME)) ** 2 * (x_rest @ x_rest)
    return float(((permuted @ x_rest) ** 2 >= bound * size).mean())


@lru_cache(maxsize=2)
def _permutations(n: int) -> np.ndarray:
    """All orders of n places (n!, n)."""
    return np.array(list(itertools.permutations(range(n))), dtype=np.int8)


def _rests(
    x: np.ndarray, y: np.ndarray, covariates: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Both less what covariates and a mean explain, covariates, degrees of freedom left; NaN if none vary."""
    beside = independent_columns(covariates)
    rests = [beyond(values, beside) for values in (x, y)]
    varied = x.size >= 2 and all(rest.any() for rest in rests)
    return rests[0], rests[1], beside, float(x.size - beside.shape[1] - 2) if varied else np.nan


def _p_of_t(t: float, df: float) -> float:
    tiny = float(np.finfo(float).tiny)
    return tiny if np.isnan(t) else max(2 * float(stats.t.sf(abs(t), df)), tiny)
