"""Published axes of metastasis, looked up in the result."""

from __future__ import annotations

import pandas as pd

from niche.report import formats
from niche.report.blocks import Block, Callout, Column, Section, Table, Text, table
from niche.report.figures import ReportFigure
from niche.report.findings import MAX_QVAL, Findings

NAME, TITLE = "axes", "Published axes"

_STATUSES = ("found", "tested_not_significant", "not_expressed", "not_testable", "not_assessed")
_COLUMNS = {
    "axis": ("Ligand → receptor", formats.text),
    "status": ("Status", formats.text),
    "published": ("Published between", formats.text),
    "ends": ("Best tested pair here", formats.text),
    "n_tested": ("Pairs tested", formats.count),
    "qval": ("q", formats.probability),
    "reason": ("Reason", formats.text),
    "citation": ("Citation", formats.text),
    "note": ("Note in niche's table", formats.text),
}


def section(found: Findings, figures: dict[str, ReportFigure]) -> Section:
    """Build the section."""
    if not found.axes.there:
        return Section.missing(NAME, TITLE, found.axes.reason)
    frame: pd.DataFrame = found.axes.value
    blocks: list[Block] = [
        Text(
            "Ligand-receptor axes that were published for metastasis to these organs, looked up between "
            f"tumor and host in the published direction. “Found” means tested with q ≤ {MAX_QVAL:g} in at "
            "least one pair of cell types; it is presence of specificity within samples, and no evidence "
            "about patients. Cell types are not matched by name: compare the published cells with those "
            "found here. No score uses this table."
        ),
        _counts(found, frame),
    ]
    if "published_axes" in figures:
        blocks.append(figures["published_axes"].image())
    for organ in found.organs:
        mine = frame[frame["organ"] == organ]
        published = mine[mine["ligand"] != ""]
        name = formats.readable(organ)
        if not len(published):
            blocks.append(Callout(f"{name[:1].upper() + name[1:]}: {_why_none(mine)}.", "missing"))
            continue
        blocks.append(_axes_of(published, name))
    return Section(NAME, TITLE, blocks)


def _why_none(mine: pd.DataFrame) -> str:
    return str(mine["reason"].iloc[0]) if len(mine) else "no published axis"


def _counts(found: Findings, frame: pd.DataFrame) -> Table:
    published = frame[frame["ligand"] != ""]
    counts = pd.crosstab(published["organ"].astype(str), published["status"].astype(str))
    counts = counts.reindex(index=found.organs, columns=list(_STATUSES), fill_value=0)
    columns = [Column("Organ", [formats.readable(organ) for organ in found.organs])]
    columns += [
        Column(formats.readable(status), [formats.count(n) for n in counts[status]], numeric=True)
        for status in _STATUSES
    ]
    columns.append(Column("published", [formats.count(n) for n in counts.sum(axis=1)], numeric=True))
    return Table("Published axes by organ", columns)


def _axes_of(published: pd.DataFrame, name: str) -> Table:
    order = published["status"].astype(str).map({status: i for i, status in enumerate(_STATUSES)})
    mine = published.assign(order=order).sort_values(["order", "ligand", "receptor"], kind="stable")
    arrow = [
        f"{a.replace('_', '+')} → {b.replace('_', '+')}"
        for a, b in zip(mine["ligand"], mine["receptor"], strict=True)
    ]
    ends = [f"{a} → {b}" if a else "" for a, b in zip(mine["source"], mine["target"], strict=True)]
    cells = [f"{a} → {b}" for a, b in zip(mine["sender_cell_type"], mine["receiver_cell_type"], strict=True)]
    mine = mine.assign(axis=arrow, ends=ends, published=cells)
    unused = [name for name in ("note", "reason", "ends") if not (mine[name].astype(str) != "").any()]
    unused += ["n_tested", "qval"] if "ends" in unused else []
    columns = {key: value for key, value in _COLUMNS.items() if key not in unused}
    return table(mine, f"{name}: published axes", columns, tags=("status",))
