"""How the reason of an unresolved cell is stored: one small integer, one meaning."""

from __future__ import annotations

REASONS = (
    "",
    "copy number not assessed in this sample, and lineage alone decides nothing",
    "markers of two lineages: likely a doublet",
    "doublet score",
    "low quality",
    "host, but markers of no lineage are on",
    "no copy-number evidence in this sample, and lineage leaves it open",
    "copy number speaks for tumor, lineage markers against it",
    "evidence between the thresholds",
    "author labels",
)
(
    DECIDED,
    NOT_ASSESSED,
    MIXED,
    DOUBLET,
    LOW_QUALITY,
    NO_LINEAGE,
    NO_EVIDENCE,
    DISAGREE,
    BETWEEN,
    AUTHOR,
) = range(len(REASONS))
