"""Whether signatures differ between subtypes: what an organ signature may stand for instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche import resources
from niche._settings import settings
from niche._slots.validate import Samples, shown
from niche._stats.analysis_of_variance import analysis_of_variance
from niche._stats.fdr import benjamini_hochberg
from niche.get._compare_units import sample_covariates, value_of_samples
from niche.tl._compare_calls import LARGEST_Q
from niche.tl._compare_input import Study
from niche.tl._signature_tests import SampleScores, unit_scores

LEAST_LEFT = 3
"""Degrees of freedom that must be left to tell subtypes apart."""


def subtype_column(adata: ad.AnnData, subtype_key: str | None) -> str | None:
    """The column of subtypes: as given, else the default where it exists."""
    name = settings.subtype_key if subtype_key is None else subtype_key
    return name if subtype_key is not None or name in adata.obs.columns else None


def subtypes_of(
    adata: ad.AnnData, column: str | None, samples: Samples, *, strict: bool
) -> tuple[np.ndarray | None, str]:
    """Subtype (n_samples,) as text; or None, and why not. ``strict`` refuses what is no label of samples."""
    if column is None:
        return None, f"not assessed: no column {settings.subtype_key!r}"
    if not strict:
        value, varies = value_of_samples(adata, samples.cells.key, column)
        if varies.any() or value.isna().any():
            return None, f"not assessed: {column!r} is missing for cells, or varies within a sample"
    table = sample_covariates(adata, samples.cells.key, samples.cells.names, [column])
    return table[column].astype(str).to_numpy(dtype=object), ""


def subtype_tests(
    scores: SampleScores, reason: list[str], study: Study, subtype: np.ndarray, min_cells: int
) -> tuple[np.ndarray, str]:
    """P-values (n_signatures,) of differences between subtypes, and why there are none.

    One row per patient: the mean of its scores over its organs, and the share of each subtype in them. Organs
    are not taken out: where subtypes differ because organs do, the two are confounded, and that is what the
    reader is warned of.
    """
    nothing = np.full(len(reason), np.nan)
    units = study.units
    rows, _, values = unit_scores(scores, units, min_cells)
    if not rows.size:
        return nothing, "not testable: too few cells"
    levels = sorted(set(subtype[units.of_sample >= 0]))
    if len(levels) < 2:
        return nothing, f"not testable: {shown(levels)} is the only one"
    mine = units.of_sample[:, None] == rows
    of_unit = np.stack([(mine & (subtype == level)[:, None]).sum(axis=0) for level in levels], axis=1)
    of_unit = of_unit / of_unit.sum(axis=1, keepdims=True)
    patient = units.samples.patient[rows]
    means = [pd.DataFrame(part).groupby(patient).mean().to_numpy() for part in (values.T, of_unit)]
    p, _, left = analysis_of_variance(*means)
    if left < LEAST_LEFT:
        return nothing, f"not testable: {len(means[0])} patients of {len(levels)} subtypes are too few"
    p[[k for k, why in enumerate(reason) if why]] = np.nan
    return p, ""


def notes_of(
    names: Sequence[str], q: np.ndarray, column: str | None, covariates: Sequence[str]
) -> list[str]:
    """What a reader of each signature must know: published overlaps with subtypes, and differences here."""
    known = resources.signature_notes().set_index("signature")
    adjusted = column is not None and column in covariates
    out = []
    for name, value in zip(names, q, strict=True):
        told = []
        if name in known.index:
            row = known.loc[name]
            told.append(
                f"{row['n_shared']} of {row['n_genes']} genes are in {row['shares_with']}: mostly a set of "
                f"subtypes ({row['citation']})"
                + ("; adjusted for subtype" if adjusted else ", not adjusted for subtype")
            )
        if value <= LARGEST_Q and not adjusted:
            told.append(
                f"patients differ by {column!r} (q = {value:.2g}), which may be what differs between organs; "
                "give it as a covariate"
            )
        out.append("; ".join(told))
    return out


def subtype_payload(
    adata: ad.AnnData, subtype_key: str | None, samples: Samples, scores: SampleScores, reason: list[str],
    study: Study | None, covariates: Sequence[str], names: Sequence[str], min_cells: int,
) -> dict[str, Any]:  # fmt: skip
    """What is stored of subtypes: p, q and note of every signature, and whether it could be assessed."""
    column = subtype_column(adata, subtype_key)
    p, why = np.full(len(names), np.nan), "not assessed: organs are not compared"
    if study is not None:
        labels, why = subtypes_of(adata, column, samples, strict=subtype_key is not None)
        if labels is not None:
            p, why = subtype_tests(scores, reason, study, labels, min_cells)
    q = benjamini_hochberg(p)
    return {
        "key": column, "why_not": why, "adjusted": column is not None and column in covariates,
        "pval": p, "qval": q, "note": notes_of(names, q, column, covariates),
    }  # fmt: skip
