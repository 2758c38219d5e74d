"""Shares of a whole as values that linear models can take, and how precise each is."""

from __future__ import annotations

import numpy as np

_LN2 = np.log(2.0)
_LEAST_BETWEEN = 0.1


def log_odds(counts: np.ndarray, others: np.ndarray) -> np.ndarray:
    """``log2((x + 0.5) / (y + 0.5))`` of counts x against those of the others y, of one shape."""
    return np.log2(counts + 0.5) - np.log2(others + 0.5)


def blind_shares(counts: np.ndarray, others: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Mean share (n_types,) over the units (n_units, n_types) where a type is ``present``.

    Units count alike and groups are not looked at, so nothing is learnt about their difference; NaN for
    types that are nowhere.
    """
    share = counts / np.maximum(counts + others, 1)
    n = present.sum(axis=0)
    return np.where(n > 0, (share * present).sum(axis=0) / np.maximum(n, 1), np.nan)


def counting_variance(share: np.ndarray, whole: np.ndarray) -> np.ndarray:
    r"""Variance of the log2 odds by counting, :math:`1 / (n p (1 - p)) / \ln^2 2`: (n_units, n_types).

    ``share`` (n_types,) is the same for all units, so that a precision does not depend on the value.
    """
    p = np.clip(share, 1e-6, 1 - 1e-6)
    return 1.0 / (np.maximum(whole, 1) * (p * (1 - p))[None]) / _LN2**2


def weights(values: np.ndarray, counting: np.ndarray, design: np.ndarray) -> np.ndarray:
    """Precision weights (n_units,) of mean 1 of the values (n_units,) of one type.

    What the residuals of the ``design`` (n_units, p) vary beyond ``counting`` (n_units,) is the variance
    between units, alike in all; it is taken as a tenth of the counting part at least.
    """
    q, _ = np.linalg.qr(design)
    df = design.shape[0] - design.shape[1]
    if df < 1:
        return np.ones_like(values)
    residual = values - q @ (q.T @ values)
    spare = 1.0 - (q**2).sum(axis=1)
    between = (residual @ residual - spare @ counting) / df
    precision = 1.0 / (max(between, _LEAST_BETWEEN * counting.mean()) + counting)
    return precision / precision.mean()
