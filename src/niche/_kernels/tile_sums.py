"""The inner loops of the one pass: add the rows of one tile to its sums."""

from __future__ import annotations

import numpy as np
from numba import njit

from niche._kernels.row_values import fill_expm1, total_of


@njit(nogil=True, cache=True)
def add_values(
    data, indices, indptr, first, last, group, stratum, gene_of_column, gene, value, row_start, entries,
    sums, nonzero, square, cube, fourth, total,
):  # fmt: skip  # pragma: no cover - compiled
    """Add rows ``first..last`` of a csr matrix to the sums of their group and stratum.

    ``group`` and ``stratum`` (last - first,) are local codes, -1 for rows left out;
    ``gene_of_column`` maps columns to kept genes, -1 for columns that only enter ``total``. What is
    kept of the rows is left in ``gene``, ``value`` and ``row_start`` (last - first + 1,), rows left
    out being empty, and the number of entries of each gene added to ``entries``. Returns the largest
    value seen.
    """
    largest = 0.0
    end = np.uint64(0)
    row_start[0] = 0
    for row in range(first, last):
        at = row - first
        begin = end
        if group[at] >= 0:
            row_total = 0.0
            for k in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
                j = gene_of_column[np.uint64(indices[k])]
                x = data[k]
                row_total += x
                if x > largest:
                    largest = x
                gene[end], value[end] = j, x
                end += np.uint64((j >= 0) & (x != 0.0))
            g, s = np.uint64(group[at]), np.uint64(stratum[at])
            total[g] += row_total
            for i in range(begin, end):
                j, x = np.uint64(gene[i]), np.float64(value[i])
                x2 = x * x
                entries[j] += 1
                sums[g, j] += x
                nonzero[g, j] += 1
                square[s, j] += x2
                cube[s, j] += x2 * x
                fourth[s, j] += x2 * x2
        row_start[at + 1] = end
    return largest


@njit(nogil=True, cache=True)
def columns_of_rows(gene, value, row_start, order, entries, cell, column):  # pragma: no cover
    """Turn kept rows, taken in ``order``, into columns: fill ``cell``, ``column``; starts (n_genes + 1,)."""
    start = np.zeros(entries.size + 2, np.int64)
    start[2:] = np.cumsum(entries)
    for place in range(order.size):
        row = order[place]
        for i in range(np.uint64(row_start[row]), np.uint64(row_start[row + 1])):
            j = np.uint64(gene[i]) + np.uint64(1)
            at = np.uint64(start[j])
            start[j] += 1
            cell[at], column[at] = place, value[i]
    return start[: entries.size + 1]


@njit(nogil=True, cache=True)
def add_linear(
    data, indices, indptr, first, last, group, gene_of_column, exponentiate, sums, total
):  # pragma: no cover
    """Add the values (or their ``exp(x) - 1``) of rows ``first..last`` to the sums of their group."""
    most = 0
    for row in range(first, last):
        most = max(most, indptr[row + 1] - indptr[row])
    gene, place, buffer = np.empty(most + 1, np.int64), np.empty(most + 1, np.int64), np.empty(most)
    for row in range(first, last):
        g = group[row - first]
        if g < 0:
            continue
        stored = data[indptr[row] : indptr[row + 1]]
        values = buffer[: stored.size]
        if exponentiate:
            fill_expm1(stored, values)
        else:
            values[:] = stored
        total[g] += total_of(values)
        kept = np.uint64(0)
        for k in range(values.size):
            j = gene_of_column[indices[indptr[row] + k]]
            gene[kept], place[kept] = j, k
            kept += np.uint64(j >= 0)
        for i in range(kept):
            sums[np.uint64(g), np.uint64(gene[i])] += values[np.uint64(place[i])]


@njit(inline="always")
def _denser(start, first, second):
    """Of two genes the one with more entries, of equals the one that comes first."""
    more = (start[first + 1] - start[first]) - (start[second + 1] - start[second])
    return first if more > 0 or (more == 0 and first < second) else second


@njit(inline="always")
def _walked(dense, cell, column, first, last):
    """Sums of xy, xxy and xyy over entries ``first..last`` of a column y, x being ``dense``.

    Even and odd entries are summed apart, two chains the processor can run side by side.
    """
    xy, xxy, xyy, xy2, xxy2, xyy2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    k, last = np.uint64(first), np.uint64(last)
    while k + np.uint64(2) <= last:
        x, y = dense[np.uint64(cell[k])], np.float64(column[k])
        x2, y2 = dense[np.uint64(cell[k + np.uint64(1)])], np.float64(column[k + np.uint64(1)])
        product, product2 = x * y, x2 * y2
        xy += product
        xxy += product * x
        xyy += product * y
        xy2 += product2
        xxy2 += product2 * x2
        xyy2 += product2 * y2
        k += np.uint64(2)
    if k < last:
        x, y = dense[np.uint64(cell[k])], np.float64(column[k])
        xy += x * y
        xxy += x * y * x
        xyy += x * y * y
    return xy + xy2, xxy + xxy2, xyy + xyy2


@njit(nogil=True, cache=True)
def _by_denser(start, first, second):  # pragma: no cover
    """Gene pairs ordered by their denser gene: where each gene's pairs begin, and the order."""
    begin = np.zeros(start.size + 1, np.int64)
    for p in range(first.size):
        begin[_denser(start, first[p], second[p]) + 2] += 1
    for j in range(2, begin.size):
        begin[j] += begin[j - 1]
    order = np.empty(first.size, np.int64)
    for p in range(first.size):
        j = _denser(start, first[p], second[p]) + 1
        order[begin[j]] = p
        begin[j] += 1
    return begin[: start.size], order


@njit(nogil=True, cache=True)
def _segments(start, cell, bounds):  # pragma: no cover
    """Where the cells of each stratum begin in every column, (n_genes, n_strata + 1)."""
    out = np.empty((start.size - 1, bounds.size), np.int64)
    for j in range(start.size - 1):
        k = start[j]
        for s in range(bounds.size - 1):
            while k < start[j + 1] and cell[k] < bounds[s]:
                k += 1
            out[j, s] = k
        out[j, bounds.size - 1] = start[j + 1]
    return out


@njit(nogil=True, cache=True)
def add_products(start, cell, column, bounds, first, second, xy, xxy, xyy):  # pragma: no cover
    """Add the products of the gene pairs (``first``, ``second``) to the sums of their stratum.

    ``start``, ``cell``, ``column`` are columns of cells sorted by stratum, those of stratum ``s`` being
    ``bounds[s]..bounds[s + 1]``. The denser gene of a pair is spread out once, the entries of the other
    are walked; which of the two is spread changes no bit.
    """
    begin, order = _by_denser(start, first, second)
    segment = _segments(start, cell, bounds)
    dense = np.zeros(bounds[bounds.size - 1])
    for d in range(start.size - 1):
        if begin[d] == begin[d + 1]:
            continue
        for k in range(np.uint64(start[d]), np.uint64(start[d + 1])):
            dense[np.uint64(cell[k])] = column[k]
        for p in order[begin[d] : begin[d + 1]]:
            swapped = first[p] != d
            other = first[p] if swapped else second[p]
            for s in range(bounds.size - 1):
                both, more_dense, more_other = _walked(
                    dense, cell, column, segment[other, s], segment[other, s + 1]
                )
                xy[s, p] += both
                xxy[s, p] += more_other if swapped else more_dense
                xyy[s, p] += more_dense if swapped else more_other
        for k in range(np.uint64(start[d]), np.uint64(start[d + 1])):
            dense[np.uint64(cell[k])] = 0.0
