"""Tables of ligand-receptor pairs that do not come with niche: the user's, and those of liana."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd

from niche.errors import InputTypeError, InputValueError, warn
from niche.resources._tool_names import in_subunits

__all__ = ["checked_pairs", "looks_like_file", "pairs_from_file", "pairs_from_liana"]

_SUFFIXES = (".csv", ".tsv", ".txt")
_PAIR = ["ligand", "receptor"]


def looks_like_file(name: str) -> bool:
    """Whether a name is meant as a path: it has a table's ending or a path separator, or exists."""
    stem = name.lower().removesuffix(".gz")
    return stem.endswith(_SUFFIXES) or "/" in name or "\\" in name or Path(name).is_file()


def pairs_from_file(path: Path) -> pd.DataFrame:
    """Read a table of pairs; tab- or comma-separated by its ending, gzipped or not.

    Raises
    ------
    InputValueError
        No such file, or it cannot be read as a table.
    """
    if not path.is_file():
        raise InputValueError(f"There is no file {path} to read ligand-receptor pairs from.")
    tabs = path.name.lower().removesuffix(".gz").endswith((".tsv", ".txt"))
    try:
        return pd.read_csv(path, sep="\t" if tabs else ",", keep_default_na=False, na_values=[""])
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError, EOFError) as error:
        raise InputValueError(
            f"{path} cannot be read as a table of ligand-receptor pairs: {error}"
        ) from error


def pairs_from_liana(name: str, bundled: tuple[str, ...]) -> pd.DataFrame | None:
    """Pairs of a list that only liana has; None when liana is not installed.

    Raises
    ------
    InputValueError
        liana is installed and does not have the list either.
    """
    if importlib.util.find_spec("liana") is None:
        return None
    from liana.resource import select_resource, show_resources

    known = sorted(str(resource) for resource in show_resources())
    if name not in known:
        others = ", ".join(resource for resource in known if resource not in bundled)
        raise InputValueError(
            f"There is no ligand-receptor list {name!r}. Bundled: {', '.join(bundled)}. "
            f"From the installed liana: {others}. A DataFrame or the path of a CSV or TSV file also works."
        )
    return select_resource(name).reset_index(drop=True)


def checked_pairs(table: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Pairs with clean symbols, each once; further columns are kept.

    Parameters
    ----------
    table
        A table with the columns ``ligand`` and ``receptor``, or one of CellChat or CellPhoneDB.
    origin
        What the table is called in messages.

    Returns
    -------
    A new table.

    Raises
    ------
    InputValueError
        A column is missing; no row is left; a complex has an empty subunit.
    InputTypeError
        A column does not hold text.
    """
    if table.columns.is_unique:
        table = in_subunits(table)
    missing = [column for column in _PAIR if column not in table.columns]
    if missing:
        found = ", ".join(map(str, table.columns)) or "none"
        raise InputValueError(
            f"{origin} needs the columns 'ligand' and 'receptor'; missing: {', '.join(missing)}. "
            f"Columns found: {found}."
        )
    duplicated = [column for column in _PAIR if list(table.columns).count(column) > 1]
    if duplicated:
        raise InputValueError(f"{origin} has more than one column named {duplicated[0]!r}.")
    table = _without_missing(table.reset_index(drop=True), origin)
    for column in _PAIR:
        _check_symbols(table[column], column, origin)
    repeated = table.duplicated(_PAIR)
    if repeated.any():
        warn(f"{origin}: {int(repeated.sum())} duplicate ligand-receptor pairs were dropped.")
        table = table[~repeated]
    return table.reset_index(drop=True)


def _without_missing(table: pd.DataFrame, origin: str) -> pd.DataFrame:
    pairs = table[_PAIR].astype(object)
    pairs = pairs.map(lambda value: value.strip() if isinstance(value, str) else value)
    empty = (pairs.isna() | (pairs == "")).any(axis=1)
    table = table.assign(ligand=pairs["ligand"], receptor=pairs["receptor"])[~empty]
    if len(table) == 0:
        raise InputValueError(f"{origin} holds no ligand-receptor pair.")
    if empty.any():
        warn(f"{origin}: {int(empty.sum())} rows without a ligand or a receptor were dropped.")
    return table


def _check_symbols(symbols: pd.Series, column: str, origin: str) -> None:
    other = next((value for value in symbols if not isinstance(value, str)), None)
    if other is not None:
        raise InputTypeError(
            f"{origin}: the column {column!r} must hold gene symbols as text. Got {other!r} "
            f"({type(other).__name__})."
        )
    broken = symbols[symbols.map(lambda symbol: "" in symbol.split("_"))]
    if len(broken):
        raise InputValueError(
            f"{origin}: {broken.iloc[0]!r} in the column {column!r} is a complex with an empty subunit; "
            "join the subunits by single underscores, as in 'ITGA4_ITGB1'."
        )
