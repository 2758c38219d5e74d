"""Rates with the counts behind them."""

from __future__ import annotations

import numpy as np
import pandas as pd


class Rates:
    """Rows of ``measure, kind, edges, value, count, total``, collected one by one."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, str, float, int, int]] = []

    def add(
        self, measure: str, kind: str, edges: str, count: int, total: int, *, value: float | None = None
    ) -> None:
        """Add a rate; without ``value`` it is count / total, NaN of nothing."""
        share = count / total if total else np.nan
        self._rows.append((measure, kind, edges, share if value is None else value, count, total))

    def table(self) -> pd.DataFrame:
        """Return the rates, one row each."""
        return pd.DataFrame(self._rows, columns=["measure", "kind", "edges", "value", "count", "total"])
