"""Tables of ambient fractions and shares."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError, StaleResultError

LEVELS = ("samples", "cell_types", "genes", "sample_genes", "exclusive_genes")


@pytest.fixture(scope="module")
def _assessed(_demo: ad.AnnData) -> ad.AnnData:
    adata = _demo.copy()
    niche.pp.ambient(adata)
    return adata


@pytest.fixture
def assessed(_assessed: ad.AnnData) -> ad.AnnData:
    return _assessed.copy()


def test_samples(assessed):
    table = niche.get.ambient(assessed)
    assert list(table) == [
        "sample", "patient", "organ", "n_cells", "n_counts", "profile", "fraction", "ci_low", "ci_high",
        "n_genes", "status", "reason",
    ]  # fmt: skip
    assert table["sample"].tolist() == sorted(assessed.obs["sample"].unique())
    assert table["n_cells"].sum() == assessed.n_obs
    assert table["n_counts"].sum() == assessed.layers["counts"].sum()
    truth = assessed.uns["truth"]["samples"].set_index("sample")["ambient"]
    assert np.corrcoef(table["fraction"], truth.reindex(table["sample"]))[0, 1] > 0.9


def test_organs_of_other_tissue_are_named(assessed):
    assert "breast (primary)" in niche.get.ambient(assessed)["organ"].tolist()


def test_cell_types(assessed):
    table = niche.get.ambient(assessed, level="cell_types")
    groups = assessed.obs.groupby(["sample", "cell_type"], observed=True).size()
    assert len(table) == len(groups)
    assert table["n_cells"].tolist() == groups.to_numpy().tolist()
    assert set(table.loc[table["n_cells"] < 10, "source"]) == {"sample"}


def test_sample_genes_by_hand(assessed):
    one = {"sample": "P01_bone", "cell_type": "Malignant"}
    table = niche.get.ambient(assessed, level="sample_genes", **one, gene=["EPCAM", "COL1A1"]).set_index(
        "gene"
    )
    counts = assessed.layers["counts"]
    here = (assessed.obs["sample"] == "P01_bone").to_numpy()
    mine = here & (assessed.obs["cell_type"] == "Malignant").to_numpy()
    fraction = niche.get.ambient(assessed, level="cell_types", **one)["fraction"].iloc[0]
    for gene in table.index:
        column = assessed.var_names.get_loc(gene)
        observed = counts[mine][:, column].sum()
        expected = fraction * counts[mine].sum() * counts[here][:, column].sum() / counts[here].sum()
        assert table.loc[gene, "observed"] == observed
        assert table.loc[gene, "expected"] == pytest.approx(expected)
        assert table.loc[gene, "share"] == pytest.approx(min(1, expected / observed))


def test_genes_by_hand(assessed):
    """An organ's value is the mean over patients of the mean over their samples."""
    row = niche.get.ambient(assessed, level="genes", organ="bone", cell_type="Malignant", gene="SPP1").iloc[0]
    counts, obs = assessed.layers["counts"], assessed.obs
    column = assessed.var_names.get_loc("SPP1")
    samples = niche.get.ambient(assessed, level="cell_types", cell_type="Malignant", organ="bone")
    samples = samples[samples["n_cells"] >= 10]
    observed, expected = {}, {}
    for sample, fraction in zip(samples["sample"], samples["fraction"], strict=True):
        here = (obs["sample"] == sample).to_numpy()
        mine = here & (obs["cell_type"] == "Malignant").to_numpy()
        patient = obs.loc[here, "patient"].iloc[0]
        observed.setdefault(patient, []).append(counts[mine][:, column].sum() / counts[mine].sum())
        expected.setdefault(patient, []).append(fraction * counts[here][:, column].sum() / counts[here].sum())
    means = [1e6 * np.mean([np.mean(v) for v in part.values()]) for part in (observed, expected)]
    assert row["observed"] == pytest.approx(means[0], rel=1e-5)
    assert row["expected"] == pytest.approx(means[1], rel=1e-5)
    assert row["share"] == pytest.approx(min(1, means[1] / means[0]), rel=1e-5)


def test_planted_genes(assessed):
    table = niche.get.ambient(assessed, level="genes", cell_type="Malignant").set_index(["organ", "gene"])
    assert table.loc[("lung", "SFTPA1"), "flag"] == "ambient"
    assert table.loc[("lung", "SFTPA1"), "effect_flag"] == "ambient"
    assert table.loc[("bone", "IL11"), "effect_flag"] == "own"
    assert table.loc[("bone", "EPCAM"), "flag"] == "own"
    assert ((table["share_low"] <= table["share"]) & (table["share"] <= table["share_high"]))[
        table["share"].notna()
    ].all()


def test_against(assessed):
    chosen = {"level": "genes", "cell_type": "Malignant", "gene": "SFTPA1", "organ": "lung"}
    rest = niche.get.ambient(assessed, **chosen).iloc[0]
    bone = niche.get.ambient(assessed, **chosen, against="bone").iloc[0]
    primary = niche.get.ambient(assessed, **chosen, against=["breast (primary)"]).iloc[0]
    itself = niche.get.ambient(assessed, **chosen, against="lung").iloc[0]
    assert rest["observed"] == bone["observed"]
    assert rest["log2fc"] != bone["log2fc"]
    assert primary["effect_flag"] == "ambient"
    assert itself["effect_flag"] == "not_testable"
    assert np.isnan(itself["log2fc"])


def test_one_metastatic_organ_is_compared_with_the_others(_demo):
    adata = _demo[_demo.obs["organ"].isin(["bone", "breast"])].copy()
    niche.pp.ambient(adata)
    table = niche.get.ambient(adata, level="genes", cell_type="Malignant", gene="SPP1").set_index("organ")
    assert table.loc["bone", "effect_flag"] == "ambient"


def test_exclusive_genes(assessed):
    table = niche.get.ambient(assessed, level="exclusive_genes", sample="P01_lung", cell_type="Malignant")
    fraction = niche.get.ambient(assessed, sample="P01_lung")["fraction"].iloc[0]
    assert len(table) >= 5
    assert (table["expressed_by"] != "Malignant").all()
    assert 0.7 * fraction < table["ratio"].median() < 1.4 * fraction
    np.testing.assert_allclose(table["ratio"], table["observed"] / table["expected"])


def test_programs(assessed):
    programs = {
        "leaked": ["SFTPA1", "SFTPC"],
        "own": {"EPCAM": 2.0, "KRT8": 1.0},
        "away": ["NO_SUCH", "GENE", "EPCAM"],
    }
    table = niche.get.ambient(assessed, level="genes", programs=programs, organ="lung", cell_type="Malignant")
    table = table.set_index("program")
    genes = niche.get.ambient(
        assessed, level="genes", organ="lung", cell_type="Malignant", gene=["EPCAM", "KRT8"]
    ).set_index("gene")
    assert table.loc["leaked", ["flag", "effect_flag"]].tolist() == ["ambient", "ambient"]
    assert table.loc["own", "flag"] == "own"
    assert table.loc["own", "share"] == pytest.approx(
        (2 * genes.loc["EPCAM", "share"] + genes.loc["KRT8", "share"]) / 3
    )
    assert table.loc["away", "flag"] == table.loc["away", "effect_flag"] == "not_testable"
    assert table.loc["away", "measured"] == pytest.approx(1 / 3)
    assert np.isnan(table.loc["away", "share"])
    frame = pd.DataFrame({"program": "leaked", "gene": ["SFTPA1", "SFTPC"], "weight": 1.0})
    again = niche.get.ambient(assessed, level="genes", programs=frame, organ="lung", cell_type="Malignant")
    assert again["share"].iloc[0] == table.loc["leaked", "share"]


@pytest.mark.parametrize(
    ("programs", "error", "message"),
    [
        ({}, InputValueError, "holds no genes"),
        ({"x": "EPCAM"}, InputTypeError, "must list genes"),
        ({"x": {"EPCAM": -1.0}}, InputValueError, "finite and not negative"),
        ({"x": {"EPCAM": 0.0}}, InputValueError, "no gene with a weight above 0"),
        (["EPCAM"], InputTypeError, "must be a mapping or a DataFrame"),
        (pd.DataFrame({"gene": ["EPCAM"]}), MissingKeyError, "Missing: 'program', 'weight'"),
    ],
)
def test_bad_programs(assessed, programs, error, message):
    with pytest.raises(error, match=message):
        niche.get.ambient(assessed, level="genes", programs=programs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "cells"}, "level must be one of"),
        ({"organ": "kidney"}, "organ: 'kidney' not in the result. Available: 'bone'"),
        ({"level": "genes", "organ": "kidney"}, "organ: 'kidney' not in the result"),
        ({"level": "genes", "gene": "NOPE"}, "gene: 'NOPE' not in the result"),
        ({"level": "genes", "against": "kidney"}, "against: 'kidney' not in the result"),
        ({"level": "genes", "sample": "P01_bone"}, "sample= belongs to level='samples'"),
        ({"gene": "EPCAM"}, "gene= belongs to level='genes'"),
        ({"programs": {"x": ["EPCAM"]}}, "programs= belongs to level='genes'"),
        ({"level": "genes", "gene": "EPCAM", "programs": {"x": ["EPCAM"]}}, "not both"),
        ({"level": "sample_genes", "sample": "nowhere"}, "sample: 'nowhere' not in the result"),
    ],
)
def test_bad_options(assessed, options, message):
    with pytest.raises(InputValueError, match=message):
        niche.get.ambient(assessed, **options)


@pytest.mark.parametrize("level", LEVELS)
def test_not_run_and_stale(assessed, demo, level):
    with pytest.raises(MissingKeyError, match=r"Run niche\.pp\.ambient first"):
        niche.get.ambient(demo, level=level)
    assessed.obs["cell_type"] = assessed.obs["cell_type"].astype(str).replace({"Macrophage": "TAM"})
    with pytest.raises(StaleResultError, match="obs cell_type changed"):
        niche.get.ambient(assessed, level=level)


def test_genes_are_read_in_parts(assessed, monkeypatch):
    whole = niche.get.ambient(assessed, level="genes", cell_type="Malignant")
    monkeypatch.setattr("niche.get._ambient_result._GENES_AT_A_TIME", 300)
    pd.testing.assert_frame_equal(whole, niche.get.ambient(assessed, level="genes", cell_type="Malignant"))
