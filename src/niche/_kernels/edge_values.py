"""From tables of groups to values of edges, many at a time."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

_PART = 4096


@njit(parallel=True, cache=True)
def unflagged(codes):  # pragma: no cover - compiled
    """Rows and columns of the zeros of ``codes`` (n_rows, n_columns), row by row."""
    start = np.zeros(codes.shape[0] + 1, np.int64)
    for i in prange(codes.shape[0]):
        zeros = 0
        for j in range(codes.shape[1]):
            zeros += codes[i, j] == 0
        start[i + 1] = zeros
    for i in range(codes.shape[0]):
        start[i + 1] += start[i]
    row, column = np.empty(start[-1], np.int64), np.empty(start[-1], np.int64)
    for i in prange(codes.shape[0]):
        at = start[i]
        for j in range(codes.shape[1]):
            if codes[i, j] == 0:
                row[at], column[at] = i, j
                at += 1
    return row, column


@njit(parallel=True, cache=True)
def picked(table, row_of, row, column):  # pragma: no cover
    """Return ``table[row_of[row], column]``."""
    out = np.empty(row.size, table.dtype)
    for part in prange((row.size + _PART - 1) // _PART):
        for i in range(part * _PART, min((part + 1) * _PART, row.size)):
            out[i] = table[row_of[row[i]], column[i]]
    return out


@njit(parallel=True, cache=True)
def count_both(expressed, start, source_group, target_group, cell_pair, left, right):  # pragma: no cover
    """Samples of each edge's cell pair in which both of its units are ``expressed`` (n_groups, n_units)."""
    out = np.zeros(cell_pair.size, np.int32)
    for part in prange((cell_pair.size + _PART - 1) // _PART):
        for e in range(part * _PART, min((part + 1) * _PART, cell_pair.size)):
            for k in range(start[cell_pair[e]], start[cell_pair[e] + 1]):
                both = expressed[source_group[k], left[e]] and expressed[target_group[k], right[e]]
                out[e] += both
    return out
