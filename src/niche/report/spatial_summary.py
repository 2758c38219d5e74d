"""What the summary says of sections of tissue: asked, found, and what does not follow."""

from __future__ import annotations

import pandas as pd

from niche._slots import keys
from niche.report import formats, spatial_tables
from niche.report.blocks import Block, table
from niche.report.findings import MAX_QVAL, Findings

QUESTION = (
    "Asked: in sections of tissue, which receptors lie where neighbouring spots hold the ligand, which pairs "
    "rise where tumor meets host, and do patients agree?"
)
_NAMED = 3
_GLANCE = {
    "organ": ("Organ", formats.readable),
    "n_patients": ("Patients", formats.count),
    "n_sections": ("Sections", formats.count),
    "n_spots": ("Spots", formats.count),
    "n_tested": ("Tests over sections", formats.count),
    "n_significant": (f"q ≤ {MAX_QVAL:g}", formats.count),
    "n_tested_interface": ("Tests across borders", formats.count),
    "n_significant_interface": (f"q ≤ {MAX_QVAL:g} there", formats.count),
}


def glance(found: Findings) -> list[Block]:
    """Sections of every organ and what was tested in them."""
    if not found.spatial.there:
        return []
    by = spatial_tables.sections(found).groupby("organ", sort=True, observed=True)
    summed = ["n_spots", "n_tested", "n_significant", "n_tested_interface", "n_significant_interface"]
    rows = by[summed].sum()
    rows["n_sections"], rows["n_patients"] = by.size(), by["patient"].nunique()
    return [table(rows.reset_index(), "Sections at a glance", _GLANCE)]


def can(found: Findings) -> list[str]:
    """What can be said of sections, in sentences."""
    if not found.spatial.there:
        return []
    items = [
        "Which receptors lie where neighbouring spots hold the ligand, in every section by itself "
        f"(q ≤ {MAX_QVAL:g}, Benjamini-Hochberg over the tested pairs of the section)."
    ]
    for key in spatial_tables.compared(found):
        rows = spatial_tables.called(found, key)
        what = spatial_tables.WAYS[spatial_tables.statistic_of(found, key)]
        for told, mine in rows.groupby("told", sort=False):
            items.append(_sentence(what, str(told), mine))
    return items


def _sentence(what: str, told: str, mine: pd.DataFrame) -> str:
    up = mine[mine["call"].astype(str) != "depleted"]
    first = f" First of them: {formats.listed(up['pair'].head(_NAMED).tolist())}." if len(up) else ""
    weaker = f" and {formats.plural(len(mine) - len(up), 'pair')} below" if len(mine) > len(up) else ""
    return f"{what.capitalize()}, {told}: {formats.plural(len(up), 'pair')} above{weaker}.{first}"


def cannot(found: Findings) -> list[str]:
    """What cannot be said of sections, in sentences."""
    if not found.spatial.there:
        return []
    items = [
        "That pairs which lie next to each other communicate: genes that follow the same anatomy do so too, "
        "and two smooth patterns agree by accident more often than the p-value of a section says."
    ]
    if not spatial_tables.compared(found):
        why = found.why_not(keys.COMPARE_SPATIAL, found.compare_spatial[keys.COMPARE_SPATIAL])
        items.append(f"Whether patients agree, or organs differ, in their sections. {why}")
    return items
