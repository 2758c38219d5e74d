"""Analytic p-values of edges under permutation of the cell-type labels within samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niche._kernels import permutation_moments
from niche._kernels.aggregate import Aggregate, Layout
from niche._kernels.cell_pairs import CellPairs
from niche._kernels.edge_tails import edge_tails
from niche._kernels.permutation_moments import CentralMoments
from niche._kernels.units import Units, combinations

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
    pair: np.ndarray,
    ligand_mean: np.ndarray,
    receptor_mean: np.ndarray,
    *,
    ligand_unit: np.ndarray,
    receptor_unit: np.ndarray,
    units: Units,
    layout: Layout,
    moments: CentralMoments,
    n_group: np.ndarray,
    fraction: np.ndarray,
) -> EdgeP:
    """P-values of edges from exact moments.

    ``cell_pair`` (n_edges,), in rising order, and ``pair`` say which cell types and which of the pairs of
    ``ligand_unit`` and ``receptor_unit`` (n_pairs,) an edge joins; ``fraction`` (n_strata, n_genes) is the
    share of non-zeros in every sample. A complex is the minimum over its subunits, which never exceeds
    any fixed choice of subunits, so the smallest p-value over the choices bounds its own from above.
    """
    n_source, n_target = n_group[pairs.source_group], n_group[pairs.target_group]
    same = pairs.source == pairs.target
    limit = permutation_moments.log_relabelings(
        pairs.start, moments.n[pairs.sample], n_source, n_target, same
    )
    choice_start, product = _choices(units, layout, ligand_unit, receptor_unit, pair)
    p, expressing, mild = edge_tails(
        np.searchsorted(cell_pair, np.arange(pairs.organ.size + 1)), pair, ligand_mean, receptor_mean,
        ligand_unit, receptor_unit, choice_start, product, units.start, units.gene,
        pairs.start, pairs.sample, n_source, n_target, pairs.weight, same, limit, fraction,
        moments.n, moments.mean, moments.variance, moments.third, moments.fourth,
        moments.xy, moments.xxy, moments.xyy, _MOST_SKEW,
        pairs.alike("source"), pairs.alike("target"),
    )  # fmt: skip
    is_bound = ((units.size[ligand_unit] > 1) | (units.size[receptor_unit] > 1))[pair]
    trusted = mild & (expressing >= _LEAST_EXPRESSING)
    return EdgeP(p[:, 0], p[:, 1], p[:, 2], is_bound, trusted)


def _choices(
    units: Units, layout: Layout, left: np.ndarray, right: np.ndarray, pair: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Product columns of the subunit choices of the pairs that occur, and where each pair's begin."""
    occurs = np.zeros(left.size, dtype=bool)
    occurs[pair] = True
    used = np.flatnonzero(occurs)
    begin, gene_left, gene_right = combinations(units, left[used], right[used])
    start = np.zeros(left.size, dtype=np.int64)
    start[used] = begin[:-1]
    return start, product_column(layout, gene_left, gene_right)


def products_of(units: Units, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct gene pairs whose products the null of these unit pairs needs, sorted."""
    _, first, second = combinations(units, left, right)
    both = (first >= 0) & (second >= 0)
    n = np.int64(units.gene.max(initial=0) + 1)
    found = np.divmod(np.unique(first[both] * n + second[both]), n)
    return found[0], found[1]


def product_column(layout: Layout, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Column of the product of each gene pair in the pass."""
    key = layout.first.astype(np.int64) * layout.n_genes + layout.second
    return np.searchsorted(key, first.astype(np.int64) * layout.n_genes + second)
