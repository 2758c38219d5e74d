"""Programs of malignant cells: shared, organ-associated, patient-private, and leaked ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from niche.datasets._simulate.genes import Universe
from niche.datasets._simulate.options import Options

MEAN_USAGE, PRIVATE_USAGE = 0.045, 0.10
CYCLING_SHARE, CYCLING_USAGE, RESTING_USAGE = 0.15, 0.15, 0.002
LARGEST_USAGE = 0.8
_KINDS = {"organ": "organ-associated", "private": "patient-private", "leaked": "leaked"}
_WEIGHT_SD, _CELL_SD, _CYCLE_CELL_SD = 0.4, 0.7, 0.3


@dataclass(frozen=True)
class Programs:
    """Planted programs.

    Attributes
    ----------
    table
        program, kind (shared, organ-associated, patient-private, leaked), organ, patient,
        shift (natural log of the factor on usage in that organ), mean_usage, n_genes.
    weights
        Share of each gene in the program's transcripts, programs x genes; rows sum to 1.
    """

    table: pd.DataFrame
    weights: np.ndarray


def block_names(options: Options, organs: list[str]) -> list[str]:
    """Return the names of all programs of a draw, the leaked ones last."""
    names = ["cell_cycle", *(f"shared_{i + 1}" for i in range(options.shared_programs))]
    if options.organ_programs:
        names += [f"organ_{organ}" for organ in organs]
    names += [f"private_{i + 1}" for i in range(options.private_programs)]
    if options.parenchyma:
        names += [f"leaked_{organ}" for organ in organs]
    return names


def draw_programs(
    rng: np.random.Generator,
    universe: Universe,
    options: Options,
    patients: list[str],
    types: pd.DataFrame,
    profiles: np.ndarray,
) -> Programs:
    """Draw gene weights; a leaked program has the weights its genes have in the organ's own cells."""
    owners = [patients[i] for i in rng.permutation(len(patients))]
    rows, weights = [], []
    for name, genes in universe.blocks.items():
        at = universe.positions(genes)
        draw = np.exp(rng.normal(0.0, _WEIGHT_SD, len(genes)))
        kind, _, rest = name.partition("_")
        organ, patient, shift, usage = "", "", 0.0, MEAN_USAGE
        if kind == "organ":
            organ, shift = rest, options.program_shift * options.program_sd
        elif kind == "private":
            patient, usage = owners[(int(rest) - 1) % len(owners)], PRIVATE_USAGE
        elif kind == "leaked":
            organ, usage = rest, 0.0
            source = int(np.flatnonzero((types["organ"] == organ) & types["leaks"])[0])
            draw = profiles[source, at]
        elif name == "cell_cycle":
            usage = CYCLING_SHARE * CYCLING_USAGE
        rows.append((name, _KINDS.get(kind, "shared"), organ, patient, shift, usage, len(genes)))
        row = np.zeros(len(universe.var))
        row[at] = draw / draw.sum()
        weights.append(row)
    columns = ["program", "kind", "organ", "patient", "shift", "mean_usage", "n_genes"]
    return Programs(table=pd.DataFrame(rows, columns=columns), weights=np.stack(weights))


def program_draws(rng: np.random.Generator, programs: Programs, patients: list[str]) -> dict[str, np.ndarray]:
    """Return every patient's standard normal draw per program."""
    return {patient: rng.standard_normal(len(programs.table)) for patient in patients}


def sample_levels(
    rng: np.random.Generator,
    programs: Programs,
    options: Options,
    sample: pd.Series,
    patient_draw: np.ndarray,
) -> np.ndarray:
    """Return the expected usage of each program in the malignant cells of one sample.

    Log usage = log mean + shift in the program's organ (metastases only) + patient and sample
    parts whose total standard deviation is ``program_sd``.
    """
    table = programs.table
    r = options.within_patient_correlation
    own = rng.standard_normal(len(table))
    noise = np.sqrt(r) * patient_draw + np.sqrt(1 - r) * own
    noise *= options.program_sd * np.sqrt(options.per_organ("variance_factor", sample["organ"]))
    here = (table["organ"] == sample["organ"]).to_numpy() & (sample["tissue"] == "metastasis")
    level = table["mean_usage"].to_numpy() * np.exp(noise + np.where(here, table["shift"].to_numpy(), 0.0))
    private = (table["patient"] != "").to_numpy()
    return np.where(private & (table["patient"] != sample["patient"]).to_numpy(), 0.0, level)


def cell_usage(
    rng: np.random.Generator, programs: Programs, levels: np.ndarray, malignant: np.ndarray
) -> np.ndarray:
    """Return the usage of every program in every cell (cells x programs); 0 in host cells.

    Log-normal around the sample's level; the cell cycle runs in a fraction of the cells only.
    """
    n, k = len(malignant), len(levels)
    usage = levels[None, :] * np.exp(rng.normal(-(_CELL_SD**2) / 2, _CELL_SD, (n, k)))
    cycle = int(np.flatnonzero(programs.table["program"] == "cell_cycle")[0])
    share = min(0.9, levels[cycle] / CYCLING_USAGE)
    active = CYCLING_USAGE * np.exp(rng.normal(-(_CYCLE_CELL_SD**2) / 2, _CYCLE_CELL_SD, n))
    usage[:, cycle] = np.where(rng.random(n) < share, active, RESTING_USAGE)
    usage[~malignant] = 0.0
    total = usage.sum(axis=1, keepdims=True)
    return usage * np.minimum(1.0, LARGEST_USAGE / np.maximum(total, 1e-12))


def expected_usage(programs: Programs, organ: str) -> np.ndarray:
    """Return the median expected usage per program in the metastases of an organ (``""``: elsewhere).

    Patient-private programs count as absent.
    """
    table = programs.table
    here = (table["organ"] == organ).to_numpy() & (organ != "")
    level = table["mean_usage"].to_numpy() * np.exp(np.where(here, table["shift"].to_numpy(), 0.0))
    return np.where((table["patient"] != "").to_numpy(), 0.0, level)
