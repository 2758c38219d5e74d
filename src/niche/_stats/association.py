"""Linear and rank association of two variables beside covariates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

LEAST_DF = 3
_SAME = 1e-9


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
    fewer than 3 degrees of freedom are left, or x or y do not vary beyond the covariates.
    """
    x_rest, y_rest, df = _beyond(x, y, covariates)
    if not df >= LEAST_DF:
        return Association(df=df)
    scale = x.std(ddof=1)
    b = float(x_rest @ y_rest / (x_rest @ x_rest))
    error = float(np.sqrt(((y_rest - b * x_rest) ** 2).sum() / df / (x_rest @ x_rest)))
    if not error > 0:
        return Association(df=df)
    half = float(stats.t.isf((1 - confidence) / 2, df)) * error
    return Association(
        b * scale, (b - half) * scale, (b + half) * scale, b / error, df, _p_of_t(b / error, df)
    )


def rank_association(x: np.ndarray, y: np.ndarray, covariates: np.ndarray, confidence: float) -> Association:
    r"""Spearman's correlation of x and y, partial where there are covariates.

    All are ranked, then the ranks of covariates are taken out of the others;
    :math:`t = r \sqrt{df / (1 - r^2)}`, interval by Fisher's transform with :math:`1 / \sqrt{df - 1}`.
    """
    ranks = (stats.rankdata(values, axis=0) for values in (x, y, covariates))
    x_rest, y_rest, df = _beyond(*ranks)
    if not df >= LEAST_DF:
        return Association(df=df)
    r = float(x_rest @ y_rest / np.sqrt((x_rest @ x_rest) * (y_rest @ y_rest)))
    r = float(np.clip(r, -1 + 1e-15, 1 - 1e-15))
    t = r * np.sqrt(df / (1 - r**2))
    half = float(stats.norm.isf((1 - confidence) / 2)) / np.sqrt(df - 1)
    low, high = (float(np.tanh(np.arctanh(r) + side * half)) for side in (-1, 1))
    return Association(r, low, high, t, df, _p_of_t(t, df))


def _beyond(x: np.ndarray, y: np.ndarray, covariates: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Both less what covariates and a mean explain, and the degrees of freedom left; NaN if none vary."""
    n = x.size
    if n < 2:
        return x, y, np.nan
    u, size, _ = np.linalg.svd(np.column_stack([np.ones(n), covariates]), full_matrices=False)
    basis = u[:, size > _SAME * size[0]]
    rests = [values - basis @ (basis.T @ values) for values in (x, y)]
    for rest, values in zip(rests, (x, y), strict=True):
        if not np.linalg.norm(rest) > _SAME * np.linalg.norm(values):
            return rests[0], rests[1], np.nan
    return rests[0], rests[1], float(n - basis.shape[1] - 1)


def _p_of_t(t: float, df: float) -> float:
    return max(2 * float(stats.t.sf(abs(t), df)), float(np.finfo(float).tiny))
