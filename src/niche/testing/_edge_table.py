"""Any tool's table of edges, checked at the door."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from niche._slots import validate
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.testing._contrast_names import KINDS
from niche.testing._truth import EDGE

ROW = ("contrast", *EDGE)


def columns(table: object, wanted: dict[str, str]) -> pd.DataFrame:
    """Refuse what is no table or lacks a column; ``wanted`` maps each to what to do without it."""
    if not isinstance(table, pd.DataFrame):
        raise InputTypeError(f"table must be a pandas DataFrame. Got {type(table).__name__}.")
    for name, instead in wanted.items():
        if name not in table:
            raise MissingKeyError(
                f"The table has no column {name!r}. Columns: {validate.shown(table.columns)}. {instead}"
            )
    return table


def numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column as float, (n,); refuse what is no number."""
    if not pd.api.types.is_numeric_dtype(table[name]) or pd.api.types.is_bool_dtype(table[name]):
        raise InputTypeError(
            f"Column {name!r} must hold numbers, NaN where there is none. Got {table[name].dtype}."
        )
    return table[name].to_numpy(dtype=float, na_value=np.nan)


def chosen(known: pd.DataFrame, contrast: str | Sequence[str]) -> list[str]:
    """Return the names of the contrasts asked for: a kind, a name, or several names."""
    names = list(known["contrast"])
    asked = [contrast] if isinstance(contrast, str) else list(contrast)
    found: list[str] = []
    for one in asked:
        of_kind = list(known.loc[known["kind"] == one, "contrast"])
        if not of_kind and one not in names:
            kinds = [kind for kind in KINDS if kind in set(known["kind"])]
            raise InputValueError(
                f"contrast must be one of the kinds {validate.shown(kinds)} or of the names "
                f"{validate.shown(names)}. Got {one!r}, of which this study has no truth."
            )
        found += of_kind or [one]
    if not found:
        raise InputValueError("contrast names none.")
    return list(dict.fromkeys(found))


def rows_of(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return the rows of the contrasts with ``ROW`` as text; each edge may stand once in each."""
    columns(table, dict.fromkeys(EDGE, "An edge is source, target, ligand_complex and receptor_complex."))
    if "contrast" in table:
        contrast = table["contrast"].astype(str)
    elif "organ" in table:
        contrast = table["organ"].astype(str) + "_vs_rest"
    else:
        raise MissingKeyError(
            f"The table has neither 'contrast' nor 'organ'. Columns: {validate.shown(table.columns)}. "
            "Give contrast (such as 'bone_vs_rest'), or organ, which is read as that organ against the rest."
        )
    rows = table.assign(contrast=contrast, **{name: table[name].astype(str) for name in EDGE})
    rows = rows[rows["contrast"].isin(names)].reset_index(drop=True)
    if rows.empty:
        raise InputValueError(
            f"The table has no row of {validate.shown(names)}. Its contrasts: "
            f"{validate.shown(contrast.unique())}."
        )
    twice = rows.duplicated(list(ROW))
    if twice.any():
        first = rows.loc[twice, list(ROW)].iloc[0]
        raise InputValueError(
            f"{twice.sum()} rows stand twice, the first is {' | '.join(first)}. "
            "Keep one row per contrast and edge."
        )
    return rows


def among(rows: pd.DataFrame, edges: object) -> pd.DataFrame:
    """Return the rows whose labels are in ``edges``, which has some of the columns ``ROW``; all of None."""
    if edges is None:
        return rows
    if not isinstance(edges, pd.DataFrame):
        raise InputTypeError(f"edges must be a pandas DataFrame or None. Got {type(edges).__name__}.")
    labels = [name for name in ROW if name in edges]
    if not labels:
        raise InputValueError(
            f"edges has none of the columns {validate.shown(ROW)}. Columns: {validate.shown(edges.columns)}."
        )
    wanted = pd.MultiIndex.from_frame(edges[labels].astype(str))
    return rows[pd.MultiIndex.from_frame(rows[labels]).isin(wanted)].reset_index(drop=True)
