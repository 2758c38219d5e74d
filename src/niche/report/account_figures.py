"""Figures of the seed-and-soil account: an organ each, and published mediators by organ."""

from __future__ import annotations

import pandas as pd

from niche import pl
from niche.report import formats
from niche.report.account import organs
from niche.report.figures import ReportFigure, file_name
from niche.report.findings import Findings

TOP_ITEMS, TOP_MEDIATORS = 10, 40
"""Items of a kind drawn per organ; mediators drawn."""


def account_figures(found: Findings) -> list[ReportFigure]:
    """Return the figures that can be drawn from what is stored."""
    if not found.account.there:
        return []
    frame: pd.DataFrame = found.account.value
    made = [_organ(found, frame, organ) for organ in organs(frame)]
    mediators = frame[(frame["kind"] == "mediator") & (frame["gene"] != "")]
    if len(mediators):
        made.append(_mediators(found, mediators))
    return made


def _organ(found: Findings, frame: pd.DataFrame, organ: str) -> ReportFigure:
    mine = frame[(frame["organ"] == organ) & (frame["account"] != "published")]
    n = int(mine["effect"].notna().sum())
    name = formats.readable(organ)
    return ReportFigure(
        f"account_{file_name(organ)}",
        lambda: pl.tropism(found.adata, organ=organ, n_top=TOP_ITEMS),
        lambda: mine,
        f"Effects with 95 % intervals of seed and soil in {name}, each kind of item on an axis of its own: "
        f"{formats.plural(n, 'item')} with an estimate. Called items are listed in the table above.",
        f"Seed and soil of {name}. Colour and symbol: the call; on the right q, and the side that drives an "
        "edge (tumor: seed, host: soil) or the verdict on a program. Kinds of items have different units and "
        "must not be compared with each other.",
    )


def _mediators(found: Findings, rows: pd.DataFrame) -> ReportFigure:
    counts = rows["status"].value_counts()
    told = formats.listed([f"{n} {formats.readable(str(status))}" for status, n in counts.items()])
    return ReportFigure(
        "account_mediators",
        lambda: pl.mediators(found.adata, n_top=TOP_MEDIATORS),
        lambda: rows,
        f"Grid of published mediators by organ: {told}. Every field is listed in the tables below.",
        "Published mediators by organ. The arrow is the published direction, the symbol what became of it "
        "here. Empty fields are not published for that organ.",
    )
