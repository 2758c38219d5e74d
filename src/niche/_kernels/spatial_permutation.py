"""Permutations of one side over the spots, counted on the fly."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

_BLOCK = 64
_TIE = 1e-10


def exceedances(
    fixed: np.ndarray,
    moved: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    stratum: np.ndarray,
    observed: np.ndarray,
    n_perms: int,
    seed: tuple[int, ...],
) -> np.ndarray:
    """How many of ``n_perms`` permutations reach each statistic: (n_pairs,) counts.

    ``moved`` (n_spots, n_columns) is permuted within strata (n_spots,) against ``fixed``; pairs are columns
    ``left`` of the one and ``right`` of the other. Every permutation has a random stream of its own, so the
    counts do not depend on threads.
    """
    still, moving = np.ascontiguousarray(fixed.T), np.ascontiguousarray(moved.T)
    base = np.argsort(stratum, kind="stable")
    count = np.zeros(left.size, dtype=np.int64)
    tie = _TIE * np.sqrt((still[left] ** 2).sum(axis=1) * (moving[right] ** 2).sum(axis=1))
    for first in range(0, n_perms, _BLOCK):
        orders = np.empty((min(_BLOCK, n_perms - first), stratum.size), dtype=np.int64)
        for k in range(len(orders)):
            rng = np.random.default_rng([*seed, first + k])
            orders[k, base] = np.lexsort((rng.random(stratum.size), stratum))
        _count(still, moving, left, right, orders, observed - tie, count)
    return count


@njit(parallel=True, cache=True)
def _count(still, moving, left, right, orders, reach, count):  # pragma: no cover - compiled
    for p in prange(left.size):
        a, y = still[left[p]], moving[right[p]]
        for k in range(orders.shape[0]):
            total = 0.0
            for i in range(a.size):
                total += a[i] * y[orders[k, i]]
            if total >= reach[p]:
                count[p] += 1
