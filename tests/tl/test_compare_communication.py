"""Edges between organs on cells counted by hand: effects, patients, calls, and why there are none."""

from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pytest
import statsmodels.api as sm
from hand_made import (
    BONE,
    BRAIN,
    CXCL12,
    CXCR4,
    EDGE,
    LIVER,
    LUNG,
    communicate,
    edge_value,
    hand_made,
    log_cpm,
)
from same_tables import assert_same_table
from scipy import stats

from niche import get, tl
from niche._slots import read
from niche.errors import InputValueError, MissingKeyError, NicheWarning, StaleResultError

FOUR = BONE + LIVER + LUNG + BRAIN
NUMBERS = [
    "log2fc", "ci_low", "ci_high", "statistic", "pval", "qval", "pval_joint", "qval_joint", "log2fc_ligand",
    "log2fc_receptor", "pval_ligand", "pval_receptor", "sign_stability", "min_detectable_log2fc",
]  # fmt: skip


def compare(adata, **options):
    tl.compare_communication(adata, **options)
    return get.compare_communication(adata)


def one(table, contrast, **where):
    found = table[table["contrast"] == contrast]
    for name, value in (EDGE | where).items():
        found = found[found[name] == value]
    assert len(found) == 1, len(found)
    return found.iloc[0]


@pytest.fixture(scope="module")
def four():
    """Three patients each in bone, liver and lung, one in brain."""
    return compare(communicate(hand_made(FOUR)))


def model(samples, value):
    """Least squares of the organ means, and the organs."""
    organs = sorted({s[2] for s in samples})
    design = np.array([[float(s[2] == organ) for organ in organs] for s in samples])
    return sm.OLS(np.array([value(s[1]) for s in samples]), design).fit(), organs


def row_of(organs, **weights):
    return [weights.get(organ, 0.0) for organ in organs]


@pytest.mark.parametrize(
    ("contrast", "weights"),
    [
        ("bone_vs_rest", {"bone": 1, "liver": -0.5, "lung": -0.5}),
        ("liver_vs_rest", {"bone": -0.5, "liver": 1, "lung": -0.5}),
        ("bone_vs_liver", {"bone": 1, "liver": -1}),
        ("liver_vs_lung", {"liver": 1, "lung": -1}),
    ],
)
def test_effect_interval_and_p_are_those_of_the_linear_model(four, contrast, weights):
    """Too few genes for weights and too few edges for moderation: plain least squares on log2 CPM."""
    fit, organs = model(FOUR, edge_value)
    test = fit.t_test(row_of(organs, **weights))
    row = one(four, contrast)
    assert row["log2fc"] == pytest.approx(float(np.squeeze(test.effect)), rel=1e-5)
    assert row["statistic"] == pytest.approx(float(np.squeeze(test.tvalue)), rel=1e-5)
    assert row["pval"] == pytest.approx(float(np.squeeze(test.pvalue)), rel=1e-5)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(np.squeeze(test.conf_int())), rel=1e-5)


def test_omnibus_is_the_f_test_of_organs_with_two_patients(four):
    fit, organs = model(FOUR, edge_value)
    joint = fit.f_test([row_of(organs, bone=1, liver=-1), row_of(organs, bone=1, lung=-1)])
    row = one(four, "omnibus")
    assert row["statistic"] == pytest.approx(float(joint.fvalue), rel=1e-5)
    assert row["pval"] == pytest.approx(float(joint.pvalue), rel=1e-5)
    assert np.isnan(row["log2fc"]) and np.isnan(row["pval_joint"]) and np.isnan(row["sign_stability"])
    assert row["call"] == "differs" and row["driver"] == "" and row["organ"] == ""


def test_each_side_and_both_together(four):
    row = one(four, "bone_vs_liver")
    tests = []
    for counts, name in ((CXCL12, "ligand"), (CXCR4, "receptor")):
        fit, organs = model(FOUR, lambda p, counts=counts: log_cpm(counts[p]))
        test = fit.t_test(row_of(organs, bone=1, liver=-1))
        tests.append(float(np.squeeze(test.tvalue)))
        assert row[f"log2fc_{name}"] == pytest.approx(float(np.squeeze(test.effect)), rel=1e-5, abs=1e-6)
        assert row[f"pval_{name}"] == pytest.approx(float(np.squeeze(test.pvalue)), rel=1e-5)
    up = max(stats.t.sf(t, 6) for t in tests)  # ten patients, four organs
    down = max(stats.t.cdf(t, 6) for t in tests)
    assert row["pval_joint"] == pytest.approx(min(1.0, 2 * min(up, down)), rel=1e-5)
    assert row["pval_joint"] > 0.5  # the receptor does not move
    assert row["driver"] == "ligand" and row["driver_compartment"] == "host"


def test_a_complex_is_its_lowest_subunit(four):
    """ITGB3 of 2 to 4 counts is below ITGAV of 4 or 5 in all patients but where both have 4."""
    row = one(four, "bone_vs_liver", ligand_complex="SPP1", receptor_complex="ITGAV_ITGB3")
    fit, organs = model(FOUR, lambda p: log_cpm(min(4 + int(p[1:]) % 2, 2 + int(p[1:]) % 3)))
    assert row["log2fc_receptor"] == pytest.approx(
        float(np.squeeze(fit.t_test(row_of(organs, bone=1, liver=-1)).effect)), abs=1e-6
    )
    assert row["log2fc_ligand"] == pytest.approx(0.0, abs=1e-6)


def test_a_side_that_never_varies_is_not_evidence(four):
    """SPP1 is 5 in every cell: no p of its own, none of both together, and no overwhelming one either."""
    row = one(four, "bone_vs_liver", ligand_complex="SPP1", receptor_complex="ITGAV_ITGB3")
    assert np.isnan(row["pval_ligand"]) and np.isnan(row["pval_joint"])
    assert row["driver"] == "" and row["call"] != "enriched"


def test_patients_and_samples_of_both_sides(four):
    for contrast, n in (("omnibus", 9), ("bone_vs_rest", 9), ("bone_vs_liver", 6), ("brain_vs_rest", 10)):
        row = one(four, contrast)
        assert (row["n_patients"], row["n_samples"]) == (n, n), contrast


def test_calls_of_a_planted_axis(four):
    """Bone is 2.6 doublings of the ligand above; it is expressed elsewhere too, so it is not specific to bone."""
    row = one(four, "bone_vs_rest")
    assert row["call"] == "enriched" and row["organ"] == "bone" and row["sign_stability"] == 1.0
    assert one(four, "liver_vs_rest")["call"] == "depleted"
    assert one(four, "liver_vs_lung")["call"] == "shared"
    for contrast in ("bone_vs_rest", "bone_vs_liver", "liver_vs_lung"):
        assert one(four, contrast)["reason"].startswith("without brain") == (contrast == "bone_vs_rest")


def test_one_patient_gives_an_estimate_and_the_reason(four):
    for contrast, expected in (
        ("brain_vs_rest", edge_value("P10") - np.mean([edge_value(p) for p in CXCL12 if p != "P10"])),
        ("bone_vs_brain", np.mean([edge_value(p) for p in ("P1", "P2", "P3")]) - edge_value("P10")),
    ):
        row = one(four, contrast)
        assert row["log2fc"] == pytest.approx(expected, rel=1e-5), contrast
        assert row["call"] == "not_testable" and "1 patient in brain" in row["reason"]
        assert (
            row[["ci_low", "ci_high", "statistic", "pval", "qval", "pval_joint", "qval_joint"]].isna().all()
        )
        assert row["driver"] == ""


def test_two_patients_have_a_p_and_no_call():
    table = compare(communicate(hand_made(BONE[:2] + LIVER + LUNG)))
    row = one(table, "bone_vs_liver")
    assert np.isfinite(row["pval"]) and row["pval"] < 0.01
    assert row["call"] == "not_testable"
    assert row["reason"] == "a call needs 3 patients on each side: 2 patients in bone"


def test_a_missing_cell_type_is_absent_not_zero(four):
    row = one(four, "bone_vs_liver", source="Macrophage")
    assert row["call"] == "not_testable" and row["reason"] == "cell type absent in liver: source"
    assert row[NUMBERS].isna().all()
    rest = one(four, "bone_vs_rest", source="Macrophage")
    assert np.isfinite(rest["log2fc"]) and "cell type absent in liver: source" in rest["reason"]
    there = one(four, "bone_vs_lung", source="Macrophage")
    assert rest["log2fc"] == pytest.approx(there["log2fc"])  # lung is all the rest there is


def test_a_cell_type_of_one_organ_cannot_be_compared(four):
    rows = four[(four["source"] == "Hepatocyte") & (four["ligand_complex"] == "CXCL12")]
    assert len(rows) > 0 and (rows["call"] == "not_testable").all() and rows[NUMBERS].isna().all(axis=None)
    assert rows["reason"].str.contains("cell type absent in bone: source").all()


def test_an_unmeasured_gene_is_stored_with_its_reason_and_is_no_row():
    adata = communicate(hand_made(BONE + LIVER))
    table = compare(adata)
    assert set(table["receptor_complex"]) == {"CXCR4", "ITGAV_ITGB3"}
    stored, pairs = adata.uns["compare_communication"], adata.uns["communication"]["pairs"]
    codes = np.asarray(stored["untested"])[:, read.strings(pairs["receptor_complex"]).index("NOSUCH")]
    assert {read.strings(stored["reason_names"])[code] for code in codes} == {"gene not measured"}


def test_nothing_is_missing_without_a_reason(four):
    assert four.loc[four["pval"].isna(), "call"].eq("not_testable").all()
    assert (four.loc[four["call"] == "not_testable", "reason"].astype(str) != "").all()
    n_edges = len(four[four["contrast"] == "omnibus"])
    assert (four.groupby("contrast", observed=True).size() == n_edges).all()


def test_specific_is_above_and_silent_elsewhere():
    """CXCL12 in fibroblasts of bone alone: deep enough to be expected everywhere, and found nowhere else."""

    def silent(cell, sample, patient, organ, tissue, cell_type):
        if organ != "bone" and cell_type == "Fibroblast":
            cell["CXCL12"] = 0

    table = compare(communicate(hand_made(BONE + LIVER + LUNG, change=silent)))
    assert one(table, "bone_vs_rest")["call"] == "specific"
    assert one(table, "bone_vs_liver")["call"] == "enriched"
    assert one(table, "liver_vs_rest")["call"] == "depleted"


def silent_but_in_brain(cell, sample, patient, organ, tissue, cell_type):
    if organ in ("liver", "lung") and cell_type == "Fibroblast":
        cell["CXCL12"] = 0


def test_an_organ_of_one_patient_that_expresses_the_edge_forbids_specific():
    table = compare(communicate(hand_made(FOUR, change=silent_but_in_brain)))
    assert one(table, "bone_vs_rest")["call"] == "enriched"


def test_an_untestable_organ_that_is_silent_does_not_forbid_specific():
    def silent(cell, sample, patient, organ, tissue, cell_type):
        if organ != "bone" and cell_type == "Fibroblast":
            cell["CXCL12"] = 0

    table = compare(communicate(hand_made(FOUR, change=silent)))
    assert one(table, "bone_vs_brain")["call"] == "not_testable"
    assert one(table, "bone_vs_rest")["call"] == "specific"


def split(samples, patient, into=3):
    """The samples with those of one patient taken apart."""
    out = []
    for sample in samples:
        parts = [f"{sample[0]}{letter}" for letter in "abc"[:into]] if sample[1] == patient else [sample[0]]
        out += [(name, *sample[1:]) for name in parts]
    return tuple(out)


def test_a_patient_with_three_samples_counts_once():
    """The same numbers as if the cells had been in one sample from the start; only samples are counted thrice."""
    apart = hand_made(split(BONE + LIVER + LUNG, "P2"))
    together = apart.copy()
    together.obs["sample"] = together.obs["sample"].astype(str).str.rstrip("abc")
    one_by_one, summed = (compare(communicate(adata)) for adata in (apart, together))
    np.testing.assert_allclose(one_by_one[NUMBERS], summed[NUMBERS], rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(one_by_one["n_patients"], summed["n_patients"])
    assert (one_by_one["call"].astype(str) == summed["call"].astype(str)).all()
    bone = one(one_by_one, "bone_vs_liver")
    assert (bone["n_samples"], bone["n_patients"]) == (8, 6)


@pytest.mark.parametrize("convention", ["cellphonedb", "liana", "squidpy"])
def test_a_result_of_pooled_samples_is_refused(convention):
    adata = hand_made(BONE + LIVER)
    communicate(adata, convention=convention, null="permutation", n_perms=10)
    with pytest.raises(InputValueError, match="patients cannot be told apart"):
        tl.compare_communication(adata)


def test_two_organs_ask_one_question():
    table = compare(communicate(hand_made(BONE + LIVER)))
    rows = [one(table, name) for name in ("bone_vs_rest", "liver_vs_rest", "bone_vs_liver", "omnibus")]
    t = stats.ttest_ind(
        [edge_value(p) for p in ("P1", "P2", "P3")], [edge_value(p) for p in ("P4", "P5", "P6")]
    )
    for row in rows:
        assert row["pval"] == pytest.approx(t.pvalue, rel=1e-5)
        assert row["qval"] == pytest.approx(rows[0]["qval"], rel=1e-9)
    assert rows[0]["log2fc"] == pytest.approx(-rows[1]["log2fc"])
    assert [row["call"] for row in rows] == ["enriched", "depleted", "enriched", "differs"]


def test_one_organ_alone_is_refused():
    with pytest.warns(NicheWarning, match="one organ only"):
        adata = communicate(hand_made(BONE))
    with pytest.raises(InputValueError, match="nothing to compare: 'bone' is the only organ"):
        tl.compare_communication(adata)


def test_primary_and_normal_tissue():
    """The primaries of three other patients, normal liver of three more; organs are compared as without them."""
    primary = tuple((f"breast{i}", f"P{i}", "breast", "primary") for i in (7, 8, 9))
    normal = tuple((f"normal{i}", f"P{i}", "liver", "normal") for i in (1, 2, 3))
    samples = BONE + LIVER + primary + normal
    table = compare(communicate(hand_made(samples), tissues=("metastasis", "primary", "normal")))
    assert list(dict.fromkeys(table["contrast"])) == [
        "omnibus", "bone_vs_rest", "liver_vs_rest", "bone_vs_liver", "bone_vs_primary", "liver_vs_primary",
        "liver_vs_normal",
    ]  # fmt: skip
    mean = {k: np.mean([edge_value(f"P{i}") for i in v]) for k, v in
            {"bone": (1, 2, 3), "liver": (4, 5, 6), "primary": (7, 8, 9), "normal": (1, 2, 3)}.items()}  # fmt: skip
    for contrast, plus, minus in (
        ("bone_vs_primary", "bone", "primary"), ("liver_vs_normal", "liver", "normal"),
        ("bone_vs_rest", "bone", "liver"),
    ):  # fmt: skip
        row = one(table, contrast)
        assert row["log2fc"] == pytest.approx(mean[plus] - mean[minus], rel=1e-5), contrast
        assert row["n_patients"] == 6 and np.isfinite(row["qval"])
    assert one(table, "bone_vs_primary")["call"] == "enriched"
    assert one(table, "liver_vs_normal")["call"] == "depleted"


def test_paired_organs_as_fixed_patients_are_the_paired_t():
    paired = tuple(
        (f"{organ}{i}", f"P{i}", organ, "metastasis") for organ in ("bone", "liver") for i in (1, 2, 4, 6)
    )

    def lower(cell, sample, patient, organ, tissue, cell_type):
        if organ == "liver" and cell_type == "Fibroblast":
            cell["CXCL12"] -= 1

    adata = communicate(hand_made(paired, change=lower))
    row = one(compare(adata, patients="fixed"), "bone_vs_liver")
    values = [
        [(log_cpm(CXCL12[p] - d) + log_cpm(CXCR4[p])) / 2 for p in ("P1", "P2", "P4", "P6")] for d in (0, 1)
    ]
    expected = stats.ttest_rel(*values)
    assert row["pval"] == pytest.approx(expected.pvalue, rel=1e-4)
    assert row["statistic"] == pytest.approx(expected.statistic, rel=1e-4)
    assert row["n_patients"] == 4


def test_fixed_patients_need_complete_pairs():
    with pytest.raises(InputValueError, match="patients='fixed' needs complete pairing"):
        tl.compare_communication(communicate(hand_made(BONE + LIVER)), patients="fixed")


def test_data_without_counts():
    """From log values alone: the same effects but for half a count in ten, and no claim of counts."""
    adata = hand_made(BONE + LIVER + LUNG)
    del adata.layers["counts"]
    table = compare(communicate(adata))
    row = one(table, "bone_vs_liver")
    mean = [np.mean([edge_value(f"P{i}") for i in group]) for group in ((1, 2, 3), (4, 5, 6))]
    assert row["log2fc"] == pytest.approx(mean[0] - mean[1], abs=0.02)
    assert row["pval"] < 0.001 and row["call"] == "enriched"


def test_a_handful_of_genes_does_not_scale_its_own_difference_away():
    """Nearly all genes of the resource rise four-fold in bone: the library says so, TMM of six genes would not."""

    def rise(cell, sample, patient, organ, tissue, cell_type):
        for gene in ("CXCL12", "CXCR4", "SPP1", "ITGAV", "ITGB3", "JAG1"):
            cell[gene] = (8 if organ == "bone" else 2) + (int(patient[1:]) % 2)

    table = compare(communicate(hand_made(BONE + LIVER + LUNG, change=rise)))
    bone = np.mean([log_cpm(8 + i % 2) for i in (1, 2, 3)])
    liver = np.mean([log_cpm(2 + i % 2) for i in (4, 5, 6)])
    row = one(table, "bone_vs_liver")
    assert row["log2fc"] == pytest.approx(bone - liver, rel=1e-4)
    assert row["log2fc"] > 1.5 and row["call"] == "enriched" and row["driver"] == "both"


def test_shallow_organs_are_left_out_whatever_was_seen_there():
    """CXCL12 at a 5th of a count per cell of 12 is expected at 2.4: too little, also where it happens to be high."""

    def rare(cell, sample, patient, organ, tissue, cell_type):
        cell["CXCL12"] = 1 if sample == "bone1" and cell_type == "Fibroblast" else 0

    table = compare(communicate(hand_made(BONE + LIVER + LUNG, change=rare)))
    rows = table[
        (table["ligand_complex"] == "CXCL12")
        & (table["source"] == "Fibroblast")
        & (table["target"] == "Cancer")
    ]
    assert (rows["call"] == "not_testable").all() and rows["reason"].str.contains("depth").all()


def test_many_organs():
    """Seventy organs, two of which have more than one patient: no code of them overflows."""
    many = tuple((f"s{i}", f"P{i % 9 + 1}", f"organ{i:02d}", "metastasis") for i in range(68))
    adata = communicate(
        hand_made(BONE + LIVER + many, n_cells=10), senders="Fibroblast", receivers="Cancer",
    )  # fmt: skip
    table = compare(adata)
    assert np.isfinite(one(table, "bone_vs_liver")["pval_ligand"])
    assert one(table, "organ00_vs_organ67")["call"] == "not_testable"


def test_same_bits_for_any_number_of_threads():
    adata = communicate(hand_made(FOUR))
    one_, two = (tl.compare_communication(adata, n_jobs=n, copy=True) for n in (1, 2))
    for name, values in one_.uns["compare_communication"]["values"].items():
        np.testing.assert_array_equal(values, two.uns["compare_communication"]["values"][name], err_msg=name)


def test_order_of_cells_and_names_of_organs_do_not_matter():
    adata = hand_made(BONE + LIVER + LUNG)
    turned = adata[np.random.default_rng(0).permutation(adata.n_obs)].copy()
    turned.obs["organ"] = turned.obs["organ"].astype(str).map({"bone": "z", "liver": "m", "lung": "a"})
    first, second = compare(communicate(adata)), compare(communicate(turned))
    a, b = one(first, "bone_vs_liver"), one(second, "m_vs_z")
    assert b["log2fc"] == pytest.approx(-a["log2fc"], rel=1e-6)
    for name in ("pval", "qval", "pval_joint", "pval_ligand"):
        assert b[name] == pytest.approx(a[name], rel=1e-6)
    c, d = one(first, "bone_vs_rest"), one(second, "z_vs_rest")
    assert (c["call"], c["driver"]) == (d["call"], d["driver"])
    assert d["pval"] == pytest.approx(c["pval"], rel=1e-6)


def test_stored_result_survives_h5ad_and_zarr(tmp_path):
    adata = communicate(hand_made(FOUR))
    before = compare(adata)
    adata.write_h5ad(tmp_path / "a.h5ad")
    adata.write_zarr(tmp_path / "a.zarr")
    for back in (ad.read_h5ad(tmp_path / "a.h5ad"), ad.read_zarr(tmp_path / "a.zarr")):
        assert_same_table(get.compare_communication(back), before)


def test_a_relabelled_cell_or_a_changed_covariate_makes_it_stale():
    adata = hand_made(BONE + LIVER + LUNG)
    adata.obs["batch"] = adata.obs["patient"].map({"P1": "x", "P4": "x"}).fillna("y")
    communicate(adata)
    tl.compare_communication(adata, covariates=["batch"])
    changed = adata.copy()
    changed.obs["cell_type"] = changed.obs["cell_type"].astype(str).replace("Fibroblast", "CAF")
    with pytest.raises(StaleResultError, match="cell_type"):
        get.compare_communication(changed)
    changed = adata.copy()
    changed.obs["batch"] = "x"
    with pytest.raises(StaleResultError, match="batch"):
        get.compare_communication(changed)


def test_nothing_is_written_to_what_is_not_asked_for():
    adata = communicate(hand_made(BONE + LIVER))
    before = sorted(adata.uns), list(adata.obs), adata.X.copy()
    result = tl.compare_communication(adata, copy=True, key_added="mine")
    assert sorted(adata.uns) == before[0] and list(adata.obs) == before[1]
    assert (before[2] != adata.X).nnz == 0
    assert "mine" in result.uns and result.uns["mine"]["params"]["key"] == "communication"


def test_what_has_to_be_run_first_is_named():
    with pytest.raises(MissingKeyError, match="tl.communication"):
        tl.compare_communication(hand_made(BONE + LIVER))


def test_families_are_stored():
    adata = communicate(hand_made(FOUR))
    table = compare(adata)
    families = adata.uns["compare_communication"]["families"]
    sizes = dict(zip(read.strings(families["name"]), families["n_tests"], strict=True))
    tested = table[table["pval"].notna()]
    assert sizes["omnibus"] == (tested["contrast"] == "omnibus").sum()
    assert sizes["rest"] == tested["contrast"].astype(str).str.endswith("_vs_rest").sum()
    assert sum(sizes.values()) == len(tested)


def test_warnings_are_none_on_a_clean_design():
    adata = communicate(hand_made(BONE + LIVER + LUNG))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tl.compare_communication(adata)
