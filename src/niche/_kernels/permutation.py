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
    csc = matrix[order].tocsc()
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
def group_means(start, cell, value, groups, n, out):  # pragma: no cover
    """Fill ``out`` (n_genes, n_groups, n_perms) with means under the permutations ``groups``."""
    n_perms = groups.shape[1]
    for j in prange(start.size - 1):
        mean = out[j]
        mean[:] = 0.0
        for k in range(start[j], start[j + 1]):
            group, x = groups[cell[k]], np.float64(value[k])
            for b in range(n_perms):
                mean[group[b], b] += x
        for g in range(n.size):
            if n[g] > 0:
                for b in range(n_perms):
                    mean[g, b] /= n[g]


@njit(cache=True)
def _fill_lowest(out, means, unit, unit_start, unit_gene, group):  # pragma: no cover
    """Fill ``out`` (n_perms,) with the lowest subunit's mean of a unit in a group."""
    first = means[unit_gene[unit_start[unit]], group]
    for b in range(out.size):
        out[b] = first[b]
    for k in range(unit_start[unit] + 1, unit_start[unit + 1]):
        other = means[unit_gene[k], group]
        for b in range(out.size):
            out[b] = min(out[b], other[b])


@njit(parallel=True, cache=True)
def count_exceedances(
    means, n_perms, observed, cell_pair, left, right, sides, start, source_group, target_group, weight,
    unit_start, unit_gene, limit, strict, silent_is_zero, count, drawn,
):  # fmt: skip  # pragma: no cover
    """Count which of the first ``n_perms`` permutations reach ``observed``, up to ``limit`` of them.

    ``sides`` chooses the statistic: 0 for (ligand + receptor) / 2, 1 ligand, 2 receptor; units take
    their lowest subunit within every sample and permutation. A permutation reaches the observed value
    when it is at least that, or above it with ``strict``. With ``silent_is_zero`` a sample in which one
    of both sides is 0 under the permutation adds nothing. ``count`` and ``drawn`` (n_edges,) are added
    to; an edge stops drawing at the permutation that brings it to the limit.
    """
    for part in prange((observed.size + _EDGES - 1) // _EDGES):
        found, x, y = np.empty(n_perms), np.zeros(n_perms), np.zeros(n_perms)
        for e in range(part * _EDGES, min((part + 1) * _EDGES, observed.size)):
            c, side = cell_pair[e], sides[e]
            found[:] = 0.0
            for k in range(start[c], start[c + 1]):
                w = weight[k] / 2.0 if side == 0 else weight[k]
                if side != 2:
                    _fill_lowest(x, means, left[e], unit_start, unit_gene, source_group[k])
                if side != 1:
                    _fill_lowest(y, means, right[e], unit_start, unit_gene, target_group[k])
                if side == 0 and silent_is_zero:
                    for b in range(n_perms):
                        if x[b] > 0.0 and y[b] > 0.0:
                            found[b] += w * (x[b] + y[b])
                elif side == 0:
                    for b in range(n_perms):
                        found[b] += w * x[b] + w * y[b]
                else:
                    one = x if side == 1 else y
                    for b in range(n_perms):
                        found[b] += w * one[b]
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
    count, drawn = np.zeros((2, statistics.observed.size), dtype=np.int64)
    active = np.arange(statistics.observed.size)
    size = min(block_size(n_groups, n_genes), n_perms)
    groups = np.empty((columns.group.size, size), dtype=np.uint16)
    means = np.empty((n_genes, n_groups, size))
    for first in range(0, n_perms, size):
        n = min(size, n_perms - first)
        shuffled_groups(columns.group, columns.stratum_start, streams_of(seed, first, size), groups)
        group_means(columns.start, columns.cell, columns.value, groups, columns.n, means)
        now = statistics if active.size == count.size else statistics.take(active)
        count_now, drawn_now = count[active], drawn[active]
        count_exceedances(
            means, n, now.observed, now.cell_pair, now.left, now.right, now.sides, start,
            source_group, target_group, weight, unit_start, unit_gene, most, strict, silent_is_zero,
            count_now, drawn_now,
        )  # fmt: skip
        count[active], drawn[active] = count_now, drawn_now
        active = active[count_now < most]
        if active.size == 0:
            break
    return np.where(count >= most, count / np.maximum(drawn, 1), (count + 1) / (drawn + 1))


def streams_of(seed: int, first: int, n: int) -> np.ndarray:
    """Starting states of permutations ``first .. first + n`` of a seed."""
    sequence = np.random.SeedSequence(seed)
    key = np.uint64(sequence.generate_state(1, dtype=np.uint64)[0])
    index = np.arange(first, first + n, dtype=np.uint64)
    z = key + (index + np.uint64(1)) * np.uint64(0xD1342543DE82EF95)
    z = (z ^ (z >> np.uint64(32))) * np.uint64(0xDABA0B6EB09322E3)
    z = (z ^ (z >> np.uint64(32))) * np.uint64(0xDABA0B6EB09322E3)
    return z ^ (z >> np.uint64(32))
