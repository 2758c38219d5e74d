"""The figure of sections: one pair in its tissue."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from niche import get, pl
from niche._slots import keys, read
from niche.pl.spatial import expression
from niche.report import formats, spatial_tables
from niche.report.figures import ReportFigure
from niche.report.findings import Findings

SECTIONS = 3
"""Sections that are drawn, at most."""


def spatial_figures(found: Findings) -> list[ReportFigure]:
    """Return the first pair in the sections in which it stands out most, where any was tested."""
    chosen = shown(found) if found.spatial.there else None
    if chosen is None:
        return []
    pair, samples = chosen
    named = " and ".join(name.replace("_", "+") for name in pair)
    return [
        ReportFigure(
            "spatial",
            lambda: pl.spatial(found.adata, pair, sample=samples),
            lambda: numbers(found, pair, samples),
            f"Maps of {formats.plural(len(samples), 'section')} ({formats.listed(samples)}) with the "
            f"expression of {named} in every spot, where they meet, and the border of tumor and host, as far "
            "as these are known; R and q of each section are in the tables above.",
            f"{named} in the sections where they agree most, a row per section. Rings mark hot spots "
            "(q ≤ 0.05 among the spots of the section).",
            raster=True,
        )
    ]


def shown(found: Findings) -> tuple[tuple[str, str], list[str]] | None:
    """The pair that is drawn, and its sections; None where no pair was tested.

    The first pair whose local statistics were kept, else the one with the smallest p.
    """
    rows = spatial_tables.tested(found, across=False).sort_values("pval", kind="stable")
    if not len(rows):
        return None
    stored = found.spatial.value
    ligands, receptors = (
        np.array(read.strings(stored["pairs"][name]), dtype=object)
        for name in ("ligand_complex", "receptor_complex")
    )
    kept = np.asarray(stored["local"]["pair"], dtype=np.int64)
    pair = (str(rows["ligand_complex"].iloc[0]), str(rows["receptor_complex"].iloc[0]))
    if kept.size:
        pair = (str(ligands[kept[0]]), str(receptors[kept[0]]))
    mine = rows[(rows["ligand_complex"] == pair[0]) & (rows["receptor_complex"] == pair[1])]
    samples = mine["sample"].astype(str).tolist()[:SECTIONS]
    return pair, samples or read.strings(stored["sections"]["name"])[:SECTIONS]


def numbers(found: Findings, pair: tuple[str, str], samples: list[str]) -> pd.DataFrame:
    """What the figure shows of every spot: place, expression, side, and the local statistic where kept."""
    adata, stored = found.adata, found.spatial.value
    labels = adata.obs[str(stored["params"]["sample_key"])].astype(str)
    here = np.flatnonzero(labels.isin(samples))
    points = np.asarray(adata.obsm[str(stored["params"]["spatial_key"])], dtype=float)[here]
    out: dict[str, Any] = {
        "spot": adata.obs_names.to_numpy(dtype=object)[here], "sample": labels.to_numpy(dtype=object)[here],
        "x": points[:, 0], "y": points[:, 1],
    }  # fmt: skip
    ends = [read.strings(stored["pairs"][f"{end}_complex"]) for end in ("ligand", "receptor")]
    place = list(zip(*ends, strict=True)).index(pair)
    out |= {end: expression(adata, stored, end, place)[here] for end in ("ligand", "receptor")}
    side = f"{keys.SPATIAL_COMMUNICATION}_interface"
    if side in adata.obs.columns:
        out["side"] = adata.obs[side].astype(str).to_numpy(dtype=object)[here]
    frame = pd.DataFrame(out)
    local = get.spatial_communication(
        adata, level="local", sample=samples, ligand=pair[0], receptor=pair[1]
    )
    if not len(local):
        return frame
    kept = local[["spot", "statistic", "qval", "hotspot"]]
    return frame.merge(kept, on="spot", how="left", validate="one_to_one")
