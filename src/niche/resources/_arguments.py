"""Checks of the arguments that several readers share."""

from __future__ import annotations

import pandas as pd

from niche.errors import InputTypeError, InputValueError, warn

__all__ = ["ORGANISMS", "check_organism", "rows_of_organ"]

ORGANISMS = ("human", "mouse")


def check_organism(organism: str) -> str:
    """Return ``organism`` if niche has tables for it.

    Raises
    ------
    InputValueError
        Anything but ``"human"`` or ``"mouse"``.
    """
    if organism not in ORGANISMS:
        raise InputValueError(f"organism must be 'human' or 'mouse'. Got {organism!r}.")
    return organism


def rows_of_organ(table: pd.DataFrame, organ: str | None, *, what: str, always: str = "") -> pd.DataFrame:
    """Rows of ``table`` for one organ; all rows when ``organ`` is None.

    Parameters
    ----------
    table
        A table with a column ``organ``.
    organ
        Organ name; case and blanks do not matter (``"Lymph node"`` is ``"lymph_node"``).
    what
        What the rows are called in the warning, for example ``"published axes"``.
    always
        Value of the column ``organ`` whose rows are added whatever the organ.

    Returns
    -------
    The rows, with a fresh index. An organ the table does not know gives no rows and a NicheWarning.

    Raises
    ------
    InputTypeError
        ``organ`` is neither text nor None.
    """
    if organ is None:
        return table
    if not isinstance(organ, str):
        raise InputTypeError(f"organ must be a name or None. Got {type(organ).__name__}.")
    wanted = "_".join(organ.strip().lower().replace("-", " ").split())
    if not (table["organ"] == wanted).any():
        known = ", ".join(sorted(set(table["organ"])))
        warn(f"niche has no {what} for organ {organ!r}. Organs in the table: {known}.")
    return table[table["organ"].isin({wanted, always} - {""})].reset_index(drop=True)
