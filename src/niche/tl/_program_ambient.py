"""What of a program may be ambient molecules, or rises in the droplets of all cells."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._slots import keys, read
from niche.get.ambient import ambient


def ambient_shares(
    adata: ad.AnnData, genes: pd.DataFrame, organs: list[str], cells: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Share of a program, and of its difference to other organs, that ambient molecules explain.

    (n_programs, n_organs) each, means over the cell types of ``cells`` (n_obs,) by their number; NaN where
    not testable. None where :func:`niche.pp.ambient` was not run.
    """
    if keys.AMBIENT not in read.ours(adata):
        return None
    table = ambient(adata, level="genes", programs=genes)
    types = adata.obs[str(adata.uns[keys.AMBIENT]["params"]["groupby"])].astype(str).to_numpy()
    number = pd.Series(types[cells]).value_counts()
    split = table["cell_type"].astype(str).str.removesuffix(" (tumor)")
    table = table.assign(n=split.map(number).fillna(0.0).to_numpy(dtype=float))
    names = list(dict.fromkeys(genes["program"]))
    out = np.full((2, len(names), len(organs)), np.nan)
    kept = table[(table["n"] > 0) & table["organ"].isin(organs)]
    for (organ, program), part in kept.groupby(["organ", "program"], observed=True):
        at = names.index(str(program)), organs.index(str(organ))
        for side, column in enumerate(("share", "effect_share")):
            known = part[column].notna()
            if known.any():
                out[side][at] = np.average(part.loc[known, column], weights=part.loc[known, "n"])
    return out[0], out[1]


def levels(
    values: sparse.csr_matrix,
    genes: np.ndarray,
    unit: np.ndarray,
    part: np.ndarray,
    n_units: int,
    n_parts: int,
) -> np.ndarray:
    """Mean over cells of the summed expression (CP10k) of each program's ``genes`` (n_programs, n_top).

    (n_programs, n_parts, n_units) by compartment ``part`` and ``unit`` (n_cells,; -1 takes no part); NaN
    where a unit has no cell of the part.
    """
    linear = values.copy()
    linear.data = np.expm1(linear.data)
    n_programs = len(genes)
    marks = sparse.csr_matrix(
        (np.ones(genes.size), (genes.ravel(), np.repeat(np.arange(n_programs), genes.shape[1]))),
        shape=(values.shape[1], n_programs),
    )
    sums = np.asarray((linear @ marks).todense())
    used = (unit >= 0) & (part >= 0)
    place = part[used] * n_units + unit[used]
    n = np.bincount(place, minlength=n_parts * n_units)
    total = np.zeros((n_parts * n_units, n_programs))
    np.add.at(total, place, sums[used])
    mean = np.where(n[:, None] > 0, total / np.maximum(n, 1)[:, None], np.nan)
    return np.moveaxis(mean.reshape(n_parts, n_units, n_programs), 2, 0)


def rises(level: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    """Rise of every group over the mean of the others: (n_programs, n_parts, n_groups) from ``level``.

    Units count alike within a group, groups alike against each other; NaN where one is missing.
    """
    with np.errstate(invalid="ignore"):
        centre = np.full((*level.shape[:2], n_groups), np.nan)
        for g in range(n_groups):
            mine = level[:, :, group == g]
            known = np.isfinite(mine)
            n = known.sum(axis=2)
            total = np.where(known, mine, 0.0).sum(axis=2)
            centre[:, :, g] = np.where(n > 0, total / np.maximum(n, 1), np.nan)
        known = np.isfinite(centre)
        total, n = np.where(known, centre, 0.0).sum(axis=2), known.sum(axis=2)
        others = (total[:, :, None] - np.where(known, centre, 0.0)) / np.maximum(n[:, :, None] - 1, 1)
        return np.where(known & (n[:, :, None] > 1), centre - others, np.nan)


def control(rise: np.ndarray) -> np.ndarray:
    """Median rise of the host compartments over the tumor's, (n_programs, n_groups); the tumor is part 0.

    Absolute expression is compared: a tumor's own program leaks a tenth of itself into host cells, what
    leaks from elsewhere rises by the same in all. NaN where the tumor does not rise or no host is there.
    """
    host = rise[:, 1:]
    known = np.isfinite(host).any(axis=1)
    middle = np.full(known.shape, np.nan)
    for place in zip(*np.nonzero(known), strict=True):
        middle[place] = np.nanmedian(host[place[0], :, place[1]])
    tumor = rise[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known & (tumor > 0), middle / tumor, np.nan)
