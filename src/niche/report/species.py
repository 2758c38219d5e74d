"""Two species in a report: thresholds of every sample, what leaked between them, what was dropped."""

from __future__ import annotations

import numpy as np
import pandas as pd

from niche import get, pl
from niche._slots import communication_codes as codes
from niche._slots import keys
from niche.report import formats
from niche.report.blocks import Block, Callout, Heading, Section, Text, table
from niche.report.figures import ReportFigure
from niche.report.findings import Findings

NAME, TITLE = "species", "Human and mouse"
TOP = 15
"""Genes left out that are listed for each species."""

_SAMPLES = {
    "sample": ("Sample", formats.text),
    "n_cells": ("Cells", formats.count),
    "n_human": ("Human", formats.count),
    "n_mouse": ("Mouse", formats.count),
    "n_doublet": ("Doublets", formats.count),
    "n_unresolved": ("Unresolved", formats.count),
    "band": ("Doublet band (human share)", formats.text),
    "mouse_in_human": ("Mouse counts in human cells", formats.text),
    "human_in_mouse": ("Human counts in mouse cells", formats.text),
    "reason": ("Remark", formats.text),
}
_SIDES = {
    "species": ("Species", formats.text),
    "side": ("Side", formats.text),
    "n_cells": ("Cells", formats.count),
    "n_genes": ("Genes", formats.count),
    "n_genes_kept": ("Kept", formats.count),
    "n_no_ortholog": ("No one-to-one ortholog", formats.count),
    "n_ortholog_not_measured": ("Ortholog not measured", formats.count),
    "share_kept": ("Counts kept", formats.share),
    "counts_other_species": ("Counts of the other species, dropped", formats.count),
}
_DROPPED = {
    "species": ("Species", formats.text),
    "gene": ("Gene", formats.text),
    "share": ("Share of its species' counts", formats.share),
    "reason": ("Because", formats.text),
}
_UNREACTIVE = {
    "ligand": ("Ligand", formats.text),
    "receptor": ("Receptor", formats.text),
    "ligand_species": ("Where the ligand is", formats.text),
}


def section(found: Findings, figures: dict[str, ReportFigure]) -> Section:
    """Build the section; only reports of xenografts have it."""
    blocks: list[Block] = [
        Text(
            "Tumor and host are of two species, so every molecule says whose it is. Each cell was called by "
            "its "
            "human and mouse counts, with thresholds of its own sample. Counts of the other species in a "
            "clean "
            "cell are ambient RNA or badly aligned; they were dropped. Doublets of both species and "
            "unresolved "
            "cells were left out."
        ),
        *_samples(found),
        *[figures[name].image() for name in ("species",) if name in figures],
        *_genes(found),
        *_reactions(found),
    ]
    return Section(NAME, TITLE, blocks)


def samples(found: Findings) -> pd.DataFrame:
    """Thresholds and rates of every sample, intervals as text."""
    rows = get.species(found.adata)
    band = [
        f"{low:.0%} to {high:.0%}" if np.isfinite([low, high]).all() else ""
        for low, high in zip(rows["low"], rows["high"], strict=True)
    ]
    told = {
        name: [
            f"{100 * a:.1f} % ({100 * b:.1f} to {100 * c:.1f})" if np.isfinite(a) else ""
            for a, b, c in zip(rows[name], rows[f"{name}_low"], rows[f"{name}_high"], strict=True)
        ]
        for name in ("mouse_in_human", "human_in_mouse")
    }
    return rows.assign(band=band, **told)


def species_figures(found: Findings) -> list[ReportFigure]:
    """Return the plot of both species, where there are two."""
    if not (found.orthologs.there and found.species.there):
        return []
    rows = get.species(found.adata)
    return [
        ReportFigure(
            "species",
            lambda: pl.species(found.adata),
            lambda: get.species(found.adata, level="cells").rename_axis("cell").reset_index(),
            "Scatter plots of mouse against human counts of every cell in "
            f"{formats.plural(len(rows), 'sample')}, "
            "with the thresholds of the table above.",
            "Mouse against human counts of the cells that were kept; cells between the dashed lines were "
            "called "
            "doublets and left out.",
            raster=True,
        )
    ]


def _samples(found: Findings) -> list[Block]:
    if not found.species.there:
        return [Callout(f"Thresholds: not assessed. {found.species.reason}", "missing")]
    rows = samples(found)
    made: list[Block] = []
    alone = rows[rows["status"].astype(str) != "assessed"]
    if len(alone):
        named = formats.listed(alone["sample"].astype(str).tolist())
        made.append(
            Callout(
                f"{formats.plural(len(alone), 'sample')} of {len(rows)} could not be split ({named}): the "
                "table "
                "says why. No edge between tumor and host can come from there.",
                "limit",
            )
        )
    n = {name: int(rows[f"n_{name}"].sum()) for name in keys.SPECIES_CALLS}
    made.append(
        Text(
            f"Of {formats.plural(int(rows['n_cells'].sum()), 'cell')} {n['human']:,} are human and "
            f"{n['mouse']:,} "
            f"mouse; {n['doublet']:,} are doublets of both and {n['unresolved']:,} unresolved. Two cells of "
            "one "
            "species in one droplet cannot be seen this way. Shares are given with 95 % intervals over cells."
        )
    )
    return [*made, table(rows, "Species in every sample", _SAMPLES)]


def _genes(found: Findings) -> list[Block]:
    stored = found.orthologs.value
    sides, dropped = (pd.DataFrame(stored[name]).reset_index(drop=True) for name in ("species", "dropped"))
    organism = str(stored["params"]["organism"])
    made: list[Block] = [
        Heading("One gene space"),
        Text(
            f"Genes bear {organism} symbols, by one-to-one orthologs that were measured in both species. A "
            "gene "
            "that one species lacks was left out on both sides: its zero in the other would not mean silence."
        ),
        table(sides, "What was kept of every species", _SIDES),
    ]
    pairs = dropped[dropped["ligand_or_receptor"].astype(bool)]
    first = pairs.groupby("species", sort=False).head(TOP)
    if len(pairs):
        made += [
            Text(
                f"{formats.plural(len(pairs), 'ligand or receptor', 'ligands and receptors')} that the cells "
                "express could not be brought over; edges with them are not testable."
            ),
            table(
                first, f"Ligands and receptors left out, up to {TOP} per species by counts", _DROPPED,
                folded=f"The first {len(first)}" if len(first) > TOP else "",
            ),
        ]  # fmt: skip
    return made


def _reactions(found: Findings) -> list[Block]:
    made: list[Block] = [Heading("Reaction across species")]
    general = (
        "An edge joins RNA of one species to RNA of the other. Whether the protein of one acts on the "
        "receptor of "
        "the other is not seen in RNA."
    )
    if not found.communication.there or "no_cross_reaction" not in found.communication.value:
        return [
            *made,
            Callout(f"{general} No pair was named as not reacting: all are taken to react.", "limit"),
        ]  # fmt: skip
    pairs = pd.DataFrame(found.communication.value["no_cross_reaction"]).reset_index(drop=True)
    pairs = pairs.assign(ligand_species=pairs["ligand_species"].astype(str).replace({"": "either"}))
    mine = found.statuses["reason"].astype(str).isin([codes.REASONS[code] for code in codes.UNREACTIVE])
    n = int(found.statuses.loc[mine, "n"].sum())
    return [
        *made,
        Text(f"{general} The pairs below were named as not reacting; {n:,} edges read not testable for it."),
        table(pairs, "Pairs that do not react across species", _UNREACTIVE),
    ]
