"""What the summary says of programs: asked, found, and what does not follow."""

from __future__ import annotations

import pandas as pd

from niche.report import formats, program_tables
from niche.report.blocks import Block, table
from niche.report.findings import Findings

QUESTION = (
    "Asked: which programs of malignant cells does the tumor bring along, which go with an organ, and which "
    "merely leaked into its cells?"
)
_GLANCE = {
    "verdict": ("Verdict", formats.text),
    "n": ("Programs", formats.count),
    "names": ("Which", formats.text),
}


def glance(found: Findings) -> list[Block]:
    """Programs by verdict."""
    if not (found.programs.there and found.compare_programs.there):
        return []
    by_verdict = _named(found).groupby("verdict", sort=False)["name"]
    counts = by_verdict.agg(n="size", names=", ".join).reset_index()
    counts["verdict"] = counts["verdict"].map(formats.readable)
    return [table(counts, "Programs at a glance", _GLANCE)]


def can(found: Findings) -> list[str]:
    """What can be said of programs, in sentences."""
    if not found.programs.there:
        return []
    if not found.compare_programs.there:
        return [
            f"Which programs malignant cells run ({program_tables.kinds(found)}). They were not compared "
            "between organs."
        ]
    names = _named(found).groupby("verdict")["name"].agg(list)
    told = {verdict: formats.listed(list(listed)) for verdict, listed in names.items()}
    items = [f"Which programs malignant cells run: {program_tables.kinds(found)}."]
    if "organ-associated" in told:
        items.append(f"Used more or less in an organ, over patients: {told['organ-associated']}.")
    if "ambient-suspect" in told:
        items.append(f"Rise in an organ, but may have leaked from its host cells: {told['ambient-suspect']}.")
    if "intrinsic" in told:
        items.append(f"Alike in all organs, so brought along: {told['intrinsic']}.")
    return items


def cannot(found: Findings) -> list[str]:
    """What cannot be said of programs, in sentences."""
    if not (found.programs.there and found.compare_programs.there):
        return []
    items = [
        "That an organ induces a program. Patients whose tumors run it may get metastases there; only "
        "patients with several sites, and experiments, tell the two apart."
    ]
    n_open = int((program_tables.described(found)["verdict"] == "undetermined").sum())
    if n_open:
        items.append(
            f"What {formats.plural(n_open, 'undetermined program')} belong{'s' if n_open == 1 else ''} to. "
            "It is no evidence of being alike everywhere."
        )
    return items


def _named(found: Findings) -> pd.DataFrame:
    """Programs with their verdict and a name that says what they resemble, where they do."""
    rows = program_tables.described(found)
    like = rows["like"].map(lambda text: f" ({text})" if text else "")
    return rows.assign(name=rows["program"].astype(str) + like)
