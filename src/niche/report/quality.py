"""Values, genes and quality of the cells."""

from __future__ import annotations

import pandas as pd

from niche._slots import matrix, read
from niche.report import formats
from niche.report.blocks import Block, Callout, Heading, Section, Text, table
from niche.report.findings import Findings

NAME, TITLE = "quality", "Quality control"

_FAILURES = {
    "n_empty": "Empty",
    "n_low_total_counts": "Few counts",
    "n_high_total_counts": "Many counts",
    "n_low_n_genes_by_counts": "Few genes",
    "n_high_n_genes_by_counts": "Many genes",
    "n_high_pct_counts_in_top_20_genes": "20 genes dominate",
    "n_high_pct_counts_mt": "Mitochondrial",
    "n_doublet": "Doublets",
}
_MANY = 0.5
"""Share of a cell type above which losing it is pointed out."""


def section(found: Findings) -> Section:
    """Build the section."""
    blocks: list[Block] = [*_values(found), *_genes(found)]
    if not found.qc.there:
        blocks += [Heading("Cells"), Callout(f"Not assessed. {found.qc.reason}", "missing")]
        return Section(NAME, TITLE, blocks)
    stored: pd.DataFrame = pd.DataFrame(found.qc.value["table"]).reset_index(drop=True)
    n_cells, n_pass = int(stored["n_cells"].sum()), int(stored["n_pass"].sum())
    blocks.append(Heading("Cells"))
    blocks.append(
        Text(
            f"{n_pass:,} of {formats.plural(n_cells, 'cell')} passed quality control and "
            f"{n_cells - n_pass:,} failed. Cells are judged against the other cells of their own sample "
            f"({float(found.qc.value['params']['n_mads']):g} median absolute deviations). {_excluded(found)}"
        )
    )
    blocks += _left_out(found)
    blocks += _not_done(found, stored)
    columns = {
        "sample": ("Sample", formats.text),
        "n_cells": ("Cells", formats.count),
        "n_pass": ("Passed", formats.count),
    }
    columns |= {name: (heading, formats.count) for name, heading in _failures(stored).items()}
    columns |= {"outliers": ("Outliers", formats.text), "scrublet": ("Doublet search", formats.text)}
    blocks.append(
        table(
            stored,
            "Cells per sample that fail, by reason (a cell can fail for several)",
            columns,
            folded=f"All {formats.plural(len(stored), 'sample')}",
        )
    )
    return Section(NAME, TITLE, blocks)


def _failures(stored: pd.DataFrame) -> dict[str, str]:
    """Ways to fail that exist in the table, known ones under readable names."""
    named = {name: heading for name, heading in _FAILURES.items() if name in stored}
    others = {
        name: name.removeprefix("n_").replace("_", " ")
        for name in stored
        if name.startswith(("n_low_", "n_high_")) and name not in named
    }
    return named | others


def _values(found: Findings) -> list[Block]:
    blocks: list[Block] = [Heading("Values")]
    if found.normalize.there:
        stored = found.normalize.value
        blocks.append(
            Text(
                f"Raw counts were found in {stored['source']} (median "
                f"{formats.count(stored['median_counts'])} per cell) and brought to log1p of counts per "
                f"{float(stored['params']['target_sum']):,.0f}."
            )
        )
        return blocks
    if matrix.has_counts(found.adata):
        blocks.append(
            Text("Raw counts are stored in layers['counts']; the log values in X were not made by niche.")
        )
        return blocks
    blocks.append(
        Callout(
            "Counts: unavailable. The data hold log values, which were used as they are. Total counts and "
            "doublets cannot be assessed, and averages weigh cells, not molecules.",
            "limit",
        )
    )
    return blocks


def _genes(found: Findings) -> list[Block]:
    blocks: list[Block] = [Heading("Genes")]
    if not found.genes.there:
        return [*blocks, Callout(f"Not assessed. {found.why_not('harmonize_genes', found.genes)}", "missing")]
    stored = found.genes.value
    merged = pd.DataFrame(stored["merged"])
    blocks.append(
        Text(
            f"{formats.share(stored['share_matched'])} of {int(stored['n_genes_before']):,} genes are known "
            f"({stored['params']['organism']}) and bear their current symbols; "
            f"{formats.plural(len(merged), 'symbol')} occurred more than once and "
            f"{'was' if len(merged) == 1 else 'were'} summed."
        )
    )
    return blocks


def _excluded(found: Findings) -> str:
    if not found.recipe.there:
        return "Failing cells are marked in obs['qc_pass']; whether they were removed is not recorded."
    n_excluded = int(pd.DataFrame(found.recipe.value["excluded"])["n_excluded"].sum())
    reasons = [formats.readable(name) for name in read.strings(found.recipe.value["params"]["qc"]["exclude"])]
    if not reasons:
        return "No cell was left out, as asked (qc.exclude is empty)."
    return (
        f"Left out of everything below: {formats.plural(n_excluded, 'cell')} that failed for a reason in "
        f"qc.exclude ({formats.listed(reasons)}). Cells that failed for other reasons were kept: many counts "
        "or genes can be tumor cells, and a few genes dominate plasma cells."
    )


def left_out(found: Findings) -> pd.DataFrame:
    """Cells left out by cell type: ``cell_type, n_cells, n_excluded, share``."""
    if not found.recipe.there:
        return pd.DataFrame({"cell_type": [], "n_cells": [], "n_excluded": [], "share": []})
    excluded = pd.DataFrame(found.recipe.value["excluded"]).astype({"cell_type": str})
    table = excluded.groupby("cell_type")[["n_cells", "n_excluded"]].sum().reset_index()
    table["share"] = table["n_excluded"] / table["n_cells"]
    return table[table["n_excluded"] > 0].sort_values(["share", "cell_type"], ascending=[False, True])


def _left_out(found: Findings) -> list[Block]:
    excluded = left_out(found)
    if not len(excluded):
        return []
    blocks: list[Block] = []
    many = excluded.loc[excluded["share"] > _MANY, "cell_type"]
    if len(many):
        blocks.append(
            Callout(
                f"More than half of the cells of {formats.listed(list(many))} were left out. Such a type "
                "may look like poor quality for biological reasons; look at it before trusting that it is "
                "silent.",
                "limit",
            )
        )
    columns = {
        "cell_type": ("Cell type", formats.text),
        "n_cells": ("Cells", formats.count),
        "n_excluded": ("Left out", formats.count),
        "share": ("Share", formats.share),
    }
    blocks.append(table(excluded, "Cells left out, by cell type", columns))
    return blocks


def _not_done(found: Findings, stored: pd.DataFrame) -> list[Block]:
    """What could not be judged, each with its reason."""
    skipped = pd.DataFrame(found.qc.value["skipped"])
    blocks: list[Block] = []
    rows = [(str(r["metric"]), "all samples", str(r["reason"])) for r in skipped.to_dict("records")]
    for column, what in (("outliers", "outliers"), ("scrublet", "doublets")):
        reasons = stored[column].astype(str)
        for reason, n in reasons[reasons != "done"].value_counts().items():
            text = str(reason).removeprefix("skipped: ")
            rows.append((what, f"{n} of {formats.plural(len(stored), 'sample')}", text))
    if rows:
        frame = pd.DataFrame(rows, columns=["what", "where", "reason"])
        columns = {
            "what": ("Not assessed", formats.readable),
            "where": ("In", formats.text),
            "reason": ("Because", formats.text),
        }
        blocks.append(table(frame, "What could not be judged", columns))
    return blocks
