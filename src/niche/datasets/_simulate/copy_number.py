"""Tumor clones: copy-number gains and losses of arms and parts of arms at real gene positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

# Approximate centromeres of GRCh38 in megabases (UCSC cytoBand, boundary between p and q).
_CENTROMERES = (
    "123.4 93.9 90.9 50.0 48.8 59.8 60.1 45.2 43.0 39.8 53.4 "
    "35.5 17.7 17.2 19.0 36.8 25.1 18.5 26.2 28.1 12.0 15.0"
)
CENTROMERE_MB = {f"chr{n}": float(mb) for n, mb in enumerate(_CENTROMERES.split(), start=1)}
DIPLOID = 2
_LEAST_GENES = 10
_TRUNK_EVENTS, _BRANCH_EVENTS = (7, 12), (1, 4)
_FOCAL_SHARE = 0.35
_COPIES, _COPY_ODDS = (1, 3, 4), (0.45, 0.4, 0.15)


@dataclass(frozen=True)
class Clones:
    """Clones of all patients.

    Attributes
    ----------
    table
        clone, patient, parent (empty for the trunk), n_segments.
    segments
        clone, patient, chromosome, arm, start, end, copy_number, n_genes.
    copies
        Copy number, clones x genes (int8; 2 outside every segment).
    """

    table: pd.DataFrame
    segments: pd.DataFrame
    copies: np.ndarray


def gene_arms(var: pd.DataFrame) -> np.ndarray:
    """Return the chromosome arm of each gene (``1p``); empty for sex and mitochondrial chromosomes."""
    chromosome = var["chromosome"].astype(str)
    centromere = chromosome.map(CENTROMERE_MB)
    arm = np.where(var["start"].to_numpy() < 1e6 * centromere.to_numpy(float), "p", "q")
    name = chromosome.str.removeprefix("chr").to_numpy(object)
    return np.where(centromere.isna().to_numpy(), "", name + arm.astype(object)).astype(object)


def draw_clones(
    rng: np.random.Generator, patients: list[str], var: pd.DataFrame, max_clones: int, quiet: int
) -> Clones:
    """Draw one to ``max_clones`` clones per patient; the last ``quiet`` patients stay diploid.

    Subclones inherit the trunk and add events of their own. Clone names are ``<patient>_c1`` ....
    """
    arms = gene_arms(var)
    names, sizes = np.unique(arms[arms != ""], return_counts=True)
    usable = list(names[sizes >= _LEAST_GENES])
    weights = sizes[sizes >= _LEAST_GENES] / sizes[sizes >= _LEAST_GENES].sum()
    rows, segments, copies = [], [], []
    for number, patient in enumerate(patients):
        diploid = number >= len(patients) - quiet or not usable
        count = 1 if diploid else int(rng.integers(1, max_clones + 1))
        trunk: list[dict[str, Any]] = []
        for index in range(count):
            least, most = _TRUNK_EVENTS if index == 0 else _BRANCH_EVENTS
            events = list(trunk)
            if not diploid:
                taken = {event["arm"] for event in events}
                events += _draw_events(rng, var, arms, usable, weights, taken, int(rng.integers(least, most)))
            if index == 0:
                trunk = events
            clone = f"{patient}_c{index + 1}"
            rows.append((clone, patient, f"{patient}_c1" if index else "", len(events)))
            segments += [{"clone": clone, "patient": patient, **event} for event in events]
            copies.append(_copies(var, arms, events))
    columns = ["clone", "patient", "chromosome", "arm", "start", "end", "copy_number", "n_genes"]
    return Clones(
        table=pd.DataFrame(rows, columns=["clone", "patient", "parent", "n_segments"]),
        segments=pd.DataFrame(segments, columns=columns),
        copies=np.stack(copies),
    )


def copy_factor(copies: np.ndarray, effect: float) -> np.ndarray:
    """Return the factor on expression, ``(copies / 2) ** effect``; 1 everywhere when effect is 0."""
    return (copies / DIPLOID) ** effect


def _draw_events(
    rng: np.random.Generator,
    var: pd.DataFrame,
    arms: np.ndarray,
    usable: list[str],
    weights: np.ndarray,
    taken: set[str],
    count: int,
) -> list[dict[str, Any]]:
    open_arms = np.array([arm not in taken for arm in usable])
    odds = weights * open_arms
    count = min(count, int(open_arms.sum()))
    if not count:
        return []
    chosen = rng.choice(len(usable), size=count, replace=False, p=odds / odds.sum())
    starts, ends = var["start"].to_numpy(), var["end"].to_numpy()
    events = []
    for index in chosen:
        inside = np.flatnonzero(arms == usable[index])
        first, last = int(starts[inside].min()), int(ends[inside].max())
        if rng.random() < _FOCAL_SHARE:
            length = (0.3 + 0.4 * rng.random()) * (last - first)
            first = int(first + rng.random() * (last - first - length))
            last = int(first + length)
        within = inside[(starts[inside] >= first) & (starts[inside] <= last)]
        events.append(
            {
                "chromosome": "chr" + usable[index][:-1],
                "arm": usable[index],
                "start": first,
                "end": last,
                "copy_number": int(rng.choice(_COPIES, p=_COPY_ODDS)),
                "n_genes": len(within),
            }
        )
    return events


def _copies(var: pd.DataFrame, arms: np.ndarray, events: list[dict[str, Any]]) -> np.ndarray:
    copies = np.full(len(var), DIPLOID, dtype=np.int8)
    start = var["start"].to_numpy()
    for event in events:
        inside = (arms == event["arm"]) & (start >= event["start"]) & (start <= event["end"])
        copies[inside] = event["copy_number"]
    return copies
