"""Signatures in a report: what was measured of each, what differs between organs, what subtypes explain."""

from __future__ import annotations

import pandas as pd

from niche import get
from niche.report import formats
from niche.report.blocks import Block, Bullets, Callout, Section, Text, table
from niche.report.findings import Findings

NAME, TITLE = "signatures", "Signatures"
CALLED = ("enriched", "depleted", "differs")

_MEASURED = {
    "signature": ("Signature", formats.text),
    "n_genes": ("Genes", formats.count),
    "n_measured": ("Measured", formats.count),
    "status": ("Status", formats.readable),
    "reason": ("Reason", formats.text),
    "subtype_qval": ("q between subtypes", formats.probability),
}
_TESTS = {
    "signature": ("Signature", formats.text),
    "contrast": ("Contrast", formats.readable),
    "call": ("Call", formats.text),
    "effect": ("Difference of scores", formats.decimal),
    "qval": ("q", formats.probability),
    "n_patients": ("Patients", formats.count),
    "reason": ("Remark", formats.text),
}


def section(found: Findings) -> Section:
    """Build the section."""
    if not found.signatures.there:
        return Section.missing(NAME, TITLE, found.signatures.reason)
    rows = get.signatures(found.adata, level="signature")
    blocks: list[Block] = [
        Text(
            "The score of a signature is the mean of its genes over that of control genes of like "
            "expression. Patients are the replicates of every test. Sets with too few measured genes are "
            "not scored."
        ),
        *_subtypes(found, rows),
        table(rows, "What was measured of every signature", _MEASURED),
    ]
    if "contrasts" not in found.signatures.value:
        blocks.append(Callout("One organ only: organs were not compared.", "missing"))
        return Section(NAME, TITLE, blocks)
    tests = get.signatures(found.adata)
    called = tests[tests["call"].isin(CALLED)]
    if len(called):
        blocks.append(table(called.sort_values("qval"), "Signatures that differ between organs", _TESTS))
    else:
        n = formats.plural(int((tests["status"] == "tested").sum()), "test")
        blocks.append(Text(f"None of {n} between organs could be called a difference."))
    return Section(NAME, TITLE, blocks)


def _subtypes(found: Findings, rows: pd.DataFrame) -> list[Block]:
    """The warning that a signature of an organ may be one of subtypes."""
    stored = found.signatures.value["subtype"]
    noted = rows[rows["note"] != ""]
    blocks: list[Block] = []
    if len(noted):
        blocks += [
            Callout(
                "Published signatures of organs can be signatures of subtypes. Do not read these as signals "
                "of an organ before they are compared with the subtype as a covariate:",
                "limit",
            ),
            Bullets([f"{row.signature}: {row.note}." for row in noted.itertuples()]),
        ]
    if str(stored["why_not"]):
        blocks.append(Callout(f"Whether signatures differ between subtypes: {stored['why_not']}.", "missing"))
    elif bool(stored["adjusted"]):
        blocks.append(Text(f"Tests between organs are adjusted for {stored['key']!r}."))
    return blocks
