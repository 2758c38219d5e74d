"""One small integer per edge: which of its two sides something holds for."""

from __future__ import annotations

import numpy as np
from numba import njit, prange


@njit(parallel=True, cache=True)
def sided_codes(left, right, left_unit, right_unit, base):  # pragma: no cover - compiled
    """Codes (n_cell_pairs, n_pairs) uint8: ``base`` for the left side, +1 the right, +2 both, 0 neither.

    ``left`` and ``right`` (n_cell_pairs, n_units) are bool, ``left_unit`` and ``right_unit`` (n_pairs,)
    the units of each pair.
    """
    out = np.zeros((left.shape[0], left_unit.size), np.uint8)
    for c in prange(left.shape[0]):
        for k in range(left_unit.size):
            first, second = left[c, left_unit[k]], right[c, right_unit[k]]
            if first or second:
                out[c, k] = base + (2 if first and second else 0 if first else 1)
    return out
