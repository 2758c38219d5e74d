"""The genes that a copy-number profile is read from, in the order of the genome."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from niche._kernels.copy_number import Windows, windows_along
from niche._log import logger
from niche._slots import validate
from niche.errors import InputTypeError, InputValueError
from niche.resources.gene_placement import HOW, Placement, chromosome_names, place_genes

MINIMUM_GENES = 10
"""Chromosomes with fewer placed genes are left out: their mean would be the noise of a few genes."""

_STANDARD = r"chr(\d+|X|Y|M)"


@dataclass(frozen=True)
class Genome:
    """Chromosomes and windows of a data set.

    Attributes
    ----------
    names
        Chromosomes in order.
    windows
        The windows along them.
    placed
        Frame ``how, n_genes``: how the genes were placed, or why they are not used.
    share_placed
        Share of all genes with a position.
    n_used
        Genes in a window's reach.
    table
        Frame ``chromosome, start, end, n_genes``: one row per window.
    organism
        Whose built-in positions were taken, empty for the data's own.
    """

    names: list[str]
    windows: Windows
    placed: pd.DataFrame
    share_placed: float
    n_used: int
    table: pd.DataFrame
    organism: str


def excluded_names(exclude_chromosomes: Sequence[str] | None) -> list[str]:
    """Names of the chromosomes to leave out, as niche writes them."""
    if exclude_chromosomes is None:
        return []
    if isinstance(exclude_chromosomes, str) or not all(isinstance(c, str) for c in exclude_chromosomes):
        raise InputTypeError(
            f"exclude_chromosomes must list names such as ('chrX', 'chrY') or be None. "
            f"Got {exclude_chromosomes!r}."
        )
    return [str(name) for name in chromosome_names(pd.Series(list(exclude_chromosomes), dtype=object))]


def genome_of(
    var: pd.DataFrame,
    *,
    positions: str,
    organism: str | None,
    excluded: list[str],
    window: int,
    step: int,
    strict: bool,
) -> Genome:
    """Place the genes and lay windows over the chromosomes.

    ``strict`` leaves out everything but numbered chromosomes, X, Y and M, and chromosomes with fewer than
    :data:`MINIMUM_GENES` genes; else every chromosome whose name starts with ``chr``, M aside, takes part.
    """
    placement = place_genes(var, positions=positions, organism=organism)
    _some_placed(placement, var)
    reason = placement.how.astype(object).copy()
    reason[placement.placed & np.isin(placement.chromosome, excluded)] = "excluded_chromosome"
    usual = np.array([_takes_part(name, strict=strict) for name in placement.chromosome], dtype=bool)
    reason[placement.placed & ~usual & (reason != "excluded_chromosome")] = "other_chromosome"
    if strict:
        open_ = np.isin(reason, HOW[:-1])
        names, n = np.unique(placement.chromosome[open_].astype(str), return_counts=True)
        small = names[n < MINIMUM_GENES].tolist()
        reason[open_ & np.isin(placement.chromosome, small)] = "chromosome_of_few_genes"
    used = np.isin(reason, HOW[:-1])
    chromosomes = sorted(set(placement.chromosome[used]), key=_natural)
    if len(chromosomes) < 2:
        raise InputValueError(
            f"copy number is read by comparing chromosomes, and genes lie on {len(chromosomes)} of them only "
            f"({validate.shown(chromosomes) or 'none'}; placed: {_counts(reason)}). Give the whole genome."
        )
    order = _in_order if strict else _by_start
    columns = [order(placement, np.flatnonzero(used & (placement.chromosome == c)), var) for c in chromosomes]
    windows = windows_along(columns, len(var), window=window, step=step)
    counted = pd.Series(reason).value_counts(sort=False)
    listed = [name for name in (*HOW, *sorted(set(reason) - set(HOW))) if name in counted.index]
    genome = Genome(
        chromosomes,
        windows,
        pd.DataFrame({"how": np.array(listed, dtype=object), "n_genes": [int(counted[n]) for n in listed]}),
        float(placement.placed.mean()),
        int(used.sum()),
        _table(placement, columns, chromosomes, windows),
        placement.organism,
    )
    level = logger.info if genome.share_placed >= 0.5 else logger.warning
    level(
        "infer_cnv: %.1f %% of %d genes placed; %d used on %d chromosomes",
        100 * genome.share_placed, len(var), genome.n_used, len(chromosomes),
    )  # fmt: skip
    return genome


def _some_placed(placement: Placement, var: pd.DataFrame) -> None:
    if placement.placed.any():
        return
    raise InputValueError(
        "none of the genes could be placed on the genome, for example "
        f"{validate.shown(var.index[:3])}. Name genes by symbols or Ensembl gene ids (human or mouse), or "
        "give positions of your own as adata.var['chromosome'], ['start'], ['end']."
    )


def _takes_part(name: str, *, strict: bool) -> bool:
    if strict:
        return re.fullmatch(_STANDARD, name) is not None
    return name.startswith("chr") and name != "chrM"


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sorting key: numbers as numbers, before letters."""
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part]


def _in_order(placement: Placement, columns: np.ndarray, var: pd.DataFrame) -> np.ndarray:
    """By start, end and name: the order of the genes in the data does not matter."""
    names = np.asarray(var.index, dtype=str)[columns]
    return columns[np.lexsort((names, placement.end[columns], placement.start[columns]))]


def _by_start(placement: Placement, columns: np.ndarray, var: pd.DataFrame) -> np.ndarray:
    """By start alone, ties as pandas leaves them, which is what infercnvpy does."""
    start = var["start"].iloc[columns] if "start" in var.columns else pd.Series(placement.start[columns])
    return columns[start.reset_index(drop=True).sort_values().index.to_numpy()]


def _counts(reason: np.ndarray) -> str:
    found = pd.Series(reason).value_counts()
    return ", ".join(f"{name} {n}" for name, n in found.items())


def _table(
    placement: Placement, columns: list[np.ndarray], chromosomes: list[str], windows: Windows
) -> pd.DataFrame:
    """First and last base and number of genes of every window."""
    of_gene = np.flatnonzero(windows.gene_of_column >= 0)
    flat = np.repeat(windows.flat, windows.n_windows)
    ends = placement.end[of_gene]
    ends = np.where(np.isnan(ends), placement.start[of_gene], ends)
    return pd.DataFrame(
        {
            "chromosome": np.repeat(np.array(chromosomes, dtype=object), windows.n_windows),
            "start": placement.start[of_gene][windows.first_gene].astype(np.int64),
            "end": ends[windows.last_gene].astype(np.int64),
            "n_genes": np.where(flat, np.repeat(windows.size, windows.n_windows), windows.window),
        }
    )
