"""A subline of one culture is known less well than one of five."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from niche._stats import precision
from niche._stats.contrasts import design_of
from niche._stats.organ_tests import Family, Models, family_tests
from niche.get._compare_sides import Side
from niche.get._compare_units import AnalysisUnits


def by_cultures(side: Side, units: AnalysisUnits) -> Side:
    """Weights times 1 / (a + b / cultures), with a and b from how far sublines scatter."""
    n = units.n_samples[side.rows].astype(float)
    if np.ptp(n) == 0:
        return side
    samples = units.samples.take(side.rows)
    design = design_of(samples.group, samples.covariates, samples.terms).matrix
    usable: np.ndarray = np.all(side.deep[:, np.unique(samples.group)], axis=1)
    factor = precision.cell_weights(side.values.T, n, design, usable)[:, 0]
    return replace(side, weights=side.weights * factor)


class ByCultures:
    """Weighted moderated linear models of sublines."""

    def __init__(self, units: AnalysisUnits) -> None:
        self.units = units

    def __call__(
        self, side: Side, genes: np.ndarray, usable: np.ndarray, cell_type: int, models: Models
    ) -> Family:
        """Test genes of a side in the groups where they are usable."""
        own = by_cultures(side, self.units)
        return family_tests(own.values[genes], own.weights[genes], usable, models, leave_out=True)
