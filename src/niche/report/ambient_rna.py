"""Ambient RNA in a report: how much of every sample, and which genes of the tumor cells it explains."""

from __future__ import annotations

import pandas as pd

from niche import get
from niche._settings import settings
from niche._slots import read
from niche.report import formats
from niche.report.blocks import Block, Callout, Heading, Text, table
from niche.report.figures import ReportFigure
from niche.report.findings import Findings

TOP = 8
"""Leaked genes listed per organ."""

_SAMPLES = {
    "sample": ("Sample", formats.text),
    "organ": ("Organ", formats.readable),
    "n_cells": ("Cells", formats.count),
    "interval": ("Ambient (95 % interval)", formats.text),
    "n_genes": ("Genes it is read from", formats.count),
    "reason": ("Remark", formats.text),
}
_LEAKED = {
    "organ": ("Organ", formats.readable),
    "gene": ("Gene", formats.text),
    "cell_type": ("Seen in", formats.text),
    "observed": ("Counts per million", formats.decimal),
    "expected": ("of these ambient alone would give", formats.decimal),
    "share": ("Share explained", formats.share),
    "control": ("Control", formats.decimal),
}


def blocks(found: Findings, figures: dict[str, ReportFigure]) -> list[Block]:
    """Heading, fractions, leaked genes and figures."""
    heading = Heading("Ambient RNA")
    if not found.ambient.there:
        return [heading, Callout(f"Not assessed. {found.why_not('ambient', found.ambient)}", "missing")]
    rows, genes = samples(found), leaked(found)
    told = rows["status"] == "assessed"
    made: list[Block] = [
        heading,
        Text(
            "Molecules of broken cells get into every droplet, so that tumor cells seem to make what the "
            "cells around them make: something else in every organ. The fraction is read from genes that "
            "only other cell types of the sample express. Nothing was subtracted: genes are marked, and "
            "values are as they were."
        ),
        Text(_range(rows[told], len(rows))),
        table(rows, "Ambient fraction of every sample", _SAMPLES),
    ]
    made += [figures[name].image() for name in ("ambient_fractions",) if name in figures]
    if len(genes):
        made.append(
            Text(
                "Genes with most ambient counts in "
                f"{formats.listed(sorted(set(genes['cell_type'].astype(str))))}. Control: the same ratio in "
                "other cell types that are silent for the gene; about 1 where the gene really leaks. An "
                "expression of these genes by the tumor cells must not be concluded from these data."
            )
        )
        made.append(table(genes, f"Most leaked genes, up to {TOP} per organ", _LEAKED))
    elif (told & rows["organ"].isin(_organs_told(found))).any():
        made.append(Text("No gene of the tumor cells is explained by ambient RNA where this could be told."))
    else:
        made.append(Callout("Which genes leak into the tumor cells: not testable in any sample.", "missing"))
    return [*made, *[figures[name].image() for name in ("ambient_genes",) if name in figures]]


def samples(found: Findings) -> pd.DataFrame:
    """Ambient fraction of every sample with its interval as text."""
    rows = get.ambient(found.adata)
    return rows.assign(
        interval=[
            f"{_percent(a)} ({formats.decimal(100 * b)} to {formats.decimal(100 * c)})"
            if pd.notna(a)
            else "not testable"
            for a, b, c in zip(rows["fraction"], rows["ci_low"], rows["ci_high"], strict=True)
        ]
    )


def tumor_types(found: Findings) -> list[str]:
    """Cell types of the ambient result that are tumor; of compartments, tumor; else the largest one."""
    stored = found.ambient.value
    column = str(stored["params"]["groupby"])
    types = read.strings(stored["cell_types"])
    compartment = found.column("compartment_key", settings.compartment_key)
    if compartment is None or column not in found.adata.obs.columns:
        return types[:1]
    kinds = found.adata.obs[column].astype(str)
    tumor = (found.adata.obs[compartment].astype(str) == "tumor").groupby(kinds.to_numpy()).mean()
    chosen = [name for name in types if tumor.get(name, 0.0) > 0.5]
    return chosen or [str(kinds.value_counts().index[0])]


def leaked(found: Findings, top: int = TOP) -> pd.DataFrame:
    """The genes with most ambient counts among those that ambient RNA explains, per organ."""
    types, parts = tumor_types(found), []
    for organ in samples(found)["organ"].astype(str).unique():
        genes = get.ambient(found.adata, level="genes", organ=organ, cell_type=types)
        parts.append(genes[genes["flag"] == "ambient"].nlargest(top, "expected"))
    made = pd.concat(parts, ignore_index=True)
    return made.astype(dict.fromkeys(("organ", "cell_type", "gene"), str))


def _organs_told(found: Findings) -> list[str]:
    """Organs in which shares of the tumor cells could be told."""
    rows = get.ambient(found.adata, level="cell_types", cell_type=tumor_types(found))
    return sorted(set(rows.loc[rows["status"] == "assessed", "organ"].astype(str)))


def _range(rows: pd.DataFrame, n: int) -> str:
    if not len(rows):
        return f"The fraction could be told for none of {formats.plural(n, 'sample')}."
    if len(rows) == 1:
        only = _percent(rows["fraction"].iloc[0])
        return f"The fraction could be told for 1 of {formats.plural(n, 'sample')}: {only}."
    low, middle, high = rows["fraction"].quantile([0, 0.5, 1])
    return (
        f"The fraction could be told for {len(rows)} of {formats.plural(n, 'sample')}: {_percent(low)} to "
        f"{_percent(high)} of the counts, the median is {_percent(middle)}."
    )


def _percent(fraction: float) -> str:
    return f"{formats.decimal(100 * fraction)} %"
