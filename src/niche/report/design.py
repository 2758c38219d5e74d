"""The design of the study and its limits."""

from __future__ import annotations

import pandas as pd

from niche.report import formats
from niche.report.blocks import Block, Callout, Heading, Section, Text, table
from niche.report.figures import ReportFigure
from niche.report.findings import Findings

NAME, TITLE = "design", "Design and its limits"

_ORGANS = {
    "organ": ("Organ", formats.readable),
    "tissue": ("Tissue", formats.text),
    "n_patients": ("Patients", formats.count),
    "n_patients_usable": ("Patients with enough cells", formats.count),
    "n_patients_paired": ("Also gave another organ of this tissue", formats.count),
    "n_samples": ("Samples", formats.count),
    "n_cells": ("Cells", formats.count),
    "possible": ("A comparison of organs could", formats.text),
    "reason": ("Because", formats.text),
}
_ISSUES = {
    "found": ("What was found", formats.text),
    "severity": ("Weight", formats.text),
    "what": ("Concerns", formats.text),
    "where": ("Where", formats.text),
    "advice": ("Advice", formats.text),
}
_SAMPLES = {
    "sample": ("Sample", formats.text),
    "patient": ("Patient", formats.text),
    "organ": ("Organ", formats.readable),
    "tissue": ("Tissue", formats.text),
    "n_cells": ("Cells", formats.count),
    "n_cell_types_usable": ("Cell types with enough cells", formats.count),
    "n_tumor": ("Tumor cells", formats.count),
    "median_counts": ("Median counts per cell", formats.count),
}


def section(found: Findings, figures: dict[str, ReportFigure]) -> Section:
    """Build the section."""
    if not found.design.there:
        return Section.missing(NAME, TITLE, found.design.reason)
    tables: dict[str, pd.DataFrame] = found.design.value
    samples, issues = tables["samples"], tables["issues"]
    blocks: list[Block] = [
        Text(
            "Patients are the replicates. An organ needs material of two patients to be compared with "
            "another one and of three for a call; with fewer it can be described. "
            + (
                "The section Between organs holds the comparison."
                if found.compare.there
                else "No such comparison is made in this report."
            )
        )
    ]
    if "design" in figures:
        blocks.append(figures["design"].image())
    blocks.append(table(tables["organs"], "Organs and their replicates", _ORGANS))
    blocks.append(Heading("What limits this study"))
    if len(issues):
        blocks.append(
            table(
                issues, f"{formats.plural(len(issues), 'point')} to keep in mind", _ISSUES, tags=("severity",)
            )
        )
    else:
        blocks.append(Callout("No limitation was found by the design check."))
    blocks.append(table(samples, "Samples", _SAMPLES, folded=f"All {formats.plural(len(samples), 'sample')}"))
    return Section(NAME, TITLE, blocks)
