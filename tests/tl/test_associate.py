"""Scores against growth and relapse."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError, MissingPackageError
from niche.tl import _cox
from niche.tl.associate import COLUMNS


@pytest.fixture
def animals() -> pd.DataFrame:
    """Slopes of eight animals in two organs."""
    return niche.tl.growth_rates(
        niche.datasets.simulate_bioluminescence(0, groups={"a": 4, "b": 4}), group="group"
    )


@pytest.fixture
def samples(animals) -> pd.DataFrame:
    """Two samples per animal in the long form of niche.get.signatures."""
    rng = np.random.default_rng(1)
    names = sorted(set(animals["animal"]))
    bone = animals[animals["organ"] == "bone"].set_index("animal")["slope"]
    rows = [
        {
            "sample": f"{name}{organ}{i}",
            "patient": name,
            "organ": organ,
            "signature": signature,
            "score": value,
        }
        for name in names
        for organ in ("bone", "lung")
        for i in range(2)
        for signature, value in (("growth", 10 * bone[name] + 0.2 * rng.normal()), ("noise", rng.normal()))
    ]
    return pd.DataFrame(rows)


def test_samples_are_averaged_per_animal(animals, samples):
    found = niche.tl.associate(samples, animals)
    assert list(found) == list(COLUMNS) and len(found) == 4
    row = found.set_index(["score", "organ"]).loc[("growth", "bone")]
    means = samples[samples["signature"] == "growth"].groupby("patient")["score"].mean()
    slopes = animals[animals["organ"] == "bone"].set_index("animal")["slope"]
    expected = stats.linregress(means, slopes[means.index])
    assert row["pval"] == pytest.approx(expected.pvalue) and row["n_patients"] == 8 and row["df"] == 6
    assert row["effect"] == pytest.approx(expected.slope * means.std(ddof=1))
    assert (row["outcome"], row["unit"]) == ("growth", "change of slope per sd")
    assert found["qval"].to_numpy() == pytest.approx(stats.false_discovery_control(found["pval"]))


def test_ranks(animals, samples):
    row = (
        niche.tl.associate(samples, animals, method="rank")
        .set_index(["score", "organ"])
        .loc[("noise", "lung")]
    )
    means = samples[samples["signature"] == "noise"].groupby("patient")["score"].mean()
    slopes = animals[animals["organ"] == "lung"].set_index("animal")["slope"]
    expected = stats.spearmanr(means, slopes[means.index])
    ranks = stats.rankdata(slopes[means.index])
    orders = np.array(list(itertools.permutations(ranks - ranks.mean()))) @ stats.rankdata(means)
    exact = np.mean(np.abs(orders) >= abs(orders[0]) - 1e-9)
    assert (row["effect"], row["pval"]) == pytest.approx((expected.statistic, exact))
    assert row["pval"] == pytest.approx(expected.pvalue, rel=0.05)
    assert row["unit"] == "rank correlation"


def test_samples_of_the_same_organ_only(animals, samples):
    found = niche.tl.associate(samples, animals, match_organ=True).set_index(["score", "organ"])
    mine = (
        samples[(samples["signature"] == "noise") & (samples["organ"] == "lung")]
        .groupby("patient")["score"]
        .mean()
    )
    slopes = animals[animals["organ"] == "lung"].set_index("animal")["slope"]
    assert found.loc[("noise", "lung"), "pval"] == pytest.approx(
        stats.linregress(mine, slopes[mine.index]).pvalue
    )
    bone_only = niche.tl.associate(samples[samples["organ"] == "bone"], animals, match_organ=True)
    lung = bone_only[bone_only["organ"] == "lung"]
    assert (lung["status"] == "not_testable").all() and lung["reason"].tolist() == [
        "too few animals: 0, 5 needed"
    ] * 2


def test_covariates_take_groups_out(animals, samples):
    found = niche.tl.associate(samples, animals, covariates="group").set_index(["score", "organ"])
    assert (found["df"] == 5).all()
    by_group = samples.assign(
        score=samples["patient"].map(animals.set_index("animal")["group"].to_dict()).eq("a") * 1.0
    )
    same = niche.tl.associate(by_group, animals, covariates="group")
    assert (same["status"] == "not_testable").all() and same["pval"].isna().all()


def test_wide_and_named_tables_say_the_same(animals, samples):
    want = niche.tl.associate(samples, animals)
    wide = samples.pivot(index=["patient", "sample"], columns="signature", values="score").reset_index()
    for given, options in (
        (wide, {"score": ["growth", "noise"]}),
        (samples.rename(columns={"signature": "set", "score": "mean"}), {"name": "set", "score": "mean"}),
        (
            samples.rename(columns={"signature": "program", "score": "usage", "patient": "mouse"}),
            {"patient": "mouse"},
        ),
    ):
        found = niche.tl.associate(given, animals, **options).sort_values(
            ["score", "organ"], ignore_index=True
        )
        pd.testing.assert_frame_equal(found, want.sort_values(["score", "organ"], ignore_index=True))


def test_scores_of_get_are_understood(demo):
    niche.pp.normalize(demo)
    genes = ["COL1A1", "COL1A2", "COL3A1", "COL5A1", "COL6A1"]
    niche.tl.score_signatures(demo, {"matrix": genes}, compartment="stromal", min_genes=5)
    samples = niche.get.signatures(demo, level="sample")
    patients = sorted(set(samples["patient"].astype(str)))
    slopes = pd.DataFrame({"animal": patients, "organ": "bone", "slope": np.linspace(0, 1, len(patients))})
    row = niche.tl.associate(samples, slopes).iloc[0]
    known = samples[samples["status"] == "observed"].groupby("patient", observed=True)["score"].mean()
    assert row["score"] == "matrix" and row["n_patients"] == len(known) and row["status"] == "tested"


def test_few_animals_and_missing_values(animals, samples):
    table = animals.copy()
    table.loc[table["organ"].eq("lung") & table["animal"].isin(sorted(set(table["animal"]))[:4]), "slope"] = (
        np.nan
    )
    found = niche.tl.associate(samples, table).set_index(["score", "organ"])
    assert found.loc[("noise", "lung"), ["status", "reason", "n_left_out"]].tolist() == [
        "not_testable", "too few animals: 4, 5 needed", 4,
    ]  # fmt: skip
    assert np.isnan(found.loc[("noise", "lung"), ["pval", "effect", "qval"]].astype(float)).all()
    lower = niche.tl.associate(samples, table, min_patients=4).set_index(["score", "organ"])
    assert lower.loc[("noise", "lung"), "reason"].startswith("no degrees of freedom left")


def test_relapse_is_the_cox_model_of_relapse():
    pytest.importorskip("lifelines", reason="lifelines is not installed (extra: survival)")
    table = niche.datasets.simulate_relapse(1, n_patients=150)
    twice = pd.concat([table[["patient", "score"]].assign(score=table["score"] + s) for s in (-0.5, 0.5)])
    found = niche.tl.associate(twice, table, score="score", competing="death").set_index("organ")
    want = niche.tl.relapse(table, score="score", competing="death").set_index("organ")
    for name, other in (("effect", "log_hr"), ("pval", "pval"), ("qval", "qval"), ("statistic", "statistic")):
        assert found[name].to_numpy() == pytest.approx(want[other].to_numpy(), nan_ok=True)
    assert found["n_events"].tolist() == want["n_events"].tolist()
    tested = want["status"] == "tested"
    assert np.exp(found["ci_low"][tested]).to_numpy() == pytest.approx(want["ci_low"][tested].to_numpy())
    assert (found["status"] == want["status"]).all() and (~tested).any()
    few = niche.tl.associate(twice[twice["patient"] < "P004"], table, score="score", competing="death")
    assert (few["status"] == "not_testable").all() and set(few["reason"]) == {"too few patients: 3, 5 needed"}


def test_ranks_of_relapse_do_not_see_the_scale():
    pytest.importorskip("lifelines", reason="lifelines is not installed (extra: survival)")
    table = niche.datasets.simulate_relapse(1, n_patients=150)
    one = niche.tl.associate(table, table, kind="relapse", score="score", competing="death", method="rank")
    far = table.assign(score=np.exp(3 * table["score"]))
    other = niche.tl.associate(far, table, kind="relapse", score="score", competing="death", method="rank")
    pd.testing.assert_frame_equal(one, other)


def test_patients_of_whole_numbers_meet_however_stored():
    pytest.importorskip("lifelines", reason="lifelines is not installed (extra: survival)")
    table = niche.datasets.simulate_relapse(1, n_patients=150).assign(patient=np.arange(150))
    scores = table[["patient", "score"]]
    options = {"score": "score", "competing": "death", "covariates": None}
    found = niche.tl.associate(scores.assign(patient=scores["patient"].astype(float)), table, **options)
    pd.testing.assert_frame_equal(found, niche.tl.associate(scores, table, **options))


def test_bad_input(animals, samples, monkeypatch):
    relapses = niche.datasets.simulate_relapse(0, n_patients=20)
    for error, match, args, options in (
        (InputTypeError, "scores must be a pandas DataFrame", (None, animals), {}),
        (InputTypeError, "outcome must be a pandas DataFrame", (samples, None), {}),
        (InputValueError, "holds neither of the columns", (samples, animals.drop(columns="slope")), {}),
        (InputValueError, "holds both of the columns", (samples, animals.assign(time=1.0)), {}),
        (InputValueError, "no patient is in both tables", (samples.assign(patient="x"), animals), {}),
        (InputValueError, "'M1' in 'bone' twice", (samples, pd.concat([animals, animals])), {}),
        (InputValueError, "scores is no table of niche.get", (samples[["patient", "score"]], animals), {}),
        (InputValueError, "score must name columns", (samples, animals), {"score": []}),
        (
            InputValueError,
            "with name= the scores are in one column",
            (samples, animals),
            {"name": "signature"},
        ),
        (MissingKeyError, "'mouse' not found in scores", (samples, animals), {"patient": "mouse"}),
        (MissingKeyError, "'batch' not found in outcome", (samples, animals), {"covariates": "batch"}),
        (InputValueError, "min_patients must be an integer", (samples, animals), {"min_patients": 3}),
        (
            InputValueError,
            "repeat a patient",
            (relapses, pd.concat([relapses, relapses])),
            {"score": "score"},
        ),
    ):
        with pytest.raises(error, match=match):
            niche.tl.associate(*args, **options)
    monkeypatch.setattr(_cox, "find_spec", lambda _: None)
    with pytest.raises(MissingPackageError, match="survival"):
        niche.tl.associate(relapses, relapses, score="score")
