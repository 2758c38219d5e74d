"""Choices in which the field's tools differ for the same score, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import sparse

from niche._kernels.row_tiles import Work
from niche._kernels.units import Units
from niche._slots import passes
from niche._slots.matrix import Matrix
from niche._slots.validate import Factor, Samples
from niche.tl._cell_types import CellTypes
from niche.tl._pairs_of_genes import GenePairs


@dataclass(frozen=True)
class Convention:
    """One tool's choices.

    Attributes
    ----------
    pooled
        Cells of an organ form one pool in which labels are permuted; else each sample is one.
    strict_filter
        Expressed means a fraction above ``expr_prop``; else at least.
    strict_tail
        A permutation counts when above the observed value; else at least.
    complexes
        ``lowest`` subunit inside each permutation; the subunit ``limiting`` in the observed data, kept
        in every permutation; or one subunit chosen by its mean over ``all_cells``, incomplete
        complexes included.
    drop_small
        Cells of types with fewer than ``min_cells`` cells in the organ leave the pool.
    silent_is_zero
        The statistic of a permutation is 0 where one of both sides is, as the observed score is.
    drop_empty
        Genes without a value in the organ do not count in the mean of the matrix.
    """

    pooled: bool
    strict_filter: bool
    strict_tail: bool
    complexes: Literal["lowest", "limiting", "all_cells"]
    drop_small: bool
    silent_is_zero: bool
    drop_empty: bool


CONVENTIONS = {
    "niche": Convention(False, False, False, "lowest", False, False, False),
    "cellphonedb": Convention(True, True, True, "lowest", False, True, False),
    "liana": Convention(True, False, False, "limiting", True, False, True),
    "squidpy": Convention(True, False, True, "all_cells", False, False, False),
}


def pool_samples(
    samples: Samples, organs: list[str], organ_of_sample: np.ndarray, types: CellTypes
) -> tuple[Samples, np.ndarray, CellTypes]:
    """Make one sample of all cells of an organ; cells of organs that take no part are left out."""
    organ = organ_of_sample[samples.cells.codes]
    names = np.array(organs, dtype=object)
    whole = Samples(
        Factor(samples.cells.key, np.maximum(organ, 0).astype(np.int32), tuple(organs)),
        names, names, np.full(len(organs), "metastasis", dtype=object), samples.tissue_given,
    )  # fmt: skip
    codes = np.where(organ >= 0, types.codes, -1).astype(np.int32)
    return whole, np.arange(len(organs)), replace(types, codes=codes)


def numbers_pooled(samples: Samples, organ_of_sample: np.ndarray, n_organs: int) -> dict[str, np.ndarray]:
    """Samples and patients behind the pool of every organ."""
    of_organ = [np.flatnonzero(organ_of_sample == o) for o in range(n_organs)]
    return {
        "n_samples": np.array([found.size for found in of_organ]),
        "n_patients": np.array([len(set(samples.patient[found])) for found in of_organ]),
    }


def drop_small_types(types: CellTypes, cells: Factor, min_cells: int) -> CellTypes:
    """Leave out the cells of types with fewer than ``min_cells`` cells in their pool."""
    key = cells.codes.astype(np.int64) * len(types.names) + types.codes
    kept = types.codes >= 0
    count = np.bincount(key[kept], minlength=len(cells.names) * len(types.names))
    return replace(types, codes=np.where(kept & (count[key] >= min_cells), types.codes, -1).astype(np.int32))


def genes_expressed(values: Matrix, types: CellTypes, cells: Factor, threads: int) -> np.ndarray:
    """Number of genes with a value above zero in any cell of each pool, (n_pools,)."""
    kept = np.where(types.codes >= 0, cells.codes, -1)
    found = passes.totals(values, Work(_cells_expressing, (len(cells.names),), (kept,)), threads)
    return (found > 0).sum(axis=1)


def _cells_expressing(
    block: sparse.csr_matrix, first: int, last: int, n_pools: int, pool: np.ndarray
) -> np.ndarray:
    """Cells with a value above zero, (n_pools, n_genes)."""
    found = np.zeros((n_pools, block.shape[1]), dtype=np.int64)
    for p in np.unique(pool[pool >= 0]):
        rows = block[first + np.flatnonzero(pool == p)]
        found[p] = np.bincount(rows.indices[rows.data != 0], minlength=block.shape[1])
    return found


def one_subunit(genes: GenePairs, mean: np.ndarray) -> GenePairs:
    """Replace every complex by its measured subunit of the lowest mean over all cells, (n_genes,)."""
    units = genes.units
    chosen = np.full(units.size.size, -1, dtype=np.int64)
    for u in range(chosen.size):
        subunits = units.gene[units.start[u] : units.start[u + 1]]
        measured = subunits[subunits >= 0]
        if measured.size:
            chosen[u] = measured[mean[measured].argmin()]
    return replace(genes, units=Units(np.arange(chosen.size + 1), chosen))
