"""A tidy table of bioluminescence, checked and sorted, with the background and saturation of every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from niche._slots import tables
from niche._slots.validate import number, shown
from niche.errors import InputTypeError, InputValueError, warn

DAY0, DETECT = "day0", "detect"
NEAR, PILED = 0.01, 3
"""A ceiling: this many measurements within this share of the highest."""
DROP = 3.0
"""A baseline this many times above the lowest later flux shows cells, not background."""
WITHOUT_GROUPS = "all"


@dataclass(frozen=True)
class Measurements:
    """Measured rows, sorted by animal, organ and day.

    Attributes
    ----------
    series
        Table of one row per animal and organ: ``animal, organ, group``.
    code
        (n,) row of ``series`` of every measurement.
    day, flux
        (n,) float64; flux is at least 0.
    background
        (n,) background of every measurement, NaN where it is not known.
    saturation
        (n,) level from which a measurement is saturated, infinite where there is none.
    """

    series: pd.DataFrame
    code: np.ndarray
    day: np.ndarray
    flux: np.ndarray
    background: np.ndarray
    saturation: np.ndarray


def measurements(
    table: Any,
    names: Mapping[str, str],
    group: str | None,
    background: Any,
    saturation: Any,
    baseline_day: float,
    detection: float,
) -> Measurements:
    """Check the table; ``names`` are its columns ``animal, organ, day, flux``."""
    tables.frame(table)
    animal, organ = (tables.labels(table, names[key], key) for key in ("animal", "organ"))
    day = tables.numbers(table, names["day"], "day")
    flux = _flux(table, names["flux"])
    groups = np.full(len(table), WITHOUT_GROUPS, dtype=object)
    if group is not None:
        groups = tables.labels(table, group, "group")
    rows = pd.DataFrame({"animal": animal, "organ": organ, "group": groups, "day": day, "flux": flux})
    _one_group(rows)
    _once(rows)
    from_day0 = isinstance(background, str) and background == DAY0
    detect = isinstance(saturation, str) and saturation == DETECT
    rows["background"] = np.nan if from_day0 else _levels(background, "background", table, organ)
    rows["saturation"] = np.inf
    if saturation is not None and not detect:
        rows["saturation"] = _levels(saturation, "saturation", table, organ)
    rows = rows.sort_values(["animal", "organ", "day"], kind="stable", ignore_index=True)
    if from_day0:
        rows["background"] = _of_day0(rows, names, baseline_day)
    code = pd.factorize(pd.MultiIndex.from_frame(rows[["animal", "organ"]]))[0]
    series = rows[["animal", "organ", "group"]].groupby(code, sort=True).first()
    known = rows["flux"].notna().to_numpy()
    if detect:
        above = known & (rows["flux"] > detection * rows["background"]).to_numpy()
        rows["saturation"] = ceiling(rows["flux"].to_numpy()[above])
    column = {name: rows[name].to_numpy(dtype=float)[known] for name in ("day", "flux")}
    levels = {name: rows[name].to_numpy(dtype=float)[known] for name in ("background", "saturation")}
    return Measurements(series, code[known], **column, **levels)


def ceiling(flux: np.ndarray) -> float:
    """Level near which the highest measurements pile up, infinite where they do not."""
    if not flux.size:
        return np.inf
    level = (1 - NEAR) * float(flux.max())
    return level if int((flux >= level).sum()) >= PILED else np.inf


def _flux(table: pd.DataFrame, key: str) -> np.ndarray:
    values = tables.numbers(table, key, "flux", missing=True)
    below = values < 0
    if below.any():
        raise InputValueError(
            f"column {key!r} of table (flux=) must not be negative. Found {values[below].min():g} in "
            f"{int(below.sum())} of {len(values)} rows, first in row {int(np.argmax(below))}. Give flux as "
            "measured, and what lies below it with background=."
        )
    if np.isnan(values).all():
        raise InputValueError(f"column {key!r} of table (flux=) holds no value.")
    return values


def _one_group(rows: pd.DataFrame) -> None:
    n = rows.groupby("animal", sort=True)["group"].nunique()
    if (n > 1).any():
        animal = n.index[n > 1][0]
        found = sorted(set(rows.loc[rows["animal"] == animal, "group"]))
        raise InputValueError(
            f"an animal must lie in one group: {int((n > 1).sum())} of {len(n)} do not, for example animal "
            f"{animal!r} is in {shown(found)}. Give each animal its own name."
        )


def _once(rows: pd.DataFrame) -> None:
    twice = rows.duplicated(["animal", "organ", "day"])
    if twice.any():
        first = rows[twice].iloc[0]
        raise InputValueError(
            f"{int(twice.sum())} measurements are there twice, for example animal {first['animal']!r}, "
            f"{first['organ']!r}, day {first['day']:g}. Keep one flux per animal, organ and day, for example "
            "the mean of views."
        )


def _levels(value: Any, option: str, table: pd.DataFrame, organ: np.ndarray) -> np.ndarray:
    """A level for every row from a number, a mapping from organ, or a column."""
    if isinstance(value, str):
        return tables.numbers(table, value, option, low=0)
    if isinstance(value, Mapping):
        given = {str(key): level for key, level in value.items()}
        missing = sorted(set(organ) - set(given))
        if missing:
            raise InputValueError(
                f"{option} has no value for {shown(missing)}. Given are {shown(given)}; name every organ."
            )
        for key, level in given.items():
            number(level, f"{option}[{key!r}]", low=0)
        return np.array([float(given[name]) for name in organ])
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        number(value, option, low=0)
        return np.full(len(table), float(value))
    known = f"{DAY0!r}" if option == "background" else f"{DETECT!r}, None"
    raise InputTypeError(
        f"{option} must be {known}, a number, a mapping from organ to number, or a column. Got {value!r}."
    )


def _of_day0(rows: pd.DataFrame, names: Mapping[str, str], baseline_day: float) -> np.ndarray:
    """Flux of every animal and organ on the baseline day; NaN where it was not measured."""
    first = rows[(rows["day"] == baseline_day) & rows["flux"].notna()]
    if first.empty:
        raise InputValueError(
            f"no measurement on day {baseline_day:g} in column {names['day']!r}, from which the background "
            f"is taken. Days: {shown(f'{day:g}' for day in sorted(set(rows['day'])))}. Name the day with "
            "baseline_day=, or give background= a number, a mapping from organ, or a column."
        )
    flux = first.set_index(["animal", "organ"])["flux"]
    _warn_of_cells(rows, flux, baseline_day)
    return flux.reindex(pd.MultiIndex.from_frame(rows[["animal", "organ"]])).to_numpy(dtype=float)


def _warn_of_cells(rows: pd.DataFrame, baseline: pd.Series, baseline_day: float) -> None:
    """Warn where the flux falls after the baseline day: it then showed cells that had just been injected."""
    later = rows[rows["day"] > baseline_day].groupby(["animal", "organ"], sort=True)["flux"].min()
    both = pd.concat([baseline, later], axis=1, keys=["first", "later"]).dropna()
    falls = both[both["first"] > DROP * both["later"]]
    if falls.empty:
        return
    who, where = falls.index[0]
    n, of = (found.index.unique("animal").size for found in (falls, both))
    warn(
        f"{n} of {of} animals have more than {DROP:g} times the flux on day {baseline_day:g}, taken as the "
        f"background, than on a later day, for example {who!r} in {where!r}: "
        f"{falls['first'].iloc[0]:.3g}, then {falls['later'].iloc[0]:.3g}. An image taken right after the "
        "injection shows the cells and is no background: growth is missed and slopes are wrong. Give "
        "background= a number (animals without cells), a mapping or a column, or name a day before the "
        "injection with baseline_day=."
    )
