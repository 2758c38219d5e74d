"""Counts have the moments they should; ambient, doublets and damaged cells are what the truth says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche.datasets import simulate_metastases
from niche.datasets._simulate.droplets import SampleInput, draw_sample
from niche.datasets._simulate.options import Options
from niche.datasets._simulate.plan import Plan


def quiet(**options: object) -> Options:
    base = {"cells": 4000, "doublets": 0.0, "low_quality": 0.0, "ambient": 0.0, "composition_sd": 0.0}
    return Options(organs=("bone", "liver"), **base | options)


def given(plan: Plan, shares: dict[str, float], n_genes: int = 60) -> SampleInput:
    """A sample of few genes and no mitochondrial stress; programs are off."""
    names = plan.types["cell_type"]
    return SampleInput(
        sample=plan.design.iloc[0],
        shares=pd.Series([shares.get(name, 0.0) for name in names], index=names),
        sizes=np.ones(len(names)),
        profiles=plan.profiles[:, :n_genes],
        clones=["c1"],
        copy_factor=np.ones((1, n_genes)),
        levels=np.zeros(len(plan.programs.table)),
        mitochondrial=np.zeros(n_genes, bool),
    )


def few(plan: Plan, n_genes: int = 60) -> object:
    from dataclasses import replace

    return replace(plan.programs, weights=plan.programs.weights[:, :n_genes])


@pytest.mark.parametrize("dispersion", [0.0, 0.25, 1.0])
def test_negative_binomial_moments(plan: Plan, dispersion: float) -> None:
    options = quiet(dispersion=dispersion, depth=2000.0)
    draw = draw_sample(np.random.default_rng(0), given(plan, {"T cell": 1.0}), few(plan), options)
    row = list(plan.types["cell_type"]).index("T cell")
    share = plan.profiles[row, :60] / plan.profiles[row, :60].sum()
    mean = draw.obs["truth_depth"].to_numpy()[:, None] * share[None, :]
    counts = draw.counts.toarray()
    np.testing.assert_allclose(
        counts.sum(axis=0), mean.sum(axis=0), rtol=0.08, atol=5 * np.sqrt(mean.sum(axis=0)).max()
    )
    busy = mean.mean(axis=0) > 5
    assert busy.sum() >= 10
    excess = ((counts - mean) ** 2 - mean)[:, busy].sum(axis=0) / (mean[:, busy] ** 2).sum(axis=0)
    assert excess.mean() == pytest.approx(dispersion, abs=0.03 + 0.05 * dispersion)


def test_ambient_molecules_come_from_the_pooled_sample(plan: Plan) -> None:
    options = quiet(ambient=0.2, ambient_sample_sd=0.0, ambient_cell_sd=0.0, dispersion=0.0)
    shares = {"T cell": 0.5, "Fibroblast": 0.5}
    start = given(plan, shares, plan.profiles.shape[1])
    draw = draw_sample(np.random.default_rng(0), start, plan.programs, options)
    assert np.allclose(draw.obs["truth_ambient"], 0.2) and draw.soup.sum() == pytest.approx(1)
    pooled = np.asarray(draw.counts.sum(axis=0)).ravel() / draw.counts.sum()
    assert np.abs(pooled - draw.soup).sum() < 0.05
    lymphocytes = draw.counts[(draw.obs["cell_type"] == "T cell").to_numpy()]
    foreign = plan.universe.positions(["LUM", "DCN"])
    found = lymphocytes[:, foreign].sum() / lymphocytes.sum()
    assert found == pytest.approx(0.2 * draw.soup[foreign].sum(), rel=0.15)


def test_doublets_are_sums_and_keep_the_first_label(plan: Plan) -> None:
    options = quiet(doublets=0.2, cells=1000)
    draw = draw_sample(
        np.random.default_rng(0), given(plan, {"T cell": 0.5, "Malignant": 0.5}), few(plan), options
    )
    obs = draw.obs.assign(n=np.asarray(draw.counts.sum(axis=1)).ravel())
    assert obs["truth_doublet"].mean() == pytest.approx(0.2, abs=0.002)
    assert ((obs["truth_doublet_partner"] != "") == obs["truth_doublet"]).all()
    depth = obs.groupby("truth_doublet")["n"].mean()
    assert depth[True] / depth[False] == pytest.approx(2, rel=0.15)
    assert (obs["truth_malignant"] == (obs["cell_type"] == "Malignant")).all()
    assert ((obs["truth_clone"] == "c1") == obs["truth_malignant"]).all()


def test_damaged_cells() -> None:
    adata = simulate_metastases(
        3,
        organs=("bone",),
        patients_per_organ=2,
        cells=200,
        n_genes=1400,
        low_quality=0.15,
        primaries=0,
        normals=0,
    )
    total = np.asarray(adata.X.sum(axis=1)).ravel()
    mitochondrial = np.asarray(adata[:, adata.var_names.str.startswith("MT-")].X.sum(axis=1)).ravel() / total
    low = adata.obs["truth_low_quality"].to_numpy()
    assert low.mean() == pytest.approx(0.15, abs=0.06)
    assert np.median(total[low]) < 0.5 * np.median(total[~low])
    assert np.median(mitochondrial[low]) > 3 * np.median(mitochondrial[~low])


def test_ambient_varies_by_sample_and_by_cell() -> None:
    adata = simulate_metastases(
        3, organs=("bone",), patients_per_organ=12, cells=60, n_genes=1400, design="unpaired"
    )
    log = np.log(adata.obs["truth_ambient"])
    means = log.groupby(adata.obs["sample"], observed=True).mean()
    assert 0.15 < means.std() < 0.5
    assert (log - means.loc[adata.obs["sample"]].to_numpy()).std() == pytest.approx(0.5, rel=0.15)


def test_leaked_usage_is_what_leaks() -> None:
    adata = simulate_metastases(
        3, organs=("liver",), patients_per_organ=2, cells=150, n_genes=1400, doublets=0.0
    )
    truth = adata.uns["truth"]
    column = list(truth["program_names"]).index("leaked_liver")
    genes = truth["program_genes"].query("program == 'leaked_liver'")["gene"].astype(str)
    tumor = (adata.obs["truth_malignant"] & (adata.obs["organ"] == "liver")).to_numpy()
    found = adata[tumor, list(genes)].X.sum() / adata[tumor].X.sum()
    weights = np.asarray(adata[tumor].X.sum(axis=1)).ravel()
    wanted = np.average(adata.obsm["truth_usage"][tumor, column], weights=weights)
    assert wanted > 0.002 and found == pytest.approx(wanted, rel=0.15)
