"""What is published, set beside tests that are written by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche import resources
from niche.tl import _account_published as published

COMPARTMENTS = {"Cancer": "tumor", "Fibroblast": "stromal", "Macrophage": "immune", "Odd": "unresolved"}
ORGANS = {"bone": "bone_vs_rest", "lung": "lung_vs_rest"}


def gene(
    name: str, cell_type: str, log2fc: float, pval: float, organ: str = "bone", **changed: object
) -> dict:
    return {
        "contrast": ORGANS[organ], "gene": name, "cell_type": cell_type, "log2fc": log2fc,
        "ci_low": log2fc - 0.4, "ci_high": log2fc + 0.4, "pval": pval, "call": "undetermined", "reason": "",
        "n_patients": 8, "ambient_share": 0.0, "min_detectable_log2fc": 0.9,
    } | changed  # fmt: skip


def looked_up(*rows: dict) -> pd.DataFrame:
    made = published.mediator_rows(pd.DataFrame(list(rows)), COMPARTMENTS, ORGANS, "human")
    return pd.DataFrame(made).set_index(["organ", "item"]).sort_index()


def test_the_same_gene_is_expected_higher_in_bone_and_lower_in_lung():
    table = looked_up(gene("DKK1", "Cancer", 2.0, 1e-6), gene("DKK1", "Cancer", 1.5, 1e-6, "lung"))
    bone, lung = (table.loc[(organ, "DKK1 (tumor ligand)")].squeeze() for organ in ORGANS)
    assert (bone["expected"], bone["status"], bone["direction"]) == ("higher", "found", "higher")
    assert (lung["expected"], lung["status"], lung["direction"]) == ("lower", "opposite", "higher")


def test_a_mediator_is_looked_up_in_its_compartment_only():
    table = looked_up(gene("CXCL12", "Cancer", 3.0, 1e-9), gene("CXCL12", "Fibroblast", 0.1, 0.8))
    row = table.loc[("bone", "CXCL12 (stroma ligand)")].iloc[0]
    assert (row["status"], row["source"]) == ("not_found", "Fibroblast")
    assert "0.90 would have been seen with power 0.8" in row["reason"]


def test_the_smallest_p_is_multiplied_by_the_number_of_cell_types():
    rows = [gene("CXCL12", "Fibroblast", 1.0, 0.01), gene("CXCL12", "Macrophage", 1.0, 0.2)]
    row = looked_up(*rows).loc[("bone", "CXCL12 (stroma ligand)")].iloc[0]
    assert row["pval"] == pytest.approx(0.02)
    assert "surest of 2 cell types" in row["reason"]


def test_q_is_over_mediators_of_all_organs_each_test_once():
    rows = [
        gene("SELE", "Fibroblast", 1.0, 0.01), gene("DKK1", "Cancer", 1.0, 0.02),
        gene("DKK1", "Cancer", 1.0, 0.9, "lung"),
    ]  # fmt: skip
    table = looked_up(*rows)
    # Three tests, although two papers name SELE in bone.
    assert len(table.loc[[("bone", "SELE (stroma ligand)")]]) > 1
    assert np.allclose(table.loc[[("bone", "SELE (stroma ligand)")], "qval"], 0.03)
    assert table.loc[("bone", "DKK1 (tumor ligand)"), "qval"].item() == pytest.approx(0.03)
    assert table.loc[("lung", "DKK1 (tumor ligand)"), "qval"].item() == pytest.approx(0.9)


def test_a_small_effect_does_not_hide_a_large_one_and_others_are_named():
    rows = [
        gene("CXCL12", "Fibroblast", 3.0, 1e-4), gene("CXCL12", "Macrophage", -0.3, 1e-9),
    ]  # fmt: skip
    row = looked_up(*rows).loc[("bone", "CXCL12 (stroma ligand)")].iloc[0]
    assert (row["status"], row["source"]) == ("found", "Fibroblast")
    assert row["reason"].endswith("; lower in Macrophage")


def test_a_small_effect_is_not_found():
    row = looked_up(gene("DKK1", "Cancer", 0.4, 1e-9)).loc[("bone", "DKK1 (tumor ligand)")].squeeze()
    assert row["status"] == "not_found"


def test_what_cannot_be_tested_says_why():
    table = looked_up(
        gene("DKK1", "Cancer", 1.0, 1e-9, call="ambient-suspect", ambient_share=0.9),
        gene("CCN2", "Cancer", np.nan, np.nan, call="not_testable", reason="depth in bone"),
        gene("JAG1", "Odd", 1.0, 1e-9),
    )
    told = table["reason"].to_dict()
    assert table.loc[("bone", "DKK1 (tumor ligand)"), "status"].item() == "not_testable"
    assert "ambient molecules" in told[("bone", "DKK1 (tumor ligand)")]
    assert told[("bone", "CCN2 (tumor ligand)")] == "depth in bone"
    assert told[("bone", "JAG1 (tumor ligand)")] == "no cells of the compartment tumor were compared"
    assert told[("bone", "IL11 (tumor ligand)")] == "IL11 was not measured"


def test_two_patients_are_estimated_and_not_judged():
    row = gene(
        "DKK1", "Cancer", 3.0, 1e-9, call="not_testable", reason="a call needs 3 patients on each side"
    )
    found = looked_up(row).loc[("bone", "DKK1 (tumor ligand)")].squeeze()
    assert (found["status"], found["reason"]) == ("not_testable", "a call needs 3 patients on each side")


def test_retracted_is_shown_and_never_scored():
    known = resources.mediators()
    gone = known[(known["status"] == "retracted") & known["organ"].isin(ORGANS)]
    assert len(gone)
    rows = [
        gene(one.gene_symbol, cell_type, 5.0, 1e-30, one.organ)
        for one in gone.itertuples()
        for cell_type in ("Cancer", "Fibroblast")
    ]
    table = looked_up(*rows)
    table = table[table["publication"] == "retracted"]
    assert len(table) == len(gone)
    assert (table["status"] == "retracted").all()
    assert "effect" not in table or table["effect"].isna().all()


def edge(ligand: str, receptor: str, source: str, target: str, call: str, **changed: object) -> dict:
    return {
        "contrast": "bone_vs_rest", "ligand_complex": ligand, "receptor_complex": receptor, "source": source,
        "target": target, "call": call, "log2fc": 1.0, "ci_low": 0.5, "ci_high": 1.5, "pval": 0.01,
        "qval": 0.05, "n_patients": 8, "min_detectable_log2fc": 0.9, "ambient_share": 0.0, "driver": "ligand",
        "driver_compartment": "host", "reason": "",
    } | changed  # fmt: skip


SIDES = {"Cancer": "tumor", "Fibroblast": "host", "Macrophage": "host"}


def axis(*rows: dict, item: str = "CXCL12 - CXCR4") -> dict:
    made = published.axis_rows(pd.DataFrame(list(rows)), SIDES, {"bone": "bone_vs_rest"}, "human")
    return next(row for row in made if row["item"] == item)


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ("specific", "found"), ("enriched", "found"), ("depleted", "opposite"), ("undetermined", "not_found"),
        ("shared", "not_found"), ("not_testable", "not_testable"), ("ambient-suspect", "not_testable"),
    ],
)  # fmt: skip
def test_an_axis_has_the_status_of_its_call(call, status):
    assert axis(edge("CXCL12", "CXCR4", "Fibroblast", "Cancer", call, reason="why"))["status"] == status


def test_an_axis_is_looked_up_in_its_direction():
    found = axis(edge("CXCL12", "CXCR4", "Cancer", "Fibroblast", "enriched"))
    assert found["status"] == "not_assessed"
    assert "not host->tumor: senders= and receivers=" in found["reason"]


def test_a_pair_that_was_never_compared_says_so():
    found = axis(edge("IL11", "IL11RA_IL6ST", "Cancer", "Fibroblast", "enriched"))
    assert (found["status"], "not in the list of pairs" in found["reason"]) == ("not_testable", True)
    found = axis(edge("CXCL12", "CXCR4", "Fibroblast", "Cancer", "enriched"), item="VCAM1 - ITGA4_ITGB1")
    assert found["status"] in ("not_testable", "not_assessed")


def test_without_compartments_no_axis_is_judged():
    table = pd.DataFrame([edge("CXCL12", "CXCR4", "Fibroblast", "Cancer", "enriched")])
    made = list(published.axis_rows(table, {}, {"bone": "bone_vs_rest"}, "human"))
    assert {row["status"] for row in made if row["item"] == "CXCL12 - CXCR4"} == {"not_assessed"}


def test_an_organ_of_which_nothing_is_published_says_so():
    table = pd.DataFrame([edge("CXCL12", "CXCR4", "Fibroblast", "Cancer", "enriched")])
    made = list(published.axis_rows(table, SIDES, {"adrenal": "adrenal_vs_rest"}, "human"))
    made += published.mediator_rows(
        pd.DataFrame([gene("DKK1", "Cancer", 1.0, 0.1)]),
        COMPARTMENTS,
        {"adrenal": "adrenal_vs_rest"},
        "human",
    )
    assert [(row["kind"], row["reason"]) for row in made] == [
        ("axis", published.NOTHING), ("mediator", published.NOTHING),
    ]  # fmt: skip


def test_the_surest_called_pair_of_cell_types_decides_and_others_are_counted():
    rows = [
        edge("CXCL12", "CXCR4", "Fibroblast", "Cancer", "undetermined", pval=1e-9),
        edge("CXCL12", "CXCR4", "Macrophage", "Cancer", "enriched", pval=1e-3),
    ]
    found = axis(*rows)
    assert (found["status"], found["source"]) == ("found", "Macrophage")
    assert found["reason"] == "surest of 2 pairs of cell types"
    rows[0] |= {"call": "depleted"}
    found = axis(*rows)
    assert (found["status"], found["source"]) == ("opposite", "Fibroblast")
    assert found["reason"].endswith("; 1 other pairs of cell types are called in the other direction")


def test_subunits_are_matched_in_any_order():
    rows = edge("TGFB1", "TGFBR2_TGFBR1", "Fibroblast", "Cancer", "enriched")
    assert axis(rows, item="TGFB1 - TGFBR1_TGFBR2")["status"] == "found"


def test_mouse_genes_are_orthologs():
    made = published.mediator_rows(
        pd.DataFrame([gene("Dkk1", "Cancer", 2.0, 1e-6)]), COMPARTMENTS, {"bone": "bone_vs_rest"}, "mouse"
    )
    assert {row["item"]: row["status"] for row in made}["Dkk1 (tumor ligand)"] == "found"
