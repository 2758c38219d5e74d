"""Expression of one cell type in every patient and organ: values, precision, and where it is deep enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niche._kernels.units import Units
from niche._stats import precision
from niche._stats.contrasts import design_of
from niche._stats.tmm import tmm_factors
from niche.get._compare_units import AnalysisUnits

DEEP = 3.0
"""Median expected count (cells that express, where there are no counts) a group needs."""

SCALED_BY = 10.0
"""Count a gene is expected to have in every unit, to take part in scaling the libraries."""


@dataclass(frozen=True)
class Side:
    """Features of a cell type over the units that hold it.

    Attributes
    ----------
    rows
        (n_rows,) units, rising.
    values, weights
        (n_features, n_rows) log2 CPM and precision weights; NaN for features that are not measured.
    deep
        (n_features, n_groups) whether a group is deep enough for the feature.
    """

    rows: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    deep: np.ndarray

    def at(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values and weights at some of the units."""
        place = np.searchsorted(self.rows, rows)
        return self.values[:, place], self.weights[:, place]


def side_of(
    counts: np.ndarray,
    library: np.ndarray,
    n_cells: np.ndarray,
    expressing: np.ndarray,
    sample: np.ndarray,
    units: AnalysisUnits,
    *,
    has_counts: bool,
) -> Side:
    """Sum the samples of a cell type per unit, and judge every gene.

    ``counts``, ``expressing`` (n_samples_of_type, n_genes), ``library``, ``n_cells`` and ``sample``
    (n_samples_of_type,): the samples with enough cells of the type that take part.
    """
    unit = units.of_sample[sample]
    rows, place = np.unique(unit, return_inverse=True)
    n_genes = counts.shape[1]
    bulk, cells_expressing = np.zeros((2, rows.size, n_genes))
    depth, cells = np.zeros((2, rows.size))
    for target, source in (
        (bulk, counts),
        (cells_expressing, expressing),
        (depth, library),
        (cells, n_cells),
    ):
        np.add.at(target, place, source)
    group = units.samples.group[rows]
    n_groups = len(units.groups.name)
    if rows.size == 0:
        nothing = np.zeros((n_genes, 0))
        return Side(rows, nothing, nothing.copy(), np.zeros((n_genes, n_groups), dtype=bool))
    if has_counts:
        depth = scaled_depth(bulk, depth)
        likely = precision.expected(bulk, depth)
    else:
        likely = precision.expected(cells_expressing, cells)
    deep = np.zeros((n_groups, n_genes), dtype=bool)
    for g in np.unique(group):
        deep[g] = np.median(likely[group == g], axis=0) >= DEEP
    values = precision.log_cpm(bulk, depth)
    mine = units.samples.take(rows)
    design = design_of(mine.group, mine.covariates, mine.terms).matrix
    usable = deep[np.unique(group)].all(axis=0)
    if usable.sum() < precision.FEWEST:
        usable = deep.any(axis=0)
    if has_counts:
        weights = precision.voom_weights(values, depth, design, usable)
    else:
        weights = precision.cell_weights(values, cells, design, usable)
    factor = precision.group_variances(values, weights, design, group, usable)
    weights = weights / factor[group][:, None]
    return Side(rows, np.ascontiguousarray(values.T), np.ascontiguousarray(weights.T), deep.T.copy())


def scaled_depth(counts: np.ndarray, library: np.ndarray) -> np.ndarray:
    """Libraries (n_units,) times their TMM factors; as they are where genes are too few to scale by."""
    if counts.shape[1] < precision.FEWEST:
        return library
    return library * tmm_factors(counts[:, _well_counted(counts, library)], library)


def _well_counted(bulk: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Genes that libraries are scaled by, whatever the group: expected often enough in the smallest library.

    Genes that a small library may miss by chance would make it look too deep. (Of fewer than 30 genes most
    may well differ, and the factor would take the difference away: then there is none.)
    """
    fraction = bulk.sum(axis=0) / max(float(depth.sum()), 1.0)
    enough = fraction * depth.min(initial=np.inf) >= SCALED_BY
    if enough.sum() >= precision.FEWEST:
        return enough
    return fraction >= np.sort(fraction)[-min(precision.FEWEST, fraction.size)]


def complexes(side: Side, units: Units) -> Side:
    """Genes to ligands and receptors: the lowest subunit of each unit, with its weight; all must be deep."""
    n = units.size.size
    values, weights = np.full((2, n, side.rows.size), np.nan)
    deep = np.zeros((n, side.deep.shape[1]), dtype=bool)
    single = (units.size == 1) & units.measured
    gene = units.gene[units.start[:-1][single]]
    values[single], weights[single], deep[single] = side.values[gene], side.weights[gene], side.deep[gene]
    for u in np.flatnonzero((units.size > 1) & units.measured):
        genes = units.gene[units.start[u] : units.start[u + 1]]
        lowest = side.values[genes].argmin(axis=0)
        place = (genes[lowest], np.arange(side.rows.size))
        values[u], weights[u], deep[u] = side.values[place], side.weights[place], side.deep[genes].all(axis=0)
    return Side(side.rows, values, weights, deep)
