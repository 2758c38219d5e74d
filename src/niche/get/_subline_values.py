"""The numbers of every subline behind a gene that was compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from niche._slots import read
from niche._stats.contrasts import OMNIBUS, Contrast, Groups, sides_of
from niche._stats.organ_tests import PATIENTS_TEST
from niche.get._comparisons import Comparisons

LABELS = ("contrast", "organ", "gene", "subline", "selected_for", "side")


def contrasts_stored(stored: Mapping[str, Any]) -> list[Contrast]:
    """The comparisons of a run, in their order."""
    parts = stored["contrasts"]
    names, kinds = read.strings(parts["name"]), read.strings(parts["kind"])
    ends = zip(names, kinds, parts["plus"], parts["minus"], strict=True)
    return [Contrast(name, kind, int(plus), int(minus)) for name, kind, plus, minus in ends]


def groups_stored(stored: Mapping[str, Any]) -> Groups:
    """Organs that sublines were selected for, and the parental line."""
    names, organ, tissue = (read.strings(stored["groups"][name]) for name in ("name", "organ", "tissue"))
    return Groups(names, organ, tissue, replicate="subline", origin="parental", lone_origin=True)


def subline_values(
    stored: Mapping[str, Any], table: Comparisons, genes: list[str], row: np.ndarray, column: np.ndarray
) -> pd.DataFrame:
    """One row per subline and tested gene (``row``) in a contrast (``column``); the omnibus has no sides.

    ``log2fc`` is the distance from the mean of the minus side, which is the mean of its organs, each weighted
    as it was tested. Every subline has it, whether or not it stands on a side.
    """
    contrasts, groups = contrasts_stored(stored), groups_stored(stored)
    sided = (row < table.n_tested) & np.array([contrasts[c].kind != OMNIBUS for c in column], dtype=bool)
    row, column = row[sided], column[sided]
    units = stored["units"]
    group = np.asarray(units["group"], dtype=np.int64)
    size = np.bincount(group, minlength=len(groups.name))
    value, weight = (np.asarray(stored[name])[row].astype(float) for name in ("log2cpm", "weights"))
    usable = np.asarray(stored["usable"])[row] & (size > 0)
    side = np.full((row.size, group.size), "", dtype=object)
    distance = np.full((row.size, group.size), np.nan)
    for i, c in enumerate(column):
        plus, minus = sides_of(contrasts[c], groups, usable[i], size >= PATIENTS_TEST)
        side[i, plus[group]], side[i, minus[group]] = "plus", "minus"
        means = [
            np.average(value[i, group == g], weights=weight[i, group == g]) for g in np.flatnonzero(minus)
        ]
        if means:
            distance[i] = value[i] - np.mean(means)
    n = group.size
    frame = pd.DataFrame(
        {
            "contrast": np.repeat(np.array(table.contrasts, dtype=object)[column], n),
            "organ": np.repeat(np.array(table.organ_of, dtype=object)[column], n),
            "gene": np.repeat(np.array(genes, dtype=object)[table.feature[row]], n),
            "subline": np.tile(np.array(read.strings(units["subline"]), dtype=object), row.size),
            "selected_for": np.tile(np.array(groups.name, dtype=object)[group], row.size),
            "n_replicates": np.tile(np.asarray(units["n_replicates"], dtype=np.int64), row.size),
            "side": side.ravel(), "log2cpm": value.ravel(), "weight": weight.ravel(),
            "log2fc": distance.ravel(),
        }
    )  # fmt: skip
    for name in LABELS:
        frame[name] = pd.Categorical(frame[name].astype(str))
    return frame
