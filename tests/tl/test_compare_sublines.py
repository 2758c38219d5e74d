"""Sublines against their parental line: the tests, the design, and what is refused."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from sublines_study import study

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError, NicheWarning

compare, get = niche.tl.compare_sublines, niche.get.compare_sublines
simulate = niche.datasets.simulate_sublines
DIRECTED = ["enriched", "specific", "depleted"]


def test_planted_genes_are_found() -> None:
    adata = simulate(0, n_genes=800, parentals=3)
    compare(adata)
    truth = adata.uns["truth"]["genes"]
    for organ in ("bone", "lung", "brain"):
        own = truth[truth["organ"] == organ].set_index("gene")["log2fc"]
        called = get(adata, contrast=f"{organ}_vs_rest", call=DIRECTED).set_index("gene")["log2fc"]
        hit = called.index.astype(str).intersection(own.index)
        assert len(hit) >= 0.9 * len(own)
        assert (np.sign(called[hit]) == np.sign(own[hit])).all()
        moving = truth.loc[truth["organ"] != "passage", "gene"]
        assert (~called.index.isin(moving)).sum() <= 0.1 * len(called)
        passage = truth[truth["organ"] == "passage"].set_index("gene")["log2fc"]
        parental = get(adata, contrast=f"{organ}_vs_parental").set_index("gene")
        seen = parental.loc[passage.index].dropna(subset="pval")
        assert (np.sign(seen["log2fc"]) == np.sign(passage[seen.index])).mean() > 0.97
        assert called.index.isin(passage.index).mean() < 0.1, "what all sublines share is no organ's"


def test_null_is_calibrated() -> None:
    tables = []
    for seed in range(4):
        adata = simulate(seed, n_genes=600, null=True)
        compare(adata)
        tables.append(get(adata))
    table = pd.concat(tables)
    kind = table["contrast"].astype(str)
    for part in (kind.str.endswith("_vs_rest"), kind.str.endswith("_vs_parental"), kind == "omnibus"):
        p = table.loc[part, "pval"].dropna()
        assert len(p) > 2000
        assert 0.035 <= (p <= 0.05).mean() <= 0.06
    assert table["call"].isin(["enriched", "depleted", "specific"]).sum() <= 4


def test_cultures_are_no_replicates() -> None:
    """More cultures of the same sublines leave the degrees of freedom alone; taken for sublines they mislead."""
    adata = simulate(11, n_genes=500, null=True, replicates=4)
    compare(adata, replicate_key="culture")
    p = get(adata)["pval"].dropna()
    compare(adata, subline_key="culture", key_added="wrong")
    wrong = get(adata, key="wrong")["pval"].dropna()
    assert (p <= 0.05).mean() < 0.08
    assert (wrong <= 0.05).mean() > 0.3


def test_same_as_compare_expression_where_sublines_are_patients() -> None:
    """Contrasts between organs are those of the tool for patients; the parental line adds a p-value only."""
    adata = study()
    adata.obs["tissue"] = np.where(adata.obs["organ"] == "parental", "primary", "metastasis")
    adata.obs["cell_type"] = "tumor cell"
    niche.tl.compare_expression(
        adata, sample_key="subline", patient_key="subline", min_cells=1, tissues=("primary", "metastasis")
    )
    ours, theirs = get(adata), niche.get.compare_expression(adata)
    for left, right in (
        ("bone_vs_rest", "bone_vs_rest"),
        ("bone_vs_lung", "bone_vs_lung"),
        ("omnibus", "omnibus"),
    ):
        a = ours[ours["contrast"] == left].set_index("gene")
        b = theirs[theirs["contrast"] == right].set_index("gene").loc[a.index]
        for column in ("log2fc", "statistic", "pval", "qval"):
            np.testing.assert_allclose(a[column], b[column], rtol=1e-6)
    a = ours[ours["contrast"] == "bone_vs_parental"].set_index("gene")
    b = theirs[theirs["contrast"] == "bone_vs_primary"].set_index("gene").loc[a.index]
    np.testing.assert_allclose(a["log2fc"], b["log2fc"], rtol=1e-6)
    assert b["pval"].isna().all()
    assert a["pval"].notna().mean() > 0.9


def test_single_cells_and_cultures_give_the_same_numbers() -> None:
    adata = study()
    rng = np.random.default_rng(0)
    part = rng.binomial(adata.layers["counts"].astype(int), 0.4)
    halves = [part, adata.layers["counts"] - part]
    cells = ad.AnnData(
        np.concatenate(halves).astype(np.float32),
        obs=pd.concat([adata.obs, adata.obs.rename(index="{}_b".format)]),
        var=adata.var,
    )
    cells.layers["counts"] = cells.X.copy()
    compare(cells, replicate_key="culture")
    pd.testing.assert_frame_equal(get(cells), get(adata))
    compare(cells)
    assert get(cells)["n_replicates"].max() == 54, "without it every row is a culture"


def test_counts_of_sublines_and_cultures() -> None:
    table = get(study()).drop_duplicates("contrast").set_index("contrast")[["n_sublines", "n_replicates"]]
    assert table.loc["bone_vs_rest"].tolist() == [9, 27]
    assert table.loc["bone_vs_parental"].tolist() == [5, 15]
    assert table.loc["bone_vs_lung"].tolist() == [7, 21]


def test_one_subline_per_organ_is_estimated_and_not_tested() -> None:
    adata = simulate(2, sublines=1, replicates=5, n_genes=300)
    compare(adata, replicate_key="culture")
    table = get(adata, contrast=["bone_vs_parental", "bone_vs_lung"])
    known = table[table["log2fc"].notna()]
    assert len(known) > 400
    assert known["pval"].isna().all()
    assert known["ci_low"].isna().all(), "an interval is a test too"
    assert (table["call"] == "not_testable").all()
    reasons = known.groupby("contrast", observed=True)["reason"].unique()
    assert reasons["bone_vs_parental"].tolist() == ["1 subline in bone"]
    assert reasons["bone_vs_lung"].tolist() == ["1 subline in bone; 1 subline in lung"]
    with pytest.warns(NicheWarning, match="3 of 3 contrasts have no signature"):
        assert niche.get.subline_signature(adata, against="parental").empty


def test_two_sublines_give_p_and_three_a_call() -> None:
    table = get(study()).set_index("contrast")
    brain, lung = (table.loc[f"{organ}_vs_parental"] for organ in ("brain", "lung"))
    assert brain["pval"].notna().mean() > 0.9
    assert set(brain["call"]) == {"not_testable"}
    assert brain["reason"].str.startswith("a call needs 3 sublines on each side: 2 sublines in brain").any()
    assert "not_testable" not in set(lung.loc[lung["pval"].notna(), "call"])


def test_a_parental_line_too_shallow_for_a_gene() -> None:
    adata = study()
    counts = adata.layers["counts"].copy()
    counts[(adata.obs["organ"] == "parental").to_numpy()] //= 3_000
    adata.layers["counts"] = counts
    compare(adata)
    table = get(adata, contrast="bone_vs_parental")
    assert (table["reason"] == "no parental line deep enough").sum() > 100
    assert get(adata, contrast="bone_vs_rest")["pval"].notna().mean() > 0.9


def test_lines_as_a_covariate() -> None:
    """Two cell lines, each with its parental line and derivatives of both organs."""
    parts = []
    for line, seed in (("A", 1), ("B", 2)):
        one = simulate(seed, organs=["bone", "lung"], sublines=2, n_genes=1800, organ_genes=10, null=True)
        one.obs["line"] = line
        one.obs["subline"] = line + "_" + one.obs["subline"].astype(str)
        one.obs_names = line + "_" + one.obs_names
        parts.append(one)
    both = ad.concat(parts)
    assert both.n_vars > 300
    both.layers["counts"] = both.X.copy()
    compare(both, covariates=["line"])
    adjusted = get(both, contrast="bone_vs_parental")
    compare(both)
    plain = get(both, contrast="bone_vs_parental")
    width = [(t["ci_high"] - t["ci_low"]).median() for t in (adjusted, plain)]
    assert width[0] < 0.7 * width[1], "lines differ, and that is no noise"
    assert (adjusted["n_sublines"] == 6).all()
    both.obs["per_culture"] = np.arange(both.n_obs)
    with pytest.raises(InputValueError, match="'per_culture' must be one value per sample"):
        compare(both, covariates=["per_culture"])


def test_min_cpm_is_a_condition_of_calls_not_of_tests() -> None:
    adata = study()
    compare(adata, min_cpm=1e6, key_added="none")
    left, right = get(adata), get(adata, key="none")
    pd.testing.assert_series_equal(left["pval"], right["pval"])
    assert left["call"].isin(DIRECTED).any()
    assert not right["call"].isin(DIRECTED).any()
    assert "not expressed where it is higher" in set(right["reason"])


def test_where_counts_are_read() -> None:
    adata = study()
    first = get(adata)
    del adata.layers["counts"]
    adata.uns = {}
    compare(adata)
    pd.testing.assert_frame_equal(get(adata)[first.columns], first)
    adata.layers["raw"] = adata.X.copy()
    adata.X = np.log1p(adata.X)
    with pytest.raises(InputValueError, match="X must hold raw counts"):
        compare(adata, key_added="new")
    assert "new" not in adata.uns
    compare(adata, layer="raw", key_added="new")
    pd.testing.assert_frame_equal(get(adata, key="new"), first)
    with pytest.raises(MissingKeyError, match="layer 'umi' not found"):
        compare(adata, layer="umi")


def test_too_shallow_for_anything() -> None:
    adata = simulate(0, n_genes=300)
    adata.layers["counts"] = np.zeros(adata.shape, dtype=np.float32)
    adata.layers["counts"][np.arange(adata.n_obs), np.arange(adata.n_obs)] = 1
    with pytest.raises(InputValueError, match="no gene can be compared: depth in all organs"):
        compare(adata)
    adata.layers["counts"][(adata.obs["subline"] == "lung_2").to_numpy()] = 0
    with pytest.raises(InputValueError, match="sublines without a single count: 'lung_2'"):
        compare(adata)
    assert "compare_sublines" not in adata.uns


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"parental": "WT"}, InputValueError, "no parental line"),
        ({"replicate_key": "batch"}, InputValueError, "a culture belongs to one subline"),
        ({"n_genes": 0}, InputValueError, "n_genes must be an integer"),
        ({"max_q": 2}, InputValueError, "max_q must be a number"),
        ({"min_cpm": -1}, InputValueError, "min_cpm must be a number"),
        ({"covariates": 3}, InputTypeError, "covariates must be a name or a list of names"),
        ({"covariates": ["lab"]}, MissingKeyError, "covariate 'lab' not found"),
        ({"key_added": "a/b"}, InputValueError, "/"),
        ({"copy": 1}, InputTypeError, "copy must be True or False"),
    ],
)
def test_refused(options: dict[str, object], error: type[Exception], words: str) -> None:
    adata = study()
    before = dict(adata.uns)
    with pytest.raises(error, match=words):
        compare(adata, **options)
    assert list(adata.uns) == list(before)
