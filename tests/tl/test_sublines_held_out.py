"""Signatures are tried on sublines they never saw, beside others they never saw."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sublines_study import study

import niche

get = niche.get.compare_sublines


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """What was held out in the small study."""
    return get(study(), what="held_out").astype({"subline": str, "reference": str, "reason": str})


def test_every_subline_has_a_row_for_both_contrasts(table: pd.DataFrame) -> None:
    assert table.groupby("contrast", observed=True).size().to_dict() == {
        "bone_vs_rest": 4, "lung_vs_rest": 3, "brain_vs_rest": 2,
        "bone_vs_parental": 4, "lung_vs_parental": 3, "brain_vs_parental": 2,
    }  # fmt: skip


def test_directions(table: pd.DataFrame) -> None:
    tried = table[table["contrast"].isin(["bone_vs_rest", "lung_vs_rest"])]
    assert (tried["direction"] == "right").all()
    assert (tried["difference"] == tried["score"] - tried["score_reference"]).all()
    assert (tried["n_up"] + tried["n_down"] >= 5).all()
    assert (tried["reason"] == "").all()
    for row in tried.itertuples():
        beside = row.reference.split(", ")
        assert row.subline not in beside
        assert {name.split("_")[0] for name in beside} == {"bone", "lung", "brain"} - {row.organ}


def test_what_cannot_be_tried(table: pd.DataFrame) -> None:
    rest = table[~((table["organ"] == "brain") | table["contrast"].isin(["bone_vs_rest", "lung_vs_rest"]))]
    assert rest["reason"].unique().tolist() == [
        "one parental line: the signature is built from it, so nothing is left to score beside"
    ]
    brain = table[table["organ"] == "brain"]
    assert brain["reason"].unique().tolist() == ["2 sublines of brain: 3 are needed, 2 to build from"]
    for part in (rest, brain):
        assert (part["direction"] == "not_testable").all()
        assert part["score"].isna().all()


def test_score_is_the_mean_of_raised_less_lowered_genes_of_an_analysis_without_them() -> None:
    adata = study()
    row = get(adata, what="held_out", contrast="bone_vs_rest").iloc[1]
    aside = [row["subline"], *str(row["reference"]).split(", ")]
    less = adata[~adata.obs["subline"].isin(aside)].copy()
    less.uns = {}
    niche.tl.compare_sublines(less)
    signature = niche.get.subline_signature(less, "bone")
    stored = adata.uns["compare_sublines"]
    log = pd.DataFrame(
        stored["log2cpm"],
        index=adata.var_names[stored["tested"]["gene"]],
        columns=list(stored["units"]["subline"]),
    )
    up, down = (signature.loc[signature["direction"] == side, "gene"] for side in ("up", "down"))
    score = log.loc[up].mean() - log.loc[down].mean()
    assert (len(up), len(down)) == (row["n_up"], row["n_down"])
    assert row["score"] == pytest.approx(score[row["subline"]], abs=1e-5)
    assert row["score_reference"] == pytest.approx(score[aside[1:]].mean(), abs=1e-5)


def test_several_parental_lines_can_be_held_out() -> None:
    adata = niche.datasets.simulate_sublines(
        1, organs=["bone"], sublines=4, parentals=3, n_genes=400, organ_genes=60, passage_genes=0, log2fc=2.5,
        drift_sd=0.2,
    )  # fmt: skip
    niche.tl.compare_sublines(adata)
    table = get(adata, what="held_out")
    assert table["direction"].tolist() == ["right"] * 4
    assert table["reference"].tolist() == ["parental_1", "parental_2", "parental_3", "parental_1"]


def test_nothing_to_build_from() -> None:
    adata = niche.datasets.simulate_sublines(3, n_genes=300, null=True)
    niche.tl.compare_sublines(adata)
    table = get(adata, what="held_out", contrast="bone_vs_rest")
    few = table["n_up"] + table["n_down"] < 5
    assert few.any()
    assert (table.loc[few, "reason"] == "fewer than 5 genes pass without it").all()
    assert (table.loc[few, "direction"] == "not_testable").all()
    alone = niche.datasets.simulate_sublines(3, n_genes=300, sublines={"bone": 3, "lung": 1, "brain": 1})
    niche.tl.compare_sublines(alone)
    table = get(alone, what="held_out", contrast="bone_vs_rest")
    assert table["reason"].unique().tolist() == ["no other organ with 2 sublines"]
    assert np.isnan(table["score"]).all()
