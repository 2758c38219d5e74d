"""The inner loops of the one pass: add the rows of one tile to its sums."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def add_values(
    data,
    indices,
    indptr,
    first,
    last,
    group,
    stratum,
    gene_of_column,
    sums,
    nonzero,
    square,
    cube,
    fourth,
    total,
):  # pragma: no cover - compiled
    """Add rows ``first..last`` of a csr matrix to the sums of their group and stratum.

    ``group`` and ``stratum`` (last - first,) are local codes, -1 for rows left out;
    ``gene_of_column`` maps columns to kept genes, -1 for columns that only enter ``total``.
    Returns the largest value seen.
    """
    largest = 0.0
    for row in range(first, last):
        g = group[row - first]
        if g < 0:
            continue
        s = stratum[row - first]
        row_total = 0.0
        for k in range(indptr[row], indptr[row + 1]):
            x = np.float64(data[k])
            if x == 0.0:
                continue
            row_total += x
            if x > largest:
                largest = x
            j = gene_of_column[indices[k]]
            if j >= 0:
                sums[g, j] += x
                nonzero[g, j] += 1
                x2 = x * x
                square[s, j] += x2
                cube[s, j] += x2 * x
                fourth[s, j] += x2 * x2
        total[g] += row_total
    return largest


@njit(nogil=True, cache=True)
def add_linear(
    data, indices, indptr, first, last, group, gene_of_column, exponentiate, sums, total
):  # pragma: no cover
    """Add the values (or their ``expm1``) of rows ``first..last`` to the sums of their group."""
    for row in range(first, last):
        g = group[row - first]
        if g < 0:
            continue
        row_total = 0.0
        for k in range(indptr[row], indptr[row + 1]):
            x = np.float64(data[k])
            if exponentiate:
                x = np.expm1(x)
            row_total += x
            j = gene_of_column[indices[k]]
            if j >= 0:
                sums[g, j] += x
        total[g] += row_total


@njit(nogil=True, cache=True)
def add_products(
    data, indices, indptr, first, last, stratum, gene_of_column, pair_start, pair_partner, xy, xxy, xyy
):  # pragma: no cover
    """Add the products of the asked gene pairs of rows ``first..last`` to the sums of their stratum.

    The pairs of gene ``j`` are ``pair_start[j]..pair_start[j + 1]`` with second gene
    ``pair_partner``. Only pairs whose two genes are both non-zero in a cell are touched.
    """
    row_values = np.zeros(pair_start.size - 1)
    for row in range(first, last):
        s = stratum[row - first]
        if s < 0:
            continue
        begin, end = indptr[row], indptr[row + 1]
        for k in range(begin, end):
            j = gene_of_column[indices[k]]
            if j >= 0:
                row_values[j] = data[k]
        for k in range(begin, end):
            j = gene_of_column[indices[k]]
            if j < 0:
                continue
            x = row_values[j]
            for p in range(pair_start[j], pair_start[j + 1]):
                y = row_values[pair_partner[p]]
                if y != 0.0:
                    product = x * y
                    xy[s, p] += product
                    xxy[s, p] += product * x
                    xyy[s, p] += product * y
        for k in range(begin, end):
            j = gene_of_column[indices[k]]
            if j >= 0:
                row_values[j] = 0.0
