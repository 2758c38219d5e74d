"""Designs of patients in organs as the comparisons between organs take them, without cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from niche._power.designs import planned
from niche._stats.contrasts import Groups, contrasts_of
from niche._stats.organ_tests import Samples
from niche.get._compare_units import AnalysisUnits
from niche.tl._compare_input import Study

ORGANS = ["bone", "brain", "liver", "lung"]


def study_of(pairing: str, n: int, organs: Sequence[str] = tuple(ORGANS)) -> Study:
    """``n`` patients in each organ, one sample each, paired as :func:`niche.power` names it."""
    design = planned(list(organs), n, pairing)
    organ, patient = (pd.factorize(design[name], sort=True)[0] for name in ("organ", "patient"))
    groups = Groups(list(organs), list(organs), ["metastasis"] * len(organs))
    samples = Samples(organ, patient, np.zeros((organ.size, 0)), ())
    units = AnalysisUnits(np.arange(organ.size), samples, groups, [], np.ones(organ.size, dtype=int))
    return Study(units, contrasts_of(groups), pd.DataFrame())
