"""The inner loops of copy-number inference: the rows of one csr block, one cell at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

FIXED_POINT = 2.0**32
"""Log values (at most 30) are summed as whole multiples of its inverse: exact for 2**26 cells a group."""

_SAMPLED = 41
"""Values whose middle fifth brackets the median."""


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
            j = gene_of_column[np.uint32(indices[k])]
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
        j = gene_of_column[np.uint32(indices[k])]
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
def _nth(values, n):  # pragma: no cover
    """The value that sorting would put at place ``n``; smaller ones end up before it, larger ones behind."""
    low, high = 0, values.size - 1
    while low < high:
        pivot, i, j = values[n], low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if j < n:
            low = i
        if n < i:
            high = j
    return values[n]


@njit(nogil=True, cache=True)
def median(values, scratch):  # pragma: no cover
    """Median, exactly; ``scratch`` has room for one value more.

    A sample of the values brackets it, so that few have to be sorted; where the bracket misses, all are.
    """
    n = values.size
    middle = n // 2
    sampled = min(n, _SAMPLED)
    for i in range(sampled):
        scratch[i] = values[i * (n // sampled)]
    low = _nth(scratch[:sampled], 2 * sampled // 5)
    high = _nth(scratch[:sampled], 3 * sampled // 5)
    below, between = 0, 0
    for i in range(n):
        value = values[i]
        scratch[between] = value
        below += value < low
        between += (value >= low) & (value <= high)
    if below >= middle or middle >= below + between:
        scratch[:n] = values
        below, between = 0, n
    upper = _nth(scratch[:between], middle - below)
    if n % 2:
        return upper
    lower = scratch[0]
    for i in range(1, middle - below):
        lower = max(lower, scratch[i])
    return (lower + upper) / 2


@njit(nogil=True, cache=True)
def profiles(data, indices, indptr, chosen, reference, windows, bounds, clip, base, out):  # pragma: no cover
    """Centred profiles of the chosen rows, each against its reference."""
    deltas, scratch = np.empty((2, windows.n_stretches)), np.empty(out.shape[1] + 1)
    for i in range(chosen.size):
        row, r = chosen[i], reference[i]
        deltas[:] = 0.0
        for k in range(indptr[row], indptr[row + 1]):
            gene = windows.gene_of_column[np.uint32(indices[k])]
            if gene < 0:
                continue
            j = np.uint32(gene)
            x, low, high = np.float64(data[k]), bounds[r, j, 0], bounds[r, j, 1]
            above = x - high if x > high else 0.0
            under = low - x if x < low else 0.0
            delta = min(above, clip) - min(under, clip) + min(low, clip)
            s = np.uint32(windows.stretch[j])
            deltas[0, s] += delta
            deltas[1, s] += delta * windows.offset[j]
        smooth(deltas, windows, out[i])
        for w in range(out.shape[1]):
            out[i, w] += base[r, w]
        middle = median(out[i], scratch)
        for w in range(out.shape[1]):
            out[i, w] -= middle


@njit(nogil=True, cache=True)
def _is_kept(value, threshold):  # pragma: no cover
    """Whether a value, as it is stored, reaches the threshold and is not zero."""
    size = abs(np.float64(np.float32(value)))
    return size >= threshold and size > 0


@njit(nogil=True, cache=True)
def count_kept(out, threshold, n):  # pragma: no cover
    """Number of values of each row that reach the threshold and are not zero."""
    for row in range(out.shape[0]):
        n[row] = 0
        for i in range(out.shape[1]):
            n[row] += _is_kept(out[row, i], threshold)


@njit(nogil=True, cache=True)
def keep(out, threshold, data, indices):  # pragma: no cover
    """Write the values that :func:`count_kept` counted, row by row."""
    at = 0
    for row in range(out.shape[0]):
        for i in range(out.shape[1]):
            if _is_kept(out[row, i], threshold):
                data[at] = out[row, i]
                indices[at] = i
                at += 1


@njit(nogil=True, cache=True)
def narrow(data, indices, threshold, n):  # pragma: no cover
    """Move kept values that reach a higher threshold to the front; ``n`` becomes their number per row."""
    at, kept = 0, 0
    for row in range(n.size):
        before, many = kept, n[row]
        for _ in range(many):
            if _is_kept(data[at], threshold):
                data[kept] = data[at]
                indices[kept] = indices[at]
                kept += 1
            at += 1
        n[row] = kept - before
    return kept


@njit(nogil=True, cache=True)
def moments(out, chosen, sums, squares):  # pragma: no cover
    """Sum and sum of squares of the chosen rows."""
    for k in range(chosen.size):
        first, second = 0.0, 0.0
        for value in out[chosen[k]]:
            first += value
            second += value * value
        sums[k], squares[k] = first, second
