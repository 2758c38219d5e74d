"""How the status and the reason of a pair in a section are stored: one small integer, one meaning."""

from __future__ import annotations

import numpy as np

from niche._slots import communication_codes, keys

REASONS = (
    *communication_codes.REASONS[:10],
    "too few spots in this section",
    "no spot of this section has a neighbour",
    "the same in all spots: ligand",
    "the same in all spots: receptor",
    "the same in all spots: ligand and receptor",
    "sides not given",
    "section without tumor or without host",
    "too few spots at the interface",
    "the same in all spots of its side: ligand",
    "the same in all spots of its side: receptor",
    "the same in all spots of its side: ligand and receptor",
)
EXPRESSION, MEASURED, SUBUNIT = (
    communication_codes.EXPRESSION,
    communication_codes.MEASURED,
    communication_codes.SUBUNIT,
)
FEW_SPOTS, NO_NEIGHBOURS, FLAT, NO_SIDES, ONE_SIDE, FEW_AT_INTERFACE, FLAT_SIDE = 10, 11, 12, 15, 16, 17, 18

STATUSES, TESTED = communication_codes.STATUSES, communication_codes.TESTED
STATUS_OF_REASON = np.array([0, 1, 1, 1] + [2] * (len(REASONS) - 4), dtype=np.uint8)

DIRECTIONS = ("tumor_to_host", "host_to_tumor")
SECTION = "section"
STATISTICS = (SECTION, *DIRECTIONS)
"""What can be compared over patients: R of whole sections, and the correlation across the border."""
COMPARED = {
    SECTION: keys.COMPARE_SPATIAL, **{way: f"{keys.COMPARE_SPATIAL}_{way}" for way in DIRECTIONS},
}  # fmt: skip
"""Statistic -> where recipes store its comparison, and the report looks for it."""
SIDES = ("tumor", "tumor at interface", "host", "host at interface", "neither")
