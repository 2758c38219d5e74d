"""Tumor and host: which cells are malignant and on what grounds, their clusters, and what leaks into them."""

from __future__ import annotations

import pandas as pd

from niche import get
from niche._settings import settings
from niche._slots import keys
from niche.report import ambient_rna, formats
from niche.report.blocks import Block, Callout, Heading, Section, Table, Text, table
from niche.report.figures import ReportFigure
from niche.report.findings import Findings

NAME, TITLE = "tumor_host", "Tumor and host"

STATES = ("yes", "no", "not_assessed")
_MANY = 6
"""Samples from which their reasons are folded."""

_LINEAGES = ("immune", "stromal", "endothelial", "parenchymal", "epithelial")
_SAMPLES = {
    "sample": ("Sample", formats.text),
    "copy_number": ("Copy-number evidence", formats.readable),
    "n_cells": ("Cells", formats.count),
    **{f"n_{name}": (name.replace("_", " "), formats.count) for name in keys.COMPARTMENTS_ALL},
    "coherence": ("Agreement of gene halves", formats.decimal),
}
_REASONS = {
    "sample": ("Sample", formats.text),
    "copy_number": ("Copy-number evidence", formats.readable),
    "reason": ("Because", formats.text),
}
_UNRESOLVED = {
    "reason": ("Why", formats.text),
    "n_cells": ("Cells", formats.count),
    "share": ("Of all cells", formats.share),
    "n_samples": ("Samples", formats.count),
}
_GUARD = {
    "organ": ("Organ", formats.readable),
    "marker_type": ("Looks like, by markers", formats.text),
    "n_cells": ("Cells", formats.count),
    "n_parenchymal": ("called parenchymal", formats.count),
    "n_other": ("called other host", formats.count),
    "n_unresolved": ("unresolved", formats.count),
    "n_tumor": ("called tumor", formats.count),
    "share_tumor": ("tumor, of all", formats.share),
}
_STABILITY = {
    "compartment": ("Compartment", formats.readable),
    "resolution": ("Suggested resolution", formats.decimal),
    "n_clusters": ("Clusters", formats.count),
    "ari_mean": ("Agreement, mean", formats.decimal),
    "ari_low": ("Agreement, lowest", formats.decimal),
    "silhouette": ("Silhouette", formats.decimal),
    "reason": ("Remark", formats.text),
}
_NAMED = {
    "cell_type": ("Cell type", formats.text),
    "cell_ontology_id": ("Cell Ontology", formats.text),
    "lineage": ("Lineage", formats.readable),
    "n_cells": ("Cells", formats.count),
    "share": ("Of all cells", formats.share),
    "reason": ("Why no name", formats.text),
}


def section(found: Findings, figures: dict[str, ReportFigure]) -> Section:
    """Build the section."""
    blocks: list[Block] = [
        Text(
            "Which cells are malignant decides every comparison of tumor and host. This section says on what "
            "grounds each sample was split, which cells stayed undecided and why, how far the clusters can "
            "be trusted, and how much of each sample is RNA of other cells."
        ),
        *_copy_number(found, figures),
        *_guard(found),
        *_clusters(found, figures),
        *_names(found),
        *ambient_rna.blocks(found, figures),
    ]
    return Section(NAME, TITLE, blocks)


def samples(found: Findings) -> pd.DataFrame:
    """Copy-number statement and cells per compartment of every sample, without empty columns."""
    frame = get.compartments(found.adata)
    empty = [f"n_{name}" for name in keys.COMPARTMENTS_ALL if not frame[f"n_{name}"].any()]
    return frame.drop(columns=empty)


def unresolved(found: Findings) -> pd.DataFrame:
    """Cells without a compartment by reason: ``reason, n_cells, share, n_samples``."""
    cells = get.compartments(found.adata, level="cells")
    open_ = cells[cells["compartment"] == "unresolved"]
    rows = open_.groupby("reason").agg(n_cells=("sample", "size"), n_samples=("sample", "nunique"))
    rows["share"] = rows["n_cells"] / max(len(cells), 1)
    return rows.sort_values("n_cells", ascending=False, kind="stable").reset_index()


def guard(found: Findings) -> pd.DataFrame:
    """Cells that look like parenchyma by markers, by organ and type, and what they were called."""
    cells = get.compartments(found.adata, level="cells").assign(organ=found.labels.to_numpy())
    lineage = cells[[f"lineage_{name}" for name in _LINEAGES]]
    known = lineage.notna().any(axis=1)
    best = lineage[known].idxmax(axis=1) == "lineage_parenchymal"
    chosen = cells[known][best & (lineage.loc[known, "lineage_parenchymal"] > 0)]
    called = chosen["compartment"]
    chosen = chosen.assign(
        n_parenchymal=called == "parenchymal",
        n_unresolved=called == "unresolved",
        n_tumor=called == "tumor",
        n_other=called.isin([name for name in keys.HOST if name != "parenchymal"]),
    )
    counts = ["n_parenchymal", "n_other", "n_unresolved", "n_tumor"]
    by = chosen.groupby(["organ", "marker_type"], sort=True)
    rows = by[counts].sum().assign(n_cells=by.size()).reset_index()
    rows["share_tumor"] = rows["n_tumor"] / rows["n_cells"]
    return rows.sort_values(["organ", "n_cells"], ascending=[True, False], kind="stable")


def stability(found: Findings) -> pd.DataFrame:
    """The suggested resolution of every compartment with its agreement."""
    frame = pd.DataFrame(found.cluster.value["stability"]).reset_index(drop=True)
    return frame[frame["suggested"].astype(bool)] if len(frame) else frame


def named(found: Findings) -> pd.DataFrame:
    """Cell types given by markers, and the cells left without a name by reason."""
    frame = pd.DataFrame(found.annotate.value["table"]).reset_index(drop=True)
    no_name = frame["cell_ontology_id"].astype(str) == ""
    frame = frame.assign(reason=frame["reason"].where(no_name, ""))
    by = ["cell_type", "cell_ontology_id", "lineage", "reason"]
    rows = frame.groupby(by, sort=True)["n_cells"].sum().reset_index()
    rows["share"] = rows["n_cells"] / rows["n_cells"].sum()
    return rows.sort_values("n_cells", ascending=False, kind="stable")


def _copy_number(found: Findings, figures: dict[str, ReportFigure]) -> list[Block]:
    blocks: list[Block] = [Heading("Copy number and compartments")]
    if not found.compartments.there:
        column = found.column("compartment_key", settings.compartment_key)
        given = "" if column is None else f" Compartments were given with the data, in obs[{column!r}]."
        blocks.append(Callout(f"Not assessed. {found.compartments.reason}{given}", "missing"))
        return [*blocks, *_drawn(figures, "umap_compartment", "cnv")]
    frame = samples(found)
    blocks.append(_states(frame, by_labels=found.labelled))
    blocks.append(
        table(frame, "Copy-number evidence and cells of every sample", _SAMPLES, tags=("copy_number",))
    )
    because = frame[frame["reason"].astype(str) != ""]
    if len(because):
        caption = "Why there is no copy-number evidence, or none was looked for"
        folded = f"{caption} ({formats.plural(len(because), 'sample')})" if len(because) > _MANY else ""
        blocks.append(table(because, caption, _REASONS, tags=("copy_number",), folded=folded))
    blocks += _open_cells(found)
    if "cnv" not in figures:
        blocks.append(
            Callout(
                f"The profile along the genome is not drawn. {found.why_not('infer_cnv', found.cnv)}",
                "missing",
            )
        )
    return [*blocks, *_drawn(figures, "cnv", "malignant_evidence", "umap_compartment")]


def _states(frame: pd.DataFrame, *, by_labels: bool) -> Block:
    n = frame["copy_number"].value_counts()
    counted = {state: int(n.get(state, 0)) for state in STATES}
    words = (
        f"Copy-number evidence: yes in {counted['yes']}, no in {counted['no']}, not assessed in "
        f"{counted['not_assessed']} of {formats.plural(len(frame), 'sample')}."
    )
    if by_labels:
        words += " The labels of the authors decide; copy number stands beside them and changes nothing."
    if counted["no"]:
        words += (
            " “No” means that the cells that stand out share no gains and losses that can be seen in "
            "expression: a tumor may still be there, with few copy-number changes or too few cells or genes."
        )
    if counted["not_assessed"] == len(frame):
        return Callout(f"Copy number was not assessed. {words}", "missing")
    return Callout(words, "limit" if counted["no"] or counted["not_assessed"] else "note")


def _open_cells(found: Findings) -> list[Block]:
    rows = unresolved(found)
    if not len(rows):
        return [Text("Every cell has a compartment; none is unresolved.")]
    return [
        table(rows, "Unresolved cells: they take no part in edges, and are not counted as host", _UNRESOLVED)
    ]


def _guard(found: Findings) -> list[Block]:
    blocks: list[Block] = [Heading("Parenchyma is not tumor")]
    if not found.compartments.there:
        return [*blocks, Callout("Not assessed. Compartments were not called here.", "missing")]
    rows = guard(found)
    if not len(rows):
        looked = get.compartments(found.adata, level="cells")["lineage_parenchymal"].notna().any()
        words = (
            "No cell looks like parenchyma of its organ by markers."
            if looked
            else "Not assessed. Compartments come from labels, and markers were not looked at."
        )
        return [*blocks, Callout(words, "note" if looked else "missing")]
    n, n_tumor = int(rows["n_cells"].sum()), int(rows["n_tumor"].sum())
    return [
        *blocks,
        Text(
            "Hepatocytes, alveolar cells or astrocytes differ from immune and stromal cells along the whole "
            "genome, so a copy-number signal alone takes them for malignant. Of "
            f"{formats.plural(n, 'cell')} that look like parenchyma of their organ by markers, {n_tumor:,} "
            f"({formats.share(n_tumor / n)}) are called tumor."
        ),
        table(rows, "What cells with parenchymal markers were called", _GUARD),
    ]


def _clusters(found: Findings, figures: dict[str, ReportFigure]) -> list[Block]:
    blocks: list[Block] = [Heading("Stability of the clusters")]
    if not found.cluster.there:
        return [*blocks, Callout(f"Not assessed. {found.why_not('cluster', found.cluster)}", "missing")]
    frame = stability(found)
    if not len(frame):
        return [
            *blocks,
            Callout("Not assessed. Clusters were made at a given resolution, without stability.", "missing"),
        ]
    return [
        *blocks,
        Text(
            "Agreement is the adjusted Rand index between clusterings from other seeds and from subsamples "
            "of 80 % of the cells: 1 is the same clusters, 0 what chance gives. Look at the lowest as well "
            "as the mean. Stable clusters need not be cell types: patients part tumor cells, and do so "
            "stably."
        ),
        table(frame, "Suggested resolution of every compartment", _STABILITY),
        *_drawn(figures, "stability"),
    ]


def _names(found: Findings) -> list[Block]:
    blocks: list[Block] = [Heading("Cell types by markers")]
    if not found.annotate.there:
        return [*blocks, Callout(f"Not assessed. {found.why_not('annotate', found.annotate)}", "missing")]
    rows = named(found)
    named_ = int(rows.loc[rows["cell_ontology_id"] != "", "n_cells"].sum())
    words = (
        f"{named_:,} of {formats.plural(int(rows['n_cells'].sum()), 'cell')} were named; the others had no "
        "marker profile clear enough. A name says which markers are on, not what the cell does."
    )
    if not rows["reason"].astype(str).str.strip().any():
        rows = rows.drop(columns="reason")
    return [*blocks, Text(words), _folded(rows)]


def _folded(rows: pd.DataFrame) -> Table:
    return table(
        rows, "Cell types given by markers", _NAMED, folded=f"All {len(rows)} cell types and reasons"
    )


def _drawn(figures: dict[str, ReportFigure], *names: str) -> list[Block]:
    return [figures[name].image() for name in names if name in figures]
