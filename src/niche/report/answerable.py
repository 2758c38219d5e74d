"""What the numbers of patients allow, before anything that was found."""

from __future__ import annotations

import pandas as pd

from niche.report import formats
from niche.report.blocks import Callout
from niche.report.findings import Findings


def callout(found: Findings) -> list[Callout]:
    """In which organs a difference can be called, and what is left of the others and why."""
    if not found.design.there:
        return []
    organs: pd.DataFrame = found.design.value["organs"]
    named = organs["organ"].where(
        organs["tissue"] == "metastasis", organs["organ"] + " (" + organs["tissue"] + ")"
    )
    names = [formats.readable(name) for name in named]
    able = [name for name, reason in zip(names, organs["reason"], strict=True) if not reason]
    less = [
        f"{name[:1].upper()}{name[1:]}: {possible} ({reason})."
        for name, possible, reason in zip(names, organs["possible"], organs["reason"], strict=True)
        if reason
    ]
    first = (
        f"The numbers of patients allow to call differences in {formats.listed(able)}."
        if able
        else "No difference between organs can be called: there are too few patients."
    )
    return [Callout(" ".join([first, *less]), "note" if able else "limit")]
