"""From cells to sums of every gene: what a comparison of expression reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from niche._kernels import aggregate as aggregation
from niche._kernels.aggregate import Layout
from niche._kernels.cell_pairs import CellPairs, cell_pairs
from niche._slots import passes
from niche._slots.matrix import Matrix
from niche._slots.validate import Samples
from niche.tl._cell_types import CellTypes
from niche.tl._communication_pass import sample_types


@dataclass(frozen=True)
class GeneSums:
    """Sums of every gene per (sample, cell type).

    Attributes
    ----------
    aggregate
        ``sample, cell_type, n, nonzero, pseudobulk, library, pseudobulk_kind`` as a communication result
        stores them.
    group_of
        (n_samples, n_types) group, -1 if empty.
    """

    aggregate: dict[str, Any]
    group_of: np.ndarray

    @property
    def n_genes(self) -> int:
        """Genes summed."""
        return self.aggregate["nonzero"].shape[1]

    def expressed(
        self, organ_of_sample: np.ndarray, patient_of_sample: np.ndarray, n_organs: int, min_cells: int
    ) -> np.ndarray:
        """Fraction of expressing cells (n_types, n_organs, n_genes): of samples, patients, then the organ.

        0 where no sample of an organ holds ``min_cells`` cells of the type.
        """
        n_types = self.group_of.shape[1]
        organ, own = np.tile(np.arange(n_organs), n_types), np.repeat(np.arange(n_types), n_organs)
        pairs: CellPairs = cell_pairs(
            organ, own, own, organ_of_sample=organ_of_sample, patient_of_sample=patient_of_sample,
            group_of=self.group_of, n=self.aggregate["n"], min_cells=min_cells,
        )  # fmt: skip
        fraction = self.aggregate["nonzero"] / np.maximum(self.aggregate["n"], 1)[:, None]
        return pairs.average(fraction, "source").reshape(n_types, n_organs, -1)


def gene_sums(
    values: Matrix, samples: Samples, types: CellTypes, threads: int, *, has_counts: bool
) -> GeneSums:
    """One pass, which for log values also sums what they are the logarithm of."""
    codes_of_cells, sample_of_group, type_of_group, group_of = sample_types(samples, types)
    n_genes = values.shape[1]
    none = np.zeros(0, dtype=np.int64)
    layout = Layout(
        codes_of_cells, np.where(codes_of_cells >= 0, samples.cells.codes, -1).astype(np.int32),
        sample_of_group.size, len(samples.cells.names), np.arange(n_genes, dtype=np.int32), n_genes,
        none, none,
    )  # fmt: skip
    works = [aggregation.values_work(layout)]
    if not has_counts:
        works.append(aggregation.linear_work(layout, exponentiate=True))
    sums = aggregation.finish(layout, *passes.trees(values, works, threads))
    return GeneSums(
        {
            "sample": sample_of_group, "cell_type": type_of_group, "n": sums.n, "nonzero": sums.nonzero,
            "pseudobulk": sums.sums if has_counts else sums.linear,
            "library": sums.total if has_counts else sums.linear_total,
            "pseudobulk_kind": "counts" if has_counts else "expm1",
        },
        group_of,
    )  # fmt: skip
