"""Ligand-receptor edges per organ: what was tested, what was found, what could not be tested and why."""

from __future__ import annotations

import pandas as pd

from niche._slots import communication_codes as codes
from niche.pl.communication import top_edges as first_edges
from niche.report import formats
from niche.report.blocks import Block, Callout, Column, Heading, Section, Table, Text, table
from niche.report.figures import TOP, ReportFigure, file_name
from niche.report.findings import MAX_QVAL, Findings

NAME, TITLE = "communication", "Communication"
_EDGES = {
    "edge": ("Ligand → receptor", formats.text),
    "source": ("From", formats.text),
    "target": ("To", formats.text),
    "pathway": ("Family", formats.text),
    "ligand_means": ("Ligand mean", formats.decimal),
    "receptor_means": ("Receptor mean", formats.decimal),
    "ligand_props": ("Ligand cells", formats.share),
    "receptor_props": ("Receptor cells", formats.share),
    "qval": ("q", formats.probability),
    "null": ("Null", formats.text),
    "n_samples": ("Samples", formats.count),
    "n_patients": ("Patients", formats.count),
}
_PAIRS = {
    "pair": ("From → to", formats.text),
    "n_samples": ("Samples", formats.count),
    "n_patients": ("Patients", formats.count),
    "n_tested": ("Tested", formats.count),
    "n_significant": (f"q ≤ {MAX_QVAL:g}", formats.count),
    "n_not_expressed": ("Not expressed", formats.count),
    "n_not_testable": ("Not testable", formats.count),
    "reason": ("Why none could be tested", formats.text),
}


def section(found: Findings, figures: dict[str, ReportFigure]) -> Section:
    """Build the section."""
    if not found.communication.there:
        return Section.missing(NAME, TITLE, found.communication.reason)
    blocks: list[Block] = [
        Text(
            "An edge is a ligand and a receptor between two cell types in one organ. It is tested when both "
            "genes are expressed and both cell types have enough cells in the same sample. Everything else "
            "is counted here with its reason, so that silence is not mistaken for absence."
        ),
        _statuses(found),
        _reasons(found),
        Heading("Reading the tables"),
        Text(
            "Means are log1p values averaged within samples, then patients, so that every patient counts "
            "once. “Cells” is the share of cells that express the gene. q is the false discovery rate "
            "within the organ. The null says where the p-value comes from: analytic (cumulants of "
            "relabelling), bound (a conservative bound, for complexes) or permutation. Samples and patients "
            "are those in which both cell types had enough cells. Edges are ordered by the mean of their "
            "places by specificity and by magnitude; these ranks are no tests."
        ),
    ]
    for organ in found.organs:
        blocks += _organ(found, organ, figures)
    return Section(NAME, TITLE, blocks)


def top_edges(found: Findings, organ: str) -> pd.DataFrame:
    """The first edges of an organ, chosen and ordered as in the dot plot."""
    return first_edges(found.tested[found.tested["organ"] == organ], TOP, "lr_means")


def _statuses(found: Findings) -> Table:
    counts = found.statuses.pivot_table(
        index="organ", columns="status", values="n", aggfunc="sum", observed=True, fill_value=0
    ).reindex(index=found.organs, columns=list(codes.STATUSES), fill_value=0)
    counts.index = counts.index.astype(str)
    significant = found.significant["organ"].astype(str).value_counts().reindex(found.organs, fill_value=0)
    columns = [Column("Organ", [formats.readable(organ) for organ in found.organs])]
    columns += [
        Column(name.replace("_", " "), [formats.count(n) for n in counts[name]], numeric=True)
        for name in codes.STATUSES
    ]
    columns.append(
        Column(f"of the tested: q ≤ {MAX_QVAL:g}", [formats.count(n) for n in significant], numeric=True)
    )
    columns.append(Column("all edges", [formats.count(n) for n in counts.sum(axis=1)], numeric=True))
    return Table("What became of every edge", columns)


def _reasons(found: Findings) -> Table:
    frame = found.statuses[found.statuses["status"] != codes.TESTED]
    counts = frame.pivot_table(
        index=["status", "reason"], columns="organ", values="n", aggfunc="sum", observed=True, fill_value=0
    )
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index].reindex(
        columns=found.organs, fill_value=0
    )
    columns = [Column("Reason", [str(reason) for _, reason in counts.index])]
    columns.append(Column("Status", [str(status) for status, _ in counts.index], tags=True))
    columns += [
        Column(formats.readable(organ), [formats.count(n) for n in counts[organ]], numeric=True)
        for organ in found.organs
    ]
    return Table("Edges that were not tested, by reason", columns)


def _organ(found: Findings, organ: str, figures: dict[str, ReportFigure]) -> list[Block]:
    name = formats.readable(organ)
    mine = found.tested[found.tested["organ"] == organ]
    pairs = found.cell_pairs[found.cell_pairs["organ"] == organ]
    blocks: list[Block] = [Heading(name[:1].upper() + name[1:])]
    possible = pairs[pairs["n_samples"] > 0]
    if not len(mine):
        reasons = pairs["reason"].replace("", "nothing expressed on both sides").value_counts()
        told = formats.listed([f"{reason} ({n})" for reason, n in reasons.items()])
        blocks.append(
            Callout(
                f"Not testable: none of the {formats.plural(len(pairs), 'pair')} of cell types gave a "
                f"tested edge. Reasons, by pairs of cell types: {told}.",
                "limit",
            )
        )
    else:
        n_significant = int((found.significant["organ"] == organ).sum())
        blocks.append(
            Text(
                f"{len(possible)} of {formats.plural(len(pairs), 'pair')} of cell types could be looked at. "
                f"{formats.plural(len(mine), 'edge')} were tested, {n_significant:,} have q ≤ {MAX_QVAL:g}. "
                f"Tested edges rest on {_range(mine['n_patients'])} and "
                f"{_range(mine['n_samples'], 'sample')}."
            )
        )
        top = top_edges(found, organ)
        top = top.assign(edge=formats.arrows(top))
        columns = {
            key: value
            for key, value in _EDGES.items()
            if key != "pathway" or (top["pathway"].astype(str) != "").any()
        }
        blocks.append(table(top, f"{name}: the first {len(top)} edges", columns))
        figure = figures.get(f"communication_{file_name(organ)}")
        if figure is not None:
            blocks.append(figure.image())
    pairs = pairs.assign(
        pair=pairs["source"] + " → " + pairs["target"], order=pairs["n_tested"] == 0
    ).sort_values(
        ["order", "n_significant", "n_tested", "pair"], ascending=[True, False, False, True], kind="stable"
    )
    blocks.append(
        table(
            pairs,
            f"{name}: pairs of cell types",
            _PAIRS,
            folded=f"All {formats.plural(len(pairs), 'pair')} of cell types in {name}",
        )
    )
    return blocks


def _range(values: pd.Series, word: str = "patient") -> str:
    low, high = int(values.min()), int(values.max())
    return formats.plural(low, word) if low == high else f"{low} to {formats.plural(high, word)}"
