"""Signed signatures of sublines."""

from __future__ import annotations

import numpy as np
import pytest
from sublines_study import study

import niche
from niche.errors import InputValueError, MissingKeyError, NicheWarning

signature, get = niche.get.subline_signature, niche.get.compare_sublines


def test_planted_genes_with_their_direction() -> None:
    adata = study()
    truth = adata.uns["truth"]["genes"]
    own = truth[truth["organ"] == "bone"].set_index("gene")["log2fc"]
    table = signature(adata, "bone")
    assert table["signature"].unique().tolist() == ["bone_vs_rest"]
    hit = table[table["gene"].isin(own.index)]
    assert len(hit) >= 0.85 * len(own)
    assert len(hit) >= 0.7 * len(table)
    assert (np.where(hit["direction"] == "up", 1, -1) == np.sign(own[hit["gene"]])).all()
    others = truth[~truth["organ"].isin(["bone", "passage"])]["gene"]
    assert table["gene"].isin(others).mean() < 0.15, (
        "a gene raised in another organ is not lowered in this one"
    )


def test_rule() -> None:
    adata = study()
    table = signature(adata, "bone", n_genes=6, max_q=0.01)
    assert table["direction"].value_counts().to_dict() == {"up": 6, "down": 6}
    assert (table["qval"] <= 0.01).all()
    assert (table["log2fc"].abs() >= 0.5).all()
    up, down = (table.loc[table["direction"] == side, "statistic"] for side in ("up", "down"))
    assert up.is_monotonic_decreasing
    assert down.is_monotonic_increasing
    beside = get(adata, contrast="bone_vs_parental").set_index("gene")["log2fc"]
    assert (beside[table["gene"]].to_numpy() * np.sign(table["log2fc"]) >= 0.5).all()
    every = get(adata, contrast="bone_vs_rest", qval=0.01)
    every = every[(every["log2fc"] >= 0.5) & (beside[every["gene"]] >= 0.5).to_numpy()]
    assert up.min() >= every.nlargest(6, "statistic")["statistic"].min()


def test_against_the_parental_line_holds_what_the_passage_does() -> None:
    adata = niche.datasets.simulate_sublines(5, n_genes=500, parentals=3, organ_genes=20, passage_genes=40)
    niche.tl.compare_sublines(adata)
    passage = set(adata.uns["truth"]["genes"].query("organ == 'passage'")["gene"])
    rest, parental = (set(signature(adata, "bone", against=a)["gene"]) for a in ("rest", "parental"))
    assert len(passage & parental) >= 30
    assert len(passage & rest) <= 3


def test_every_organ_and_several() -> None:
    adata = study()
    assert set(signature(adata)["signature"]) <= {"bone_vs_rest", "brain_vs_rest", "lung_vs_rest"}
    assert set(signature(adata, ["bone", "lung"])["signature"]) == {"bone_vs_rest", "lung_vs_rest"}
    with pytest.raises(InputValueError, match="organ: 'liver' not in the result"):
        signature(adata, "liver")
    with pytest.raises(InputValueError, match="against must be one of 'rest', 'parental'"):
        signature(adata, against="primary")
    with pytest.raises(InputValueError, match="n_genes must be an integer"):
        signature(adata, n_genes=0)
    with pytest.raises(MissingKeyError, match="Run niche.tl.compare_sublines first"):
        signature(adata, key="other")


def test_one_organ_has_no_rest() -> None:
    adata = niche.datasets.simulate_sublines(1, organs=["bone"], n_genes=300, parentals=3, log2fc=3.0)
    niche.tl.compare_sublines(adata)
    assert len(signature(adata, against="parental")) > 20
    with pytest.raises(InputValueError, match="there is one organ only.*against='parental'"):
        signature(adata)


def test_what_could_not_be_tested_has_no_signature() -> None:
    lone = niche.datasets.simulate_sublines(1, n_genes=300, sublines=1)
    niche.tl.compare_sublines(lone)
    with pytest.warns(
        NicheWarning, match="3 of 3 contrasts have no signature.*bone_vs_rest: no other organ with 2"
    ):
        assert signature(lone).empty
    with pytest.warns(NicheWarning, match="bone_vs_parental: 1 subline in bone. A test needs two"):
        assert signature(lone, "bone", against="parental").empty
    mixed = niche.datasets.simulate_sublines(
        4, n_genes=300, sublines={"bone": 4, "lung": 3, "brain": 1}, parentals=2
    )
    niche.tl.compare_sublines(mixed)
    with pytest.warns(
        NicheWarning, match="1 of 3 contrasts have no signature.*brain_vs_rest: 1 subline in brain"
    ):
        table = signature(mixed)
    assert set(table["signature"]) == {"bone_vs_rest", "lung_vs_rest"}


def test_score_signatures_takes_it() -> None:
    """Sublines that were not part of it are scored, and told apart, by the tool for signatures."""
    adata = study()
    table = signature(adata, ["bone", "lung"])
    truth = adata.uns["truth"]["genes"]
    other = niche.datasets.simulate_sublines(8, n_genes=500, organ_genes=20, null=True)
    other.var_names = adata.var_names
    own = truth[truth["organ"] == "bone"]
    moved = (other.obs["organ"] == "bone").to_numpy()
    for gene, effect in zip(own["gene"], own["log2fc"], strict=True):
        at = other.var_names.get_loc(gene)
        other.layers["counts"][moved, at] = np.round(other.layers["counts"][moved, at] * 2.0**effect)
    other.X = np.log2(other.layers["counts"] / other.layers["counts"].sum(axis=1, keepdims=True) * 1e6 + 1)
    keys = {"sample_key": "culture", "patient_key": "subline"}
    niche.tl.score_signatures(other, table, compartment=None, min_genes=5, **keys)
    found = niche.get.signatures(other, contrast="bone_vs_rest").set_index("signature")
    assert found.loc["bone_vs_rest", "pval"] < 1e-3
    assert found.loc["bone_vs_rest", "effect"] > 1
    assert found.loc["lung_vs_rest", "pval"] > 0.01
