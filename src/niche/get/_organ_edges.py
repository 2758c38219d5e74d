"""The edges of one organ as other tools want them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import communication_codes as codes
from niche._slots import read, validate
from niche.errors import InputTypeError, InputValueError
from niche.get.communication import RUN_FIRST, communication

_NAMES = ("source", "target", "ligand_complex", "receptor_complex", "ligand", "receptor", "pathway", "reason")


@dataclass(frozen=True)
class OrganEdges:
    """All edges of an organ, and what the run that gave them was.

    Attributes
    ----------
    table
        :func:`niche.get.communication` of the organ with plain strings for names, and ``p``, the
        p-value as other tools write it.
    stored
        The stored result.
    """

    table: pd.DataFrame
    stored: Mapping[str, Any]

    @cached_property
    def counts(self) -> dict[str, Any]:
        """What goes into ``attrs`` of every export."""
        status, reason = self.table["status"].astype(str), self.table["reason"]
        lacking = reason[status == codes.NOT_TESTABLE].value_counts()
        return {
            "organ": str(self.table["organ"].iloc[0]) if len(self.table) else "",
            "resource": str(self.stored["params"]["resource"]),
            **{f"n_{name}": int((status == name).sum()) for name in codes.STATUSES},
            "not_testable_reasons": {str(why): int(n) for why, n in lacking.items()},
        }

    def has(self, *columns: str) -> None:
        """Refuse a result without these columns, saying how to get them."""
        for name in columns:
            if name not in self.table:
                wanted = "null='hybrid'" if name in ("p", "pval") else f"scores including {name!r}"
                raise InputValueError(f"the result has no {name}. Run {RUN_FIRST} with {wanted}.")

    @property
    def tested(self) -> pd.DataFrame:
        """The tested edges."""
        return self.table[(self.table["status"] == codes.TESTED).to_numpy()]

    @cached_property
    def grid(self) -> Grid:
        """The edges as pairs of genes x pairs of cell types."""
        n_cells = len(self.table[["source", "target"]].drop_duplicates())
        return Grid(self.table, n_cells)


@dataclass(frozen=True)
class Grid:
    """Edges of an organ as a matrix: the long table lists all pairs of genes for each pair of cell types."""

    table: pd.DataFrame
    n_cells: int

    def values(self, column: str) -> np.ndarray:
        """A column as an array of pairs of genes x pairs of cell types."""
        return self.table[column].to_numpy().reshape(self.n_cells, -1).T

    @cached_property
    def kept(self) -> np.ndarray:
        """Rows that could be tested between any two cell types."""
        return (self.status != codes.NOT_TESTABLE).any(axis=1)

    @cached_property
    def status(self) -> np.ndarray:
        """Status of every edge."""
        return self.table["status"].astype(object).to_numpy().reshape(self.n_cells, -1).T

    @property
    def pairs(self) -> pd.DataFrame:
        """``ligand_complex, receptor_complex, pathway`` of the rows."""
        return self.table[["ligand_complex", "receptor_complex", "pathway"]].iloc[: len(self.status)]

    @property
    def cells(self) -> pd.DataFrame:
        """``source, target`` of the columns."""
        return self.table[["source", "target"]].iloc[:: len(self.status)]

    @cached_property
    def means(self) -> np.ndarray:
        """(L + R) / 2, 0 if either is 0, also where a side is not expressed; NaN where not testable."""
        left, right = self.values("ligand_means"), self.values("receptor_means")
        means = np.where((left > 0) & (right > 0), (left + right) / 2, 0.0)
        return np.where(self.status == codes.NOT_TESTABLE, np.nan, means)

    def filled(self, column: str, not_expressed: float) -> np.ndarray:
        """Values of tested edges, ``not_expressed`` where not expressed, NaN where not testable."""
        values = np.where(self.status == codes.TESTED, self.values(column), not_expressed)
        return np.where(self.status == codes.NOT_TESTABLE, np.nan, values)


def organ_edges(adata: ad.AnnData, organ: str, key: str) -> OrganEdges:
    """Read the edges of one organ."""
    stored = read.result(adata, key, run_first=RUN_FIRST)
    if not isinstance(organ, str):
        raise InputTypeError(
            f"organ must be the name of one organ; other tools know none. Got {organ!r}. Available: "
            f"{validate.shown(read.strings(stored['organs']))}."
        )
    table = communication(adata, organ=organ, key=key)
    for name in _NAMES:
        table[name] = table[name].astype(object)
    if "pval" in table:
        table["p"] = _plain_p(table["pval"].to_numpy(), stored["params"])
    return OrganEdges(table, stored)


def _plain_p(p: np.ndarray, params: Mapping[str, Any]) -> np.ndarray:
    """Return b / m where every edge was permuted ``n_perms`` times, as other tools do; else p as it is.

    Where some edges were permuted and others not, (b + 1) / (m + 1) keeps them in order.
    """
    if params["convention"] == "niche" and params["null"] != "permutation":
        return p
    m = int(params["n_perms"])
    return np.round(p * (m + 1) - 1) / m
