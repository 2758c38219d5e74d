"""Analytic p-values of edges under permutation of the cell-type labels within samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from niche._kernels import permutation_moments, saddlepoint_tail
from niche._kernels.aggregate import Aggregate, Layout
from niche._kernels.cell_pairs import CellPairs
from niche._kernels.permutation_moments import CentralMoments
from niche._kernels.units import Units, combinations

_CHUNK = 1_000_000
_MOST_SKEW = 1.0
_LEAST_EXPRESSING = 5.0


@dataclass(frozen=True)
class EdgeP:
    """P-values of edges, in (0, 1]; NaN where the labels could not be permuted.

    ``both`` belongs to (ligand + receptor) / 2, the others to one side alone; ``is_bound`` marks
    edges with a complex, whose value is a conservative bound; ``trusted`` edges whose law the four
    cumulants describe: skewness up to 1, and at least 5 expressing cells expected on each side.
    """

    both: np.ndarray
    ligand: np.ndarray
    receptor: np.ndarray
    is_bound: np.ndarray
    trusted: np.ndarray


def strata_moments(aggregate: Aggregate, layout: Layout, sample_of_group: np.ndarray) -> CentralMoments:
    """Central moments of every sample from the sums of the pass."""
    total = np.zeros_like(aggregate.square)
    np.add.at(total, sample_of_group, aggregate.sums)
    return permutation_moments.central_moments(
        aggregate.n_stratum, total, aggregate.square, aggregate.cube, aggregate.fourth,
        aggregate.xy, aggregate.xxy, aggregate.xyy, layout.first, layout.second,
    )  # fmt: skip


def analytic(
    pairs: CellPairs,
    cell_pair: np.ndarray,
    left_unit: np.ndarray,
    right_unit: np.ndarray,
    ligand_mean: np.ndarray,
    receptor_mean: np.ndarray,
    *,
    units: Units,
    layout: Layout,
    moments: CentralMoments,
    n_group: np.ndarray,
    expressing: np.ndarray,
) -> EdgeP:
    """P-values of ``cell_pair`` x (``left_unit``, ``right_unit``) edges from exact moments.

    A complex is the minimum over its subunits, which never exceeds any fixed choice of subunits, so
    the smallest p-value over the choices is a rigorous upper bound of its own. ``expressing`` (n_edges,)
    is the smaller :func:`expected_expressing` of the two sides.
    """
    n_source, n_target = n_group[pairs.source_group], n_group[pairs.target_group]
    same = pairs.source == pairs.target
    limit = permutation_moments.log_relabelings(
        pairs.start, moments.n[pairs.sample], n_source, n_target, same
    )
    out = [np.full(cell_pair.size, np.nan) for _ in range(3)]
    trusted = expressing >= _LEAST_EXPRESSING
    for first in range(0, cell_pair.size, _CHUNK):
        part = slice(first, first + _CHUNK)
        start, gene_left, gene_right = combinations(units, left_unit[part], right_unit[part])
        if start[-1] == 0:
            continue
        repeats = np.diff(start)
        owner = np.repeat(cell_pair[part], repeats)
        found = permutation_moments.edge_moments(
            owner, gene_left, gene_right, product_column(layout, gene_left, gene_right),
            pairs.start, pairs.sample, n_source, n_target, pairs.weight, same,
            moments.n, moments.mean, moments.variance, moments.third, moments.fourth,
            moments.xy, moments.xxy, moments.xyy,
        )  # fmt: skip
        left, right = ligand_mean[part], receptor_mean[part]
        for k, value in enumerate(((left + right) / 2, left, right)):
            log_p = saddlepoint_tail.log_tails(np.repeat(value, repeats), np.ascontiguousarray(found[:, k]))
            best = np.fmin.reduceat(log_p, start[:-1])
            out[k][part] = saddlepoint_tail.p_values(best, limit[cell_pair[part]])
        mild = np.abs(found[:, 0, 2]) <= _MOST_SKEW * found[:, 0, 1] ** 1.5
        trusted[part] &= np.logical_and.reduceat(mild, start[:-1])
    is_bound = (units.size[left_unit] > 1) | (units.size[right_unit] > 1)
    return EdgeP(out[0], out[1], out[2], is_bound, trusted)


def expected_expressing(
    pairs: CellPairs, fraction: np.ndarray, n_group: np.ndarray, units: Units, side: str
) -> np.ndarray:
    """Expressing cells a side would hold under permuted labels: (n_cell_pairs, n_units).

    ``fraction`` (n_strata, n_genes) is the share of non-zeros of every sample.
    """
    group = pairs.source_group if side == "source" else pairs.target_group
    cells = sparse.csr_matrix(
        (n_group[group].astype(float), pairs.sample, pairs.start), shape=(pairs.organ.size, fraction.shape[0])
    )
    return units.lowest(np.asarray(cells @ fraction))


def products_of(units: Units, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct gene pairs whose products the null of these unit pairs needs, sorted."""
    _, first, second = combinations(units, left, right)
    both = (first >= 0) & (second >= 0)
    found = np.unique(np.stack([first[both], second[both]], axis=1), axis=0)
    return found[:, 0].astype(np.int64), found[:, 1].astype(np.int64)


def product_column(layout: Layout, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Column of the product of each gene pair in the pass."""
    key = layout.first.astype(np.int64) * layout.n_genes + layout.second
    return np.searchsorted(key, first.astype(np.int64) * layout.n_genes + second)
