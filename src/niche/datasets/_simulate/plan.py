"""What all samples of a draw share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from niche.datasets._simulate.copy_number import Clones
from niche.datasets._simulate.genes import Universe
from niche.datasets._simulate.options import Options
from niche.datasets._simulate.programs import Programs
from niche.datasets._simulate.variation import Variation


@dataclass(frozen=True)
class Plan:
    """Everything drawn before the first cell; ``options`` are in force, ``asked`` as given."""

    options: Options
    asked: Options
    design: pd.DataFrame
    types: pd.DataFrame
    pairs: pd.DataFrame
    axes: pd.DataFrame
    effects: pd.DataFrame
    universe: Universe
    profiles: np.ndarray
    clones: Clones
    programs: Programs
    program_draws: dict[str, np.ndarray]
    variation: Variation
