"""The door of functions that take a table: columns that exist and hold what they must."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from niche._slots.validate import shown
from niche.errors import InputTypeError, InputValueError, MissingKeyError


def frame(table: Any, name: str = "table") -> None:
    """Refuse what is not a DataFrame with rows and with each column once."""
    if not isinstance(table, pd.DataFrame):
        raise InputTypeError(f"{name} must be a pandas DataFrame. Got {type(table).__name__}.")
    if not len(table):
        raise InputValueError(f"{name} has no rows.")
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise InputValueError(f"{name} has several columns {str(twice[0])!r}. Name each column once.")


def names(given: Any, option: str) -> tuple[Any, ...]:
    """Names from ``None`` (none), one string, or a list of names, each once."""
    if given is None:
        return ()
    listed = (given,) if isinstance(given, str) else given
    if not isinstance(listed, Iterable) or isinstance(listed, Mapping):
        raise InputTypeError(f"{option} must be a name or a list of names. Got {type(given).__name__}.")
    listed = tuple(listed)
    odd = [one for one in listed if not isinstance(one, (str, int, np.integer)) or isinstance(one, bool)]
    if odd:
        raise InputTypeError(f"{option} must be a name or a list of names. Found {odd[0]!r} in it.")
    if len(set(listed)) < len(listed):
        raise InputValueError(f"{option} names {shown(listed)}: name each once.")
    return listed


def label(value: Any) -> str:
    """One label as text: whole numbers without a point, however they are stored."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def column(table: pd.DataFrame, key: Any, option: str, name: str = "table") -> pd.Series:
    """Return a column that must be there."""
    if not isinstance(key, Hashable):
        raise InputTypeError(f"{option} must be the name of one column. Got {key!r}.")
    if key not in table.columns:
        raise MissingKeyError(
            f"column {key!r} not found in {name}. Name yours with {option}=. "
            f"Available: {shown(table.columns)}."
        )
    return table[key]


def labels(table: pd.DataFrame, key: Any, option: str, name: str = "table") -> np.ndarray:
    """Return a column of labels as strings (n_rows,) object; refuse missing ones.

    Whole numbers read alike in columns of integers and of floats.
    """
    values = column(table, key, option, name)
    n = int(values.isna().sum())
    if n:
        raise InputValueError(
            f"column {key!r} of {name} ({option}=) is missing in {n} of {len(values)} rows, first in row "
            f"{_place(values.isna().to_numpy())}. Fill it in or remove the rows."
        )
    return text(values)


def text(values: pd.Series) -> np.ndarray:
    """Labels as strings (n_rows,) object, each as :func:`label` writes it."""
    kind = values.dtype.categories if isinstance(values.dtype, pd.CategoricalDtype) else values
    if pd.api.types.is_float_dtype(kind) or pd.api.types.is_object_dtype(kind):
        return np.array([label(value) for value in values], dtype=object)
    return values.astype(str).to_numpy(dtype=object)


def numbers(
    table: pd.DataFrame,
    key: Any,
    option: str,
    name: str = "table",
    *,
    low: float = -np.inf,
    missing: bool = False,
) -> np.ndarray:
    """Return a column of finite numbers of at least ``low`` as float64 (n_rows,).

    NaN stays where ``missing`` allows it and is refused otherwise.
    """
    values = column(table, key, option, name)
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if not numeric:
        raise InputTypeError(
            f"column {key!r} of {name} ({option}=) must hold numbers. Found {values.dtype}, for example "
            f"{values.iloc[0]!r}. Convert it, for example with pandas.to_numeric."
        )
    found = values.to_numpy(dtype=float, na_value=np.nan)
    wrong = np.isinf(found) if missing else ~np.isfinite(found)
    if wrong.any():
        raise InputValueError(
            f"column {key!r} of {name} ({option}=) is missing or infinite in {int(wrong.sum())} of "
            f"{len(found)} rows, first in row {_place(wrong)}. Fill it in or remove the rows."
        )
    below = found < low
    if below.any():
        what = "negative" if low == 0 else f"below {low:g}"
        raise InputValueError(
            f"column {key!r} of {name} ({option}=) must not be {what}. Found {found[below].min():g} in "
            f"{int(below.sum())} of {len(found)} rows, first in row {_place(below)}."
        )
    return found


def covariate_columns(
    table: pd.DataFrame, covariates: Sequence[str] | str | None, name: str = "table"
) -> tuple[str, ...]:
    """Names of covariates, each of which must be a column."""
    named = names(covariates, "covariates")
    for key in named:
        column(table, key, "covariates", name)
    return named


def covariate_design(
    table: pd.DataFrame, covariates: Sequence[str], name: str = "table"
) -> tuple[np.ndarray, list[str]]:
    """Columns of a design (n_rows, k) and their names: numbers centred, labels against their first level.

    NaN in all columns of a covariate that a row does not have.
    """
    parts, titles = [], []
    for key in covariates:
        values = table[key]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            found = numbers(table, key, "covariates", name, missing=True)
            parts.append(found - np.nanmean(found) if np.isfinite(found).any() else found)
            titles.append(str(key))
            continue
        known = values.notna().to_numpy()
        text = values.astype(str).to_numpy(dtype=object)
        for level in sorted(set(text[known]))[1:]:
            parts.append(np.where(known, (text == level).astype(float), np.nan))
            titles.append(f"{key}={level}")
    design = np.column_stack(parts) if parts else np.zeros((len(table), 0))
    return design, titles


def _place(mask: np.ndarray) -> int:
    """Position of the first row of a mask, counted from 0."""
    return int(np.argmax(mask))
