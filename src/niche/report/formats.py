"""Numbers and names as a reader wants to see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Formatter = Callable[[Any], str]

EMPTY = "–"
"""What a cell of a table shows where there is no value."""


def count(value: Any) -> str:
    """Whole number with thousands separated."""
    return EMPTY if pd.isna(value) else f"{int(value):,}"


def decimal(value: Any) -> str:
    """Number with three significant digits and no exponent where none is needed."""
    if pd.isna(value):
        return EMPTY
    number = float(value)
    if number == 0:
        return "0"
    if not np.isfinite(number):
        return str(number)
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    if abs(number) < 0.001:
        return f"{number:.1e}"
    return f"{number:.3g}"


def probability(value: Any) -> str:
    """P- or q-value: two significant digits, never rounded to 0."""
    if pd.isna(value):
        return EMPTY
    number = float(value)
    if number < 0.001:
        return f"{max(number, np.nextafter(0.0, 1.0)):.1e}"
    return f"{number:.2g}" if number < 0.995 else "1"


def share(value: Any) -> str:
    """Fraction as a percentage."""
    if pd.isna(value):
        return EMPTY
    percent = 100 * float(value)
    if 0 < percent < 1:
        return "<1 %"
    return f"{percent:.0f} %"


def text(value: Any) -> str:
    """Text, or the sign for nothing."""
    found = (
        ""
        if value is None or (not isinstance(value, str) and np.ndim(value) == 0 and pd.isna(value))
        else str(value)
    )
    return found if found.strip() else EMPTY


def plural(n: int, word: str, words: str | None = None) -> str:
    """``1 patient``, ``2 patients``."""
    return f"{n:,} {word if n == 1 else words or word + 's'}"


def listed(names: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def readable(name: str) -> str:
    """Name of an organ or compartment for running text."""
    return name.replace("_", " ")


def arrows(edges: pd.DataFrame) -> list[str]:
    """``CXCL12 → CXCR4`` of every edge; subunits of a complex are joined by ``+``."""
    return [
        f"{str(ligand).replace('_', '+')} → {str(receptor).replace('_', '+')}"
        for ligand, receptor in zip(edges["ligand_complex"], edges["receptor_complex"], strict=True)
    ]


def intervals(rows: pd.DataFrame) -> list[str]:
    """``-0.2 to 1.4`` of every row."""
    return [
        f"{decimal(low)} to {decimal(high)}"
        for low, high in zip(rows["ci_low"], rows["ci_high"], strict=True)
    ]
