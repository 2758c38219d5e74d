"""How many cells fall on each combination of labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_BLOCK = 1 << 20
"""Cells counted at a time: what is needed beside the codes does not grow with the cells."""


def contingency(codes: Sequence[np.ndarray], shape: Sequence[int]) -> np.ndarray:
    """Count the cells of every combination of codes.

    Parameters
    ----------
    codes
        Integer arrays of one length; ``codes[i]`` lies in ``[0, shape[i])``.
    shape
        Number of labels of each.

    Returns
    -------
    np.ndarray
        int64 counts of this shape.
    """
    found = np.zeros(int(np.prod(shape)), dtype=np.int64)
    for first in range(0, len(codes[0]), _BLOCK):
        part = tuple(one[first : first + _BLOCK] for one in codes)
        found += np.bincount(np.ravel_multi_index(part, tuple(shape)), minlength=found.size)
    return found.reshape(tuple(shape))
