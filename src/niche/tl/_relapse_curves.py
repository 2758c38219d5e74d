"""Curves of relapse: incidence of every organ while the others compete, and survival without relapse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from niche._stats.cumulative_incidence import cumulative_incidence, incidence_interval
from niche.tl._relapse_input import Followed

WITHOUT_GROUPS = "all"
INCIDENCE = (
    "group", "organ", "kind", "time", "n_at_risk", "n_events", "incidence", "ci_low", "ci_high",
)  # fmt: skip
SURVIVAL = ("group", "time", "n_at_risk", "n_events", "survival", "ci_low", "ci_high")


def incidence_rows(data: Followed, group: np.ndarray | None, confidence: float) -> pd.DataFrame:
    """One row per group, cause and time."""
    parts = []
    for name, part in _by_group(data, group):
        found = cumulative_incidence(part.time, part.entry, part.cause, len(part.causes))
        for i, cause in enumerate(part.causes):
            low, high = incidence_interval(found.incidence[i], found.variance[i], confidence)
            kind = "relapse" if cause in part.organs else "competing"
            parts.append(
                _steps(
                    {"group": name, "organ": cause, "kind": kind},
                    found.time, found.at_risk, found.events[i],
                    {"incidence": found.incidence[i], "ci_low": low, "ci_high": high}, 0.0,
                )
            )  # fmt: skip
    return pd.concat(parts, ignore_index=True)[list(INCIDENCE)]


def survival_rows(data: Followed, group: np.ndarray | None, confidence: float) -> pd.DataFrame:
    """One row per group and time: neither relapse nor a competing event."""
    parts = []
    for name, part in _by_group(data, group):
        found = cumulative_incidence(part.time, part.entry, (part.cause > 0).astype(np.int64), 1)
        low, high = incidence_interval(found.incidence[0], found.variance[0], confidence)
        values = {"survival": 1 - found.incidence[0], "ci_low": 1 - high, "ci_high": 1 - low}
        parts.append(_steps({"group": name}, found.time, found.at_risk, found.events[0], values, 1.0))
    return pd.concat(parts, ignore_index=True)[list(SURVIVAL)]


def _by_group(data: Followed, group: np.ndarray | None) -> list[tuple[str, Followed]]:
    if group is None:
        return [(WITHOUT_GROUPS, data)]
    return [(name, data.subset(group == name)) for name in sorted(set(group))]


def _steps(
    named: dict[str, str],
    time: np.ndarray,
    at_risk: np.ndarray,
    events: np.ndarray,
    values: dict[str, np.ndarray],
    at_start: float,
) -> pd.DataFrame:
    """The rows of one curve, from time 0."""
    first = next(iter(values))
    columns: dict[str, Any] = {"time": time, "n_at_risk": at_risk, "n_events": events.astype(np.int64)}
    columns |= values
    if time[0] > 0:
        start: dict[str, Any] = dict.fromkeys(columns, np.nan)
        start |= {"time": 0.0, "n_at_risk": at_risk[0], "n_events": 0, first: at_start}
        columns = {key: np.concatenate([[start[key]], column]) for key, column in columns.items()}
    return pd.DataFrame({**dict.fromkeys(named, ""), **columns}).assign(**named)
