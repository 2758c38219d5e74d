"""The list of everything that comes with niche."""

from __future__ import annotations

import pandas as pd

from niche.errors import InputValueError
from niche.resources._location import read_table

__all__ = ["available"]


def available() -> pd.DataFrame:
    """Every bundled table, with its version, licence and citation.

    Returns
    -------
    DataFrame
        Columns ``name, kind, rows, version, licence, citation, organism, file, sha256``. Tables of kind
        ``"ligand_receptor"`` are the names :func:`~niche.resources.ligand_receptor` takes.

    Examples
    --------
    >>> from niche import resources
    >>> table = resources.available().set_index("name")
    >>> int(table.loc["consensus", "rows"])
    4620
    """
    columns = ["name", "kind", "rows", "version", "licence", "citation", "organism", "file", "sha256"]
    return read_table("tables.tsv", integers=("rows",))[columns]


def entry(name: str, kind: str) -> dict[str, str]:
    """Registry row of one table.

    Raises
    ------
    InputValueError
        No table of that kind has the name.
    """
    table = available()
    table = table[table["kind"] == kind].set_index("name")
    if name not in table.index:
        raise InputValueError(f"There is no {kind} table {name!r}. Available: {', '.join(table.index)}.")
    row = table.loc[name]
    return {column: str(row[column]) for column in ("file", "version", "licence", "citation", "organism")}


def names(kind: str) -> tuple[str, ...]:
    """Names of all tables of a kind, in the order of the registry."""
    table = available()
    return tuple(table.loc[table["kind"] == kind, "name"])
