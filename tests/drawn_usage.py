"""Usage of programs in cells, drawn without genes, and its comparison between organs."""

from __future__ import annotations

import numpy as np

from niche.tl._compare_input import Study
from niche.tl._organ_results import OrganResults
from niche.tl._program_usage import compare_usage, unit_usage

PROGRAMS = 8


def drawn(
    rng: np.random.Generator, study: Study, shift: float | np.ndarray = 0.0, sd: float = 0.4,
    correlation: float = 0.5, *, few: int = 25,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Log-normal usage of cells and their units; bone has ``few`` cells, the others five times as many.

    ``shift`` is that of all programs in lung, or an array (n_groups, n_programs).
    """
    samples = study.units.samples
    n_units = samples.group.size
    n = np.where(samples.group == 0, few, rng.integers(80, 200, n_units))
    if isinstance(shift, np.ndarray):
        moved = shift
    else:
        moved = np.zeros((len(study.groups.name), PROGRAMS))
        moved[3:4] = shift
    own = rng.normal(size=(samples.patient.max() + 1, moved.shape[1]))[samples.patient]
    level = sd * (np.sqrt(correlation) * own + np.sqrt(1 - correlation) * rng.normal(size=own.shape))
    level += moved[samples.group]
    unit = np.repeat(np.arange(n_units), n)
    usage = 0.05 * np.exp(level[unit] + rng.normal(0, 0.7, (unit.size, moved.shape[1])))
    return usage, unit


def compared(usage: np.ndarray, unit: np.ndarray, study: Study) -> OrganResults:
    """All programs between organs."""
    found = unit_usage(usage, unit, study.units.n_samples.size, 20)
    return compare_usage(found, np.arange(usage.shape[1]), {}, study, "averaged", "tumor cells")
