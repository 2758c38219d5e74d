"""The tidy table of compared edges: its columns, what can be asked of it, and what it refuses."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from compared import AXIS, make_compared
from hand_made import BONE, BRAIN, EDGE, LIVER, LUNG, communicate, hand_made
from same_tables import assert_same_table

import niche
from niche import get, tl
from niche.errors import InputValueError, MissingKeyError
from niche.get.compare_communication import COLUMNS

FIXED = [
    "contrast", "organ", "source", "target", "ligand_complex", "receptor_complex", "pathway", "log2fc", "ci_low",
    "ci_high", "statistic", "pval", "qval", "pval_joint", "qval_joint", "driver", "call", "reason", "n_samples",
    "n_patients", "sign_stability", "ambient_share", "min_detectable_log2fc",
]  # fmt: skip
"""The columns that recipes, exports and checks rely on, in their order."""


@pytest.fixture(scope="module")
def compared():
    adata = communicate(hand_made(BONE + LIVER + LUNG + BRAIN))
    tl.compare_communication(adata)
    return adata


@pytest.fixture(scope="module")
def table(compared):
    return get.compare_communication(compared)


def test_columns_are_the_fixed_ones_and_then_more(table):
    assert list(table.columns[: len(FIXED)]) == FIXED
    assert list(table.columns) == list(COLUMNS)


def test_every_edge_is_in_every_contrast_once(table):
    key = ["contrast", "source", "target", "ligand_complex", "receptor_complex"]
    assert not table.duplicated(key).any()
    sizes = table.groupby("contrast", observed=True).size()
    assert sizes.nunique() == 1 and len(sizes) == 1 + 4 + 6


def test_organ_is_the_one_that_a_positive_effect_raises(table):
    of = table.drop_duplicates("contrast").set_index("contrast")["organ"]
    assert of["omnibus"] == "" and of["liver_vs_rest"] == "liver" and of["bone_vs_lung"] == "bone"
    row = table[(table["contrast"] == "bone_vs_liver") & (table["source"] == "Fibroblast") & (table["target"] == "Cancer")
                & (table["ligand_complex"] == "CXCL12")].iloc[0]  # fmt: skip
    assert row["log2fc"] > 1  # written by hand to be high in bone


@pytest.mark.parametrize(
    "asked",
    [
        {"contrast": "bone_vs_rest"}, {"contrast": ["omnibus", "bone_vs_liver"]}, {"organ": "liver"},
        {"source": "Fibroblast"}, {"source": ["Cancer", "Fibroblast"], "target": "Cancer"},
        {"call": "not_testable"}, {"call": ["enriched", "depleted"], "organ": "bone"},
    ],
)  # fmt: skip
def test_what_is_kept_is_what_filtering_the_whole_table_keeps(compared, table, asked):
    expected = table
    for name, wanted in asked.items():
        expected = expected[expected[name].astype(str).isin([wanted] if isinstance(wanted, str) else wanted)]
    found = get.compare_communication(compared, **asked)
    assert 0 < len(found) < len(table)
    assert_same_table(found, expected.reset_index(drop=True))


def test_qval_keeps_what_is_at_most_that_and_nothing_untested(compared, table):
    found = get.compare_communication(compared, qval=0.1)
    assert len(found) == (table["qval"] <= 0.1).sum() > 0
    assert (found["qval"] <= 0.1).all()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"contrast": "bone_vs_heart"},
            "contrast: 'bone_vs_heart' not in the result. Available: .*'omnibus'",
        ),
        ({"organ": "heart"}, "organ: 'heart' not in the result"),
        ({"source": "Neuron"}, "source: 'Neuron' not in the result. Available: .*'Cancer'"),
        ({"call": "up"}, "call: 'up' not in the result. Available: .*'enriched'"),
        ({"qval": 2}, "qval"),
    ],
)
def test_a_name_that_is_not_there_is_refused(compared, asked, message):
    with pytest.raises(InputValueError, match=message):
        get.compare_communication(compared, **asked)


def test_what_has_to_be_run_first_is_named():
    with pytest.raises(MissingKeyError, match="tl.compare_communication"):
        get.compare_communication(communicate(hand_made(BONE + LIVER)))


def test_another_communication_run_under_the_same_name_is_noticed(compared):
    adata = compared.copy()
    communicate(adata, resource=pd.DataFrame({"ligand": ["CXCL12"], "receptor": ["CXCR4"]}))
    with pytest.raises(InputValueError, match="is not the run that was compared"):
        get.compare_communication(adata)


def test_ambient_that_was_not_run_reads_not_assessed(table):
    assert (table["ambient_share"] == "not_assessed").all()


def test_compartment_of_the_driver(table):
    """Ligands of fibroblasts are of the host, of cancer cells of the tumor; nothing drives what is not tested."""
    of = table[["driver", "driver_compartment", "source"]].astype(str)
    assert set(of.loc[(of["driver"] == "ligand") & (of["source"] == "Fibroblast"), "driver_compartment"]) == {
        "host"
    }
    assert set(of.loc[of["driver"] == "", "driver_compartment"]) == {""}
    assert table.loc[table["pval"].isna(), "driver"].eq("").all()


def test_the_table_is_the_callers_own(compared, table):
    mine = get.compare_communication(compared)
    mine.loc[:, "log2fc"] = -99.0
    assert_same_table(get.compare_communication(compared), table)
    assert np.isfinite(table["log2fc"]).any() and EDGE["source"] in set(table["source"])


@pytest.fixture(scope="module")
def one_patient() -> ad.AnnData:
    """A study with one organ that one patient gave, without macrophages there."""
    return make_compared()


def of_axis(table):
    source, target, ligand, receptor = AXIS
    mine = (table["source"] == source) & (table["target"] == target)
    return table[mine & (table["ligand_complex"] == ligand) & (table["receptor_complex"] == receptor)]


def test_one_patient_gives_an_estimate_and_no_test(one_patient):
    row = of_axis(niche.get.compare_communication(one_patient, contrast="bone_vs_kidney")).iloc[0]
    assert row["log2fc"] > 0.5
    assert np.isnan(row["pval"])
    assert row["call"] == "not_testable"
    assert "1 patient in kidney" in row["reason"]


def test_a_missing_cell_type_is_absent_and_not_zero(one_patient):
    table = niche.get.compare_communication(one_patient, contrast="bone_vs_kidney", source="Macrophage")
    assert len(table)
    assert table["log2fc"].isna().all()
    assert (table["call"] == "not_testable").all()
    silent = table["ligand_complex"].eq("CCL2").to_numpy()  # its receptor is too rare in every organ
    reason = table["reason"].astype(str)
    assert (reason[~silent] == "cell type absent in kidney: source").all()
    assert reason[silent].str.startswith("depth").all()


def test_a_leaked_axis_carries_its_share_and_is_not_called():
    """SFTPA1 is made by the cells of the lung alone, and is seen in the droplets of all others."""
    adata = niche.datasets.demo()
    niche.pp.normalize(adata)
    niche.pp.ambient(adata)
    niche.tl.communication(adata, "cell_type", null=None, scores=["lr_means"])
    niche.tl.compare_communication(adata)
    whole = niche.get.compare_communication(adata, contrast="lung_vs_rest")
    leaked = whole[(whole["ligand_complex"] == "SFTPA1") & (whole["call"] == "ambient-suspect")]
    assert len(leaked)
    assert (leaked["ambient_share"] >= 0.5).all()
    assert leaked["ambient_side"].isin(["ligand", "both"]).all()
    said = leaked["reason"].astype(str)
    assert said.str.startswith("ambient molecules explain 50% of the difference or more, else ").all()
    assert said.str.contains("else specific|else enriched").all()
    called = niche.get.compare_communication(adata, contrast="lung_vs_rest", call=["enriched", "specific"])
    assert len(called)
    assert called["call"].isin(["enriched", "specific"]).all()
    assert not (called["ambient_share"] >= 0.5).any()
    suspect = niche.get.compare_communication(adata, contrast="lung_vs_rest", call="ambient-suspect")
    pd.testing.assert_frame_equal(
        suspect.astype(str), whole[whole["call"] == "ambient-suspect"].astype(str).reset_index(drop=True)
    )


def test_without_ambient_no_call_is_suspect(table):
    assert (table["ambient_side"] == "not_assessed").all()
    assert not (table["call"] == "ambient-suspect").any()


def test_only_rows_with_a_number_are_kept_when_asked(compared, table):
    found = get.compare_communication(compared, estimated=True)
    known = table["log2fc"].notna() | table["statistic"].notna()
    assert_same_table(found, table[known].reset_index(drop=True))
    assert 0 < len(found) < len(table)
    assert (found["contrast"] == "omnibus").any(), "it has F and no effect"
    both = get.compare_communication(compared, estimated=True, contrast="bone_vs_rest", call="not_testable")
    assert set(both["call"].astype(str)) <= {"not_testable"} and both["log2fc"].notna().all()
