"""Differences in composition: by hand, beside ordinary tests, and what is refused or not claimed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse, stats

import niche
from niche import get, tl
from niche.errors import InputTypeError, InputValueError, MissingKeyError, NicheWarning

COMPARTMENT = {
    "Cancer": "tumor", "T cell": "immune", "B cell": "immune", "Macrophage": "immune", "Hepatocyte": "parenchymal",
    "Fibroblast": "stromal",
}  # fmt: skip


def study(rows):
    """Cells of samples (sample, patient, organ, tissue, {cell type: number})."""
    frames = [
        pd.DataFrame({"sample": s, "patient": p, "organ": o, "tissue": t, "cell_type": np.repeat(list(n), list(n.values()))})
        for s, p, o, t, n in rows
    ]  # fmt: skip
    obs = pd.concat(frames, ignore_index=True)
    obs["compartment"] = obs["cell_type"].map(COMPARTMENT)
    obs.index = [f"c{i}" for i in range(len(obs))]
    return AnnData(
        sparse.csr_matrix((len(obs), 2), dtype=np.float32), obs=obs, var=pd.DataFrame(index=["a", "b"])
    )


def immune(t, b, m, **more):
    return {"Cancer": 20, "T cell": t, "B cell": b, "Macrophage": m, "Fibroblast": 15, **more}


BONE = [immune(60, 20, 40), immune(50, 25, 45), immune(70, 22, 50), immune(45, 18, 30)]
LIVER = [immune(20, 20, 50), immune(25, 30, 45), immune(18, 22, 40), immune(30, 25, 50)]


@pytest.fixture
def two_organs():
    """Four patients per organ with 100 or so immune cells; hepatocytes in liver only."""
    rows = [(f"b{i}", f"p{i}", "bone", "metastasis", n) for i, n in enumerate(BONE)]
    rows += [(f"l{i}", f"q{i}", "liver", "metastasis", {**n, "Hepatocyte": 30}) for i, n in enumerate(LIVER)]
    return study(rows)


def row(adata, cell_type, contrast, **options):
    table = get.composition(adata, **options)
    return table[(table["cell_type"] == cell_type) & (table["contrast"] == contrast)].iloc[0]


def test_effect_by_hand_where_weights_are_alike():
    """Alike wholes make weights alike: the effect is the difference of mean log odds, the test Student's."""
    rows = [(60, 20, 40), (50, 25, 45), (70, 10, 40), (20, 40, 60), (30, 30, 60), (25, 45, 50)]
    adata = study(
        [
            (f"s{i}", f"p{i}", "bone" if i < 3 else "liver", "metastasis", immune(*n))
            for i, n in enumerate(rows)
        ]
    )
    tl.composition(adata)
    odds = np.array([np.log2((t + 0.5) / (b + m + 0.5)) for t, b, m in rows])
    found = row(adata, "T cell", "bone_vs_liver")
    expected = stats.ttest_ind(odds[:3], odds[3:])
    assert found["effect"] == pytest.approx(odds[:3].mean() - odds[3:].mean())
    assert found["pval"] == pytest.approx(expected.pvalue) and found["statistic"] == pytest.approx(
        expected.statistic
    )
    interval = expected.confidence_interval(0.95)
    assert [found["ci_low"], found["ci_high"]] == pytest.approx([interval.low, interval.high])
    assert found["share"] == pytest.approx(np.mean([t / (t + b + m) for t, b, m in rows[:3]]))
    assert (found["n_samples"], found["n_patients"], found["sign_stability"]) == (6, 6, 1)
    omnibus = row(adata, "T cell", "omnibus")
    assert omnibus["pval"] == pytest.approx(expected.pvalue) and np.isnan(omnibus["effect"])


def test_a_shift_is_called(two_organs):
    tl.composition(two_organs)
    found = row(two_organs, "T cell", "bone_vs_liver")
    assert found["call"] == "enriched" and found["organ"] == "bone" and found["qval"] <= 0.1
    assert row(two_organs, "T cell", "omnibus")["call"] == "differs"
    assert row(two_organs, "B cell", "bone_vs_liver")["effect"] < 0, "odds against a type that expands fall"


def test_absent_is_no_zero(two_organs):
    tl.composition(two_organs)
    table = get.composition(two_organs, cell_type="Hepatocyte")
    assert (table["status"] == "absent").all() and table[["effect", "pval", "qval", "share"]].isna().all(
        axis=None
    )
    assert (table["call"] == "not_testable").all()
    assert table["reason"].astype(str).str.startswith("cell type absent in bone").all()
    alone = get.composition(two_organs, cell_type="Fibroblast")
    assert (alone["status"] == "not_testable").all()
    assert alone["reason"].iloc[0].startswith("no other cell type of its compartment")


def test_within_a_side(two_organs):
    tl.composition(two_organs, within="side")
    table = get.composition(two_organs, contrast="bone_vs_liver").set_index("cell_type")
    assert table.loc["Fibroblast", "status"] == "tested" and table.loc["Fibroblast", "compartment"] == "host"
    # hepatocytes are in no whole: 15 fibroblasts against the immune cells
    share = np.mean([15 / (15 + sum(n[c] for c in ("T cell", "B cell", "Macrophage"))) for n in LIVER])
    assert table.loc["Fibroblast", "share_other"] == pytest.approx(share)
    assert table.loc["Cancer", "status"] == "not_testable"


def test_samples_of_a_patient_in_an_organ_count_once(two_organs):
    again = two_organs[two_organs.obs["sample"] == "b0"].copy()
    again.obs["sample"] = "b0b"
    more = AnnData(
        sparse.vstack([two_organs.X, again.X]).tocsr(),
        obs=pd.concat([two_organs.obs, again.obs]),
        var=two_organs.var,
    )
    more.obs_names_make_unique()
    tl.composition(more)
    found = row(more, "T cell", "bone_vs_liver")
    assert (found["n_samples"], found["n_patients"]) == (9, 8)


def test_few_patients():
    """One patient: an estimate, no p. Two: a p, no call."""
    rows = [("b0", "p0", "bone", "metastasis", BONE[0])]
    rows += [(f"l{i}", f"q{i}", "liver", "metastasis", n) for i, n in enumerate(LIVER)]
    adata = study(rows)
    tl.composition(adata)
    found = row(adata, "T cell", "bone_vs_liver")
    assert np.isfinite(found["effect"]) and np.isnan(found["pval"]) and found["status"] == "not_testable"
    assert "1 patient in bone" in found["reason"]
    adata = study([*rows, ("b1", "p1", "bone", "metastasis", BONE[1])])
    tl.composition(adata)
    found = row(adata, "T cell", "bone_vs_liver")
    assert np.isfinite(found["pval"]) and found["status"] == "tested" and found["call"] == "not_testable"
    assert "a call needs 3 patients on each side" in found["reason"]


def test_paired_patients_are_not_independent(two_organs):
    """What differs between patients is taken out where they give both organs."""
    shares = [(20, 60), (60, 100), (100, 150), (150, 250), (40, 100)]
    rows = []
    for i, (bone, liver) in enumerate(shares):
        rows += [
            (f"b{i}", f"p{i}", "bone", "metastasis", immune(bone, 50, 60)),
            (f"l{i}", f"p{i}", "liver", "metastasis", immune(liver, 50, 60)),
        ]
    paired = study(rows)
    apart = paired.copy()
    apart.obs["patient"] = apart.obs["sample"].astype(str)
    for adata in (paired, apart):
        tl.composition(adata)
    p = [row(adata, "T cell", "bone_vs_liver")["pval"] for adata in (paired, apart)]
    assert p[0] < 0.02 and p[1] > 0.1
    tl.composition(paired, patients="fixed")
    found = row(paired, "T cell", "bone_vs_liver")
    odds = np.log2([[(t + 0.5) / 110.5 for t in pair] for pair in shares])
    assert found["effect"] == pytest.approx((odds[:, 0] - odds[:, 1]).mean(), abs=0.1)
    assert found["pval"] == pytest.approx(stats.ttest_rel(odds[:, 0], odds[:, 1]).pvalue, rel=0.5)


@pytest.mark.parametrize(("given", "listed"), [(None, []), ("age", ["age"]), (("age",), ["age"])])
def test_covariates_are_none_one_name_or_a_list(two_organs, given, listed):
    two_organs.obs["age"] = [50.0 + int(s[1]) ** 2 + 3 * (s[0] == "l") for s in two_organs.obs["sample"]]
    tl.composition(two_organs, covariates=given)
    assert list(two_organs.uns["composition"]["params"]["covariates"]) == listed


def test_covariates_and_confounding(two_organs):
    two_organs.obs["age"] = two_organs.obs["sample"].map(
        {s: i for i, s in enumerate(sorted(set(two_organs.obs["sample"])))}
    )
    tl.composition(two_organs, covariates=["age"])
    assert np.isfinite(row(two_organs, "T cell", "bone_vs_liver")["pval"])
    two_organs.obs["assay"] = np.where(two_organs.obs["organ"] == "bone", "cell", "nucleus")
    with pytest.raises(InputValueError, match="'assay' cannot be told apart from the organs"):
        tl.composition(two_organs, covariates=["assay"])
    with pytest.warns(NicheWarning, match="'assay' cannot be told apart from the organs in 'bone_vs_liver'"):
        tl.composition(two_organs)


def test_other_tissues(two_organs):
    rows = [(f"n{i}", f"q{i}", "liver", "normal", {**n, "Hepatocyte": 60}) for i, n in enumerate(LIVER[:3])]
    both = study(rows)
    adata = AnnData(
        sparse.vstack([two_organs.X, both.X]).tocsr(),
        obs=pd.concat([two_organs.obs, both.obs]),
        var=two_organs.var,
    )
    adata.obs_names_make_unique()
    tl.composition(adata)
    assert "liver_vs_normal" not in set(get.composition(adata)["contrast"])
    tl.composition(adata, tissues=["metastasis", "normal"])
    assert row(adata, "T cell", "liver_vs_normal")["n_patients"] == 4


def test_unresolved_cells_are_left_out(two_organs):
    tl.composition(two_organs)
    expected = get.composition(two_organs)
    more = two_organs.copy()
    extra = two_organs[:30].copy()
    extra.obs["compartment"] = "unresolved"
    adata = AnnData(
        sparse.vstack([more.X, extra.X]).tocsr(), obs=pd.concat([more.obs, extra.obs]), var=more.var
    )
    adata.obs_names_make_unique()
    tl.composition(adata)
    pd.testing.assert_frame_equal(get.composition(adata), expected)
    assert adata.uns["composition"]["n_unresolved"] == 30


def test_without_compartments_all_cells_are_one_whole(two_organs):
    del two_organs.obs["compartment"]
    tl.composition(two_organs)
    table = get.composition(two_organs, contrast="bone_vs_liver").set_index("cell_type")
    assert set(table["compartment"]) == {"not assessed"} and table.loc["Cancer", "status"] == "tested"


def test_calls_need_no_luck(demo):
    """Nothing is planted in the shares of the demo's immune cells."""
    tl.composition(demo)
    table = get.composition(demo)
    assert (table["status"] == "tested").any() and (table["qval"] > 0.1).sum() >= 0.95 * table[
        "qval"
    ].notna().sum()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"within": "sample"}, InputValueError, "within must be one of 'compartment', 'side'"),
        ({"patients": "random"}, InputValueError, "patients must be one of"),
        ({"patients": "fixed"}, InputValueError, "patients='fixed' needs complete pairing"),
        ({"min_cells": 0}, InputValueError, "min_cells must be an integer"),
        ({"copy": 1}, InputTypeError, "copy must be True or False"),
        ({"groupby": "label"}, MissingKeyError, "column 'label' not found"),
        ({"covariates": ["age"]}, MissingKeyError, "covariate 'age' not found"),
        ({"covariates": 3}, InputTypeError, "covariates must be a name or a list of names. Got int"),
        ({"tissues": ["normal"]}, InputValueError, "no sample has a tissue out of 'normal'"),
        ({"key_added": "a/b"}, InputValueError, "key_added must be"),
    ],
)
def test_refusals(two_organs, options, error, message):
    with pytest.raises(error, match=message):
        tl.composition(two_organs, **options)
    assert not two_organs.uns


def test_one_organ(two_organs):
    with pytest.raises(InputValueError, match="nothing to compare: 'bone' is the only organ"):
        tl.composition(two_organs[two_organs.obs["organ"] == "bone"].copy())


def test_the_order_of_cells_does_not_matter(two_organs):
    shuffled = two_organs[np.random.default_rng(0).permutation(two_organs.n_obs)].copy()
    tl.composition(two_organs)
    tl.composition(shuffled)
    pd.testing.assert_frame_equal(get.composition(two_organs), get.composition(shuffled))
    assert niche.settings.groupby == "cell_type"
