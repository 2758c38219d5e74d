"""P-values of every edge from the cumulants of its simple pairs."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from niche._kernels.permutation_moments import add_joined, add_side, joint_factors, side_cumulants
from niche._kernels.saddlepoint_tail import deviate, p_of_deviate


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
def _fill_tables(stratum, size, n, mean, variance, third, fourth, out):  # pragma: no cover
    """Fill ``out`` (n_types, n_genes, 4) with cumulants of cell types of ``size`` cells of ``stratum``."""
    for i in prange(size.size):
        s = stratum[i]
        out[i] = side_cumulants(n[s], size[i], mean[s], variance[s], third[s], fourth[s])


@njit(parallel=True, cache=True)
def _fill_both(
    bounds, pair, ligand_mean, receptor_mean, ligand_unit, receptor_unit, choice_start, product,
    unit_start, unit_gene, start, stratum, source, target, factors, weight, least, tables, products,
    most_skew, p, mild,
):  # fmt: skip  # pragma: no cover
    """Fill ``p`` (n_edges,) of both sides together, and ``mild``."""
    for c in prange(bounds.size - 1):
        samples, both = (start[c], start[c + 1]), np.empty(4)
        for e in range(bounds[c], bounds[c + 1]):
            u, v, at = ligand_unit[pair[e]], receptor_unit[pair[e]], choice_start[pair[e]]
            value, highest = (ligand_mean[e] + receptor_mean[e]) / 2.0, np.nan
            for i in range(unit_start[u], unit_start[u + 1]):
                for j in range(unit_start[v], unit_start[v + 1]):
                    add_joined(
                        both, samples, tables, unit_gene[i], unit_gene[j], source, target, products, stratum,
                        product[at], factors, weight,
                    )  # fmt: skip
                    at += 1
                    highest = np.fmax(highest, deviate(value, both[0], both[1], both[2], both[3]))
                    if not abs(both[2]) <= most_skew * both[1] * np.sqrt(both[1]):
                        mild[e] = False
            p[e] = p_of_deviate(highest, least[c])


@njit(parallel=True, cache=True)
def _fill_side(
    order, begin, bounds, pair, value, unit, unit_start, unit_gene, start, stratum, n_own, own, weight,
    least, fraction, tables, p, expressing,
):  # fmt: skip  # pragma: no cover
    """Fill ``p`` (n_edges,) of one side and lower ``expressing`` to that side's.

    ``order`` holds the cell pairs by code, those of code ``k`` being ``begin[k]..begin[k + 1]``.
    """
    for key in prange(begin.size - 1):
        known, one = np.zeros(unit_start.size - 1, np.bool_), np.empty(4)
        highest, cells = np.empty(known.size), np.empty(known.size)
        for c in order[begin[key] : begin[key + 1]]:
            samples = (start[c], start[c + 1])
            for e in range(bounds[c], bounds[c + 1]):
                u = unit[pair[e]]
                if not known[u]:
                    known[u], highest[u] = True, np.nan
                    cells[u] = _expressing(u, samples, stratum, n_own, fraction, unit_start, unit_gene)
                    for i in range(unit_start[u], unit_start[u + 1]):
                        add_side(one, samples, tables, unit_gene[i], own, weight)
                        found = deviate(value[e], one[0], one[1], one[2], one[3])
                        highest[u] = np.fmax(highest[u], found)
                p[e] = p_of_deviate(highest[u], least[c])
                expressing[e] = min(expressing[e], cells[u])


@njit(cache=True)
def _fill_factors(start, stratum, n_source, n_target, same, n, out):  # pragma: no cover
    """Fill ``out`` (n_entries, 3) with the weights of the products in every sample of every cell pair."""
    for c in range(start.size - 1):
        for k in range(start[c], start[c + 1]):
            out[k] = joint_factors(float(n[stratum[k]]), float(n_source[k]), float(n_target[k]), same[c])


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
    most_cells = int(max(n_source.max(initial=0), n_target.max(initial=0))) + 1
    met, own = np.unique(
        np.concatenate([stratum, stratum]) * np.int64(most_cells) + np.concatenate([n_source, n_target]),
        return_inverse=True,
    )
    source, target = own[: stratum.size], own[stratum.size :]
    tables = np.empty((met.size, mean.shape[1], 4))
    _fill_tables(met // most_cells, met % most_cells, n, mean, variance, third, fourth, tables)
    factors, least = np.empty((stratum.size, 3)), np.exp(-limit)
    _fill_factors(start, stratum, n_source, n_target, same, n, factors)
    _fill_both(
        bounds, pair, ligand_mean, receptor_mean, ligand_unit, receptor_unit, choice_start, product,
        unit_start, unit_gene, start, stratum, source, target, factors, weight, least, tables,
        np.stack([xy, xxy, xyy], axis=2), most_skew, p[0], mild,
    )  # fmt: skip
    for row, value, unit, n_own, place, key in (
        (1, ligand_mean, ligand_unit, n_source, source, source_key),
        (2, receptor_mean, receptor_unit, n_target, target, target_key),
    ):
        code = np.arange(bounds.size - 1) if key is None else key
        order = np.argsort(code, kind="stable")
        begin = np.searchsorted(code[order], np.arange(code.max(initial=-1) + 2))
        _fill_side(
            order, begin, bounds, pair, value, unit, unit_start, unit_gene, start, stratum, n_own, place,
            weight, least, fraction, tables, p[row], expressing,
        )  # fmt: skip
    return p.T, expressing, mild
