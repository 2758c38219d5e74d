"""Sublines of few cultures weigh less where cultures differ, and only there."""

from __future__ import annotations

import numpy as np
import pytest

import niche


def weights(**options: object) -> dict[str, float]:
    """Median weight of every subline over that of the sublines with most cultures."""
    adata = niche.datasets.simulate_sublines(
        4, n_genes=400, sublines=5, null=True, drift_sd=0.2, dispersion=0, depth=2e7, **options
    )
    niche.tl.compare_sublines(adata, replicate_key="culture")
    stored = adata.uns["compare_sublines"]
    relative = stored["weights"] / stored["weights"].mean(axis=1, keepdims=True)
    n = stored["units"]["n_replicates"]
    medians = {int(m): float(np.median(relative[:, n == m])) for m in np.unique(n)}
    return {m: value / medians[max(medians)] for m, value in medians.items()}


def test_cultures_that_differ() -> None:
    found = weights(replicates=[1, 2, 8], culture_sd=0.4)
    expected = {m: (0.04 + 0.16 / 8) / (0.04 + 0.16 / m) for m in (1, 2, 8)}
    assert found == pytest.approx(expected, rel=0.35)
    assert found[1] < found[2] < found[8]


def test_cultures_that_do_not_differ() -> None:
    assert weights(replicates=[1, 2, 8], culture_sd=0.0)[1] > 0.75


def test_as_many_cultures_everywhere_change_nothing() -> None:
    adata = niche.datasets.simulate_sublines(4, n_genes=300, null=True)
    niche.tl.compare_sublines(adata, replicate_key="culture")
    adata.obs["tissue"] = np.where(adata.obs["organ"] == "parental", "primary", "metastasis")
    adata.obs["cell_type"] = "tumor cell"
    niche.tl.compare_expression(
        adata, sample_key="subline", patient_key="subline", min_cells=1, tissues=("primary", "metastasis")
    )
    ours = niche.get.compare_sublines(adata, contrast="bone_vs_rest")["pval"]
    theirs = niche.get.compare_expression(adata, contrast="bone_vs_rest")["pval"]
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
