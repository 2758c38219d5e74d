"""Responses of every cell type to every ligand: scores of samples, and their tests between organs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niche._stats.organ_tests import Method
from niche.tl._compare_input import Study
from niche.tl._compare_reasons import missing_groups
from niche.tl._gene_sums import GeneSums
from niche.tl._ligand_network import Network, univariate_scores
from niche.tl._organ_results import OrganResults, few_tests, precision_weights
from niche.tl._receiver_profiles import profiles_of

FEW_SAMPLES, CONSTANT = -1, -2
HINDRANCES = {
    FEW_SAMPLES: "fewer than 2 samples with enough cells",
    CONSTANT: "all measured genes are targets of the same weight",
}


@dataclass
class Responses:
    """Scores of ligands in samples of cell types.

    Attributes
    ----------
    scores
        (n_groups, n_ligands) t-values by sample and cell type, NaN where there are none.
    measured
        (n_types, n_ligands) targets measured; ``FEW_SAMPLES`` or ``CONSTANT`` where that is the hindrance.
    """

    scores: np.ndarray
    measured: np.ndarray

    def reason(self, network: Network, min_targets: int) -> list[list[str]]:
        """Why a cell type has no score of a ligand (n_types, n_ligands), empty where it has."""
        return [
            [
                HINDRANCES[n] if n < 0
                else "" if n >= min_targets
                else f"too few targets measured: {n} of {given}, {min_targets} needed"
                for n, given in zip(of_type, network.n_targets, strict=True)
            ]
            for of_type in self.measured
        ]  # fmt: skip


def responses_of(
    sums: GeneSums, n_types: int, network: Network, organ_of_sample: np.ndarray, min_cells: int,
    min_targets: int,
) -> Responses:  # fmt: skip
    """Score every sample of every cell type."""
    n_ligands = len(network.ligands)
    scores = np.full((len(sums.aggregate["n"]), n_ligands), np.nan)
    measured = np.full((n_types, n_ligands), FEW_SAMPLES, dtype=np.int64)
    for t in range(n_types):
        profiles = profiles_of(sums.aggregate, t, organ_of_sample, min_cells)
        if profiles.rows.size < 2:
            continue
        measured[t] = network.measured(profiles.genes)
        measured[t, network.constant(profiles.genes)] = CONSTANT
        ligands = np.flatnonzero(measured[t] >= min_targets)
        if ligands.size:
            found = univariate_scores(profiles.values, profiles.genes, network, ligands, min_targets)
            scores[np.ix_(profiles.rows, ligands)] = found
    return Responses(scores, measured)


def compare_responses(
    responses: Responses, sums: GeneSums, network: Network, study: Study, organ_of_sample: np.ndarray,
    min_cells: int, min_targets: int, method: Method,
) -> tuple[OrganResults, np.ndarray]:  # fmt: skip
    """Test the responses, type by type, ligand by ligand; also their means over patients (.., n_groups)."""
    n_types, n_ligands = responses.measured.shape
    out = OrganResults(study, n_types * n_ligands)
    n_groups = len(study.groups.name)
    means = np.full((n_types * n_ligands, n_groups), np.nan)
    reasons = responses.reason(network, min_targets)
    aggregate, units = sums.aggregate, study.units
    for t in range(n_types):
        places = t * n_ligands + np.arange(n_ligands)
        for place, why in zip(places, reasons[t], strict=True):
            if why:
                out.refuse([place], why)
        kept = np.flatnonzero([not why for why in reasons[t]])
        own = np.flatnonzero((aggregate["cell_type"] == t) & (organ_of_sample[aggregate["sample"]] >= 0))
        mine = own[aggregate["n"][own] >= min_cells]
        rows, place = np.unique(units.of_sample[aggregate["sample"][mine]], return_inverse=True)
        n = np.bincount(place, minlength=rows.size)
        values = np.zeros((rows.size, kept.size))
        np.add.at(values, place, responses.scores[np.ix_(mine, kept)])
        values = np.ascontiguousarray((values / np.maximum(n, 1)[:, None]).T)
        group = units.samples.group[rows]
        for g in np.unique(group):
            means[places[kept], g] = values[:, group == g].mean(axis=1)
        held = np.isin(np.arange(n_groups), group)
        missing = missing_groups(study.groups, *_cells(sums, own, organ_of_sample, n_groups), held, min_cells)
        if held.sum() < 2 or not kept.size:
            out.refuse(places[kept], "; ".join(dict.fromkeys(text for text in missing if text)))
            continue
        masks = np.tile(held, (kept.size, 1))
        variance = np.tile(1.0 / n, (kept.size, 1))
        weights = precision_weights(values, variance, units.samples.take(rows), masks)
        family = few_tests(values, weights, masks, rows, study, method)
        out.record(places[kept], family, rows, [missing] * kept.size)
    return out, means


def _cells(
    sums: GeneSums, own: np.ndarray, organ_of_sample: np.ndarray, n_groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cells of a type in every organ, and in its largest sample: both (1, n_groups)."""
    cells, largest = np.zeros((2, 1, n_groups), dtype=np.int64)
    organ, n = organ_of_sample[sums.aggregate["sample"][own]], sums.aggregate["n"][own]
    np.add.at(cells[0], organ, n)
    np.maximum.at(largest[0], organ, n)
    return cells, largest
