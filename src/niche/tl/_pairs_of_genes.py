"""Match the pairs of a resource to the genes of the data."""

from __future__ import annotations

from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd

from niche import resources
from niche._kernels.units import Units
from niche._log import logger
from niche._slots import validate
from niche.errors import InputValueError

_SHARE_KNOWN = 0.2


@dataclass(frozen=True)
class GenePairs:
    """The pairs of a resource in terms of the genes of the data.

    Attributes
    ----------
    table
        ``ligand, receptor, pathway`` of every pair, (n_pairs, ...).
    unit_names
        Distinct ligands and receptors, sorted.
    units
        Their subunits as kept genes.
    ligand, receptor
        (n_pairs,) unit of each side.
    genes
        Names of the kept genes, in the order of the data.
    gene_of_column
        (n_vars,) kept gene of each column of the data, -1 for the others.
    """

    table: pd.DataFrame
    unit_names: np.ndarray
    units: Units
    ligand: np.ndarray
    receptor: np.ndarray
    genes: np.ndarray
    gene_of_column: np.ndarray

    def measured_names(self) -> np.ndarray:
        """(n_units,) names in the data of the subunits, joined by ``_``; empty where one is not measured."""
        units = self.units
        return np.array(
            [
                "_".join(self.genes[units.gene[units.start[u] : units.start[u + 1]]]) if known else ""
                for u, known in enumerate(units.measured)
            ],
            dtype=object,
        )


def gene_pairs(adata: ad.AnnData, table: pd.DataFrame, organism: str) -> GenePairs:
    """Match a resource; refuse data whose genes it does not know."""
    read_for = table.attrs.get("organism", organism)
    if read_for != organism:
        raise InputValueError(
            f"the resource {table.attrs.get('name')!r} holds {read_for} genes, but organism={organism!r}. "
            f"Give organism={read_for!r}, or a resource of the organism of your data."
        )
    unit_names, codes = np.unique(
        np.concatenate([table["ligand"].to_numpy(dtype=str), table["receptor"].to_numpy(dtype=str)]),
        return_inverse=True,
    )
    subunits = [name.split("_") for name in unit_names]
    flat = np.array([gene for unit in subunits for gene in unit])
    wanted = np.unique(flat)
    column = adata.var_names.get_indexer(wanted)
    column = _by_current_symbol(adata, wanted, column) if organism == "human" else column
    columns = np.unique(column[column >= 0])
    genes = adata.var_names.to_numpy(dtype=str)[columns]
    _refuse_unknown(adata, wanted.size, genes.size, organism)
    gene_of_column = np.full(adata.n_vars, -1, dtype=np.int32)
    gene_of_column[columns] = np.arange(genes.size)
    place = {gene: gene_of_column[c] for gene, c in zip(wanted, column, strict=True) if c >= 0}
    start = np.concatenate([[0], np.cumsum([len(unit) for unit in subunits])]).astype(np.int64)
    units = Units(start, np.array([place.get(gene, -1) for gene in flat], dtype=np.int64))
    logger.info("%d of %d genes of the resource are measured", genes.size, wanted.size)
    n = len(table)
    return GenePairs(table, unit_names, units, codes[:n], codes[n:], genes, gene_of_column)


def _by_current_symbol(adata: ad.AnnData, wanted: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Look genes of the resource that are not measured up under their current symbol."""
    missing = np.flatnonzero(column < 0)
    if missing.size == 0:
        return column
    history = resources.symbol_history().drop_duplicates("previous_symbol")
    current = history.set_index("previous_symbol")["current_symbol"].reindex(wanted[missing])
    found = column.copy()
    found[missing] = adata.var_names.get_indexer(current.to_numpy(dtype=object))
    return found


def _refuse_unknown(adata: ad.AnnData, n_wanted: int, n_found: int, organism: str) -> None:
    if n_found and n_found >= 0.5 * n_wanted:
        return
    names = adata.var_names.astype(str)
    ensembl = names.str.match(r"^ENS[A-Z]*G\d{6,}").mean()
    known = names.isin(resources.gene_positions(organism)["symbol"]).mean()
    if ensembl > 0.5 or known < _SHARE_KNOWN or n_found == 0:
        what = "Ensembl ids" if ensembl > 0.5 else f"names such as {validate.shown(names[:3])}"
        raise InputValueError(
            f"only {n_found} of {n_wanted} genes of the resource are in adata.var_names, and {known:.0%} of "
            f"the {len(names)} names are known {organism} symbols (found {what}). Run "
            "niche.pp.harmonize_genes(adata), "
            "give organism='mouse' for mouse data, or a resource with the names of your genes."
        )
