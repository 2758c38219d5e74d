"""Cell-type labels permuted within samples, statistics compared on the fly.

Permutations are drawn in blocks. Only the stored values of the genes in play are touched, and only
counts of exceedances are kept, so no array of permutations x edges ever exists. Every permutation has
a random stream of its own, so blocks and threads do not change the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from scipy import sparse

BUDGET_BYTES = 192 << 20
_LARGEST_BLOCK = 64
_TIE = 1e-9
_EDGES = 256


@dataclass(frozen=True)
class Columns:
    """Values of some genes with the cells sorted by stratum.

    Attributes
    ----------
    start, cell, value
        Compressed columns: cells (in the sorted order) and values of each gene.
    group
        (n_cells,) uint16 group of every cell in the sorted order.
    stratum_start
        (n_strata + 1,) where the cells of each stratum begin.
    n
        (n_groups,) cells.
    """

    start: np.ndarray
    cell: np.ndarray
    value: np.ndarray
    group: np.ndarray
    stratum_start: np.ndarray
    n: np.ndarray


def columns_of(matrix: sparse.csr_matrix, group: np.ndarray, stratum: np.ndarray, n_groups: int) -> Columns:
    """Sort cells (n_obs,) by stratum, -1 left out, and turn a cells x genes matrix into columns."""
    order = np.argsort(stratum, kind="stable")
    order = order[np.searchsorted(stratum[order], 0) :]
    n_strata = int(stratum.max(initial=-1)) + 1
    csc = (matrix if np.array_equal(order, np.arange(stratum.size)) else matrix[order]).tocsc()
    if n_groups > np.iinfo(np.uint16).max:
        raise ValueError(f"at most {np.iinfo(np.uint16).max} groups of cells, got {n_groups}")
    return Columns(
        csc.indptr.astype(np.int64),
        csc.indices.astype(np.int32),
        csc.data,
        group[order].astype(np.uint16),
        np.searchsorted(stratum[order], np.arange(n_strata + 1)).astype(np.int64),
        np.bincount(group[order], minlength=n_groups).astype(np.int64),
    )


def block_size(n_groups: int, n_genes: int) -> int:
    """Permutations held at a time within the memory budget."""
    return int(np.clip(BUDGET_BYTES // max(8 * n_groups * n_genes, 1), 4, _LARGEST_BLOCK))


@njit(cache=True)
def _next(state):
    """Advance a splitmix64 stream; returns the new state and 64 random bits."""
    state = np.uint64(state + np.uint64(0x9E3779B97F4A7C15))
    z = state
    z = np.uint64((z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9))
    z = np.uint64((z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB))
    return state, np.uint64(z ^ (z >> np.uint64(31)))


@njit(parallel=True, cache=True)
def shuffled_groups(group, stratum_start, streams, out):  # pragma: no cover - compiled
    """Fill ``out`` (n_cells, n_perms) with groups shuffled within strata, one stream per permutation."""
    for b in prange(streams.size):
        state = streams[b]
        own = group.copy()
        for s in range(stratum_start.size - 1):
            first, last = stratum_start[s], stratum_start[s + 1]
            for i in range(last - 1, first, -1):
                state, bits = _next(state)
                span = np.uint64(i - first + 1)
                j = first + np.int64(((bits >> np.uint64(32)) * span) >> np.uint64(32))
                own[i], own[j] = own[j], own[i]
        for i in range(own.size):
            out[i, b] = own[i]


@njit(parallel=True, cache=True)
def _fill_means(start, cell, value, groups, n, out):  # pragma: no cover
    """Fill ``out`` (n_genes, n_groups, n_perms) with means under the permutations ``groups``."""
    for j in prange(start.size - 1):
        sums = np.zeros((groups.shape[1], n.size))
        for k in range(start[j], start[j + 1]):
            group, x = groups[cell[k]], np.float64(value[k])
            for b in range(group.size):
                sums[b, group[b]] += x
        for g in range(n.size):
            size = max(n[g], 1)
            for b in range(groups.shape[1]):
                out[j, g, b] = sums[b, g] / size


def group_means(
    start: np.ndarray, cell: np.ndarray, value: np.ndarray, groups: np.ndarray, n: np.ndarray, out: np.ndarray
) -> None:
    """Fill ``out`` (n_genes, n_groups, n_perms) with means under the permutations ``groups``."""
    short = groups.astype(np.uint8) if n.size <= np.iinfo(np.uint8).max else groups
    _fill_means(start, cell, value, short, n, out)


@njit(parallel=True, cache=True)
def fill_lowest(means, first, start, gene):  # pragma: no cover
    """Fill the rows from ``first`` of ``means`` with the lowest of the rows of each complex's genes."""
    for u in prange(start.size - 1):
        out = means[first + u]
        out[:] = means[gene[start[u]]]
        for k in range(start[u] + 1, start[u + 1]):
            other = means[gene[k]]
            for g in range(out.shape[0]):
                for b in range(out.shape[1]):
                    out[g, b] = min(out[g, b], other[g, b])


@njit(cache=True)
def _fill_statistic(
    found, means, left, right, side, samples, source, target, weight, silent_is_zero
):  # pragma: no cover
    """Fill ``found`` (n_perms,) with the statistic of one edge, or of one of its sides."""
    found[:] = 0.0
    for k in range(samples[0], samples[1]):
        x, y = means[left, source[k]], means[right, target[k]]
        if side == 0:
            w = weight[k] / 2.0
            if silent_is_zero:
                for b in range(found.size):
                    found[b] += w * (x[b] + y[b]) if x[b] > 0.0 and y[b] > 0.0 else 0.0
            else:
                for b in range(found.size):
                    found[b] += w * x[b] + w * y[b]
        else:
            w, one = weight[k], x if side == 1 else y
            for b in range(found.size):
                found[b] += w * one[b]


@njit(parallel=True, cache=True)
def count_exceedances(
    means, observed, cell_pair, left, right, sides, start, source_group, target_group, weight,
    limit, strict, silent_is_zero, count, drawn,
):  # fmt: skip  # pragma: no cover
    """Count which of the permutations of ``means`` reach ``observed``, up to ``limit`` of them.

    ``means`` is (n_units, n_groups, n_perms). ``sides`` chooses the statistic: 0 for (ligand +
    receptor) / 2, 1 ligand, 2 receptor. A permutation reaches the observed value when it is at least
    that, or above it with ``strict``. With ``silent_is_zero`` a sample in which one of both sides is 0
    under the permutation adds nothing. ``count`` and ``drawn`` (n_edges,) are added to; an edge stops
    drawing at the permutation that brings it to the limit.
    """
    n_perms = means.shape[2]
    for part in prange((observed.size + _EDGES - 1) // _EDGES):
        found = np.empty(n_perms)
        for e in range(part * _EDGES, min((part + 1) * _EDGES, observed.size)):
            samples = (start[cell_pair[e]], start[cell_pair[e] + 1])
            _fill_statistic(
                found, means, left[e], right[e], sides[e], samples, source_group, target_group, weight,
                silent_is_zero,
            )  # fmt: skip
            slack = _TIE * (1.0 + abs(observed[e]))
            threshold = observed[e] + slack if strict else observed[e] - slack
            reached = 0
            for b in range(n_perms):
                reached += found[b] >= threshold
            if count[e] + reached < limit:
                count[e] += reached
                drawn[e] += n_perms
                continue
            for b in range(n_perms):
                if count[e] >= limit:
                    break
                drawn[e] += 1
                count[e] += found[b] >= threshold


FIELDS = ("cell_pair", "left", "right", "sides", "observed")


@dataclass(frozen=True)
class Statistics:
    """Statistics to permute: edges of cell pairs, or one side of them.

    Attributes
    ----------
    cell_pair, left, right
        (n,) cell pair and units.
    sides
        (n,) int8: 0 for (ligand + receptor) / 2, 1 ligand, 2 receptor.
    observed
        (n,) values.
    """

    cell_pair: np.ndarray
    left: np.ndarray
    right: np.ndarray
    sides: np.ndarray
    observed: np.ndarray

    def take(self, kept: np.ndarray) -> Statistics:
        """Return some of the statistics."""
        return Statistics(*(getattr(self, name)[kept] for name in FIELDS))


def permuted_p(
    columns: Columns,
    statistics: Statistics,
    *,
    start: np.ndarray,
    source_group: np.ndarray,
    target_group: np.ndarray,
    weight: np.ndarray,
    unit_start: np.ndarray,
    unit_gene: np.ndarray,
    n_perms: int,
    seed: int,
    limit: int | None = None,
    strict: bool = False,
    silent_is_zero: bool = False,
) -> np.ndarray:
    """P-values of statistics over up to ``n_perms`` stratified permutations.

    Without ``limit`` every statistic sees all permutations and p = (b + 1) / (n_perms + 1) (Phipson &
    Smyth 2010, doi:10.2202/1544-6115.1585). With it a statistic stops at its ``limit``-th exceedance,
    and p = limit / drawn there (Besag & Clifford 1991, doi:10.1093/biomet/78.2.301); never 0.
    """
    n_groups, n_genes = columns.n.size, columns.start.size - 1
    most = n_perms + 1 if limit is None else limit
    row, complex_start, complex_gene = _rows_of_units(unit_start, unit_gene, n_genes)
    n_rows = n_genes + complex_start.size - 1
    left, right = row[statistics.left], row[statistics.right]
    active = np.argsort(left * n_rows + right)  # edges of one gene pair together: their means stay cached
    now, left, right = statistics.take(active), left[active], right[active]
    count, drawn = np.zeros((2, active.size), dtype=np.int64)
    count_now, drawn_now = np.zeros((2, active.size), dtype=np.int64)
    size = min(block_size(n_groups, n_rows), n_perms)
    groups = np.empty(columns.group.size * size, dtype=np.uint16)
    means = np.empty(n_rows * n_groups * size)
    for first in range(0, n_perms, size):
        n = min(size, n_perms - first)
        drawn_groups = groups[: columns.group.size * n].reshape(-1, n)
        of_units = means[: n_rows * n_groups * n].reshape(n_rows, n_groups, n)
        shuffled_groups(columns.group, columns.stratum_start, streams_of(seed, first, n), drawn_groups)
        group_means(columns.start, columns.cell, columns.value, drawn_groups, columns.n, of_units[:n_genes])
        fill_lowest(of_units, n_genes, complex_start, complex_gene)
        count_exceedances(
            of_units, now.observed, now.cell_pair, left, right, now.sides, start,
            source_group, target_group, weight, most, strict, silent_is_zero, count_now, drawn_now,
        )  # fmt: skip
        if (count_now >= most).any():
            count[active], drawn[active] = count_now, drawn_now
            going = count_now < most
            active, now, left, right = active[going], now.take(going), left[going], right[going]
            count_now, drawn_now = count_now[going], drawn_now[going]
        if active.size == 0:
            break
    count[active], drawn[active] = count_now, drawn_now
    return np.where(count >= most, count / np.maximum(drawn, 1), (count + 1) / (drawn + 1))


def _rows_of_units(
    unit_start: np.ndarray, unit_gene: np.ndarray, n_genes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row of every unit among the means, complexes following the genes; subunits of the complexes."""
    size = np.diff(unit_start)
    is_complex = size > 1
    row = np.where(is_complex, n_genes + np.cumsum(is_complex) - 1, unit_gene[unit_start[:-1]])
    gene = unit_gene[np.repeat(is_complex, size)]
    return row, np.concatenate([[0], np.cumsum(size[is_complex])]), gene


def streams_of(seed: int, first: int, n: int) -> np.ndarray:
    """Starting states of permutations ``first .. first + n`` of a seed."""
    sequence = np.random.SeedSequence(seed)
    key = np.uint64(sequence.generate_state(1, dtype=np.uint64)[0])
    index = np.arange(first, first + n, dtype=np.uint64)
    z = key + (index + np.uint64(1)) * np.uint64(0xD1342543DE82EF95)
    z = (z ^ (z >> np.uint64(32))) * np.uint64(0xDABA0B6EB09322E3)
    z = (z ^ (z >> np.uint64(32))) * np.uint64(0xDABA0B6EB09322E3)
    return z ^ (z >> np.uint64(32))
