"""Expression of a cell type in every sample, relative to its other samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from niche._stats import precision
from niche.get._compare_sides import DEEP, scaled_depth


@dataclass(frozen=True)
class Profiles:
    """Profiles of the samples of a cell type.

    Attributes
    ----------
    rows
        (n_rows,) groups of the sums, that is samples of this cell type.
    genes
        (n_genes,) columns that are deep enough in every organ.
    values
        (n_rows, n_genes) log2 CPM less the mean over the samples.
    """

    rows: np.ndarray
    genes: np.ndarray
    values: np.ndarray


def profiles_of(
    aggregate: dict[str, Any], cell_type: int, organ_of_sample: np.ndarray, min_cells: int
) -> Profiles:
    """Centred profiles of a cell type in the samples that take part and hold enough of its cells.

    Genes are those whose median expected count (expressing cells, where there are no counts) from the
    fraction in all samples together is at least 3 in every organ.
    """
    organ = organ_of_sample[aggregate["sample"]]
    rows = np.flatnonzero(
        (aggregate["cell_type"] == cell_type) & (organ >= 0) & (aggregate["n"] >= min_cells)
    )
    bulk, depth = aggregate["pseudobulk"][rows].astype(float), aggregate["library"][rows].astype(float)
    if not rows.size:
        return Profiles(rows, np.zeros(0, dtype=np.int64), bulk[:, :0])
    if aggregate["pseudobulk_kind"] == "counts":
        depth = scaled_depth(bulk, depth)
        likely = precision.expected(bulk, depth)
    else:
        likely = precision.expected(
            aggregate["nonzero"][rows].astype(float), aggregate["n"][rows].astype(float)
        )
    deep = np.array([np.median(likely[organ[rows] == g], axis=0) >= DEEP for g in np.unique(organ[rows])])
    genes = np.flatnonzero(deep.all(axis=0))
    values = precision.log_cpm(bulk, depth)[:, genes]
    return Profiles(rows, genes, values - values.mean(axis=0))
