"""Contrasts between organs: their names, and their weights on the organs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

OMNIBUS = "omnibus"
KINDS = ("omnibus", "vs_rest", "pairwise", "vs_primary", "vs_normal")


def kind_of(contrast: str) -> str:
    """Return which of ``KINDS`` a contrast is, by its name."""
    if contrast == OMNIBUS:
        return OMNIBUS
    for kind in ("vs_rest", "vs_primary", "vs_normal"):
        if contrast.endswith(f"_{kind}"):
            return kind
    return "pairwise"


def contrasts(organs: Sequence[str], *, primary: bool) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the contrasts between organs with a known truth, and what each takes from every organ.

    A table with ``contrast``, ``kind`` and ``organ`` (the one named first, empty for the omnibus),
    and weights (n_contrasts, n_organs); those of the omnibus are NaN. The rest is the mean of the
    other organs, each with the same weight. ``primary``: with the contrasts against the primary tumor.
    """
    names = sorted(organs)
    place = {organ: index for index, organ in enumerate(organs)}
    unit = np.eye(len(names))
    rows, weights = [], []
    if len(names) > 1:
        rows.append((OMNIBUS, OMNIBUS, ""))
        weights.append(np.full(len(names), np.nan))
        for organ in names:
            one = unit[place[organ]]
            rows.append((f"{organ}_vs_rest", "vs_rest", organ))
            weights.append(one - (1 - one) / (len(names) - 1))
        for first, second in combinations(names, 2):
            rows.append((f"{first}_vs_{second}", "pairwise", first))
            weights.append(unit[place[first]] - unit[place[second]])
    for organ in names if primary else []:
        rows.append((f"{organ}_vs_primary", "vs_primary", organ))
        weights.append(unit[place[organ]])
    table = pd.DataFrame(rows, columns=["contrast", "kind", "organ"])
    return table, np.array(weights).reshape(len(rows), len(names))
