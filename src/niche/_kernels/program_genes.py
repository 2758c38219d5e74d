"""Which genes go with a program: regression of standardised expression on usage, nothing made dense."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def regressed_genes(x: sparse.csr_matrix, usage: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Coefficients (k, n_genes) of the least squares regression of every standardised gene on all programs.

    ``x`` (n_cells, n_genes) holds log values, ``usage`` (n_cells, k) shares of programs, ``weight``
    (n_cells,) the say of every cell. A gene with no variance has coefficients of 0. With
    ``Z = (x - mean) / sd`` and weights D: ``pinv(U' D U) (U' D x - U' D 1 mean') / sd``, so that only sums
    over stored values are formed.
    """
    n = x.shape[0]
    share = np.full(n, 1.0 / n) if weight is None else weight / weight.sum()
    rows = sparse.csr_matrix(x).astype(np.float64)
    mean = np.asarray(rows.T @ share).ravel()
    square = np.asarray(rows.multiply(rows).T @ share).ravel()
    sd = np.sqrt(np.maximum(square - mean**2, 0.0))
    weighted = np.asarray(usage, dtype=np.float64) * share[:, None]
    cross = np.asarray((rows.T @ weighted).T) - np.outer(weighted.sum(axis=0), mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        cross = np.where(sd > 1e-6 * np.maximum(mean, 1e-300), cross / sd, 0.0)
    return np.linalg.pinv(weighted.T @ np.asarray(usage, dtype=np.float64), hermitian=True) @ cross


def top_genes(scores: np.ndarray, n: int) -> np.ndarray:
    """Codes (k, n) of the genes with the highest scores (k, n_genes), the highest first; ties by code."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :n]
