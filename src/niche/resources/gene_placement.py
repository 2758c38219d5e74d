"""Where on the genome every gene of a data set lies: by its own columns, else by Ensembl id, then symbol."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from niche._slots import validate
from niche.errors import InputValueError
from niche.resources import gene_identity
from niche.resources._arguments import check_organism
from niche.resources.genes import gene_positions

COLUMNS = ("chromosome", "start", "end")
"""Columns of ``var`` with positions of one's own."""

BY_COLUMN, NOT_PLACED = "var", "not_placed"
HOW = (BY_COLUMN, *gene_identity.HOW[:3], NOT_PLACED)
"""How a gene was placed."""

POSITIONS = ("auto", "var", "builtin")

_CHROMOSOME = r"^(?:chr)?(\d{1,2}|X|Y|MT?)(?:\.0)?$"
_MISSING = {"", "nan", "none", "<na>"}
_PAIRED = {"chrX", "chrY"}


@dataclass(frozen=True)
class Placement:
    """Positions of the genes of a data set.

    Attributes
    ----------
    chromosome
        (n_vars,) object: ``chr1`` ... ``chrX``, ``chrM``; other names as given; empty where unknown.
    start, end
        (n_vars,) float64, NaN where unknown.
    how
        (n_vars,) object, one of :data:`HOW`.
    organism
        The organism whose built-in positions were taken, empty for one's own.
    """

    chromosome: np.ndarray
    start: np.ndarray
    end: np.ndarray
    how: np.ndarray
    organism: str

    @property
    def placed(self) -> np.ndarray:
        """(n_vars,) bool."""
        return self.how != NOT_PLACED


def chromosome_names(values: pd.Series) -> np.ndarray:
    """``1``, ``chr1``, ``Chr1`` and ``1.0`` all become ``chr1``, ``MT`` ``chrM``; missing ones are empty."""
    codes, listed = pd.factorize(values.astype(object))
    names = [_chromosome_name(str(value).strip()) for value in listed]
    return np.array([*names, ""], dtype=object)[codes]


def _chromosome_name(text: str) -> str:
    if text.lower() in _MISSING:
        return ""
    found = re.match(_CHROMOSOME, text, flags=re.IGNORECASE)
    return text if found is None else "chr" + found[1].upper().replace("MT", "M")


def place_genes(var: pd.DataFrame, *, positions: str = "auto", organism: str | None = None) -> Placement:
    """Place the genes of a data set.

    Parameters
    ----------
    var
        Names in the index; Ensembl ids there or in a column.
    positions
        ``"var"``: the columns ``chromosome, start, end``. ``"builtin"``: the positions niche ships.
        ``"auto"``: the columns where they exist and place a gene. The two are never mixed, for they may
        belong to different assemblies.
    organism
        Of the built-in positions; ``None`` takes the one more genes are known for.
    """
    validate.choice(positions, "positions", POSITIONS)
    if positions != "builtin":
        missing = [name for name in COLUMNS if name not in var.columns]
        if not missing:
            found = _by_column(var)
            if found.placed.any() or positions == "var":
                return found
        elif positions == "var":
            raise InputValueError(
                f"positions='var' needs the columns {validate.shown(COLUMNS)} in adata.var; "
                f"missing: {validate.shown(missing)}. positions='builtin' places genes by their names."
            )
    chosen = gene_identity.best_organism(var)[0] if organism is None else check_organism(organism)
    return _by_name(var, chosen)


def _by_column(var: pd.DataFrame) -> Placement:
    chromosome = chromosome_names(var["chromosome"])
    start, end = (
        pd.to_numeric(var[name], errors="coerce").to_numpy(dtype=float) for name in ("start", "end")
    )
    placed = (chromosome != "") & np.isfinite(start)
    chromosome[~placed] = ""
    how = np.where(placed, BY_COLUMN, NOT_PLACED).astype(object)
    return Placement(chromosome, np.where(placed, start, np.nan), np.where(placed, end, np.nan), how, "")


def _by_name(var: pd.DataFrame, organism: str) -> Placement:
    identity = gene_identity.identify(var, organism)
    by_id, by_symbol = _positions(organism)
    ids, symbols = identity["ensembl_id"].to_numpy(), identity["symbol"].to_numpy()
    row_of_id, row_of_symbol = by_id.index.get_indexer(ids), by_symbol.index.get_indexer(symbols)
    known = (identity["how"] != "unknown").to_numpy()
    chromosome = np.full(len(var), "", dtype=object)
    start, end = np.full(len(var), np.nan), np.full(len(var), np.nan)
    for table, row, mine in (
        (by_symbol, row_of_symbol, known & (row_of_id < 0) & (row_of_symbol >= 0)),
        (by_id, row_of_id, known & (row_of_id >= 0)),
    ):
        chromosome[mine] = table["chromosome"].to_numpy()[row[mine]]
        start[mine], end[mine] = table["start"].to_numpy()[row[mine]], table["end"].to_numpy()[row[mine]]
    how = np.where(chromosome == "", NOT_PLACED, identity["how"].to_numpy()).astype(object)
    return Placement(chromosome, start, end, how, organism)


@lru_cache(maxsize=2)
def _positions(organism: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Positions by Ensembl id, and by symbols that mean one chromosome (X, where X and Y share a gene)."""
    table = gene_positions(organism)
    homes = table.groupby("symbol")["chromosome"].agg(set)
    several = homes[(homes.map(len) > 1) & ~homes.map(_PAIRED.issuperset)].index
    by_symbol = table[~table["symbol"].isin(several)].drop_duplicates("symbol").set_index("symbol")
    return table.set_index("ensembl_id"), by_symbol
