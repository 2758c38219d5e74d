"""Figures of the comparison of organs: all edges, the called ones, every patient, who sends to whom."""

from __future__ import annotations

from typing import Any

import pandas as pd

from niche import get, pl
from niche.get.confounding import confounding as what_is_confounded
from niche.report import comparison, formats
from niche.report.figures import ReportFigure, file_name
from niche.report.findings import Findings

TOP_ROWS, TOP_EFFECTS = 30, 10
"""Edges of the heatmap, and edges of an organ drawn patient by patient."""

EDGE = ["source", "target", "ligand_complex", "receptor_complex"]


def between_figures(found: Findings) -> list[ReportFigure]:
    """Return the figures that can be drawn from what is stored."""
    if not found.compare.there:
        return []
    made = [_confounding(found), _edges(found), _circle(found), _pathways(found)]
    for contrast in comparison.main(found).to_dict("records"):
        if contrast["kind"] == "rest":
            made += [_volcano(found, contrast), _effects(found, contrast)]
    return [figure for figure in made if figure is not None]


def called(found: Findings) -> pd.DataFrame:
    """Edges called in one organ against the others, those that ambient RNA explains last."""
    names = comparison.main(found)
    rest = names.loc[names["kind"] == "rest", "contrast"]
    calls = ((*comparison.UP, *comparison.DOWN), comparison.SUSPECT)
    parts = [comparison.called(found, name, some) for some in calls for name in rest]
    return pd.concat(parts) if parts else found.compared.iloc[:0]


def _confounding(found: Findings) -> ReportFigure | None:
    table = pd.DataFrame(found.compare.value["confounding"])
    if not len(table):
        return None
    told = formats.listed(sorted(set(table["term"].astype(str))))
    return ReportFigure(
        "between_confounding",
        lambda: pl.confounding(found.adata),
        lambda: what_is_confounded(found.adata),
        f"Grid of {told} by pairs of organs: where a column cannot be told apart from the organ. The "
        "sentences "
        "above say the same.",
        "What else differs between the organs. A cross: the difference may as well be one of this column.",
    )


def _edges(found: Findings) -> ReportFigure | None:
    rows = called(found)
    if not len(rows):
        return None
    chosen = rows.drop_duplicates(EDGE).head(TOP_ROWS)
    names = comparison.main(found)
    rest = names.loc[names["kind"] == "rest", "contrast"]
    compared = found.compared[found.compared["contrast"].isin(rest)].astype(dict.fromkeys(EDGE, str))
    return ReportFigure(
        "between_edges",
        lambda: pl.organ_edges(found.adata, chosen),
        lambda: compared.merge(chosen[EDGE].astype(str), on=EDGE),
        f"Heatmap of the log2 fold change of {formats.plural(len(chosen), 'edge')} in every organ against "
        "the "
        "others, with their calls; the tables below hold the numbers.",
        "Called edges in every organ against the others. Those that ambient RNA explains stand last. A "
        "hatched "
        "tile cannot be tested there.",
    )


def _circle(found: Findings) -> ReportFigure | None:
    rows = called(found)
    rows = rows[rows["call"].astype(str).isin(comparison.UP)]
    if not len(rows):
        return None
    return ReportFigure(
        "between_circle",
        lambda: pl.circle(found.adata),
        lambda: rows[["contrast", "organ", *EDGE, "call", "log2fc", "qval"]],
        "Rings of cell types, one per organ, joined by ribbons from sender to receiver: the edges that are "
        "stronger in that organ.",
        "Who sends the edges that are stronger in an organ, and who receives them; those that "
        "ambient RNA explains are left out. Every cell type has the same place and colour; a hatched arc had "
        "no edge that could be called.",
    )


def _pathways(found: Findings) -> ReportFigure | None:
    rows = called(found)
    rows = rows[rows["pathway"].astype(str) != ""]
    if not len(rows):
        return None
    return ReportFigure(
        "between_pathways",
        lambda: pl.pathways(found.adata),
        lambda: rows[["contrast", "organ", "pathway", *EDGE, "call", "log2fc", "qval"]],
        "Dots of families of ligands by organ: how many of their edges are stronger and weaker there.",
        "Families of the called edges. A count is no test of the family: edges that share a ligand move "
        "together.",
    )


def _volcano(found: Findings, contrast: dict[str, Any]) -> ReportFigure | None:
    rows = found.compared[
        (found.compared["contrast"] == contrast["contrast"]) & found.compared["pval"].notna()
    ]
    if not (rows["call"].astype(str) != "not_testable").any():
        return None
    return ReportFigure(
        f"between_volcano_{file_name(contrast['organ'])}",
        lambda: pl.volcano(found.adata, contrast["contrast"]),
        lambda: rows,
        f"Scatter plot of {formats.plural(len(rows), 'edge')}, {contrast['told']}: log2 fold change against "
        "p-value, coloured by call.",
        f"All edges with a p-value, {contrast['told']}. Rings: ligand and receptor both move.",
        raster=True,
    )


def _effects(found: Findings, contrast: dict[str, Any]) -> ReportFigure | None:
    calls = (*comparison.UP, *comparison.DOWN)
    rows = comparison.called(found, contrast["contrast"], calls).head(TOP_EFFECTS)
    if not len(rows):
        return None
    return ReportFigure(
        f"between_effects_{file_name(contrast['organ'])}",
        lambda: pl.effects(found.adata, rows, contrast=contrast["contrast"]),
        lambda: get.compare_samples(found.adata, rows, contrast=contrast["contrast"]),
        f"Intervals of the log2 fold change of {formats.plural(len(rows), 'edge')}, {contrast['told']}, "
        "with a "
        "dot for every patient.",
        f"The first {len(rows)} edges, {contrast['told']}: interval, and below it every patient as distance "
        "from "
        "the mean of the other side.",
    )
