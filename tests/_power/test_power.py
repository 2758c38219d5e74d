"""Detectable effects beside statsmodels and simulation, every kind of design, every refusal."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import niche
from niche.errors import InputTypeError, InputValueError, StaleResultError


def effect(report, contrast, column="min_detectable_log2fc"):
    return report.table.set_index("contrast").loc[contrast, column]


@pytest.fixture(scope="module")
def unpaired():
    return niche.power({"bone": 5, "lung": 4, "brain": 2, "liver": 1}, sd=0.6, max_patients=4)


@pytest.mark.parametrize(("n", "alpha", "power"), [(3, 0.05, 0.8), (6, 0.05, 0.9), (8, 0.001, 0.8)])
def test_two_organs_are_the_tests_of_statsmodels(n, alpha, power):
    tests = pytest.importorskip(
        "statsmodels.stats.power", reason="statsmodels is not installed (extra: test)"
    )
    options = {"sd": 0.7, "alpha": alpha, "power": power, "max_patients": 2}
    found = effect(niche.power({"bone": n, "lung": n}, **options), "bone_vs_lung")
    theirs = tests.TTestIndPower().solve_power(nobs1=n, alpha=alpha, power=power)
    assert found == pytest.approx(0.7 * theirs, rel=1e-4)
    uneven = effect(niche.power({"bone": n, "lung": 2 * n}, **options), "bone_vs_lung")
    theirs = tests.TTestIndPower().solve_power(nobs1=n, ratio=2, alpha=alpha, power=power)
    assert uneven == pytest.approx(0.7 * theirs, rel=1e-4)
    paired = niche.power({"bone": n, "lung": n}, pairing="paired", correlation=0.6, **options)
    theirs = tests.TTestPower().solve_power(nobs=n, alpha=alpha, power=power)
    assert effect(paired, "bone_vs_lung") == pytest.approx(0.7 * np.sqrt(2 * 0.4) * theirs, rel=1e-4)


def test_rest_is_the_mean_of_the_other_organs(unpaired):
    """Liver has one patient, so the rest of bone is lung and brain."""
    error = 0.6 * np.sqrt(1 / 5 + 0.25 / 4 + 0.25 / 2)
    assert effect(unpaired, "bone_vs_rest", "standard_error") == pytest.approx(error)
    assert effect(unpaired, "bone_vs_rest", "df") == 12 - 4
    assert effect(unpaired, "bone_vs_rest", "n_patients_other") == 6


def test_statuses(unpaired):
    table = unpaired.table.set_index("contrast")
    assert table.loc["bone_vs_lung", "status"] == "test and call" and not table.loc["bone_vs_lung", "reason"]
    for name in ("brain_vs_rest", "bone_vs_brain"):
        assert table.loc[name, "status"] == "test, no call"
        assert table.loc[name, "reason"] == "3 patients are needed for a call"
    for name in ("liver_vs_rest", "bone_vs_liver"):
        row = table.loc[name]
        assert row["status"] == "not_testable" and "1 patient" in row["reason"]
        assert row[["standard_error", "df", "min_detectable_log2fc", "min_detectable_fold"]].isna().all()


def test_more_of_what_helps_helps():
    def bone(n=4, **options):
        report = niche.power({"bone": n, "lung": n}, max_patients=2, **({"sd": 0.6} | options))
        return effect(report, "bone_vs_lung")

    base = bone()
    assert bone(n=5) < base < bone(n=3)
    assert bone(sd=0.4) == pytest.approx(base * 0.4 / 0.6)
    assert bone(power=0.5) < base < bone(power=0.95)
    assert base < bone(n_tests=20) == pytest.approx(bone(alpha=0.05 / 20))
    assert base < bone(n_tests=1000, share_true=0.1) < bone(n_tests=1000)
    assert bone(prior_df=4) < base
    assert bone(pairing="paired", correlation=0.9) < bone(pairing="paired", correlation=0.5)
    assert base < bone(cells=1000) < bone(cells=30)


def test_counting_variance_by_hand():
    """20 cells x 5000 counts x 100 per million are 10 counts: variance 1/10 + 0.2/20 on the natural scale."""
    options = {"sd": 0.5, "cells": 20, "depth": 5000, "cpm": 100, "dispersion": 0.2, "max_patients": 2}
    found = niche.power({"bone": 4, "lung": 4}, **options)
    total = 0.25 + (0.1 + 0.01) / np.log(2) ** 2
    assert effect(found, "bone_vs_lung", "standard_error") == pytest.approx(np.sqrt(total * 2 / 4))
    shallow = niche.power({"bone": 4, "lung": 4}, **(options | {"cpm": 20}))
    assert effect(shallow, "bone_vs_lung", "status") == "not_testable"
    assert (
        effect(shallow, "bone_vs_lung", "reason") == "depth: 2 counts are expected in a sample, 3 are needed"
    )


def test_power_is_reached_by_simulated_counts():
    """Pseudobulk counts with the assumed spread: the detectable effect is found in 80 % of the genes."""
    rng, n, cells, mean, phi, sd = np.random.default_rng(0), 5, 40, 1.5, 0.25, 0.5
    report = niche.power(
        {"bone": n, "lung": n}, sd=sd, cells=cells, depth=mean * 1e4, cpm=100, dispersion=phi, max_patients=2
    )
    shift = effect(report, "bone_vs_lung")
    level = mean * 2 ** (rng.normal(0, sd, (4000, 2 * n)) + shift / 2 * np.repeat([1, -1], n))
    # the sum of cells is negative binomial with dispersion phi / cells
    counts = rng.poisson(cells * level * rng.gamma(cells / phi, phi / cells, level.shape))
    y = np.log2(counts + 0.5)
    p = stats.ttest_ind(y[:, :n], y[:, n:], axis=1).pvalue
    assert np.mean(p < 0.05) == pytest.approx(0.8, abs=0.03)


def test_power_is_reached_in_paired_simulation():
    rng, n, sd, r = np.random.default_rng(1), 5, 0.6, 0.5
    report = niche.power({"a": n, "b": n, "c": n}, pairing="paired", sd=sd, correlation=r, max_patients=2)
    shift = effect(report, "a_vs_rest")
    patients = rng.normal(0, sd * np.sqrt(r), (10_000, n, 1))
    y = patients + rng.normal(0, sd * np.sqrt(1 - r), (10_000, n, 3)) + shift * np.array([1, 0, 0])
    within = (
        y - y.mean(axis=2, keepdims=True) - y.mean(axis=1, keepdims=True) + y.mean(axis=(1, 2), keepdims=True)
    )
    s2 = (within**2).sum(axis=(1, 2)) / ((n - 1) * 2)
    t = (y[:, :, 0].mean(axis=1) - y[:, :, 1:].mean(axis=(1, 2))) / np.sqrt(s2 * 1.5 / n)
    power = np.mean(np.abs(t) > stats.t.isf(0.025, (n - 1) * 2))
    assert power == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / 10_000))


def test_curve():
    report = niche.power({"bone": 3, "lung": 3, "brain": 3}, sd=[0.6, 0.3], max_patients=5)
    curve = report.curve
    assert list(curve) == ["n_patients", "pairing", "contrast", "sd", "df", "min_detectable_log2fc", "status"]
    assert len(curve) == 4 * 3 * 2 * 2 and not curve["min_detectable_log2fc"].isna().any()
    assert set(curve.loc[curve["n_patients"] == 2, "status"]) == {"test, no call"}
    assert set(curve.loc[curve["n_patients"] > 2, "status"]) == {"test and call"}
    for _, part in curve.groupby(["pairing", "contrast", "sd"]):
        assert (np.diff(part["min_detectable_log2fc"]) < 0).all()
    here = curve[(curve["n_patients"] == 3) & (curve["pairing"] == "unpaired") & (curve["sd"] == 0.3)]
    here = here.set_index("contrast")["min_detectable_log2fc"]
    table = report.table[report.table["sd"] == 0.3].set_index("contrast")["min_detectable_log2fc"]
    assert here["organ_vs_rest"] == pytest.approx(table["bone_vs_rest"])
    assert here["organ_vs_organ"] == pytest.approx(table["bone_vs_lung"])


def test_every_way_to_give_a_design():
    wide = pd.DataFrame(
        {"bone": [1, 1, 1, 0], "lung": [True, False, True, True]}, index=["p1", "p2", "p3", "p4"]
    )
    long = pd.DataFrame(
        {
            "patient": ["p1", "p1", "p2", "p3", "p3", "p4"],
            "organ": ["bone", "lung", "bone", "bone", "lung", "lung"],
        }
    )
    found = [niche.power(design, max_patients=2).table for design in (wide, long)]
    pd.testing.assert_frame_equal(*found)
    assert (found[0]["n_patients_both"] == 2).all() and (found[0]["n_patients"] == 3).all()


def test_from_anndata_and_its_report(demo):
    direct = niche.power(demo, max_patients=2)
    report = niche.pp.check(demo)
    checked, stored = niche.power(report, max_patients=2), niche.power(demo, max_patients=2)
    pd.testing.assert_frame_equal(checked.table, stored.table)
    organs = report.organs[report.organs["tissue"] == "metastasis"].set_index("organ")
    for organ, n in organs["n_patients_usable"].items():
        assert (checked.table.loc[checked.table["contrast"] == f"{organ}_vs_rest", "n_patients"] == n).all()
    assert set(direct.table["contrast"]) == set(checked.table["contrast"])
    assert "bone_vs_primary" in set(direct.table["contrast"]) and "primary" in set(demo.obs["tissue"])
    demo.obs["patient"] = demo.obs["patient"].astype(str).replace({"P01": "P02"})
    with pytest.raises(StaleResultError, match="obs patient changed"):
        niche.power(demo)


def test_repeated_samples_are_no_patients():
    once = pd.DataFrame({"bone": [1, 1, 0, 0], "lung": [0, 0, 1, 1]}, index=list("abcd"))
    often = 5 * once
    rows = [niche.power(d, sd=0.6, max_patients=2).table.iloc[0] for d in (once, often)]
    assert [row["n_patients"] for row in rows] == [2, 2] and rows[0]["df"] == rows[1]["df"] == 2
    assert rows[1]["standard_error"] == pytest.approx(rows[0]["standard_error"] * np.sqrt(0.5 + 0.5 / 5))


def test_one_organ_has_no_contrast():
    report = niche.power({"bone": 5})
    assert not len(report.table) and not len(report.curve)
    assert "power" in repr(report)


def test_text_and_html(unpaired):
    text = repr(unpaired)
    assert "bone_vs_rest" in text and "not_testable" in text and "sd = 0.6" in text
    assert "assumed, not measured" in text and "by patients per organ" in text
    html = unpaired._repr_html_()
    assert "<table" in html and "none was measured in your study" in html
    assert unpaired.assumptions.set_index("assumption").loc["share_true", "value"] == "not given"


def test_report_example():
    from niche._power.report import PowerReport

    example = doctest.DocTestFinder().find(PowerReport, "PowerReport")[0]
    assert doctest.DocTestRunner().run(example).failed == 0


@pytest.mark.parametrize(
    ("design", "error", "message"),
    [
        (5, InputTypeError, "design must be an AnnData"),
        ({}, InputValueError, "the design names no organ"),
        ({"bone": -1}, InputValueError, "the number of patients of 'bone' must be an integer"),
        ({"bone": 0}, InputValueError, "no sample that can be used"),
        (pd.DataFrame({"a": ["x"]}), InputValueError, "needs the columns 'patient' and 'organ'"),
        (pd.DataFrame({"a": [0.5]}), InputValueError, "whole numbers of samples inside. Found columns 'a'"),
        (
            pd.DataFrame({"patient": ["p", None], "organ": ["a", "b"]}),
            InputValueError,
            "samples without patient",
        ),
        (
            pd.DataFrame({"patient": ["p"], "organ": ["a"], "tissue": ["met"]}),
            InputValueError,
            "tissue must be one of primary, metastasis, normal. Found 'met'",
        ),
    ],
)
def test_bad_designs(design, error, message):
    with pytest.raises(error, match=message):
        niche.power(design)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairing": "some"}, "pairing must be one of"),
        ({"sd": 0}, "sd must be a number in"),
        ({"sd": []}, "sd must be one or more numbers"),
        ({"correlation": 1}, "correlation must be a number in"),
        ({"alpha": 0}, "alpha must be a number in"),
        ({"power": 0.04}, "power must be a number in"),
        ({"cells": 0}, "cells must be a number in"),
        ({"share_true": 0}, "share_true must be a number in"),
        ({"n_tests": 0}, "n_tests must be an integer in"),
        ({"max_patients": 1}, "max_patients must be an integer in"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InputValueError, match=message):
        niche.power({"bone": 3, "lung": 3}, **options)
