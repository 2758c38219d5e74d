"""Figures of programs: how alike they are, who uses them, what varies, and what leaked."""

from __future__ import annotations

import numpy as np
import pandas as pd

from niche import get, pl
from niche.report import formats, program_tables
from niche.report.figures import ReportFigure
from niche.report.findings import Findings


def program_figures(found: Findings) -> list[ReportFigure]:
    """Return the figures that can be drawn from what is stored."""
    made = [_likeness(found)] if found.programs.there else []
    if found.programs.there and found.compare_programs.there:
        made += [_usage(found), _variance(found), _ambient(found)]
    return made


def _likeness(found: Findings) -> ReportFigure:
    key = found.programs_key
    return ReportFigure(
        "programs",
        lambda: pl.programs(found.adata, key=key),
        lambda: cosines(found),
        f"Heatmap of the likeness of {program_tables.kinds(found)}, with the kind of each and the patient "
        "who uses it most; the table above lists them.",
        "How alike the programs are (cosine of the weights of their genes), in blocks.",
    )


def cosines(found: Findings) -> pd.DataFrame:
    """Cosine of the weights of all genes for every pair of programs."""
    names = get.programs(found.adata, what="programs", key=found.programs_key)["program"].astype(str).tolist()
    weights = np.asarray(found.adata.varm[found.programs_key], dtype=np.float64)
    norm = np.linalg.norm(weights, axis=0)
    unit = weights / np.where(norm > 0, norm, 1.0)
    frame = pd.DataFrame(unit.T @ unit, index=names, columns=names)
    return frame.rename_axis("program").reset_index()


def _usage(found: Findings) -> ReportFigure:
    rows = program_tables.described(found)
    counts = formats.listed([f"{n} {formats.readable(v)}" for v, n in rows["verdict"].value_counts().items()])
    return ReportFigure(
        "program_usage",
        lambda: pl.usage(found.adata),
        lambda: get.compare_programs(found.adata, what="units"),
        f"Dot plots of the usage of programs by every patient in every organ, a panel per program, with the "
        f"mean and its interval. Verdicts: {counts}; their reasons are in the table above.",
        "How much each patient uses a program in each organ: a dot is a patient, lines join one patient.",
    )


def _variance(found: Findings) -> ReportFigure:
    return ReportFigure(
        "program_variance",
        lambda: pl.variance(found.adata),
        lambda: get.compare_programs(found.adata, what="verdicts"),
        "Stacked bars: the share of the variance of usage between organs, patients and cells for every "
        "program; the numbers are in the table below.",
        "Where usage varies: between organs, between patients of an organ, and between cells of a patient.",
    )


def _ambient(found: Findings) -> ReportFigure:
    assessed = bool(found.compare_programs.value["ambient_assessed"])
    told = "the share that ambient molecules explain" if assessed else "the rise of host cells beside it"
    return ReportFigure(
        "program_ambient",
        lambda: pl.program_ambient(found.adata),
        lambda: program_tables.main_effects(found),
        f"Scatter plot of every program in every organ against the others: {told}, and the difference of "
        "usage; the table above holds the numbers.",
        f"Rise of each program in each organ, and {told}. What rises in the shaded corner is suspected.",
    )
