"""The genes that a copy-number profile is read from, in the order of the genome."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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

LOW_SHARE = 0.5
"""Share of placed genes below which the log warns."""

USED = HOW[:-1]
EXCLUDED, OTHER = "excluded_chromosome", "other_chromosome"
UNSEEN, SMALL = "seen_in_few_cells", "chromosome_of_few_genes"
"""Why a placed gene is not used."""

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


@dataclass(frozen=True)
class Candidates:
    """Genes that lie on a chromosome that takes part.

    Attributes
    ----------
    placement
        Positions of all genes.
    reason
        (n_vars,) object: how a gene was placed, or why it does not take part.
    gene_of_column
        (n_vars,) int32: number of each candidate in the order of the columns, -1 for other genes.
    """

    placement: Placement
    reason: np.ndarray
    gene_of_column: np.ndarray


def candidates_of(
    var: pd.DataFrame, *, positions: str, organism: str | None, excluded: list[str], strict: bool
) -> Candidates:
    """Place the genes; leave out those on chromosomes that take no part.

    ``strict`` takes numbered chromosomes, X, Y and M only; else every chromosome whose name starts with
    ``chr``, M aside, takes part.
    """
    placement = place_genes(var, positions=positions, organism=organism)
    if not placement.placed.any():
        raise InputValueError(
            f"none of the genes could be placed on the genome, for example {validate.shown(var.index[:3])}. "
            "Name genes by symbols or Ensembl gene ids (human or mouse), or give positions of your own as "
            "adata.var['chromosome'], ['start'], ['end']."
        )
    reason = placement.how.astype(object).copy()
    usual = [name for name in set(placement.chromosome) if _takes_part(name, strict=strict)]
    reason[placement.placed & ~np.isin(placement.chromosome, usual)] = OTHER
    reason[placement.placed & np.isin(placement.chromosome, excluded)] = EXCLUDED
    used = np.isin(reason, USED)
    several_chromosomes(placement.chromosome[used], reason)
    return Candidates(placement, reason, np.where(used, np.cumsum(used) - 1, -1).astype(np.int32))


def several_chromosomes(chromosome: np.ndarray, reason: np.ndarray) -> list[str]:
    """Names of the chromosomes in order; refuse fewer than two."""
    names = sorted(set(chromosome), key=_natural)
    if len(names) < 2:
        placed = _counted(reason)
        said = ", ".join(f"{how} {n}" for how, n in zip(placed["how"], placed["n_genes"], strict=True))
        raise InputValueError(
            "copy number is read by comparing chromosomes, and the genes that can be used lie on "
            f"{len(names)} of them only ({validate.shown(names) or 'none'}; genes: {said}). "
            "Give the whole genome."
        )
    return names


def genome_of(
    candidates: Candidates, var: pd.DataFrame, seen: np.ndarray, *, window: int, step: int, strict: bool
) -> tuple[Genome, np.ndarray]:
    """Lay windows over the chromosomes; also say which candidates (n_candidates,) bool are left.

    ``seen`` (n_candidates,) bool: genes that enough cells express. ``strict`` leaves out chromosomes with
    fewer than :data:`MINIMUM_GENES` genes.
    """
    placement, reason = candidates.placement, candidates.reason.copy()
    column = np.flatnonzero(candidates.gene_of_column >= 0)
    reason[column[~seen]] = UNSEEN
    used = np.isin(reason, USED)
    if strict:
        names, n = np.unique(placement.chromosome[used].astype(str), return_counts=True)
        few = used & np.isin(placement.chromosome, names[n < MINIMUM_GENES].tolist())
        reason[few] = SMALL
        used &= ~few
    chromosomes = several_chromosomes(placement.chromosome[used], reason)
    order = _in_order(placement, var) if strict else _by_start(placement, var)
    columns = [order(np.flatnonzero(used & (placement.chromosome == c))) for c in chromosomes]
    windows = windows_along(columns, len(var), window=window, step=step)
    genome = Genome(
        chromosomes,
        windows,
        _counted(reason),
        float(placement.placed.mean()),
        int(used.sum()),
        _table(placement, columns, chromosomes, windows),
        placement.organism,
    )
    level = logger.info if genome.share_placed >= LOW_SHARE else logger.warning
    level(
        "infer_cnv: %.1f %% of %d genes placed; %d used on %d chromosomes",
        100 * genome.share_placed,
        len(var),
        genome.n_used,
        len(chromosomes),
    )
    return genome, used[column]


def _takes_part(name: str, *, strict: bool) -> bool:
    if strict:
        return re.fullmatch(_STANDARD, name) is not None
    return name.startswith("chr") and name != "chrM"


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sorting key: numbers as numbers, before letters."""
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part]


def _in_order(placement: Placement, var: pd.DataFrame) -> Callable[[np.ndarray], np.ndarray]:
    """By start, end and name: the order of the genes in the data does not matter."""
    names = np.asarray(var.index, dtype=str)

    def order(columns: np.ndarray) -> np.ndarray:
        by = (names[columns], placement.end[columns], placement.start[columns])
        return columns[np.lexsort(by)]

    return order


def _by_start(placement: Placement, var: pd.DataFrame) -> Callable[[np.ndarray], np.ndarray]:
    """By start alone, ties as pandas leaves them, which is what infercnvpy does."""
    given = "start" in var.columns and not placement.organism
    starts = var["start"].reset_index(drop=True) if given else pd.Series(placement.start)

    def order(columns: np.ndarray) -> np.ndarray:
        return starts.iloc[columns].sort_values().index.to_numpy()

    return order


def _counted(reason: np.ndarray) -> pd.DataFrame:
    """Number of genes by how they were placed, or why they are not used."""
    counts = pd.Series(reason).value_counts()
    listed = [name for name in (*HOW, EXCLUDED, OTHER, UNSEEN, SMALL) if name in counts.index]
    return pd.DataFrame({"how": np.array(listed, dtype=object), "n_genes": [int(counts[n]) for n in listed]})


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
