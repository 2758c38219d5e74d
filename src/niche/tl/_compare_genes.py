"""Test the genes of every cell type between organs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from niche._kernels.units import Units
from niche._stats.organ_tests import Family, Method, Models, family_tests
from niche.get._compare_sides import Side
from niche.get._compare_types import SidesOfTypes
from niche.tl._compare_edges import Compared, columns_of, compared
from niche.tl._compare_input import Study
from niche.tl._compare_reasons import Reasons, missing_groups
from niche.tl._gene_sums import GeneSums

Backend = Callable[[Side, np.ndarray, np.ndarray, int, Models], Family]
"""Tests genes (n_tested,) of a side with usable groups (n_tested, n_groups) of a cell type in some models."""


@dataclass(frozen=True)
class OfType:
    """Tested genes of one cell type, and the values they were tested on."""

    cell_type: int
    family: Family
    found: Compared
    side: Side


def by_niche(side: Side, genes: np.ndarray, usable: np.ndarray, cell_type: int, models: Models) -> Family:
    """Weighted moderated linear models."""
    return family_tests(side.values[genes], side.weights[genes], usable, models, leave_out=True)


def compare_genes(
    sums: GeneSums, n_types: int, study: Study, method: Method, backend: Backend, min_cells: int,
    reasons: Reasons,
) -> tuple[list[OfType], np.ndarray]:  # fmt: skip
    """Genes of every cell type, and the reason code (n_types, n_genes) of every gene not compared at all."""
    genes = np.arange(sums.n_genes)
    sides = SidesOfTypes(
        {"aggregate": sums.aggregate, "params": {"min_cells": min_cells}}, study.units,
        Units(np.arange(genes.size + 1), genes),
    )  # fmt: skip
    untested = np.zeros((n_types, genes.size), dtype=np.uint16)
    parts = []
    for t in range(n_types):
        rows = sides.units_with(t, t)
        cells, largest = sides.cells(t)
        held = np.isin(np.arange(len(study.groups.name)), study.units.samples.group[rows])
        missing = missing_groups(study.groups, cells[None], largest[None], held, min_cells)
        if held.sum() < 2:
            untested[t] = reasons.code("; ".join(dict.fromkeys(text for text in missing if text)))
            continue
        side = sides.of(t)
        usable = side.deep & held
        kept = usable.sum(axis=1) > 1
        untested[t, ~kept] = reasons.code("depth in all organs, or all but one")
        chosen = np.flatnonzero(kept)
        if not chosen.size:
            continue
        models = Models(study.units.samples.take(rows), study.groups, study.wanted, method)
        family = backend(side, chosen, usable[chosen], t, models)
        found = compared(
            family, chosen, columns_of(family, study.wanted), rows, usable[chosen], study.units, study.wanted,
            missing, reasons, np.zeros(0, dtype=np.uint8),
        )  # fmt: skip
        parts.append(OfType(t, family, found, side))
    return parts, untested
