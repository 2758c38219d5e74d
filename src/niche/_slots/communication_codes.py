"""How the status and the reason of an edge are stored: one small integer, one meaning."""

from __future__ import annotations

import numpy as np

TESTED, NOT_EXPRESSED, NOT_TESTABLE = "tested", "not_expressed", "not_testable"
STATUSES = (TESTED, NOT_EXPRESSED, NOT_TESTABLE)

REASONS = (
    "",
    "measured and not expressed: ligand",
    "measured and not expressed: receptor",
    "measured and not expressed: ligand and receptor",
    "gene not measured: ligand",
    "gene not measured: receptor",
    "gene not measured: ligand and receptor",
    "subunit missing: ligand",
    "subunit missing: receptor",
    "subunit missing: ligand and receptor",
    "cell type structurally absent in this organ: source",
    "cell type structurally absent in this organ: target",
    "cell type structurally absent in this organ: source and target",
    "cell type present but too few cells: source",
    "cell type present but too few cells: target",
    "cell type present but too few cells: source and target",
    "no sample holds both cell types with enough cells",
    "labels cannot be permuted: the samples hold one cell type only, or the genes do not vary in them",
    "does not cross-react: this ligand does not act on the receptor of the other species",
    "does not cross-react: a cell type holds both species, so part of the edge would run between them",
)
EXPRESSION, MEASURED, SUBUNIT, ABSENT, TOO_FEW = 1, 4, 7, 10, 13
APART, NO_NULL, NO_CROSS_REACTION, BOTH_SPECIES = 16, 17, 18, 19

UNREACTIVE = (NO_CROSS_REACTION, BOTH_SPECIES)
"""Reasons of pairs that do not react across species."""

STATUS_OF_REASON = np.array([0, 1, 1, 1] + [2] * (len(REASONS) - 4), dtype=np.uint8)

NULLS = ("none", "analytic", "permutation", "bound")


def sided(base: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Code of a reason that holds for the first side, the second or both; 0 where for neither."""
    codes = np.array([0, base, base + 1, base + 2], dtype=np.uint8)
    return codes[first.astype(np.uint8) + 2 * second.astype(np.uint8)]
