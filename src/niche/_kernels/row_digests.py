"""A number for the content of every row of a csr matrix."""

from __future__ import annotations

import numpy as np
from numba import njit, prange


@njit(inline="always")
def _mixed(z):
    z = np.uint64(z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = np.uint64(z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.uint64(z ^ (z >> np.uint64(31)))


@njit(parallel=True, nogil=True, cache=True)
def row_digests(bits, indices, indptr):  # pragma: no cover - compiled
    """Digest rows from the bits of their values (float64 seen as uint64), (n_rows, 2) uint64.

    The order of the entries of a row and stored zeros make no difference.
    """
    out = np.zeros((indptr.size - 1, 2), np.uint64)
    for row in prange(indptr.size - 1):
        first, second = np.uint64(0), np.uint64(0)
        for k in range(indptr[row], indptr[row + 1]):
            value = np.uint64(bits[k])
            if value << np.uint64(1) == np.uint64(0):
                continue
            place = _mixed(np.uint64(indices[k]) + np.uint64(0x9E3779B97F4A7C15))
            entry = _mixed(value ^ place)
            first += entry
            second += _mixed(entry + place)
        out[row, 0], out[row, 1] = first, second
    return out
