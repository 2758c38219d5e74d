"""What the report says of programs and signatures, as tables: read here, laid out elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd

from niche import get
from niche.get.programs import resembling
from niche.report import comparison, formats
from niche.report.findings import Findings

FIRST_GENES = 8
"""Genes of a program that are listed; the files beside the report hold all."""

VERDICTS = (
    "organ-associated",
    "ambient-suspect",
    "intrinsic",
    "undetermined",
    "patient-private",
    "not_testable",
)
"""Verdicts in the order in which programs are listed."""


_PARTS: tuple[Literal["verdicts", "units", "organs", "sensitivity"], ...] = (
    "verdicts",
    "units",
    "organs",
    "sensitivity",
)


def described(found: Findings) -> pd.DataFrame:
    """One row per program: what it is, who has it, and where it was compared its verdict.

    ``program, like`` (gene set that it resembles, else empty)``, genes, kind, n_patients, mean_usage,
    top_patient, top_patient_share, kind_reason, verdict, reason`` and the parts of its variance; programs
    without a comparison have no verdict.
    """
    key = found.programs_key
    frame = get.programs(found.adata, what="programs", key=key).rename(columns={"reason": "kind_reason"})
    names = frame["program"].astype(str)
    top = get.programs(found.adata, key=key)
    first = top[top["rank"] <= FIRST_GENES].groupby("program", sort=False)["gene"].agg(", ".join)
    frame["genes"] = names.map(first)
    frame["like"] = names.map(resembling(found.adata, key)).fillna("")
    if not found.compare_programs.there:
        return frame
    verdicts = get.compare_programs(found.adata, what="verdicts").drop(columns="kind")
    frame = frame.merge(verdicts.astype({"program": str, "verdict": str}), on="program", validate="1:1")
    place = frame["verdict"].map({name: i for i, name in enumerate(VERDICTS)})
    return frame.loc[place.sort_values(kind="stable").index].reset_index(drop=True)


def kinds(found: Findings) -> str:
    """How many programs are of which kind, in words."""
    counts = pd.DataFrame(found.programs.value["table"])["kind"].astype(str).value_counts()
    shared = int(counts.get("program", 0))
    others = [f"{int(n)} {name}" for name, n in counts.items() if name != "program"]
    return formats.listed([f"{formats.plural(shared, 'program')} that patients share", *others])


def samples(found: Findings) -> pd.DataFrame:
    """Samples that programs were looked for in, and those left out with the reason."""
    return get.programs(found.adata, what="samples", key=found.programs_key)


def main_effects(found: Findings) -> pd.DataFrame:
    """Differences of usage with an estimate: every organ against the others, primary and normal tissue."""
    return _in_words(get.compare_programs(found.adata), found.compare_programs.value, "program")


def sensitivity(found: Findings) -> pd.DataFrame:
    """The same differences with purer cells and within assays."""
    frame = get.compare_programs(found.adata, what="sensitivity").astype({"contrast": str})
    words = comparison.main_of(found.compare_programs.value).set_index("contrast")["short"]
    frame = frame[frame["contrast"].isin(words.index)].reset_index(drop=True)
    return frame.assign(told=frame["contrast"].map(words))


def organs(found: Findings) -> pd.DataFrame:
    """Patients with enough malignant cells in every organ: ``organ, n_patients, n_cells, allows``."""
    units = get.compare_programs(found.adata, what="units")
    units = units[units["program"] == units["program"].iloc[0]] if len(units) else units
    by_organ = units.groupby("organ", sort=False)
    rows = by_organ.agg(n_patients=("patient", "nunique"), n_cells=("n_cells", "sum"))
    groups = [str(name) for name in found.compare_programs.value["groups"]["name"]]
    rows = rows.reindex(groups, fill_value=0).rename_axis("organ").reset_index()
    return rows.assign(allows=[comparison.allows(n) for n in rows["n_patients"]])


def signature_effects(found: Findings) -> pd.DataFrame:
    """Differences of scores with an estimate, as those of programs."""
    return _in_words(get.signatures(found.adata), found.signatures.value, "signature")


def signatures_left_out(found: Findings) -> pd.DataFrame:
    """Signatures that could not be scored, with the reason."""
    table = get.signatures(found.adata, level="signature")
    return table[table["status"].astype(str) != "scored"].reset_index(drop=True)


def tables(found: Findings) -> dict[str, pd.DataFrame]:
    """Tables for files beside the report, by file name without ending."""
    made: dict[str, pd.DataFrame] = {}
    if found.programs.there:
        key = found.programs_key
        for what in ("programs", "genes", "annotation", "samples", "curve", "usage"):
            name = "programs" if what == "programs" else f"programs_{what}"
            made[name] = get.programs(found.adata, what=what, key=key)
    if found.compare_programs.there:
        made["compare_programs"] = get.compare_programs(found.adata)
        for part in _PARTS:
            made[f"compare_programs_{part}"] = get.compare_programs(found.adata, what=part)
    if found.signatures.there:
        for level in ("sample", "signature"):
            made[f"signatures_{level}s"] = get.signatures(found.adata, level=level)
        if "contrasts" in found.signatures.value:
            made["signatures"] = get.signatures(found.adata)
    return made


def _in_words(frame: pd.DataFrame, stored: Mapping[str, Any], feature: str) -> pd.DataFrame:
    """Rows with an estimate, of the contrasts a reader looks at first, in words."""
    frame = frame.astype(dict.fromkeys((feature, "contrast", "call", "reason"), str))
    words = comparison.main_of(stored)
    words = words[words["kind"] != "omnibus"].set_index("contrast")["short"]
    kept = frame["contrast"].isin(words.index) & frame["effect"].notna()
    frame = frame[kept].reset_index(drop=True)
    return frame.assign(told=frame["contrast"].map(words), interval=formats.intervals(frame))
