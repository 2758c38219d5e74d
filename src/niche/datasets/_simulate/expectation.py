"""What to expect in every organ: real expression, and what the droplets show with contamination."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from niche.datasets._simulate.cell_types import MALIGNANT, sample_shares
from niche.datasets._simulate.genes import Universe
from niche.datasets._simulate.options import Options
from niche.datasets._simulate.profiles import MILLION, apply_effects
from niche.datasets._simulate.programs import Programs, expected_usage

REAL_FLOOR, OBSERVED_FLOOR = 0.01, 0.5
_SMALL_CPM = 0.01


@dataclass(frozen=True)
class Expectation:
    """Expected log2 counts per million, organs x shared cell types x genes.

    The first organ, ``""``, is the baseline: no organ effect and no organ-specific cell. Values of
    the others are scaled so that the median gene of a cell type stands where it does in the
    baseline (what TMM does), so a gene without an effect has exactly the same ``real`` value.
    """

    organs: list[str]
    cell_types: list[str]
    real: np.ndarray
    observed: np.ndarray


def expect(
    profiles: np.ndarray,
    universe: Universe,
    types: pd.DataFrame,
    effects: pd.DataFrame,
    programs: Programs,
    options: Options,
) -> Expectation:
    """Work out the expectation per organ for a median patient."""
    shared = np.flatnonzero((types["organ"] == "").to_numpy())
    organs = ["", *options.organs]
    real, observed = [], []
    for organ in organs:
        here = effects[effects["organ"] == organ]
        state = _with_programs(apply_effects(profiles, universe, types, here), types, programs, organ)
        seen = _contaminated(state, types, options, organ)
        real.append(np.log2(state[shared] + _SMALL_CPM))
        observed.append(np.log2(seen[shared] + _SMALL_CPM))
    return Expectation(
        organs=organs,
        cell_types=list(types["cell_type"].iloc[shared]),
        real=_aligned(np.stack(real)),
        observed=_aligned(np.stack(observed)),
    )


def gene_effects(expected: Expectation, universe: Universe, programs: Programs) -> pd.DataFrame:
    """Return every gene of a shared cell type that moves in an organ, really or only by contamination.

    Columns: organ, cell_type, gene, log2fc (real), log2fc_observed and cause: ``axis``, ``program``,
    ``dilution`` (a gene of another program, which keeps its share while the raised program thins out
    everything else) or ``ambient``.
    """
    shifted = (programs.table["shift"] != 0).to_numpy()
    own = [
        (programs.weights[shifted & (programs.table["organ"] == organ).to_numpy()] > 0).any(axis=0)
        for organ in expected.organs[1:]
    ]
    genes = universe.var.index.to_numpy(object)
    role = universe.var["truth_role"].astype(str).to_numpy()
    names = np.asarray(expected.cell_types, dtype=object)
    frames = []
    for index, organ in enumerate(expected.organs[1:], start=1):
        real = expected.real[index] - expected.real[0]
        seen = expected.observed[index] - expected.observed[0]
        rows, columns = np.nonzero((np.abs(real) > REAL_FLOOR) | (np.abs(seen) >= OBSERVED_FLOOR))
        moved = np.abs(real[rows, columns]) > REAL_FLOOR
        other = np.where(role[columns] == "program", "dilution", "axis")
        cause = np.where(own[index - 1][columns], "program", other)
        frames.append(
            pd.DataFrame(
                {
                    "organ": organ,
                    "cell_type": names[rows],
                    "gene": genes[columns],
                    "log2fc": np.where(moved, real[rows, columns], 0.0),
                    "log2fc_observed": seen[rows, columns],
                    "cause": np.where(moved, cause, "ambient"),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _with_programs(profiles: np.ndarray, types: pd.DataFrame, programs: Programs, organ: str) -> np.ndarray:
    row = list(types["cell_type"]).index(MALIGNANT)
    usage = expected_usage(programs, organ)
    state = profiles / profiles.sum(axis=1, keepdims=True)
    state[row] = (1 - usage.sum()) * state[row] + usage @ programs.weights
    return state * MILLION


def _contaminated(state: np.ndarray, types: pd.DataFrame, options: Options, organ: str) -> np.ndarray:
    """Mix the ambient share and the average doublet partner into every cell type."""
    shares = sample_shares(types, options, organ, "metastasis" if organ else "primary")
    weight = shares.to_numpy() * types["size"].to_numpy()
    soup = weight @ state / weight.sum()
    if organ:
        ambient = options.per_organ("ambient", organ, 0.08)
    else:
        ambient = float(np.mean([options.per_organ("ambient", o, 0.08) for o in options.organs]))
    partner = 0.5 * options.doublets
    mixed = 1 - (1 - ambient) * (1 - partner)
    return (1 - mixed) * state + mixed * soup[None, :]


def _aligned(values: np.ndarray) -> np.ndarray:
    """Shift every organ and cell type so that its median gene stands where it does in the baseline."""
    shift = np.median(values - values[:1], axis=2, keepdims=True)
    return values - shift
