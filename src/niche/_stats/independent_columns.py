"""Columns that say something of their own."""

from __future__ import annotations

import numpy as np
from scipy.linalg import qr

SAME = 1e-9


def independent_columns(columns: np.ndarray) -> np.ndarray:
    """Centred columns (n, rank) of (n, k) from which the others follow; constant ones are left out."""
    if not columns.size:
        return np.zeros((len(columns), 0))
    centred = columns - columns.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    varies = length > SAME * np.linalg.norm(columns, axis=0)
    centred, length = centred[:, varies], length[varies]
    if not centred.size:
        return np.zeros((len(columns), 0))
    _, triangle, order = qr(centred / length, mode="economic", pivoting=True)
    rank = int((np.abs(np.diag(triangle)) > SAME).sum())
    return centred[:, np.sort(order[:rank])]


def beyond(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """What a mean and independent ``columns`` (n, k) leave of ``values`` (n,); 0 if they explain all."""
    rest = values - values.mean() if values.size else values
    if columns.shape[1]:
        basis = np.linalg.qr(columns)[0]
        rest = rest - basis @ (basis.T @ rest)
    return rest if np.linalg.norm(rest) > SAME * np.linalg.norm(values) else np.zeros_like(values)
