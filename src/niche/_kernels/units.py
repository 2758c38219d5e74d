"""Ligands and receptors as units: a gene, or the least expressed subunit of a complex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Units:
    """Which genes make up each unit.

    Attributes
    ----------
    start
        (n_units + 1,) where the subunits of each unit begin.
    gene
        Gene of each subunit, -1 where it is not measured.
    """

    start: np.ndarray
    gene: np.ndarray

    @property
    def size(self) -> np.ndarray:
        """(n_units,) number of subunits."""
        return np.diff(self.start)

    @property
    def measured(self) -> np.ndarray:
        """(n_units,) whether every subunit is measured."""
        return np.minimum.reduceat(self.gene, self.start[:-1]) >= 0

    def lowest(self, values: np.ndarray) -> np.ndarray:
        """Minimum over the subunits: (n_groups, n_genes) to (n_groups, n_units), NaN if unmeasured."""
        padded = np.concatenate([values, np.full((values.shape[0], 1), np.nan)], axis=1)
        return np.minimum.reduceat(padded[:, self.gene], self.start[:-1], axis=1)

    def limiting(self, mean: np.ndarray) -> np.ndarray:
        """Subunit of the lowest ``mean`` (n_groups, n_genes): (n_groups, n_units), -1 if unmeasured."""
        out = np.full((mean.shape[0], self.size.size), -1, dtype=np.int64)
        for u in np.flatnonzero(self.measured):
            subunits = self.gene[self.start[u] : self.start[u + 1]]
            out[:, u] = subunits[mean[:, subunits].argmin(axis=1)]
        return out

    def geometric(self, values: np.ndarray) -> np.ndarray:
        """Geometric mean over the subunits: (n_groups, n_genes) to (n_groups, n_units)."""
        padded = np.concatenate([values, np.full((values.shape[0], 1), np.nan)], axis=1)
        with np.errstate(divide="ignore"):
            logs = np.add.reduceat(np.log(padded[:, self.gene]), self.start[:-1], axis=1)
        return np.exp(logs / self.size)


def combinations(
    units: Units, left: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List the simple gene pairs within pairs of units.

    ``left``, ``right`` (n_pairs,) are units. Returns ``start`` (n_pairs + 1,) and the genes of every
    subunit choice, row-major over left x right.
    """
    n_left, n_right = units.size[left], units.size[right]
    count = n_left * n_right
    start = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    owner = np.repeat(np.arange(left.size), count)
    place = np.arange(start[-1]) - start[owner]
    gene_left = units.gene[units.start[left[owner]] + place // n_right[owner]]
    gene_right = units.gene[units.start[right[owner]] + place % n_right[owner]]
    return start, gene_left, gene_right
