"""How precise each pseudobulk value is: mean-variance trend, cells, and organs that scatter more.

Law et al. 2014 (doi:10.1186/gb-2014-15-2-r29); groups with variances of their own: You et al. 2023
(doi:10.1371/journal.pcbi.1010918).
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

FEWEST = 30
"""Features that a trend of the variance, or how an organ scatters, is read from, at least."""

_ROUNDS = 8
_MILLION = np.log2(1e6)


def log_cpm(counts: np.ndarray, library: np.ndarray) -> np.ndarray:
    """``log2((counts + 0.5) / (library + 1) * 1e6)`` of (n_samples, n_features)."""
    return np.log2(counts + 0.5) - np.log2(library + 1.0)[:, None] + _MILLION


def expected(counts: np.ndarray, library: np.ndarray) -> np.ndarray:
    """Counts (n_samples, n_features) expected from the fraction in all samples together, group-blind."""
    return library[:, None] * (counts.sum(axis=0) / max(float(library.sum()), 1.0))[None]


def voom_weights(
    values: np.ndarray, library: np.ndarray, design: np.ndarray, usable: np.ndarray
) -> np.ndarray:
    """Precision weights (n_samples, n_features) of log-CPM by their mean-variance trend.

    ``design`` (n_samples, p) of full rank; the trend of root standard deviations over log counts is read from
    the ``usable`` (n_features,) features. Without residual degrees of freedom or features all weights are 1.
    """
    from statsmodels.nonparametric.smoothers_lowess import lowess

    df = design.shape[0] - design.shape[1]
    if df < 1 or usable.sum() < FEWEST:
        return np.ones_like(values)
    fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    depth = np.log2(library + 1.0) - _MILLION
    sd = np.sqrt(((values - fitted) ** 2).sum(axis=0)[usable] / df)
    x, y = values.mean(axis=0)[usable] + depth.mean(), np.sqrt(sd)
    trend = lowess(y, x, frac=0.5, it=3, delta=0.01 * float(np.ptp(x)))
    at, first = np.unique(trend[:, 0], return_index=True)
    root = np.interp(fitted + depth[:, None], at, np.maximum(trend[first, 1], 1e-3))
    return root**-4.0


def cell_weights(
    values: np.ndarray, n_cells: np.ndarray, design: np.ndarray, usable: np.ndarray
) -> np.ndarray:
    """Weights (n_samples, n_features) where there are no counts: 1 / (a + b / cells), a and b at least 0.

    Fitted to the mean over ``usable`` features of the squared residuals in units of the feature's variance,
    again with the weights just found; what the fit of other samples adds to a residual is part of the model.
    """
    df = design.shape[0] - design.shape[1]
    if df < 2 or usable.sum() < FEWEST:
        return np.ones_like(values)
    q, _ = np.linalg.qr(design)
    left = np.eye(design.shape[0]) - q @ q.T
    residual = (left @ values)[:, usable]
    square = residual[:, (residual**2).sum(axis=0) > 1e-12] ** 2
    if not square.size:
        return np.ones_like(values)
    basis = left**2 @ np.stack([np.ones(n_cells.size), 1.0 / n_cells], axis=1)
    model = np.maximum(left.diagonal(), 1e-8)
    for _ in range(_ROUNDS):
        unit = square / model[:, None]
        a, b = optimize.nnls(basis, model * (unit / unit.mean(axis=0)).mean(axis=1))[0]
        model = np.maximum(basis @ (a, b), 1e-8)
    spread = a + b / n_cells
    weights = (
        spread.mean() / np.maximum(spread, 1e-3 * spread.mean()) if spread.any() else np.ones(n_cells.size)
    )
    return np.repeat(weights[:, None], values.shape[1], axis=1)


def group_variances(
    values: np.ndarray, weights: np.ndarray, design: np.ndarray, group: np.ndarray, usable: np.ndarray
) -> np.ndarray:
    """How much more the samples of each group scatter than the weights say, (n_groups,) of geometric mean 1.

    ``group`` (n_samples,) codes. The geometric mean over ``usable`` features of the residual variance within
    the group, corrected for its degrees of freedom on the log scale; 1 for groups without any. A few features
    say too little to be taken as known: then all are 1.
    """
    n_groups = int(group.max()) + 1
    if usable.sum() < FEWEST or design.shape[0] <= design.shape[1]:
        return np.ones(n_groups)
    y, w = values[:, usable].T, weights[:, usable].T
    cross = np.einsum("gi,ia,ib->gab", w, design, design)
    inverse = np.linalg.inv(cross)
    beta = np.einsum("gab,gb->ga", inverse, np.einsum("gi,ia,gi->ga", w, design, y))
    square = w * (y - beta @ design.T) ** 2
    spare = 1.0 - w * np.einsum("ia,gab,ib->gi", design, inverse, design)
    log_factor = np.full(n_groups, np.nan)
    for g in range(n_groups):
        mine = group == g
        df = np.maximum(spare[:, mine].sum(axis=1), 0.0)
        known = df > 0.5
        if not known.any():
            continue
        variance, half = square[known][:, mine].sum(axis=1) / df[known], df[known] / 2
        floor = 1e-6 * np.median(variance) or 1e-12
        logs = np.log(np.maximum(variance, floor))
        log_factor[g] = np.mean(logs - special.digamma(half) + np.log(half))
    if np.isnan(log_factor).all():
        return np.ones(n_groups)
    log_factor -= np.nanmean(log_factor)
    return np.exp(np.nan_to_num(log_factor))
