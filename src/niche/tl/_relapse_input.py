"""A table of times to relapse, checked: one row per patient, and the organ in which it came first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from niche._slots import tables
from niche._slots.validate import shown
from niche.errors import InputTypeError, InputValueError
from niche.tl._relapse_labels import occurring_labels, organs_only


@dataclass(frozen=True)
class Followed:
    """Patients under observation.

    Attributes
    ----------
    patient
        (n,) names, each once.
    time, entry
        (n,) end and start of observation.
    cause
        (n,) 0 for censored, else 1 + place in ``causes``.
    organs
        Organs of relapse by name.
    causes
        Organs, then competing events that are no relapse.
    """

    patient: np.ndarray
    time: np.ndarray
    entry: np.ndarray
    cause: np.ndarray
    organs: list[str]
    causes: list[str]

    def subset(self, kept: np.ndarray) -> Followed:
        """Some of the patients (n,) bool."""
        return Followed(
            self.patient[kept], self.time[kept], self.entry[kept], self.cause[kept], self.organs, self.causes
        )


def followed(
    table: pd.DataFrame,
    *,
    patient: str,
    time: str,
    event: str,
    entry: str | None,
    organs: Sequence[str] | None,
    competing: Sequence[str] | str | None,
    censored: str,
    name: str = "table",
) -> Followed:
    """Check times and events."""
    tables.frame(table, name)
    who = tables.labels(table, patient, "patient", name)
    _once(who, patient, name)
    end = tables.numbers(table, time, "time", name, low=0)
    start = np.zeros(len(table))
    if entry is not None:
        start = tables.numbers(table, entry, "entry", name, low=0)
        _ends_after_entry(who, start, end)
    values = tables.column(table, event, "event", name)
    kind = values.dtype.categories if isinstance(values.dtype, pd.CategoricalDtype) else values
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_numeric_dtype(kind):
        raise InputTypeError(
            f"column {event!r} of {name} (event=) must hold the organ of the first relapse, {censored!r} or "
            f"nothing where there was none. Found {kind.dtype}."
        )
    found = tables.text(values)
    none = values.isna().to_numpy() | np.isin(found, ["", tables.label(censored)])
    found[none] = ""
    rivals = _labels(competing, "competing")
    occurring_labels(rivals, sorted(set(found[~none])), event, name)
    sites = _organs(found[~none], organs, rivals, event, name)
    if organs is None:
        organs_only(sites, event, name)
    causes = [*sites, *rivals]
    place = {cause: i + 1 for i, cause in enumerate(causes)} | {"": 0}
    return Followed(who, end, start, np.array([place[label] for label in found]), sites, causes)


def _organs(
    found: np.ndarray, organs: Sequence[str] | None, rivals: list[str], event: str, name: str
) -> list[str]:
    """Organs asked for, or all that are there."""
    there = sorted(set(found) - set(rivals))
    if organs is None:
        if not there:
            raise InputValueError(
                f"column {event!r} of {name} (event=) names no organ: nobody relapsed. Name censored "
                "patients with censored=, organs without relapse with organs=."
            )
        return there
    wanted = _labels(organs, "organs")
    if not wanted:
        raise InputValueError("organs names no organ. Name those of relapse, or leave organs= out.")
    unknown = sorted(set(there) - set(wanted))
    if unknown:
        raise InputValueError(
            f"column {event!r} of {name} (event=) holds {shown(unknown)}, which organs= does not name "
            f"({shown(wanted)}). Add them, name events that are no relapse with competing=, or the label of "
            "censored patients with censored=."
        )
    both = sorted(set(wanted) & set(rivals))
    if both:
        raise InputValueError(f"{shown(both)} cannot be in both organs= and competing=.")
    return wanted


def _labels(given: Sequence[str] | str | None, option: str) -> list[str]:
    return [tables.label(one) for one in tables.names(given, option)]


def _once(who: np.ndarray, key: str, name: str) -> None:
    twice = pd.Series(who).duplicated().to_numpy()
    if twice.any():
        raise InputValueError(
            f"{int(twice.sum())} rows repeat a patient, for example {who[twice][0]!r} in column {key!r} of "
            f"{name}. Give one row per patient: the first relapse, or the end of follow-up."
        )


def _ends_after_entry(who: np.ndarray, start: np.ndarray, end: np.ndarray) -> None:
    wrong = (end < start) | ((end == start) & (start > 0))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InputValueError(
            f"{int(wrong.sum())} of {len(who)} patients end before they enter, for example {who[first]!r}: "
            f"entry {start[first]:g}, time {end[first]:g}. They were never under observation: remove them, "
            "or give both times from the same origin."
        )
