"""Expression of ligand and receptor units per group, and its averages over the samples of an organ."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from niche._kernels.aggregate import Aggregate
from niche._kernels.cell_pairs import CellPairs
from niche._kernels.edge_values import picked
from niche._kernels.units import Units


@dataclass(frozen=True)
class Edges:
    """Ligand-receptor edges between cell types within organs, one entry each.

    Attributes
    ----------
    cell_pair
        Index into the pairs of cell types.
    organ, source, target
        Codes.
    ligand, receptor
        Units.
    ligand_means, receptor_means, ligand_props, receptor_props
        Averages over the samples of the cell pair, within patient first.
    pair
        Row of the ligand-receptor pair in the resource.
    """

    cell_pair: np.ndarray
    organ: np.ndarray
    source: np.ndarray
    target: np.ndarray
    ligand: np.ndarray
    receptor: np.ndarray
    ligand_means: np.ndarray
    receptor_means: np.ndarray
    ligand_props: np.ndarray
    receptor_props: np.ndarray
    pair: np.ndarray


@dataclass(frozen=True)
class Expression:
    """What a score function may look at; the ``aggregate`` argument of a ``ScoreSpec`` function.

    Arrays are (n_groups, n_units), a group being one cell type in one sample and a unit a gene or
    complex; a complex takes the lowest of its subunits within the sample.

    Attributes
    ----------
    aggregate
        The sums of the pass over the matrix.
    units
        Subunits of every unit.
    pairs
        Pairs of cell types per organ with their samples and weights.
    sample_of_group, type_of_group, organ_of_sample, patient_of_sample
        Codes; organ -1 marks samples that take no part.
    n_organs, n_types
        Numbers of organs and cell types.
    n_vars
        Genes of the whole matrix, for averages over it; (n_organs,) where organs differ in them.
    expr_prop
        The smallest fraction of expressing cells that counts as expressed.
    min_cells
        Smallest number of cells of a group that is used.
    apart
        Every organ is one sample on a scale of its own, as where a tool is run on its cells.
    by_limiting
        A complex takes all values from its subunit of the lowest mean, not the lowest of each.
    """

    aggregate: Aggregate
    units: Units
    pairs: CellPairs
    sample_of_group: np.ndarray
    type_of_group: np.ndarray
    organ_of_sample: np.ndarray
    patient_of_sample: np.ndarray
    n_organs: int
    n_types: int
    n_vars: int | np.ndarray
    expr_prop: float
    min_cells: int
    apart: bool = False
    by_limiting: bool = False

    @cached_property
    def gene_mean(self) -> np.ndarray:
        """(n_groups, n_genes) mean."""
        return self.aggregate.sums / np.maximum(self.aggregate.n, 1)[:, None]

    @cached_property
    def gene_fraction(self) -> np.ndarray:
        """(n_groups, n_genes) fraction of cells above zero."""
        return self.aggregate.nonzero / np.maximum(self.aggregate.n, 1)[:, None]

    @cached_property
    def mean(self) -> np.ndarray:
        """Mean of the unit."""
        return self.units.lowest(self.gene_mean)

    @cached_property
    def fraction(self) -> np.ndarray:
        """Fraction of cells above zero."""
        return self.units.lowest(self.gene_fraction)

    @cached_property
    def zscore(self) -> np.ndarray:
        """Mean of the gene scaled to zero mean and unit variance over the cells of all organs."""
        pool = self.pool_of_sample[self.sample_of_group]
        sums, square = np.zeros((2, self.pool_of_sample.max(initial=0) + 1, self.gene_mean.shape[1]))
        np.add.at(sums, pool, self.aggregate.sums)
        np.add.at(square, self.pool_of_sample, self.aggregate.square)
        n = np.maximum(np.bincount(pool, weights=self.aggregate.n, minlength=len(sums)), 2)[:, None]
        centre = sums / n
        sd = np.sqrt(np.maximum((square - n * centre**2) / (n - 1), 0.0))
        return self._of_units((self.gene_mean - centre[pool]) / np.where(sd > 0, sd, 1.0)[pool])

    @cached_property
    def logfc(self) -> np.ndarray:
        """log2 fold change of the mean of expm1 against the other cells of the same sample."""
        n, linear = self.aggregate.n.astype(float), self.aggregate.linear
        total = np.zeros((self.organ_of_sample.size, linear.shape[1]))
        np.add.at(total, self.sample_of_group, linear)
        cells = np.bincount(self.sample_of_group, weights=n, minlength=self.organ_of_sample.size)
        n_rest = cells[self.sample_of_group] - n
        inside = linear / np.maximum(n, 1)[:, None]
        rest = np.maximum(total[self.sample_of_group] - linear, 0.0) / np.maximum(n_rest, 1)[:, None]
        change = np.log2(inside + 1) - np.log2(rest + 1)
        change[n_rest == 0] = np.nan
        return self._of_units(change)

    @cached_property
    def share(self) -> np.ndarray:
        """Mean of the unit as a share of its sum over the cell types of the sample with enough cells."""
        usable, mean = self.aggregate.n >= self.min_cells, self.gene_mean if self.by_limiting else self.mean
        total = np.zeros((self.organ_of_sample.size, mean.shape[1]))
        np.add.at(total, self.sample_of_group[usable], mean[usable])
        of_sample = total[self.sample_of_group]
        share = mean / np.where(of_sample > 0, of_sample, 1.0)
        return self._of_units(share) if self.by_limiting else share

    @cached_property
    def pool_of_sample(self) -> np.ndarray:
        """Samples on one scale share a code: all of them, or those of an organ where these are apart."""
        return self.organ_of_sample if self.apart else np.zeros(self.organ_of_sample.size, dtype=np.int64)

    @cached_property
    def grand_mean(self) -> np.ndarray:
        """Mean of the whole matrix for each organ: one scale for all, unless they are apart."""
        pool = self.pool_of_sample[self.sample_of_group]
        size = self.n_organs if self.apart else 1
        total = np.bincount(pool, weights=self.aggregate.total, minlength=size)
        n = np.bincount(pool, weights=self.aggregate.n, minlength=size)
        return np.broadcast_to(total / np.maximum(n, 1), self.n_organs) / self.n_vars

    def _of_units(self, values: np.ndarray) -> np.ndarray:
        """Values of genes (n_groups, n_genes) to those of units."""
        if not self.by_limiting:
            return self.units.lowest(values)
        padded = np.concatenate([values, np.full((values.shape[0], 1), np.nan)], axis=1)
        return np.take_along_axis(padded, self.units.limiting(self.gene_mean), axis=1)

    def sides(self, values: np.ndarray, edges: Edges) -> tuple[np.ndarray, np.ndarray]:
        """Average (n_groups, n_units) values to the ligand and the receptor side of each edge."""
        left = picked(*self.pairs.averages(values, "source"), edges.cell_pair, edges.ligand)
        right = picked(*self.pairs.averages(values, "target"), edges.cell_pair, edges.receptor)
        return left, right

    def profile(self, values: np.ndarray) -> np.ndarray:
        """Patient-weighted mean per organ and cell type: (n_organs, n_types, n); NaN where absent."""
        out = np.full((self.n_organs, self.n_types, values.shape[1]), np.nan)
        organ = self.organ_of_sample[self.sample_of_group]
        patient = self.patient_of_sample[self.sample_of_group]
        usable = (organ >= 0) & (self.aggregate.n >= self.min_cells)
        for o in range(self.n_organs):
            for c in range(self.n_types):
                found = np.flatnonzero(usable & (organ == o) & (self.type_of_group == c))
                if found.size:
                    _, place, repeats = np.unique(patient[found], return_inverse=True, return_counts=True)
                    weight = 1.0 / (repeats.size * repeats[place])
                    out[o, c] = (weight[:, None] * values[found]).sum(axis=0)
        return out
