"""P-values of every edge from the cumulants of its simple pairs."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from niche._kernels.permutation_moments import edge_cumulants, side_cumulants
from niche._kernels.saddlepoint_tail import log_tail, p_value


@njit(cache=True)
def _expressing(unit, samples, stratum, n_cells, fraction, unit_start, unit_gene):  # pragma: no cover
    """Expressing cells a unit would hold under permuted labels: its least expressed subunit's."""
    low = np.inf
    for i in range(unit_start[unit], unit_start[unit + 1]):
        cells = 0.0
        for k in range(samples[0], samples[1]):
            cells += n_cells[k] * fraction[stratum[k], unit_gene[i]]
        low = min(low, cells)
    return low


@njit(parallel=True, cache=True)
def _fill_both(
    bounds, pair, ligand_mean, receptor_mean, ligand_unit, receptor_unit, choice_start, product,
    unit_start, unit_gene, start, stratum, n_source, n_target, weight, same, limit,
    n, mean, variance, third, fourth, xy, xxy, xyy, most_skew, p, mild,
):  # fmt: skip  # pragma: no cover
    """Fill ``p`` (n_edges,) of both sides together, and ``mild``."""
    for c in prange(bounds.size - 1):
        samples = (start[c], start[c + 1])
        cumulants = np.empty((3, 4))
        both = cumulants[0]
        for e in range(bounds[c], bounds[c + 1]):
            u, v, at = ligand_unit[pair[e]], receptor_unit[pair[e]], choice_start[pair[e]]
            value = (ligand_mean[e] + receptor_mean[e]) / 2.0
            lowest = np.nan
            for i in range(unit_start[u], unit_start[u + 1]):
                for j in range(unit_start[v], unit_start[v + 1]):
                    edge_cumulants(
                        samples, unit_gene[i], unit_gene[j], product[at], stratum, n_source, n_target,
                        weight, same[c], n, mean, variance, third, fourth, xy, xxy, xyy, cumulants,
                    )  # fmt: skip
                    at += 1
                    lowest = np.fmin(lowest, log_tail(value, both[0], both[1], both[2], both[3]))
                    if not abs(both[2]) <= most_skew * both[1] ** 1.5:
                        mild[e] = False
            p[e] = p_value(lowest, limit[c])


@njit(parallel=True, cache=True)
def _fill_side(
    order, begin, bounds, pair, value, unit, unit_start, unit_gene, start, stratum, n_own, weight, limit,
    fraction, n, mean, variance, third, fourth, p, expressing,
):  # fmt: skip  # pragma: no cover
    """Fill ``p`` (n_edges,) of one side and lower ``expressing`` to that side's.

    ``order`` holds the cell pairs by code, those of code ``k`` being ``begin[k]..begin[k + 1]``.
    """
    for key in prange(begin.size - 1):
        known = np.zeros(unit_start.size - 1, np.bool_)
        tail, cells = np.empty(known.size), np.empty(known.size)
        for c in order[begin[key] : begin[key + 1]]:
            samples = (start[c], start[c + 1])
            for e in range(bounds[c], bounds[c + 1]):
                u = unit[pair[e]]
                if not known[u]:
                    known[u], tail[u] = True, np.nan
                    cells[u] = _expressing(u, samples, stratum, n_own, fraction, unit_start, unit_gene)
                    for i in range(unit_start[u], unit_start[u + 1]):
                        one = side_cumulants(
                            samples, unit_gene[i], stratum, n_own, weight, n, mean, variance, third, fourth
                        )
                        tail[u] = np.fmin(tail[u], log_tail(value[e], one[0], one[1], one[2], one[3]))
                p[e] = p_value(tail[u], limit[c])
                expressing[e] = min(expressing[e], cells[u])


def edge_tails(
    bounds, pair, ligand_mean, receptor_mean, ligand_unit, receptor_unit, choice_start, product,
    unit_start, unit_gene, start, stratum, n_source, n_target, weight, same, limit, fraction,
    n, mean, variance, third, fourth, xy, xxy, xyy, most_skew, source_key=None, target_key=None,
):  # fmt: skip
    """P-values of edges sorted by cell pair, and whether their cumulants describe them.

    Parameters
    ----------
    bounds
        (n_cell_pairs + 1,) where the edges of each cell pair begin.
    pair, ligand_mean, receptor_mean
        (n_edges,) ligand-receptor pair and observed means.
    ligand_unit, receptor_unit, choice_start
        (n_pairs,) units, and where the products of their subunit choices begin in ``product``.
    unit_start, unit_gene
        Subunits of the units.
    start, stratum, n_source, n_target, weight, same, limit
        Samples of the cell pairs, whether they are one type, and log of their relabelings.
    fraction
        (n_strata, n_genes) share of non-zeros.
    n, mean, variance, third, fourth, xy, xxy, xyy
        Moments of the strata.
    most_skew
        Largest skewness that is mild.
    source_key, target_key
        (n_cell_pairs,) codes, from 0: cell pairs of one code have the same groups and weights on that
        side, so that a unit's tail there is found once. Every cell pair has its own by default.

    Returns
    -------
    p, expressing, mild
        (n_edges, 3) p of both sides, ligand and receptor, the smallest over the subunit choices;
        (n_edges,) expected expressing cells of the weaker side; whether no choice is skewed more.
    """
    p = np.full((3, pair.size), np.nan)
    expressing, mild = np.full(pair.size, np.inf), np.ones(pair.size, np.bool_)
    _fill_both(
        bounds, pair, ligand_mean, receptor_mean, ligand_unit, receptor_unit, choice_start, product,
        unit_start, unit_gene, start, stratum, n_source, n_target, weight, same, limit,
        n, mean, variance, third, fourth, xy, xxy, xyy, most_skew, p[0], mild,
    )  # fmt: skip
    for row, value, unit, n_own, key in (
        (1, ligand_mean, ligand_unit, n_source, source_key),
        (2, receptor_mean, receptor_unit, n_target, target_key),
    ):
        key = np.arange(bounds.size - 1) if key is None else key
        order = np.argsort(key, kind="stable")
        begin = np.searchsorted(key[order], np.arange(key.max(initial=-1) + 2))
        _fill_side(
            order, begin, bounds, pair, value, unit, unit_start, unit_gene, start, stratum, n_own, weight,
            limit, fraction, n, mean, variance, third, fourth, p[row], expressing,
        )  # fmt: skip
    return p.T, expressing, mild
