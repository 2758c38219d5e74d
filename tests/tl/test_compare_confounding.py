"""Covariates of a comparison of organs: adjusted for, refused by name, or warned of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hand_made import (
    BONE,
    EDGE,
    LIVER,
    LUNG,
    communicate,
    edge_value,
    hand_made,
)

from niche import get, tl
from niche.errors import InputValueError, MissingKeyError, NicheWarning


def compare(adata, **options):
    tl.compare_communication(adata, **options)
    return get.compare_communication(adata)


def one(table, contrast, **where):
    found = table[table["contrast"] == contrast]
    for name, value in (EDGE | where).items():
        found = found[found[name] == value]
    assert len(found) == 1, len(found)
    return found.iloc[0]


def with_study(samples, second):
    adata = hand_made(samples)
    adata.obs["study"] = np.where(adata.obs["organ"] == second, "B", "A")
    return communicate(adata)


def test_a_covariate_that_hides_everything_is_refused_by_name():
    adata = with_study(BONE + LIVER, "liver")
    before = sorted(adata.uns)
    with pytest.raises(InputValueError, match="'study' cannot be told apart from the organs"):
        tl.compare_communication(adata, covariates=["study"])
    assert sorted(adata.uns) == before


def test_a_covariate_that_hides_the_primary_is_refused_too():
    primary = tuple((f"breast{i}", f"P{i}", "breast", "primary") for i in (1, 2, 3))
    adata = hand_made(LIVER + primary)
    adata.obs["study"] = np.where(adata.obs["organ"] == "liver", "B", "A")
    communicate(adata, tissues=("metastasis", "primary"))
    with pytest.raises(InputValueError, match="'study' cannot be told apart from the organs"):
        tl.compare_communication(adata, covariates=["study"])
    with pytest.warns(NicheWarning, match="'study' cannot be told apart .* 'liver_vs_primary'"):
        tl.compare_communication(adata)


def test_an_organ_behind_a_covariate_is_not_testable_and_the_others_are():
    """All of lung is of study B: what bone and liver differ by can still be told, tested and called."""
    adata = with_study(BONE + LIVER + LUNG, "lung")
    with pytest.warns(NicheWarning, match="'study' cannot be told apart from some organs"):
        table = compare(adata, covariates=["study"])
    for contrast in ("omnibus", "bone_vs_rest", "lung_vs_rest", "bone_vs_lung", "liver_vs_lung"):
        row = one(table, contrast)
        assert row["reason"] == "aliased with study" and row["call"] == "not_testable", contrast
        assert np.isnan(row["pval"])
    row = one(table, "bone_vs_liver")
    assert row["pval"] < 0.001
    assert row["pval"] <= row["qval"] < 0.01, "a pair that is tested has a q-value"
    assert row["call"] == "enriched" and row["reason"] == ""


def test_a_hidden_column_that_is_no_covariate_is_warned_of():
    adata = with_study(BONE + LIVER, "liver")
    with pytest.warns(NicheWarning, match="'study' cannot be told apart from the organs in 'bone_vs_liver'"):
        tl.compare_communication(adata)
    table = adata.uns["compare_communication"]["confounding"]
    found = pd.DataFrame(table) if not isinstance(table, pd.DataFrame) else table
    assert list(found["term"]) == ["study"] and list(found["contrast"]) == ["bone_vs_liver"]
    assert found["confounded"].all()


def test_a_crossed_covariate_is_adjusted_for():
    adata = hand_made(BONE + LIVER + LUNG)
    batch = {"P1": "x", "P4": "x", "P7": "x", "P2": "x"}
    adata.obs["batch"] = adata.obs["patient"].map(batch).fillna("y")
    row = one(compare(communicate(adata), covariates=["batch"]), "bone_vs_liver")
    samples = BONE + LIVER + LUNG
    design = np.array(
        [[s[2] == "bone", s[2] == "liver", s[2] == "lung", s[1] in batch] for s in samples], dtype=float
    )
    test = sm.OLS([edge_value(s[1]) for s in samples], design).fit().t_test([1, -1, 0, 0])
    assert row["log2fc"] == pytest.approx(float(np.squeeze(test.effect)), rel=1e-5)
    assert row["pval"] == pytest.approx(float(np.squeeze(test.pvalue)), rel=1e-5)


def test_a_number_is_adjusted_for_and_its_unit_does_not_matter():
    adata = hand_made(BONE + LIVER + LUNG)
    age = {f"P{i}": value for i, value in enumerate([50, 61, 47, 70, 66, 52, 58, 49, 73], start=1)}
    adata.obs["age"] = adata.obs["patient"].map(age).astype(float)
    adata.obs["days"] = 365.25 * adata.obs["age"]
    communicate(adata)
    row, same = (one(compare(adata, covariates=name), "bone_vs_liver") for name in ("age", "days"))
    samples = BONE + LIVER + LUNG
    design = np.array(
        [[s[2] == o for o in ("bone", "liver", "lung")] + [age[s[1]]] for s in samples], dtype=float
    )
    test = sm.OLS([edge_value(s[1]) for s in samples], design).fit().t_test([1, -1, 0, 0])
    assert row["pval"] == pytest.approx(float(np.squeeze(test.pvalue)), rel=1e-5)
    assert same["pval"] == pytest.approx(row["pval"], rel=1e-7)


def test_a_covariate_that_varies_within_a_sample_is_refused():
    adata = communicate(hand_made(BONE + LIVER))
    adata.obs["purity"] = np.linspace(0, 1, adata.n_obs)
    with pytest.raises(InputValueError, match="'purity' must be one value per sample"):
        tl.compare_communication(adata, covariates=["purity"])
    with pytest.raises(MissingKeyError, match="'nosuch' not found"):
        tl.compare_communication(adata, covariates=["nosuch"])


def test_a_missing_covariate_is_refused_only_where_the_sample_takes_part():
    primary = (("breast1", "P1", "breast", "primary"),)
    adata = hand_made(BONE + LIVER + primary)
    adata.obs["batch"] = adata.obs["patient"].map({"P1": "x", "P4": "x"}).fillna("y")
    adata.obs.loc[adata.obs["organ"] == "breast", "batch"] = None
    communicate(adata)
    assert np.isfinite(one(compare(adata, covariates=["batch"]), "bone_vs_liver")["pval"])
    adata.obs.loc[adata.obs["sample"] == "bone2", "batch"] = None
    with pytest.raises(InputValueError, match=r"'batch' is missing in 1 of 6 samples, for example 'bone2'"):
        tl.compare_communication(adata, covariates=["batch"])
