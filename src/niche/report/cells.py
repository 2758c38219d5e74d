"""Which cells there are, and where their compartments come from."""

from __future__ import annotations

import pandas as pd

from niche._settings import settings
from niche._slots import keys
from niche.report import formats
from niche.report.blocks import Block, Callout, Column, Gallery, Heading, Section, Table, Text, table
from niche.report.figures import ReportFigure
from niche.report.findings import Findings

NAME, TITLE = "cells", "Cells"

_NO_EPITHELIUM = ("lymph node", "bone", "brain", "pleura", "bone marrow", "peritoneum")
"""Organs without normal epithelium worth mentioning."""


def section(found: Findings, figures: dict[str, ReportFigure]) -> Section:
    """Build the section."""
    compartment = found.column("compartment_key", settings.compartment_key)
    cell_type = found.column("groupby", settings.groupby)
    blocks: list[Block] = []
    if compartment is not None:
        blocks.append(
            _crossed(found, compartment, "Cells by organ and compartment", list(keys.COMPARTMENTS_ALL))
        )
        blocks += _suspect(found, compartment)
    else:
        blocks.append(Callout("Compartments were not assessed: no such column.", "missing"))
    blocks += _origin(found)
    if cell_type is not None:
        blocks.append(_crossed_types(found, cell_type))
    blocks.append(Heading("Map of the cells"))
    maps = [figure for name, figure in figures.items() if name in ("umap_cell_type", "umap_organ")]
    if maps:
        blocks.append(Gallery([figure.image() for figure in maps]))
    else:
        reason = found.cluster.reason or "No embedding is stored."
        blocks.append(Callout(f"Not assessed. {reason}", "missing"))
    blocks += _clusters(found)
    return Section(NAME, TITLE, blocks)


def cell_counts(found: Findings) -> pd.DataFrame:
    """Cells by organ, compartment and cell type."""
    columns = {"organ": found.labels}
    for name, parameter, default in (
        ("compartment", "compartment_key", settings.compartment_key),
        ("cell_type", "groupby", settings.groupby),
    ):
        column = found.column(parameter, default)
        if column is not None:
            columns[name] = found.adata.obs[column].astype(str)
    frame = pd.DataFrame(columns)
    return frame.groupby(list(columns), observed=True).size().rename("n_cells").reset_index()


def _crossed(found: Findings, column: str, caption: str, order: list[str]) -> Table:
    counts = pd.crosstab(found.labels, found.adata.obs[column].astype(str))
    names = [name for name in order if name in counts]
    made = [Column("Organ", [formats.readable(str(organ)) for organ in counts.index])]
    made += [
        Column(formats.readable(name), [formats.count(n) for n in counts[name]], numeric=True)
        for name in names
    ]
    made.append(Column("All", [formats.count(n) for n in counts.sum(axis=1)], numeric=True))
    return Table(caption, made)


def _crossed_types(found: Findings, column: str) -> Table:
    counts = pd.crosstab(found.adata.obs[column].astype(str), found.labels)
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    made = [Column("Cell type", [str(name) for name in counts.index])]
    made += [
        Column(formats.readable(str(organ)), [formats.count(n) for n in counts[organ]], numeric=True)
        for organ in counts
    ]
    made.append(Column("All", [formats.count(n) for n in counts.sum(axis=1)], numeric=True))
    return Table("Cells by cell type and organ", made)


def _origin(found: Findings) -> list[Block]:
    blocks: list[Block] = [Heading("Where compartments come from")]
    if not found.compartments.there:
        column = found.column("compartment_key", settings.compartment_key)
        if column is None:
            return [*blocks, Callout(f"Not assessed. {found.compartments.reason}", "missing")]
        return [*blocks, Text(f"Compartments were given with the data, in obs[{column!r}].")]
    stored = found.compartments.value
    frame = pd.DataFrame(stored["table"]).reset_index(drop=True)
    unresolved = frame[frame["compartment"] == "unresolved"]
    n_cells, n = int(frame["n_cells"].sum()), int(unresolved["n_cells"].sum())
    blocks.append(Text(_grounds(found)))
    if n:
        blocks.append(
            Callout(
                f"{n:,} of {formats.plural(n_cells, 'cell')} ({formats.share(n / n_cells)}) are unresolved "
                "and take no part.",
                "limit",
            )
        )
    columns = {
        "cell_type": ("Cell type", formats.text),
        "compartment": ("Compartment", formats.readable),
        "n_cells": ("Cells", formats.count),
        "source": ("Known from", formats.readable),
        "reason": ("Remark", formats.text),
    }
    if not frame["reason"].astype(str).str.strip().any():
        columns.pop("reason")
    blocks.append(table(frame, "Compartment of every cell type", columns))
    return blocks


def _grounds(found: Findings) -> str:
    if not found.labelled:
        return (
            "Compartments come from copy number read from expression and from lineage markers, cell by cell; "
            "the section Tumor and host shows the evidence of every sample."
        )
    words = "Compartments come from labels given with the data and from the names of the cell types. "
    if found.copy_number == "not_assessed":
        return f"{words}Copy number was not assessed: no cell was called malignant from its genome."
    return f"{words}Copy number was looked at beside them: see the section Tumor and host."


def _suspect(found: Findings, compartment: str) -> list[Block]:
    """Normal epithelium where there should be none is more likely tumor."""
    labels = found.labels[found.adata.obs[compartment].astype(str) == "epithelial_normal"].map(
        formats.readable
    )
    counts = labels[labels.str.lower().isin(_NO_EPITHELIUM)].value_counts()
    if not len(counts):
        return []
    where = formats.listed([f"{n} in {organ}" for organ, n in counts.items()])
    return [
        Callout(
            f"Some cells count as normal epithelium in organs that have little or none ({where}). They are "
            "more likely malignant cells that the label missed; they take part as host cells here.",
            "limit",
        )
    ]


def _clusters(found: Findings) -> list[Block]:
    if not found.cluster.there:
        return []
    frame = pd.DataFrame(found.cluster.value["table"]).reset_index(drop=True)
    columns = {
        "compartment": ("Compartment", formats.readable),
        "n_cells": ("Cells", formats.count),
        "n_clusters": ("Clusters", formats.count),
        "resolution": ("Resolution", formats.decimal),
        "silhouette": ("Silhouette", formats.decimal),
        "status": ("Status", formats.readable),
        "reason": ("Remark", formats.text),
    }
    return [
        Text("Clusters are a description. Nothing in this report was computed from them."),
        table(frame, "Clusters inside each compartment", columns),
    ]
