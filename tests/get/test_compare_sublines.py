"""Tables of a comparison of sublines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sublines_study import study

import niche
from niche.errors import InputValueError, MissingKeyError, StaleResultError
from niche.get.compare_sublines import COLUMNS

get = niche.get.compare_sublines


def test_one_row_per_contrast_and_gene() -> None:
    adata = study()
    table = get(adata)
    assert list(table) == list(COLUMNS)
    assert not table.duplicated(["contrast", "gene"]).any()
    n = table.groupby("contrast", observed=True).size()
    assert (n == adata.n_vars).all(), "nothing is absent without a word"
    assert list(n.index) == [
        "omnibus", "bone_vs_rest", "brain_vs_rest", "lung_vs_rest", "bone_vs_brain", "bone_vs_lung",
        "brain_vs_lung", "bone_vs_parental", "brain_vs_parental", "lung_vs_parental",
    ]  # fmt: skip
    assert set(table.loc[table["contrast"] == "omnibus", "organ"]) == {""}
    assert set(table.loc[table["contrast"] == "bone_vs_parental", "organ"]) == {"bone"}
    tested = table[table["pval"].notna() & (table["contrast"] != "omnibus")]
    assert ((tested["ci_low"] < tested["log2fc"]) & (tested["log2fc"] < tested["ci_high"])).all()
    assert (tested["pval"] > 0).all()
    assert table.loc[table["call"] == "not_testable", "reason"].ne("").all()


def test_filters() -> None:
    adata = study()
    gene = adata.uns["truth"]["genes"].query("organ == 'bone'")["gene"].iloc[0]
    assert get(adata, gene=gene, organ="bone", contrast=["bone_vs_rest", "lung_vs_rest"]).shape[0] == 1
    assert (get(adata, qval=0.05)["qval"] <= 0.05).all()
    assert set(get(adata, call="enriched")["call"]) == {"enriched"}
    with pytest.raises(InputValueError, match="contrast: 'bone_vs_primary' not in the result"):
        get(adata, contrast="bone_vs_primary")
    with pytest.raises(InputValueError, match="gene: 'FOO' not in the result"):
        get(adata, gene="FOO")
    with pytest.raises(InputValueError, match="organ: 'liver' not in the result"):
        get(adata, what="held_out", organ="liver")
    with pytest.raises(
        InputValueError, match="what must be one of 'genes', 'held_out', 'left_out', 'sublines'"
    ):
        get(adata, what="all")


def test_held_out_filters() -> None:
    adata = study()
    table = get(adata, what="held_out", contrast="lung_vs_rest")
    assert table["subline"].tolist() == ["lung_1", "lung_2", "lung_3"]
    assert set(get(adata, what="held_out", organ="brain")["organ"]) == {"brain"}


def test_effects_without_a_subline_are_those_of_a_fit_without_it() -> None:
    adata = study()
    gene = str(get(adata, contrast="bone_vs_rest", call=["enriched", "specific"])["gene"].iloc[0])
    table = get(adata, what="left_out", gene=gene, contrast=["bone_vs_rest", "bone_vs_parental"])
    stored = adata.uns["compare_sublines"]
    row = list(adata.var_names[stored["tested"]["gene"]]).index(gene)
    names = np.array(list(stored["units"]["subline"]))
    y, w = (pd.Series(stored[name][row].astype(float), index=names) for name in ("log2cpm", "weights"))
    organ = pd.Series([name.split("_")[0] for name in names], index=names)

    def effect(kept: pd.Index, minus: list[str]) -> float:
        means = {
            o: np.average(y[kept][organ[kept] == o], weights=w[kept][organ[kept] == o])
            for o in ("bone", *minus)
        }
        return means["bone"] - np.mean([means[o] for o in minus])

    rows = table.astype({"left_out": str}).set_index(["contrast", "left_out"])["log2fc"]
    whole = get(adata, gene=gene, contrast="bone_vs_rest")["log2fc"].iloc[0]
    assert rows["bone_vs_rest", ""] == pytest.approx(whole, abs=1e-5)
    for left in ("bone_2", "lung_3"):
        expected = effect(pd.Index(names[names != left]), ["brain", "lung"])
        assert rows["bone_vs_rest", left] == pytest.approx(expected, abs=1e-5)
    without_brain = effect(pd.Index(names[names != "brain_1"]), ["lung"])
    assert rows["bone_vs_rest", "brain_1"] == pytest.approx(without_brain, abs=1e-5), (
        "one subline is no organ"
    )
    assert np.isnan(rows["bone_vs_parental", "parental_1"]), "nothing is left to compare with"
    assert "lung_1" not in rows["bone_vs_parental"].index


def test_sign_stability_is_the_share_of_sublines_without_whom_the_sign_holds() -> None:
    adata = study()
    genes = list(adata.var_names[:60])
    whole = get(adata, gene=genes, contrast="bone_vs_lung").set_index("gene")
    table = get(adata, what="left_out", gene=genes, contrast="bone_vs_lung")
    own = table[table["left_out"] != ""].groupby("gene", observed=True)["log2fc"].apply(np.array)
    turned = 0
    for gene, effects in own.items():
        same = np.sign(effects) == np.sign(whole.loc[gene, "log2fc"])
        others = 14 - 7 - effects.size
        assert others == 0
        turned += (~same).any()
        # sublines of other organs are left out as well, without any influence on the sign
        assert (same.sum() + 3) / (same.size + 3) == pytest.approx(
            whole.loc[gene, "sign_stability"], abs=1e-6
        )
    assert turned > 3


def test_values_of_sublines_are_those_that_were_tested() -> None:
    adata = study()
    gene = str(get(adata, contrast="bone_vs_rest", call=["enriched", "specific"])["gene"].iloc[0])
    table = get(adata, what="sublines", gene=gene)
    assert "omnibus" not in set(table["contrast"]), "the omnibus has no sides"
    stored = adata.uns["compare_sublines"]
    row = list(adata.var_names[stored["tested"]["gene"]]).index(gene)
    names = list(stored["units"]["subline"])
    y, w = (pd.Series(stored[name][row].astype(float), index=names) for name in ("log2cpm", "weights"))
    rest = table[table["contrast"] == "bone_vs_rest"].set_index("subline")
    assert rest["log2cpm"].to_dict() == pytest.approx(y.to_dict())
    assert rest["weight"].to_dict() == pytest.approx(w.to_dict())
    assert set(rest["n_replicates"]) == {3}
    assert rest["selected_for"].astype(str).to_dict() == {name: name.split("_")[0] for name in names}
    sides = {"bone": "plus", "lung": "minus", "brain": "minus", "parental": ""}
    assert rest["side"].astype(str).tolist() == [sides[name] for name in rest["selected_for"]]
    means = {
        organ: np.average(part["log2cpm"], weights=part["weight"])
        for organ, part in rest.groupby("selected_for", observed=True)
    }
    expected = y - (means["lung"] + means["brain"]) / 2
    assert rest["log2fc"].to_dict() == pytest.approx(expected.to_dict())
    whole = get(adata, gene=gene, contrast="bone_vs_rest")["log2fc"].iloc[0]
    bone = rest[rest["side"] == "plus"]
    assert np.average(bone["log2fc"], weights=bone["weight"]) == pytest.approx(whole, abs=1e-5)
    parental = table[table["contrast"] == "lung_vs_parental"].set_index("subline")
    assert parental["side"].astype(str).value_counts().to_dict() == {"": 6, "plus": 3, "minus": 1}
    assert parental.loc["parental_1", "log2fc"] == pytest.approx(0)
    called = get(adata, contrast="bone_vs_rest", call=["enriched", "depleted", "specific"])
    assert set(get(adata, what="sublines", contrast="bone_vs_rest")["gene"]) == set(called["gene"])


def test_left_out_shows_called_genes_by_default() -> None:
    adata = study()
    shown = set(get(adata, what="left_out", contrast="bone_vs_rest")["gene"])
    assert shown == set(
        get(adata, contrast="bone_vs_rest", call=["enriched", "depleted", "specific"])["gene"]
    )


def test_before_and_after() -> None:
    adata = study()
    adata.obs["organ"] = adata.obs["organ"].astype(str).replace("lung", "liver")
    with pytest.raises(StaleResultError, match="organ"):
        get(adata)
    del adata.uns["compare_sublines"]
    with pytest.raises(MissingKeyError, match="Run niche.tl.compare_sublines first"):
        get(adata)
