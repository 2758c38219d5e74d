"""Seed and soil: what is called in every organ, what drives it, and what is published, side by side."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from niche._slots import keys
from niche.get.tropism import STATEMENT
from niche.pl._account import PUBLISHED, counted
from niche.pl._tropism_blocks import SIDES, UNITS
from niche.report import formats
from niche.report.blocks import Block, Callout, Column, Heading, Section, Table, Text, table
from niche.report.figures import ReportFigure, file_name
from niche.report.findings import Findings

NAME, TITLE = "account", "Seed and soil"
LEAD = "Seed and soil by organ"
RUN = (
    "Run niche.tl.compare_programs, niche.tl.compare_communication and niche.tl.compare_expression "
    "(and, where wanted, niche.tl.score_signatures and niche.tl.composition), then niche.tl.tropism."
)
TOP = 10
"""Items of a kind listed per organ."""
CALLED = ("specific", "enriched", "depleted")
TESTED = ("found", "opposite", "not_found")

_FIRST = 3
_Heads = Mapping[str, tuple[str, formats.Formatter]]
_ITEMS = {
    "name": ("Item", formats.text),
    "status": ("Call", formats.text),
    "effect": ("Effect", formats.decimal),
    "interval": ("95 % interval", formats.text),
    "qval": ("q", formats.probability),
    "moves": ("Driven by", formats.text),
    "n_patients": ("Patients", formats.count),
    "told": ("Remark", formats.text),
    "screen": ("Hits of the screen", formats.text),
}
_MEDIATORS = {
    "gene": ("Gene", formats.text),
    "side": ("Acts as", formats.text),
    "expected": ("Published", formats.text),
    "status": ("In this study", formats.text),
    "effect": ("log2 fold change", formats.decimal),
    "interval": ("95 % interval", formats.text),
    "qval": ("q", formats.probability),
    "reason": ("Remark", formats.text),
    "evidence": ("Evidence published", formats.text),
    "publication": ("Publication", formats.text),
    "citation": ("Citation", formats.text),
    "doi": ("DOI", formats.text),
    "screen": ("Hits of the screen", formats.text),
}
_OFFERS = {
    "organ": ("Organ", formats.readable),
    "direction": ("Direction", formats.text),
    "n_genes": ("Genes of the tumors", formats.count),
    "offer": ("Offer", formats.decimal),
    "expected": ("of random genes", formats.decimal),
    "effect": ("More than random", formats.decimal),
    "pval": ("p", formats.probability),
    "qval": ("q", formats.probability),
    "n_patients": ("Primary tumors", formats.count),
    "status": ("Status", formats.readable),
    "reason": ("Remark", formats.text),
}
_DRIVERS = {"tumor": "seed", "host": "soil", "both": "both", "undetermined": "not known which side"}
_KINDS = {"program": "Programs", "signature": "Signatures", "edge": "Edges", "cell_type": "Composition"}


def section(found: Findings, figures: dict[str, ReportFigure]) -> Section:
    """Build the section."""
    if not found.account.there:
        outdated = found.account.reason if "outdated" in found.account.reason else RUN
        return Section.missing(NAME, TITLE, outdated)
    frame: pd.DataFrame = found.account.value
    blocks: list[Block] = [
        Text(
            "One account per organ: the seed (programs and signatures of the tumor cells), the soil (edges "
            "between tumor and host with the side that drives them, cell types that one organ alone has, the "
            "composition of the host), and beside them what is published for the organ. "
        ),
        Callout(f"{STATEMENT[:1].upper()}{STATEMENT[1:]}", "limit"),
    ]
    for organ in organs(frame):
        blocks += _organ(frame[frame["organ"] == organ], organ, figures)
    blocks += [*_published(frame, figures), *_offers(found)]
    return Section(NAME, TITLE, blocks)


def organs(frame: pd.DataFrame) -> list[str]:
    """Organs of the account."""
    return list(dict.fromkeys(frame["organ"].astype(str)))


def lead(found: Findings) -> list[Block]:
    """The account on the first screen: a row per organ."""
    if not found.account.there:
        return []
    frame: pd.DataFrame = found.account.value
    rows = [_in_short(frame[frame["organ"] == organ], organ) for organ in organs(frame)]
    names = list(rows[0])
    columns = [Column(name, [row[name] for row in rows], name in _COUNTS) for name in names]
    return [
        Table(LEAD, columns),
        Text(
            "Calls are against what stands beside the organ, with patients as the replicates. The "
            "rows are no ranking, and numbers of items no score: they say how much could be tested. Details "
            "stand in the section Seed and soil."
        ),
    ]


_COUNTS = ("Mediators found", "opposite", "not found", "not testable")


def _in_short(mine: pd.DataFrame, organ: str) -> dict[str, str]:
    mediators = mine[(mine["kind"] == "mediator") & (mine["gene"] != "")]
    n = mediators["status"].value_counts()
    counts = [
        formats.count(n.get(status, 0)) if len(mediators) else formats.EMPTY
        for status in (*TESTED, "not_testable")
    ]
    return {
        "Organ": formats.readable(organ),
        "Compared with": _against(mine),
        "Seed: called programs": _called_seed(mine),
        "Soil: called edges": _called_edges(mine),
        "Cell types of it alone": _alone(mine) or formats.EMPTY,
    } | dict(zip(_COUNTS, counts, strict=True))


def _against(mine: pd.DataFrame) -> str:
    """What the items of an organ are compared with, in words."""
    names = mine.loc[mine["contrast"] != "", "contrast"]
    kind = str(names.iloc[0]).rsplit("_vs_", 1)[-1] if len(names) else "rest"
    return {"primary": "primary tumors", "normal": "its normal tissue"}.get(kind, "the other organs")


def _called_seed(mine: pd.DataFrame) -> str:
    seed = mine[mine["account"] == "seed"]
    called = seed[seed["status"].isin(CALLED)]
    if len(called):
        return formats.listed(
            [f"{row.item} {row.direction}{_suspect(row.evidence)}" for row in called.itertuples()]
        )
    return _why_none(seed[seed["kind"] == "program"])


def _suspect(evidence: str) -> str:
    """A word of caution where the verdict on a program is that ambient RNA may explain it."""
    return f" ({keys.AMBIENT_SUSPECT})" if evidence.startswith(keys.AMBIENT_SUSPECT) else ""


def _called_edges(mine: pd.DataFrame) -> str:
    edges = mine[mine["kind"] == "edge"]
    called = edges[edges["status"].isin(CALLED)]
    if not len(called):
        return _why_none(edges)
    up = called["status"] != "depleted"
    shown = called[up].head(_FIRST)
    first = [
        f"{arrow} ({_DRIVERS.get(side, side)}, q {formats.probability(q)})"
        for arrow, side, q in zip(
            formats.arrows(shown), shown["driver_compartment"], shown["qval"], strict=True
        )
    ]
    told = f"{int(up.sum())} stronger, {int((~up).sum())} weaker"
    return told + (f"; first {', '.join(first)}" if first else "")


def _alone(mine: pd.DataFrame) -> str:
    there = mine[(mine["kind"] == "exclusive_cell_type") & (mine["status"] == "described")]
    return ", ".join(there["item"])


def _why_none(items: pd.DataFrame) -> str:
    """That nothing is called, or that nothing could be."""
    if not len(items):
        return formats.EMPTY
    if (items["status"] == "not_assessed").all():
        return "not assessed"
    lacking = items["status"] == "not_testable"
    if lacking.all():
        return f"not testable: {counted(items['reason'], 1)}"
    return "none called"


def _organ(mine: pd.DataFrame, organ: str, figures: dict[str, ReportFigure]) -> list[Block]:
    name = formats.readable(organ)
    blocks: list[Block] = [Heading(f"{name[:1].upper()}{name[1:]}")]
    drawn = figures.get(f"account_{file_name(organ)}")
    called = mine[mine["kind"].isin(UNITS) & mine["status"].isin((*CALLED, keys.AMBIENT_SUSPECT))]
    blocks += [_items(part, kind, name) for kind in UNITS if len(part := called[called["kind"] == kind])]
    if not len(called):
        blocks.append(Callout(f"Nothing is called for {name}. {_each_why(mine)}", "missing"))
    alone = _alone(mine)
    if alone:
        words = f"Cell types of {name} alone: {alone}. They are described: there is nothing to compare with."
        blocks.append(Text(words))
    blocks.append(Text(_counts(mine, name)))
    return [*blocks, drawn.image()] if drawn is not None else blocks


def _each_why(mine: pd.DataFrame) -> str:
    parts = []
    for kind, title in _KINDS.items():
        items = mine[mine["kind"] == kind]
        if len(items):
            parts.append(f"{title}: {_why_none(items)}.")
    return " ".join(parts)


def _items(called: pd.DataFrame, kind: str, name: str) -> Table:
    """Called items of a kind in their unit, those that ambient RNA may explain last."""
    order = called.assign(late=called["status"] == keys.AMBIENT_SUSPECT).sort_values("late", kind="stable")
    rows = order.head(TOP)
    genes = rows["gene"].where(rows["gene"] == "", " (" + rows["gene"] + ")")
    ends = [
        f"{pair}: {source} to {target}"
        for pair, source, target in zip(formats.arrows(rows), rows["source"], rows["target"], strict=True)
    ]
    shown = rows.assign(
        name=ends if kind == "edge" else rows["item"] + genes,
        interval=_intervals(rows),
        moves=[SIDES.get(side, "") for side in rows["driver_compartment"]],
        told=rows["evidence"] if kind == "program" else rows["reason"],
    )
    hidden = len(called) - len(rows)
    more = f" (and {hidden:,} more in the exported table)" if hidden else ""
    title, unit = UNITS[kind]
    columns = _filled(shown, _ITEMS) | {"effect": (f"{unit[:1].upper()}{unit[1:]}", formats.decimal)}
    return table(shown, f"{name}, {title[:1].lower()}{title[1:]}{more}", columns, tags=("status",))


def _filled(rows: pd.DataFrame, columns: _Heads) -> dict[str, tuple[str, formats.Formatter]]:
    """Columns that say something."""
    return {name: head for name, head in columns.items() if (rows[name].astype(str) != "").any()}


def _intervals(rows: pd.DataFrame) -> list[str]:
    return [
        "" if pd.isna(low) else f"{formats.decimal(low)} to {formats.decimal(high)}"
        for low, high in zip(rows["ci_low"], rows["ci_high"], strict=True)
    ]


def _counts(mine: pd.DataFrame, name: str) -> str:
    """What is published for an organ, counted by what became of it."""
    parts = []
    for kind, noun in (("mediator", "mediators"), ("axis", "axes")):
        rows = mine[(mine["kind"] == kind) & ~mine["item"].str.startswith("(no ")]
        n = rows["status"].value_counts()
        told = [
            f"{n[status]:,} {formats.readable(status)}"
            + (
                f" ({counted(rows.loc[rows['status'] == status, 'reason'])})"
                if status == "not_testable"
                else ""
            )
            for status in PUBLISHED
            if status in n
        ]
        parts.append(f"{noun}: {', '.join(told) if told else 'none in the table, or not assessed'}")
    return f"Published for {name}: {'; '.join(parts)}."


def _offers(found: Findings) -> list[Block]:
    """What niches offer to primary tumors, where there are any."""
    if not found.compatibility.there:
        return []
    rows = found.compatibility.value
    statement = str(rows.attrs["statement"])
    return [
        Heading("Primary tumors: compatibility, not prediction"),
        Text(
            "Do the niches of an organ express partners of the ligands and receptors of the primary tumors, "
            "more than partners of random ligands and receptors of like abundance?"
        ),
        Callout(f"{statement[:1].upper()}{statement[1:]}", "limit"),
        table(rows, "What the niches of organs offer to primary tumors", _OFFERS),
    ]


def _published(frame: pd.DataFrame, figures: dict[str, ReportFigure]) -> list[Block]:
    """The grid of mediators, and every one of them with its citation."""
    rows = frame[(frame["kind"] == "mediator") & (frame["gene"] != "")]
    if not len(rows):
        return [
            Callout(
                "Published mediators were not assessed, or none is published for these organs.", "missing"
            )
        ]
    blocks: list[Block] = [
        Heading("Published mediators"),
        Text(
            "A mediator is looked up in the test of its gene between organs, in cells of the compartment in "
            "which it was published to act. “Found”: q ≤ 0.1 and an absolute log2 fold change of at least "
            "0.5 in the published direction for this organ; “opposite”: in the other. The same gene can be "
            "expected higher in one organ and lower in another. “Not found” means not shown to "
            "differ from what the organ is compared with, not absent. Nothing in this report was chosen or "
            "ranked by this table. To count what is found as a success of the method would be circular where "
            "genes were chosen by it."
        ),
    ]
    drawn = figures.get("account_mediators")
    if drawn is not None:
        blocks.append(drawn.image())
    rank = {status: i for i, status in enumerate(PUBLISHED)}
    for organ in organs(rows):
        mine = rows[rows["organ"] == organ]
        mine = mine.assign(
            rank=mine["status"].map(rank), interval=_intervals(mine),
            side=mine["item"].str.extract(r"\((.*)\)$")[0].fillna(""),
        ).sort_values(["rank", "gene"], kind="stable")  # fmt: skip
        title = f"{formats.readable(organ)}: {formats.plural(len(mine), 'published mediator')} with citations"
        blocks.append(table(mine, title, _filled(mine, _MEDIATORS), tags=("status",), folded=title))
    return blocks
