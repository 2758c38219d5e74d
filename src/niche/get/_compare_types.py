"""Ligands and receptors of every cell type over the patients and organs of a communication result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from niche._kernels.units import Units
from niche.get._compare_sides import Side, complexes, side_of
from niche.get._compare_units import AnalysisUnits


class SidesOfTypes:
    """Ligands and receptors of every cell type over the units, made when they are asked for."""

    def __init__(self, stored: Mapping[str, Any], units: AnalysisUnits, lr_units: Units) -> None:
        aggregate = stored["aggregate"]
        self._aggregate = {
            name: np.asarray(aggregate[name])
            for name in ("sample", "cell_type", "n", "nonzero", "pseudobulk", "library")
        }
        self._has_counts = str(aggregate["pseudobulk_kind"]) == "counts"
        self._min_cells = int(stored["params"]["min_cells"])
        self._units, self._lr_units = units, lr_units
        self._made: dict[int, Side] = {}

    def of(self, cell_type: int) -> Side:
        """The sides of a cell type."""
        if cell_type not in self._made:
            a = self._aggregate
            mine = (a["cell_type"] == cell_type) & (a["n"] >= self._min_cells)
            mine &= self._units.of_sample[a["sample"]] >= 0
            side = side_of(
                a["pseudobulk"][mine], a["library"][mine], a["n"][mine], a["nonzero"][mine],
                a["sample"][mine],
                self._units, has_counts=self._has_counts,
            )  # fmt: skip
            self._made[cell_type] = complexes(side, self._lr_units)
        return self._made[cell_type]

    def make(self, cell_types: Iterable[int], threads: int) -> None:
        """Make the sides of those of the cell types that two groups hold, in threads."""
        group = self._units.samples.group
        held = [t for t in cell_types if np.unique(group[self.units_with(t, t)]).size > 1]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(self.of, held))

    def units_with(self, source: int, target: int) -> np.ndarray:
        """Units in which a sample holds enough cells of both types."""
        a = self._aggregate
        big = a["n"] >= self._min_cells
        samples = [set(a["sample"][big & (a["cell_type"] == t)]) for t in (source, target)]
        found = self._units.of_sample[sorted(samples[0] & samples[1])].astype(np.int64)
        return np.unique(found[found >= 0])

    def cells(self, cell_type: int) -> tuple[np.ndarray, np.ndarray]:
        """Cells of a type in every group (n_groups,), and in the largest sample of it."""
        a, n_groups = self._aggregate, len(self._units.groups.name)
        unit = self._units.of_sample[a["sample"]]
        mine = (a["cell_type"] == cell_type) & (unit >= 0)
        group = self._units.samples.group[unit[mine]]
        largest = np.zeros(n_groups, dtype=np.int64)
        np.maximum.at(largest, group, a["n"][mine])
        return np.bincount(group, weights=a["n"][mine], minlength=n_groups), largest

    def entered(self, cell_type: int) -> np.ndarray:
        """(n_units,) whether a sample holds enough cells of a type."""
        a = self._aggregate
        mine = (a["cell_type"] == cell_type) & (a["n"] >= self._min_cells)
        unit = self._units.of_sample[a["sample"][mine]]
        out = np.zeros(self._units.n_samples.size, dtype=bool)
        out[unit[unit >= 0]] = True
        return out

    def cells_per_unit(self, cell_type: int) -> np.ndarray:
        """(n_units,) cells of a type in the samples that hold enough; in all samples where none does."""
        a, size = self._aggregate, self._units.n_samples.size
        unit = self._units.of_sample[a["sample"]]
        mine = (a["cell_type"] == cell_type) & (unit >= 0)
        large = mine & (a["n"] >= self._min_cells)
        every, enough = (np.bincount(unit[m], weights=a["n"][m], minlength=size) for m in (mine, large))
        return np.where(enough > 0, enough, every).astype(np.int64)
