from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import niche
from niche.pp.design_issues import Issues


def issues(adata, **options):
    return niche.pp.check(adata, **options).issues


def found(table, what, where=""):
    """Texts of the issues of one kind."""
    chosen = (table["what"] == what) & table["where"].str.contains(where, regex=False)
    return [
        f"{s}: {f}" for s, f in zip(table.loc[chosen, "severity"], table.loc[chosen, "found"], strict=True)
    ]


def test_most_severe_first():
    collected = Issues()
    collected.note("a", "b", "c")
    collected.error("a", "b", "d", "e")
    collected.warning("a", "b", "f", "g")
    assert collected.table()["severity"].tolist() == ["error", "warning", "note"]
    assert Issues().table().empty


def test_missing_tissue_is_said(study):
    del study.obs["tissue"]
    report = niche.pp.check(study)
    assert found(report.issues, "tissue") == ["note: no such column: every sample is taken as a metastasis"]
    assert set(report.table["tissue"]) == {"metastasis"}


def test_no_metastasis(study):
    study.obs["tissue"] = "primary"
    report = niche.pp.check(study)
    assert found(report.issues, "tissue") == ["error: no metastasis, only 'primary'"]
    assert not report.ok


def test_one_organ(study):
    table = issues(study[study.obs["organ"] == "bone"].copy())
    assert found(table, "organs") == [
        "warning: one metastatic organ only: nothing can be compared between organs"
    ]


def test_replicates(study):
    assert found(issues(study), "replicates") == [
        "warning: not testable: 1 patient with usable cells, 2 are needed to test"
    ]


def test_unknown_organs_are_said_and_misspelt_ones_recognised(study):
    study.obs["organ"] = study.obs["organ"].replace({"brain": "spleen", "liver": "Lymph node"})
    table = issues(study)
    assert found(table, "organ markers") == ["note: no markers shipped for this organ"] * 2
    advice = table.loc[table["what"] == "organ markers"].set_index("where")["advice"]
    assert advice["organ 'Lymph node'"] == "rename it to 'lymph_node'"
    assert "'bone'" not in advice["organ 'spleen'"]
    assert "bone" in advice["organ 'spleen'"]


def test_pairing(study):
    assert found(issues(study), "pairing") == ["note: 1 of 6 patients have metastases of several organs"]


def test_organ_and_patient_the_same(study):
    study.obs["patient"] = "of " + study.obs["organ"].astype(str)
    assert found(issues(study), "aliased", "patients") == [
        "warning: every organ comes from one patient: organ and patient cannot be told apart"
    ]


def test_dominance_of_cells_and_of_tumor_cells(study):
    drop = study.obs["sample"].isin(["s2", "s3"]) & (study.obs["cell_type"] == "Malignant")
    keep_few = drop & (np.arange(study.n_obs) % 10 != 0)
    table = issues(study[~keep_few].copy())
    texts = found(table, "dominance", "bone")
    assert len(texts) == 1
    assert texts[0].startswith("warning: patient 'p1' supplies 30 of 36 tumor cells (83 %)")
    merged = study[study.obs["sample"].isin(["s1", "s2", "s4"])].copy()
    merged = merged[~((merged.obs["sample"] == "s2") & (np.arange(merged.n_obs) % 3 != 0))].copy()
    assert "cells" in found(issues(merged), "dominance", "bone")[0]
    two = study[study.obs["sample"].isin(["s1", "s2", "s4"])][:-20].copy()
    two = two[~((two.obs["sample"] == "s2") & (np.arange(two.n_obs) % 6 == 0))].copy()
    assert not found(issues(two), "dominance", "bone")


def test_depth(study):
    counts = study.X.toarray()
    counts[(study.obs["organ"] == "bone").to_numpy()] *= 4
    study.X = counts
    (text,) = found(issues(study), "depth")
    assert text.startswith("warning: organ 'bone' has ")


@pytest.mark.parametrize(
    ("levels", "what", "text"),
    [
        ("aaabbbc", "aliased", "every organ has its own study: the two cannot be told apart"),
        ("aabcccc", "nested", "organs fall into groups that share no study: bone | brain, liver"),
        ("aababab", None, ""),
        ("aaaaaaa", None, ""),
    ],
)
def test_covariates(study, levels, what, text):
    by_sample = dict(zip([f"s{i}" for i in range(1, 8)], levels, strict=True))
    study.obs["study"] = study.obs["sample"].map(by_sample)
    table = issues(study)
    texts = [t for name in ("aliased", "nested") for t in found(table, name, "study")]
    assert texts == ([f"warning: {text}"] if what else [])


def test_chained_levels_connect_organs(study):
    study.obs["assay"] = study.obs["sample"].map(
        dict(zip([f"s{i}" for i in range(1, 8)], "xxyyzzz", strict=True))
    )
    table = issues(study)
    assert not found(table, "nested") + found(table, "aliased")


def test_numeric_covariate(study):
    study.obs["age"] = study.obs["organ"].astype(str).map({"bone": 50.5, "liver": 60.5, "brain": 70.5})
    assert found(issues(study, covariates=["age"]), "aliased", "age")
    study.obs["age"] = study.obs["patient"].map({f"p{i}": i + 0.5 for i in range(1, 7)})
    assert not found(issues(study, covariates=["age"]), "aliased", "age")


def test_covariate_of_cells_and_missing_values(study):
    study.obs["subtype"] = np.where(np.arange(study.n_obs) % 2, "x", "y")
    assert found(issues(study), "covariate") == [
        "note: varies within 7 samples: it is no property of a sample"
    ]
    study.obs["subtype"] = study.obs["sample"].map({"s1": "x", "s2": "y"})
    assert found(issues(study), "covariate") == ["warning: 325 of 455 cells have no value"]


def test_cell_type_labels(study):
    study.obs["cell_type"] = study.obs["cell_type"].astype(object)
    names = study.obs_names
    study.obs.loc[names[:3], "cell_type"] = None
    study.obs.loc[names[3], "cell_type"] = "Lone"
    study.obs.loc[names[4:8], "cell_type"] = "Rare"
    study.obs.loc[names[30:42], "cell_type"] = "NK|T"
    study.obs.loc[names[50:60], "cell_type"] = "Odd (tumor)"
    report = niche.pp.check(study)
    texts = found(report.issues, "cell types")
    assert texts[0] == "error: 3 cells have no label"
    assert not report.ok
    assert "warning: types with one cell: 'Lone'" in texts
    assert "warning: fewer than min_cells=10 cells in every sample: 'Rare'" in texts
    assert "warning: names end in ' (tumor)': 'Odd (tumor)'" in texts
    assert "note: names hold '|': 'NK|T'" in texts
    assert "note: usable in one metastatic organ only: 'NK|T', 'Odd (tumor)'" in texts


def test_compartments(study):
    assert not found(issues(study), "compartment")
    study.obs["compartment"] = study.obs["compartment"].astype(object)
    study.obs.loc[study.obs_names[:10], "compartment"] = "unresolved"
    study.obs.loc[study.obs_names[10:20], "compartment"] = "immune"
    assert found(issues(study), "compartment") == [
        "note: 10 cells (2 %) are unresolved and left out",
        "note: types with tumor and host cells are split: 'Malignant'",
    ]
    study.obs["compartment"] = "immune"
    assert found(issues(study), "compartment") == ["warning: no tumor cell"]
    del study.obs["compartment"]
    assert found(issues(study), "compartment") == ["warning: tumor and host cells are not told apart"]


def test_no_cell_types(study):
    del study.obs["cell_type"]
    assert found(issues(study), "cell types") == ["warning: no such column: cells are not told apart"]


def test_table_is_text(study):
    table = issues(study)
    assert list(table.columns) == ["severity", "what", "where", "found", "advice"]
    assert all(isinstance(value, str) for value in table.to_numpy().ravel())
    assert isinstance(table, pd.DataFrame)
