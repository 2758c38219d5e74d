"""The inner loops of copy-number inference: the rows of one csr block, one cell at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

FIXED_POINT = 2.0**32
"""Log values (at most 30) are summed as whole multiples of its inverse: exact for 2**26 cells a group."""


class Windows(NamedTuple):
    """Windows along the genome, and how each gene enters them.

    Genes are numbered in the order of their columns; ``-1`` in ``gene_of_column`` leaves a column out.

    Attributes
    ----------
    gene_of_column
        (n_vars,) int32.
    stretch, offset
        (n_genes,) stretch between knots of each gene (int32), and its place in it (float64).
    n_stretches
        Number of stretches of all chromosomes.
    first_stretch, first_window, n_windows, flat
        (n_chromosomes,) int64, and bool where one flat mean stands for the chromosome.
    size
        (n_chromosomes,) genes.
    first_gene, last_gene
        (n_windows_in_all,) first and last gene of each window.
    window, step, width
        Genes of a window, between windows, and of a stretch.
    """

    gene_of_column: np.ndarray
    stretch: np.ndarray
    offset: np.ndarray
    n_stretches: int
    first_stretch: np.ndarray
    first_window: np.ndarray
    n_windows: np.ndarray
    flat: np.ndarray
    size: np.ndarray
    first_gene: np.ndarray
    last_gene: np.ndarray
    window: int
    step: int
    width: int

    @property
    def total(self) -> int:
        """Windows of all chromosomes."""
        return int(self.n_windows.sum())


@njit(nogil=True, cache=True)
def add_to_groups(data, indices, indptr, group, second, gene_of_column, sums):  # pragma: no cover - compiled
    """Add every row to the fixed-point sums of its up to two groups, -1 for none."""
    for row in range(indptr.size - 1):
        g, h = group[row], second[row]
        if g < 0 and h < 0:
            continue
        for k in range(indptr[row], indptr[row + 1]):
            j = gene_of_column[indices[k]]
            if j >= 0:
                x = np.int64(np.float64(data[k]) * FIXED_POINT + 0.5)
                if g >= 0:
                    sums[g, j] += x
                if h >= 0:
                    sums[h, j] += x


@njit(nogil=True, cache=True)
def count_detected(data, indices, gene_of_column, detected):  # pragma: no cover
    """Count the cells in which each gene is seen."""
    for k in range(data.size):
        j = gene_of_column[indices[k]]
        if j >= 0 and data[k] > 0:
            detected[j] += 1


@njit(nogil=True, cache=True)
def smooth(deltas, windows, out):  # pragma: no cover
    """Weighted means over windows, from the sums of stretches.

    ``deltas`` (2, n_stretches) holds per stretch the sum of its values and the sum of values times their
    place in it. The weight of place ``j`` of a window rises as ``j + 1`` up to its middle and falls as
    ``window - j`` from there on.
    """
    window, width = windows.window, windows.width
    half, stride = window // 2, windows.step // width
    total = 0.0
    for j in range(window):
        total += j + 1 if j < half else window - j
    for c in range(windows.size.size):
        b, w, n = windows.first_stretch[c], windows.first_window[c], windows.n_windows[c]
        if windows.flat[c]:
            out[w] = deltas[0, b] / windows.size[c]
            continue
        part = out[w : w + n]
        part[:] = 0.0
        for k in range(window // width):
            rises = k * width < half
            level = k * width + 1.0 if rises else window - k * width * 1.0
            slope = 1.0 if rises else -1.0
            plain, placed = deltas[0, b + k :], deltas[1, b + k :]
            if stride == 1:
                for i in range(n):
                    part[i] += level * plain[i] + slope * placed[i]
            else:
                for i in range(n):
                    part[i] += level * plain[i * stride] + slope * placed[i * stride]
        for i in range(n):
            part[i] /= total


@njit(nogil=True, cache=True)
def empty_cell(bounds, clip, windows, deltas):  # pragma: no cover
    """Sums of stretches of a cell without expression, against one reference."""
    deltas[:] = 0.0
    for j in range(windows.stretch.size):
        value = -min(bounds[j, 0], clip)
        deltas[0, windows.stretch[j]] += value
        deltas[1, windows.stretch[j]] += value * windows.offset[j]


@njit(nogil=True, cache=True)
def profiles(data, indices, indptr, chosen, reference, windows, bounds, clip, base, out):  # pragma: no cover
    """Centred profiles of the chosen rows, each against its reference."""
    deltas = np.empty((2, windows.n_stretches))
    for i in range(chosen.size):
        row, r = chosen[i], reference[i]
        deltas[:] = 0.0
        for k in range(indptr[row], indptr[row + 1]):
            j = windows.gene_of_column[indices[k]]
            if j < 0:
                continue
            x, low, high = np.float64(data[k]), bounds[r, j, 0], bounds[r, j, 1]
            delta = min(max(x - high, 0.0), clip) - min(max(low - x, 0.0), clip) + min(low, clip)
            deltas[0, windows.stretch[j]] += delta
            deltas[1, windows.stretch[j]] += delta * windows.offset[j]
        smooth(deltas, windows, out[i])
        for w in range(out.shape[1]):
            out[i, w] += base[r, w]
        middle = np.median(out[i])
        for w in range(out.shape[1]):
            out[i, w] -= middle


@njit(nogil=True, cache=True)
def count_kept(out, threshold, n):  # pragma: no cover
    """Number of values of each row that reach the threshold and are not zero."""
    for row in range(out.shape[0]):
        n[row] = 0
        for i in range(out.shape[1]):
            size = abs(out[row, i])
            if size >= threshold and np.float32(size) > 0:
                n[row] += 1


@njit(nogil=True, cache=True)
def keep(out, threshold, data, indices):  # pragma: no cover
    """Write the values that :func:`count_kept` counted, row by row."""
    at = 0
    for row in range(out.shape[0]):
        for i in range(out.shape[1]):
            size = abs(out[row, i])
            if size >= threshold and np.float32(size) > 0:
                data[at] = out[row, i]
                indices[at] = i
                at += 1


@njit(nogil=True, cache=True)
def moments(out, sums, squares):  # pragma: no cover
    """Sum and sum of squares of each row."""
    for row in range(out.shape[0]):
        first, second = 0.0, 0.0
        for i in range(out.shape[1]):
            first += out[row, i]
            second += out[row, i] * out[row, i]
        sums[row], squares[row] = first, second
