from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import niche
from niche import get, pp
from niche.errors import InputTypeError, InputValueError, MissingKeyError


@pytest.fixture(scope="module")
def _drawn() -> ad.AnnData:
    return niche.datasets.simulate_xenograft(
        5,
        animals_per_organ=2,
        cells=200,
        n_genes=1500,
        doublets=0.08,
        cross_ambient={"bone": 0.03, "lung": 0.1},
    )


@pytest.fixture(scope="module")
def _called(_drawn: ad.AnnData) -> ad.AnnData:
    adata = _drawn.copy()
    pp.split_species(adata)
    return adata


@pytest.fixture
def drawn(_drawn: ad.AnnData) -> ad.AnnData:
    return _drawn.copy()


def calls(adata: ad.AnnData) -> pd.Series:
    return adata.obs["species"].astype(str)


def test_cells_outside_the_band_are_right(_called: ad.AnnData) -> None:
    truth, crossed = _called.obs["truth_species"].astype(str), _called.obs["truth_species_doublet"]
    outside = calls(_called).isin(["human", "mouse"])
    right = (calls(_called) == truth) & ~crossed
    assert right[outside].mean() >= 0.99
    assert (calls(_called) == "doublet")[~crossed].mean() < 0.02, "the band is narrow"
    assert (calls(_called) == "doublet")[crossed].mean() > 0.75
    assert (_called.obs["species_doublet"] == (calls(_called) == "doublet")).all()


def test_doublets_are_found_where_one_species_scatters_widely() -> None:
    adata = niche.datasets.simulate_xenograft(
        7,
        organs=["bone"],
        animals_per_organ=2,
        cells=400,
        n_genes=1500,
        doublets=0.1,
        cross_ambient=0.04,
        ambient_cell_sd={"human": 1.0, "mouse": 0.2},
    )
    pp.split_species(adata)
    crossed = adata.obs["truth_species_doublet"]
    right = (calls(adata) == adata.obs["truth_species"].astype(str))[~crossed]
    assert crossed.sum() > 20 and (calls(adata) == "doublet")[crossed].mean() > 0.5
    assert right.mean() > 0.95
    table = get.species(adata)
    assert (table["low"] < table["high"]).all() and (table["n_doublet"] > 0).all()


def test_counts_of_each_species_are_whole(_called: ad.AnnData) -> None:
    human = _called.var_names.str.startswith("GRCh38_")
    assert np.array_equal(_called.obs["counts_human"], np.asarray(_called.X[:, human].sum(axis=1)).ravel())
    assert np.array_equal(_called.obs["counts_mouse"], np.asarray(_called.X[:, ~human].sum(axis=1)).ravel())


def test_leak_rates_are_those_that_were_drawn(_called: ad.AnnData) -> None:
    table = get.species(_called).set_index("sample")
    single = _called.obs[~_called.obs["truth_species_doublet"]]
    true = single.groupby(["sample", "truth_species"], observed=True)["truth_other_species"].mean().unstack()
    for species, column in (("human", "mouse_in_human"), ("mouse", "human_in_mouse")):
        assert np.allclose(table[column], true.loc[table.index, species], rtol=0.25)
        assert (table[f"{column}_low"] < table[column]).all() and (
            table[column] < table[f"{column}_high"]
        ).all()
    assert np.allclose(table["ambient_fraction"], table["mouse_in_human"] + table["human_in_mouse"])
    assert table.filter(like="_lung", axis=0)["mouse_in_human"].min() > table.filter(like="_bone", axis=0)["mouse_in_human"].max()  # fmt: skip
    assert table["doublet_rate"].between(0.03, 0.2).all()
    assert (table["low"] < table["high"]).all() and (table["status"] == "assessed").all()
    counted = table[["n_human", "n_mouse", "n_doublet", "n_unresolved"]].sum(axis=1)
    assert (counted == table["n_cells"]).all()


def test_a_sample_of_one_species_is_stated_and_not_split(drawn: ad.AnnData) -> None:
    sample = drawn.obs["sample"].astype(str)
    first, second, *_ = sorted(set(sample))
    human = (drawn.obs["truth_species"] == "human") & ~drawn.obs["truth_species_doublet"]
    kept = drawn[((sample != first) | human) & ((sample != second) | ~human)].copy()
    crossed = kept.obs["truth_species_doublet"]
    pp.split_species(kept)
    table = get.species(kept).set_index("sample")
    assert table.loc[first, "status"] == "not_testable"
    assert "one species only, human" in table.loc[first, "reason"]
    assert table.loc[first, "statement"].startswith("not split: ")
    assert table.loc[second, "reason"].startswith("one species only, mouse")
    assert np.isnan(table.loc[first, "low"]) and np.isnan(table.loc[first, "human_in_mouse"])
    assert not np.isnan(table.loc[first, "mouse_in_human"])
    mine = kept.obs["sample"].astype(str) == first
    assert set(calls(kept)[mine]) <= {"human", "unresolved"}
    assert (calls(kept)[mine & ~crossed] == "human").mean() > 0.95
    assert not (calls(kept) == "doublet")[kept.obs["sample"].astype(str) == second].any(), (
        "nothing to tell them by"
    )
    assert (table.drop(index=[first, second])["status"] == "assessed").all()


def test_few_cells_or_counts_are_no_basis(drawn: ad.AnnData) -> None:
    few = drawn[:300].copy()
    few.X[:40] = few.X[:40].multiply(0.0)
    pp.split_species(few, min_counts=1000)
    total = few.obs["counts_human"] + few.obs["counts_mouse"]
    assert (calls(few)[total < 1000] == "unresolved").all()
    tiny = drawn[:8].copy()
    pp.split_species(tiny)
    assert get.species(tiny)["reason"].tolist() == ["fewer than 10 cells with 100 counts"]
    assert set(calls(tiny)) == {"unresolved"}


def test_a_sample_does_not_depend_on_the_others(drawn: ad.AnnData, _called: ad.AnnData) -> None:
    one = drawn[drawn.obs["sample"] == "A02_lung"].copy()
    pp.split_species(one)
    assert (calls(one) == calls(_called)[one.obs_names]).all()


def test_graft_may_be_the_mouse_and_genes_may_be_named_by_a_column(
    drawn: ad.AnnData, _called: ad.AnnData
) -> None:
    drawn.var_names = [f"gene {i}" for i in range(drawn.n_vars)]
    drawn.var = drawn.var.drop(columns="gene_ids")
    pp.split_species(drawn, species_key="genome", graft_species="mouse", key_added="who")
    assert (calls(drawn) == calls(_called)).all()
    assert drawn.uns["who"]["params"]["graft_species"] == "mouse"
    assert drawn.uns["who"]["genes_from"] == "var['genome']"


def test_stored_counts_are_read_before_x(drawn: ad.AnnData, _called: ad.AnnData) -> None:
    pp.normalize(drawn)
    pp.split_species(drawn)
    assert (calls(drawn) == calls(_called)).all()


def test_log_values_are_refused_and_nothing_is_stored(drawn: ad.AnnData) -> None:
    pp.normalize(drawn)
    del drawn.layers["counts"]
    with pytest.raises(InputValueError, match="must hold raw counts"):
        pp.split_species(drawn)
    assert "species" not in drawn.uns and "species" not in drawn.obs


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"graft_species": "rat"}, InputValueError, "graft_species must be one of 'human', 'mouse'"),
        ({"min_counts": 0}, InputValueError, "min_counts must be an integer"),
        ({"min_cells": 2}, InputValueError, "min_cells must be an integer"),
        ({"sample_key": "x"}, MissingKeyError, "column 'x' not found in adata.obs"),
        ({"species_key": "x"}, MissingKeyError, "column 'x' not found in adata.var"),
        ({"layer": "x"}, MissingKeyError, "layer 'x' not found"),
        ({"copy": 1}, InputTypeError, "copy must be True or False"),
        ({"key_added": "a/b"}, InputValueError, "key_added"),
    ],
)
def test_bad_options_are_refused(drawn: ad.AnnData, options, error, message: str) -> None:
    with pytest.raises(error, match=message):
        pp.split_species(drawn, **options)
    assert "species" not in drawn.obs


def test_a_reference_of_one_species_is_refused(_demo: ad.AnnData, drawn: ad.AnnData) -> None:
    demo = _demo.copy()
    with pytest.raises(InputValueError, match=r"all 1900 genes are human by var\['ensembl_id'\]"):
        pp.split_species(demo)
    demo.var = demo.var[[]]
    with pytest.raises(InputValueError, match="species of 1881 of 1900 genes cannot be told"):
        pp.split_species(demo)
    human = drawn[:, drawn.var_names.str.startswith("GRCh38_")].copy()
    with pytest.raises(InputValueError, match="all 1500 genes are human"):
        pp.split_species(human)


def test_order_of_cells_does_not_matter(drawn: ad.AnnData, _called: ad.AnnData) -> None:
    order = np.random.default_rng(0).permutation(drawn.n_obs)
    shuffled = drawn[order].copy()
    shuffled.X = sparse.csc_matrix(shuffled.X)
    pp.split_species(shuffled)
    assert (calls(shuffled) == calls(_called)[shuffled.obs_names]).all()
