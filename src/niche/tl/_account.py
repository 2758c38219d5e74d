"""Rows of the seed-and-soil account: what all of them share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from niche._slots import keys, read
from niche._stats.contrasts import NORMAL, PRIMARY, REST

SEED, SOIL, PUBLISHED = "seed", "soil", "published"

TEXTS = (
    "organ", "account", "kind", "item", "direction", "contrast", "status", "reason", "source", "target",
    "ligand_complex", "receptor_complex", "gene", "driver", "driver_compartment", "expected", "evidence",
    "publication", "citation", "doi", "screen",
)  # fmt: skip
"""Columns of text; empty where they say nothing."""
NUMBERS = ("effect", "ci_low", "ci_high", "pval", "qval", "min_detectable", "ambient_share", "n_patients")
COLUMNS = (
    "organ", "account", "item", "direction", "effect", "ci_low", "ci_high", "qval", "status", "reason",
    "citation", "kind", "contrast", "pval", "n_patients", "min_detectable", "ambient_share", "source",
    "target", "ligand_complex", "receptor_complex", "gene", "driver", "driver_compartment", "expected",
    "evidence", "publication", "doi", "screen",
)  # fmt: skip
TEST = ("effect", "ci_low", "ci_high", "pval", "qval", "n_patients")
"""What every test of a small family says."""
CALLED = ("enriched", "specific", "depleted", keys.AMBIENT_SUSPECT)
HIGHER, LOWER = ("enriched", "specific"), ("depleted",)
NOT_TESTABLE, NOT_ASSESSED, NONE_CALLED, DESCRIBED = (
    "not_testable",
    "not_assessed",
    "none_called",
    "described",
)


def main_contrasts(stored: Mapping[str, Any]) -> dict[str, str]:
    """Organ to the comparison it is told by: with the other organs, else with primary, else normal tissue."""
    parts, groups = stored["contrasts"], stored["groups"]
    names, kinds = read.strings(parts["name"]), read.strings(parts["kind"])
    organs, tissue = read.strings(groups["name"]), read.strings(groups["tissue"])
    out = {}
    for g, organ in enumerate(organs):
        if tissue[g] != "metastasis":
            continue
        for wanted in (REST, PRIMARY, NORMAL):
            mine = [
                n for n, k, p in zip(names, kinds, parts["plus"], strict=True) if k == wanted and int(p) == g
            ]
            if mine:
                out[organ] = mine[0]
                break
    return out


def rows_of(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A table with :data:`COLUMNS`; text that was not given is empty, numbers NaN."""
    frame = pd.DataFrame(list(records))
    for name in TEXTS:
        frame[name] = frame[name].fillna("").astype(str) if name in frame else ""
    for name in NUMBERS:
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype(float) if name in frame else np.nan
    return frame[list(COLUMNS)]


def nothing(organ: str, account: str, kind: str, status: str, reason: str) -> dict[str, Any]:
    """A row that says why an organ has no item of a kind."""
    return {
        "organ": organ, "account": account, "kind": kind, "item": f"(no {kind.replace('_', ' ')})",
        "status": status, "reason": reason,
    }  # fmt: skip


def most_frequent(reasons: pd.Series) -> str:
    """The reason most rows have."""
    said = reasons.astype(str)
    said = said[said != ""]
    return str(said.value_counts().index[0]) if len(said) else ""


def higher_or_lower(effect: float) -> str:
    """Direction of an effect in words; empty where there is none."""
    return "" if not np.isfinite(effect) else "higher" if effect > 0 else "lower"
