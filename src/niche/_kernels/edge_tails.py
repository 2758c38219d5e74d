"""P-values of every edge from the cumulants of its simple pairs."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from niche._kernels.permutation_moments import edge_cumulants
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
def edge_tails(
    bounds, pair, ligand_mean, receptor_mean, ligand_unit, receptor_unit, choice_start, product,
    unit_start, unit_gene, start, stratum, n_source, n_target, weight, same, limit, fraction,
    n, mean, variance, third, fourth, xy, xxy, xyy, most_skew,
):  # fmt: skip  # pragma: no cover
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

    Returns
    -------
    p, expressing, mild
        (n_edges, 3) p of both sides, ligand and receptor, the smallest over the subunit choices;
        (n_edges,) expected expressing cells of the weaker side; whether no choice is skewed more.
    """
    p = np.full((pair.size, 3), np.nan)
    expressing, mild = np.empty(pair.size), np.ones(pair.size, np.bool_)
    n_units = unit_start.size - 1
    for c in prange(bounds.size - 1):
        if bounds[c] == bounds[c + 1]:
            continue
        samples = (start[c], start[c + 1])
        known = np.zeros((2, n_units), np.bool_)
        tail, cells = np.empty((2, n_units)), np.empty((2, n_units))
        cumulants = np.empty((3, 4))
        for e in range(bounds[c], bounds[c + 1]):
            u, v, at = ligand_unit[pair[e]], receptor_unit[pair[e]], choice_start[pair[e]]
            new_u, new_v = not known[0, u], not known[1, v]
            if new_u:
                cells[0, u] = _expressing(u, samples, stratum, n_source, fraction, unit_start, unit_gene)
                known[0, u], tail[0, u] = True, np.nan
            if new_v:
                cells[1, v] = _expressing(v, samples, stratum, n_target, fraction, unit_start, unit_gene)
                known[1, v], tail[1, v] = True, np.nan
            lowest = np.nan
            for i in range(unit_start[u], unit_start[u + 1]):
                for j in range(unit_start[v], unit_start[v + 1]):
                    edge_cumulants(
                        samples, unit_gene[i], unit_gene[j], product[at], stratum, n_source, n_target,
                        weight, same[c], n, mean, variance, third, fourth, xy, xxy, xyy, cumulants,
                    )  # fmt: skip
                    at += 1
                    both = cumulants[0]
                    value = (ligand_mean[e] + receptor_mean[e]) / 2.0
                    lowest = np.fmin(lowest, log_tail(value, both[0], both[1], both[2], both[3]))
                    if not abs(both[2]) <= most_skew * both[1] ** 1.5:
                        mild[e] = False
                    if new_u and j == unit_start[v]:
                        one = cumulants[1]
                        found = log_tail(ligand_mean[e], one[0], one[1], one[2], one[3])
                        tail[0, u] = np.fmin(tail[0, u], found)
                    if new_v and i == unit_start[u]:
                        one = cumulants[2]
                        found = log_tail(receptor_mean[e], one[0], one[1], one[2], one[3])
                        tail[1, v] = np.fmin(tail[1, v], found)
            p[e, 0] = p_value(lowest, limit[c])
            p[e, 1] = p_value(tail[0, u], limit[c])
            p[e, 2] = p_value(tail[1, v], limit[c])
            expressing[e] = min(cells[0, u], cells[1, v])
    return p, expressing, mild
