r"""Expression that a spot shows because it holds both tumor and host.

A spot with share f of tumor holds :math:`f e_T + (1 - f) e_H` of a gene on the scale of counts, a straight
line in f. That line is fitted to ``expm1`` of the values over all spots; its log1p is the *shape* of what
mixing does to log values, and its multiple that fits the log values best is taken off.
"""

from __future__ import annotations

import numpy as np


def without_mixing(values: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """Log values (n_spots, n_columns) without what the share of tumor (n_spots,) explains.

    Spots without a share (NaN) take no part in the fits and keep their values.
    """
    known = np.isfinite(fraction)
    out = values.copy()
    if not known.any() or np.ptp(fraction[known]) <= 0:
        return out
    x = fraction[known] - fraction[known].mean()
    amounts = np.expm1(values[known])
    line = amounts.mean(axis=0) + np.outer(x, x @ amounts / (x @ x))
    shape = np.log1p(np.maximum(line, 0.0))
    shape -= shape.mean(axis=0)
    spread = (shape * shape).sum(axis=0)
    steep = spread > 1e-12 * len(x)
    slope = np.where(steep, (shape * values[known]).sum(axis=0) / np.where(steep, spread, 1.0), 0.0)
    out[known] -= slope * shape
    return out
