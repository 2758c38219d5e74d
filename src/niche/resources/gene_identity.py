"""Which gene each name of a data set means: Ensembl id first, then current, then previous symbols."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from niche._slots import keys
from niche.resources.genes import gene_positions, symbol_history

HOW = ("ensembl_id", "current_symbol", "previous_symbol", "unknown")
"""How a gene was recognised, in order of precedence."""

_ENSEMBL = r"^(ENS(?:MUS)?G\d{11})(?:\.\d+)?(?:_PAR_[XY])?$"
_MOSTLY = 0.5


@dataclass(frozen=True)
class GeneTable:
    """The names of one organism's genes.

    Attributes
    ----------
    symbol_of
        Ensembl id -> current symbol.
    id_of
        Current symbol -> Ensembl id; empty where several genes share the symbol.
    current_of
        Previous symbol -> current symbol.
    """

    symbol_of: dict[str, str]
    id_of: dict[str, str]
    current_of: dict[str, str]


@lru_cache(maxsize=2)
def gene_table(organism: str) -> GeneTable:
    """Read the names of an organism's genes once."""
    positions = gene_positions(organism=organism)
    symbols, ids = positions["symbol"].astype(str), positions["ensembl_id"].astype(str)
    id_of = dict(zip(symbols, ids.where(~symbols.duplicated(keep=False), ""), strict=True))
    current_of: dict[str, str] = {}
    if organism == "human":
        history = symbol_history()
        history = history.drop_duplicates(["previous_symbol", "current_symbol"])
        history = history[~history["previous_symbol"].duplicated(keep=False)]
        current_of = {
            str(previous): str(current)
            for previous, current in zip(history["previous_symbol"], history["current_symbol"], strict=True)
            if previous not in id_of
        }
    return GeneTable(dict(zip(ids, symbols, strict=True)), id_of, current_of)


def ensembl_ids(names: pd.Index | pd.Series | np.ndarray) -> np.ndarray:
    """Return the Ensembl id of each name without its version, empty where a name is none."""
    found = pd.Series(np.asarray(names, dtype=object)).astype(str).str.extract(_ENSEMBL, expand=False)
    return found.fillna("").to_numpy(dtype=object)


def ids_of_genes(var: pd.DataFrame) -> tuple[np.ndarray, str]:
    """Ensembl ids from the gene names or the best var column, and where they were found."""
    best, where = ensembl_ids(var.index), "var_names"
    share = float((best != "").mean())
    if share >= _MOSTLY:
        return best, where
    for column in var.columns:
        values = var[column]
        if not (isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(values.dtype)):
            continue
        ids = ensembl_ids(values.astype(object))
        if float((ids != "").mean()) > max(share, _MOSTLY):
            share, where = float((ids != "").mean()), str(column)
            best = np.where(best != "", best, ids)
    return best, where if share > 0 else ""


def identify(var: pd.DataFrame, organism: str) -> pd.DataFrame:
    """Say for every gene which symbol and Ensembl id it has and how it was recognised.

    Returns a frame with ``name`` (as given), ``symbol`` (the given name where unknown),
    ``ensembl_id`` (empty where unknown) and ``how``, one of :data:`HOW`.
    """
    table = gene_table(organism)
    names = [str(name) for name in var.index]
    found = [_recognise(name, gene, table) for name, gene in zip(names, ids_of_genes(var)[0], strict=True)]
    frame = pd.DataFrame(found, columns=["symbol", "ensembl_id", "how"], dtype=object)
    frame.insert(0, "name", np.array(names, dtype=object))
    return frame


def _recognise(name: str, ensembl_id: str, table: GeneTable) -> tuple[str, str, str]:
    """Symbol, Ensembl id and how a gene was recognised."""
    if ensembl_id in table.symbol_of:
        return table.symbol_of[ensembl_id], ensembl_id, HOW[0]
    if name in table.id_of:
        return name, table.id_of[name], HOW[1]
    if name in table.current_of:
        current = table.current_of[name]
        return current, table.id_of.get(current, ""), HOW[2]
    return name, "", HOW[3]


def known_share(identity: pd.DataFrame) -> float:
    """Share of genes that were recognised."""
    return float((identity["how"] != "unknown").mean())


def best_organism(var: pd.DataFrame) -> tuple[str, dict[str, float]]:
    """Return the organism most genes are known for, and the share known for each."""
    shares = {organism: known_share(identify(var, organism)) for organism in keys.ORGANISMS}
    return max(shares, key=lambda organism: shares[organism]), shares
