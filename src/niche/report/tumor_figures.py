"""Figures of tumor and host: copy number, evidence, stability, ambient RNA."""

from __future__ import annotations

import numpy as np
import pandas as pd

from niche import get, pl
from niche._settings import settings
from niche._slots import keys
from niche.get.cnv import profile_of
from niche.report import formats
from niche.report.ambient_rna import leaked, samples
from niche.report.figures import ReportFigure
from niche.report.findings import Findings, attempt


def tumor_figures(found: Findings) -> list[ReportFigure]:
    """Return the figures that can be drawn from what is stored."""
    made = [_cnv(found), _evidence(found), _stability(found), *_ambient(found)]
    return [figure for figure in made if figure is not None]


def mean_profiles(found: Findings) -> pd.DataFrame:
    """Mean copy-number profile of every sample and compartment: one row per window, one column per group."""
    profile = profile_of(found.adata, keys.CNV)
    groups = pd.Series("all cells", index=found.adata.obs_names)
    names = [found.column("sample_key", settings.sample_key)]
    names.append(found.column("compartment_key", settings.compartment_key))
    labels = [found.adata.obs[name].astype(str) for name in names if name is not None]
    if labels:
        groups = labels[0].str.cat(labels[1:], sep=", ") if len(labels) > 1 else labels[0]
    table = profile.windows.copy()
    means = {}
    for name in sorted(set(groups)):
        rows = np.flatnonzero((groups == name).to_numpy())
        means[name] = np.asarray(profile.values[rows].mean(axis=0)).ravel()
    return pd.concat([table, pd.DataFrame(means, index=table.index)], axis=1)


def _cnv(found: Findings) -> ReportFigure | None:
    profile = attempt(lambda: profile_of(found.adata, keys.CNV)) if found.cnv.there else found.cnv
    if not profile.there:
        return None
    compartment = found.column("compartment_key", settings.compartment_key)
    sample = found.column("sample_key", settings.sample_key)
    n = 1 if sample is None else found.adata.obs[sample].nunique()
    return ReportFigure(
        "cnv",
        lambda: pl.cnv(found.adata, groupby=compartment, sample_key=sample),
        lambda: mean_profiles(found),
        f"Heatmap of copy number read from expression along the genome for cells of "
        f"{formats.plural(n, 'sample')}, grouped by sample and compartment: gains red, losses blue. The "
        "statement of every sample is in the table above.",
        f"Copy number read from expression, against {profile.value.statement}. Broad blocks shared by the "
        "tumor cells of a sample are gains and losses; narrow ones can be neighbouring genes that are "
        "regulated together.",
        raster=True,
    )


def _evidence(found: Findings) -> ReportFigure | None:
    if not found.compartments.there:
        return None
    cells = get.compartments(found.adata, level="cells")
    if not cells["cnv_correlation"].notna().any():
        return None
    drawn = ["sample", "compartment", "malignant_probability", "cnv_signal", "cnv_correlation"]
    n = cells.loc[cells["cnv_correlation"].notna(), "sample"].nunique()
    return ReportFigure(
        "malignant_evidence",
        lambda: pl.malignant_evidence(found.adata),
        lambda: cells[drawn].rename_axis("cell").reset_index(),
        f"Scatter plots of {formats.plural(n, 'sample')}: copy-number signal of every cell against its "
        "correlation with the putative tumor, coloured by the probability of malignancy.",
        "What the call rests on. Tumor cells stand at the upper right, normal cells at the lower left; "
        "coherence says whether two halves of the genes see the same gains and losses.",
        raster=True,
    )


def _stability(found: Findings) -> ReportFigure | None:
    if not found.cluster.there or not len(pd.DataFrame(found.cluster.value.get("stability", {}))):
        return None
    frame = pd.DataFrame(found.cluster.value["stability"]).reset_index(drop=True)
    names = [formats.readable(str(name)) for name in frame["compartment"].unique()]
    return ReportFigure(
        "stability",
        lambda: pl.stability(found.adata),
        lambda: frame,
        f"Curves of the agreement of clusterings against resolution, for {formats.listed(names)}; the "
        "suggested resolutions are in the table above.",
        "Agreement of clusterings (adjusted Rand index) over seeds and subsamples, by resolution.",
    )


def _ambient(found: Findings) -> list[ReportFigure]:
    if not found.ambient.there or not (samples(found)["status"] == "assessed").any():
        return []
    fractions = ReportFigure(
        "ambient_fractions",
        lambda: pl.ambient(found.adata, what="fractions"),
        lambda: get.ambient(found.adata, level="cell_types"),
        f"Ambient fraction of {formats.plural(len(get.ambient(found.adata)), 'sample')} with intervals, by "
        "organ; the numbers are in the table above.",
        "Ambient fraction of every sample with its 95 % interval; strokes are its cell types.",
    )
    genes = leaked(found, top=1)
    if not len(genes):
        return [fractions]
    organ, cell_type = str(genes["organ"].iloc[0]), str(genes["cell_type"].iloc[0])
    shown = f"{cell_type}, {formats.readable(organ)}"
    return [
        fractions,
        ReportFigure(
            "ambient_genes",
            lambda: pl.ambient(found.adata, what="genes", organ=organ, cell_type=cell_type),
            lambda: get.ambient(found.adata, level="genes", organ=organ, cell_type=cell_type),
            f"Scatter plot of the genes of {shown}: the share of their counts that ambient RNA explains "
            f"against their expression. The most leaked genes are listed in the table above.",
            f"Genes of {shown}: how much of their counts ambient RNA explains.",
            raster=True,
        ),
    ]
