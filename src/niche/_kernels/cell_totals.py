"""Totals of cells and what is scaled by them: the arithmetic of scanpy, row by row and on one thread.

A row depends on no other, so that any part of a matrix gives the bits the whole would.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse


def log_per(counts: sparse.csr_matrix, target_sum: float) -> sparse.csr_matrix:
    """log1p of counts scaled to ``target_sum`` per cell, float32; cells without counts stay zero.

    Sums of counts are exact, so this equals scanpy's ``normalize_total`` and ``log1p`` to the last bit.
    """
    totals = np.asarray(counts.astype(np.float64).sum(axis=1)).ravel().astype(np.float32)
    scale = totals / target_sum
    scale[scale == 0] = 1.0
    data = np.log1p(counts.data.astype(np.float32, copy=False) / np.repeat(scale, np.diff(counts.indptr)))
    return sparse.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)


def row_sums(values: sparse.csr_matrix) -> np.ndarray:
    """Sums of rows (n_rows,) in the type of the values."""
    return np.asarray(values.sum(axis=1)).ravel()


def top_share(values: sparse.csr_matrix, n: int) -> np.ndarray:
    """Percentage of each row's total in its ``n`` highest columns, NaN for empty rows; (n_rows,).

    What scanpy calls ``pct_counts_in_top_n_genes``, without half a minute of compilation.
    """
    shares = np.full(values.shape[0], np.nan)
    for row, (first, last) in enumerate(zip(values.indptr[:-1], values.indptr[1:], strict=True)):
        found = values.data[first:last].astype(np.float64)
        if found.sum() > 0:
            highest = found if len(found) <= n else np.partition(found, len(found) - n)[-n:]
            shares[row] = 100 * highest.sum() / found.sum()
    return shares
