"""Which comparisons of organs a column hides."""

from __future__ import annotations

import numpy as np
import pandas as pd

from niche._slots import validate
from niche._stats.contrasts import PRIMARY, Contrast, design_of
from niche.errors import InputValueError, warn
from niche.get._compare_units import AnalysisUnits, analysis_units

CONFOUNDERS = ("study", "assay", "subtype", "primary_type")
"""Columns that are looked at for confounding wherever they exist."""


def check_covariates(units: AnalysisUnits, wanted: list[Contrast]) -> None:
    """Refuse covariates that hide every comparison between groups, and warn of those that hide some."""
    samples = units.samples
    design = design_of(samples.group, samples.covariates, samples.terms)
    asked = _rows(design, wanted, _primaries(units))
    hidden = {c.name: design.aliased_with(row) for c, row in asked if design.reduced(row) is None}
    if not hidden:
        return
    terms = list(dict.fromkeys(term for names in hidden.values() for term in names))
    listed = validate.shown(hidden)
    if len(hidden) == len(asked):
        raise InputValueError(
            f"covariates: {validate.shown(terms)} cannot be told apart from the organs in this design, so no "
            f"comparison can be estimated ({listed}). Leave the covariate out and say so, or add samples "
            "that break the tie."
        )
    warn(
        f"{validate.shown(terms)} cannot be told apart from some organs: {listed} are not testable with "
        "these covariates."
    )


def confounding(
    units: AnalysisUnits,
    organ_code: np.ndarray,
    patient: np.ndarray,
    table: pd.DataFrame,
    wanted: list[Contrast],
) -> pd.DataFrame:
    """Which comparisons a column would hide if it was a covariate: ``term, contrast, confounded``."""
    rows = []
    for name in table:
        alone = analysis_units(units.groups, organ_code, patient, table[[name]])
        design = design_of(alone.samples.group, alone.samples.covariates, alone.samples.terms)
        for contrast, row in _rows(design, wanted, _primaries(units)):
            rows.append((name, contrast.name, design.reduced(row) is None))
    return pd.DataFrame(rows, columns=["term", "contrast", "confounded"])


def _primaries(units: AnalysisUnits) -> np.ndarray:
    """Groups of primary tissue."""
    return np.flatnonzero(units.groups.of("primary"))


def _rows(design, wanted, primaries):
    """Comparisons of two organs, and with primary and normal tissue, as rows over the columns of a design."""
    met, found = set(design.groups), []
    for contrast in wanted:
        minus = list(primaries) if contrast.kind == PRIMARY else [contrast.minus]
        if min(minus, default=-1) < 0 or not {contrast.plus, *minus} <= met:
            continue
        weights = np.zeros(max(met) + 1)
        weights[contrast.plus], weights[minus] = 1.0, -1.0 / len(minus)
        found.append((contrast, design.contrast(weights)))
    return found
