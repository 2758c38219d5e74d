"""Offers of organs to every patient's tumor, against random sets of genes of like abundance."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche._kernels import compatibility as kernel
from niche._slots import keys
from niche._stats.fdr import benjamini_hochberg
from niche.errors import InputValueError
from niche.tl._compatibility_input import Niches, Tumors
from niche.tl._pairs_of_genes import GenePairs

DIRECTIONS = ("tumor->host", "host->tumor", "both")
GENES_OF = ("ligands", "receptors", "ligands and receptors")
MEAN = "mean of patients"
_INTERVAL = (0.025, 0.975)
STATEMENT = (
    "Compatibility, not prediction: which organs' niches hold partners of the ligands and receptors that "
    "the primary tumor expresses, more than of random genes of like abundance. It does not say where a "
    "tumor will metastasise to."
)


def compatibility_tests(
    tumors: Tumors, niches: Niches, genes: GenePairs, expr_prop: float, min_cells: int, min_genes: int,
    n_sets: int, entropy: int, threads: int,
) -> dict[str, Any]:  # fmt: skip
    """Everything that is stored, by name."""
    measured = ~(np.isnan(tumors.mean) | np.isnan(niches.mean).any(axis=0))
    links = kernel.links_of(genes.ligand, genes.receptor, measured)
    if not links.unit.size:
        raise InputValueError(
            "no pair of the resource has both genes in the tumor and in the niches. Use the same gene names "
            "in both, for example with niche.pp.harmonize_genes."
        )
    abundance = (tumors.mean + niches.mean.sum(axis=0)) / (len(niches.cell_type) + 1)
    strata = kernel.strata_of(links.role, abundance[links.unit])
    offers = kernel.best_offers(niches.level, links)
    fraction = tumors.fraction[:, links.unit]
    with np.errstate(invalid="ignore"):
        weights, n_genes = kernel.weights_of(fraction >= expr_prop, links.role, min_genes)
    shape = (len(DIRECTIONS), len(tumors.patient) + 1, len(niches.organ))
    values = {
        name: np.full(shape, np.nan)
        for name in ("offer", "expected", "null_low", "null_high", "pval", "qval")
    }
    usable = np.flatnonzero(niches.n_types > 0)
    rows = np.flatnonzero(weights.reshape(shape[0] * shape[1], -1).any(axis=1))
    fixed = np.zeros(shape, dtype=bool)
    if usable.size > 1 and rows.size:
        found, stuck = _tested(
            kernel.relative(offers.value)[usable].T, weights.reshape(-1, strata.size)[rows], strata, n_sets,
            entropy, threads,
        )  # fmt: skip
        place = np.ix_(rows, usable)
        fixed.reshape(-1, shape[2])[place] = stuck
        for name, value in found.items():
            values[name].reshape(-1, shape[2])[place] = value
        for d, r in np.ndindex(shape[:2]):
            values["qval"][d, r] = benjamini_hochberg(values["pval"][d, r])
    reason = _reasons(tumors, niches, n_genes, fixed, min_cells, min_genes)
    names, codes = np.unique(reason.astype(str), return_inverse=True)
    return {
        "statement": STATEMENT, "directions": list(DIRECTIONS),
        "organs": {
            "name": niches.organ, "tissue": niches.tissue, "n_patients": niches.n_patients,
            "n_cell_types": niches.n_types,
        },
        "patients": {"name": [*tumors.patient, MEAN], "n_cells": tumors.n_cells},
        "cell_types": niches.cell_type, "units": genes.unit_names,
        "entries": {"unit": links.unit, "role": links.role, "stratum": strata},
        "offers": {"value": offers.value, "partner": offers.partner, "cell_type": offers.cell_type},
        "fraction": fraction, "values": values, "n_genes": n_genes,
        "reason": codes.reshape(shape).astype(np.int64), "reason_names": names,
        "counted": weights[:, :-1].any(axis=2),
    }  # fmt: skip


def _tested(
    offers: np.ndarray, weights: np.ndarray, strata: np.ndarray, n_sets: int, entropy: int, threads: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Values (n_rows, n_organs) by name; and where random sets cannot differ, which has no p."""
    offer = weights @ offers
    null = kernel.random_sets(offers, weights, strata, n_sets, entropy, threads)
    low, high = np.quantile(null, _INTERVAL, axis=0)
    p = kernel.upper_p(offer, null)
    stuck = np.ptp(null, axis=0) < 1e-12
    return {
        "offer": offer, "expected": kernel.expected(offers, weights, strata), "null_low": low,
        "null_high": high, "pval": np.where(stuck, np.nan, p),
    }, stuck  # fmt: skip


def _reasons(
    tumors: Tumors, niches: Niches, n_genes: np.ndarray, fixed: np.ndarray, min_cells: int, min_genes: int
) -> np.ndarray:
    """Why a row has no p, else what it says; (n_directions, n_patients + 1, n_organs)."""
    out = np.full(fixed.shape, keys.NOT_PREDICTION, dtype=object)
    out[fixed] = "random sets cannot differ: the tumor expresses all genes of like abundance"
    for d, what in enumerate(GENES_OF):
        for r in range(fixed.shape[1] - 1):
            if n_genes[d, r] < min_genes:
                out[d, r] = f"too few {what} expressed: {n_genes[d, r]}, {min_genes} needed"
            if np.isnan(tumors.fraction[r]).all():
                out[d, r] = f"fewer than {min_cells} malignant cells in each primary sample"
        if n_genes[d, -1] == 0:
            out[d, -1] = f"no patient expresses {min_genes} {what} in {min_cells} malignant cells"
    if (niches.n_types > 0).sum() < 2:
        out[:] = "one organ only: there is nothing to compare its offer with"
    out[:, :, niches.n_types == 0] = f"no host cell type with {min_cells} cells in a sample"
    return out
