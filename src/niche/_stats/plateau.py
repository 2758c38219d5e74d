"""Where a rising series stops rising."""

from __future__ import annotations

import numpy as np
from scipy import stats

RISING, FLAT = 3, 2
"""Fewest points up to the kink, and after it."""
LEVEL = 0.01
"""Level of the test that a series bends."""
_STILL_FLAT = 1 / 3


def plateau_starts(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Index of the first point of a plateau at the end of each series, or their length where there is none.

    At every possible kink :math:`c` the line :math:`a + b \min(x, c) + d \max(x - c, 0)` is compared with a
    straight one by the t of :math:`b - d`, at level 0.01 shared between the kinks; the best is a plateau if
    it passes, b > 0, and |d| is below a third of b. Three points at or before the kink and two after it are
    needed, and one degree of freedom more, so six points at least.

    Parameters
    ----------
    x
        (n,) rising.
    y
        (n_series, n) measured at ``x``.

    Returns
    -------
    ndarray
        (n_series,) int.
    """
    n = x.size
    start = np.full(len(y), n, dtype=np.int64)
    if n < RISING + FLAT + 1:
        return start
    kinks = np.arange(RISING - 1, n - FLAT)
    best = np.full(len(y), LEVEL / kinks.size)
    contrast = np.array([0.0, 1.0, -1.0])
    for kink in kinks:
        design = np.column_stack([np.ones(n), np.minimum(x, x[kink]), np.maximum(x - x[kink], 0)])
        covariance = np.linalg.inv(design.T @ design)
        coefficient = y @ design @ covariance
        rest = ((y - coefficient @ design.T) ** 2).sum(axis=1)
        error = np.sqrt(rest / (n - 3) * (contrast @ covariance @ contrast))
        rise, later = coefficient[:, 1], coefficient[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            p = stats.t.sf((rise - later) / error, n - 3)
        better = (rise > 0) & (np.abs(later) < _STILL_FLAT * rise) & (p < best)
        start[better], best[better] = kink + 1, p[better]
    return start
