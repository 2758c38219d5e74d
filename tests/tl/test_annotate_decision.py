from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche.tl._annotate_decision import COLUMNS, Rule, decide, unlabelled
from niche.tl._annotate_types import Types

RULE = Rule(1.0, 0.5)
# organ, compartment, cell type, parent, lineage
TYPES = [
    ("shared", "immune", "T", "", "lymphoid"),
    ("shared", "immune", "NK", "", "lymphoid"),
    ("shared", "immune", "Mac", "", "myeloid"),
    ("shared", "stromal", "Fib", "", "fibroblast-like"),
    ("shared", "immune", "CD8", "T", "lymphoid"),
    ("shared", "immune", "Treg", "T", "lymphoid"),
    ("liver", "immune", "Kupffer", "Mac", "myeloid"),
    ("shared", "epithelial_normal", "Epithelial cell", "", "parenchymal"),
]
EACH = 6


@pytest.fixture
def types():
    """Eight types with six markers each."""
    table = pd.DataFrame(TYPES, columns=["organ", "compartment", "cell_type", "parent", "lineage"])
    table["cell_ontology_id"] = [f"CL:{i}" for i in range(len(table))]
    table.loc[table["cell_type"] == "Treg", "cell_ontology_id"] = ""
    table["status"] = "used"
    member = np.repeat(np.eye(len(table), dtype=bool), EACH, axis=1)
    ids = dict(zip(table["cell_type"], table["cell_ontology_id"], strict=True))
    return Types(table, np.arange(member.shape[1]), member, ids)


def profile(**levels):
    """One row of deviations: a level for the markers of each type."""
    names = [row[2] for row in TYPES]
    row = np.zeros(len(names))
    for name, level in levels.items():
        row[names.index(name.replace("Epithelial", "Epithelial cell"))] = level
    return np.repeat(row, EACH)[None]


def one(found, types, compartment="unresolved", **options):
    decided = decide(found, types, compartment, RULE, **options)
    assert list(decided) == list(COLUMNS)
    return decided.iloc[0]


def test_the_clear_type_is_given(types):
    row = one(profile(T=4, NK=1), types)
    assert row[["cell_type", "cell_ontology_id", "lineage", "runner_up", "reason"]].tolist() == [
        "T", "CL:0", "lymphoid", "NK", "",
    ]  # fmt: skip
    assert row[["score", "margin"]].tolist() == [4, 3]


def test_low_scores_abstain(types):
    row = one(profile(T=0.9), types)
    assert row[["cell_type", "lineage", "reason"]].tolist() == [
        "unknown",
        "unknown",
        "no cell type stands out",
    ]
    assert row["score"] == pytest.approx(0.9)


def test_few_markers_must_stand_out_more(types):
    member = types.member.copy()
    member[0, 3:EACH] = False
    few = Types(types.table, types.genes, member, types.ids)
    assert one(profile(T=1.5), types)["cell_type"] == "T"
    assert one(profile(T=1.5), few)["reason"] == "no cell type stands out"


def test_close_types_of_one_lineage_keep_it(types):
    row = one(profile(T=3, NK=2.8), types)
    assert row[["cell_type", "lineage", "cell_ontology_id"]].tolist() == ["unknown", "lymphoid", ""]
    assert row["reason"] == "T and NK are not told apart"


def test_close_types_of_two_lineages_have_none(types):
    assert one(profile(T=3, Mac=2.8), types)["lineage"] == "unknown"
    assert one(profile(T=3, NK=2.9, Mac=2.8), types)["lineage"] == "unknown"


def test_markers_of_another_compartment(types):
    row = one(profile(Fib=4, T=2), types, "immune")
    assert row[["cell_type", "lineage"]].tolist() == ["unknown", "unknown"]
    assert row["reason"] == "markers of Fib, which is not immune"
    assert one(profile(Fib=4, T=4.2), types, "immune")["cell_type"] == "T"


def test_the_runner_up_is_of_the_compartment(types):
    assert one(profile(Fib=4, T=3.9), types, "stromal")["cell_type"] == "Fib"
    assert one(profile(Fib=4), types, "endothelial")["reason"] == "no markers measured for this compartment"


def test_narrow_type(types):
    row = one(profile(T=4, CD8=4, Treg=1), types)
    assert row[["cell_type", "cell_ontology_id", "subtype"]].tolist() == ["CD8", "CL:4", "CD8"]
    assert np.isnan(row["subtype_share"])


def test_narrow_type_in_doubt_stays_broad(types):
    near = one(profile(T=4, CD8=4, Treg=3), types)
    low = one(profile(T=4, CD8=2.5), types)
    assert [near["cell_type"], low["cell_type"]] == ["T", "T"]
    assert low[["subtype", "subtype_score"]].tolist() == ["CD8", 2.5]


def test_narrow_type_without_a_term_has_the_broad_one(types):
    row = one(profile(T=4, Treg=4), types)
    assert row[["cell_type", "cell_ontology_id"]].tolist() == ["Treg", "CL:0"]


@pytest.mark.parametrize(("share", "expected"), [(0.6, "CD8"), (0.4, "T")])
def test_half_of_the_cells_must_show_it(types, share, expected):
    cells = np.vstack([profile(T=4, CD8=5 if i < 10 * share else 0) for i in range(10)])
    row = one(profile(T=4, CD8=4), types, cells_of=lambda i: cells)
    assert row["cell_type"] == expected
    assert row["subtype_share"] == pytest.approx(share)


def test_an_organ_specific_form_speaks_for_its_broad_type(types):
    assert one(profile(Kupffer=4), types)["cell_type"] == "Kupffer"
    assert one(profile(Kupffer=2), types)[["cell_type", "cell_ontology_id"]].tolist() == ["Mac", "CL:2"]
    assert one(profile(CD8=4), types)["cell_type"] == "unknown"


def test_epithelial_cells_of_unknown_compartment(types):
    row = one(profile(Epithelial=4), types)
    assert row[["cell_type", "lineage"]].tolist() == ["Epithelial cell", "unknown"]
    assert row["reason"] == "epithelial: markers do not tell malignant from normal"
    known = one(profile(Epithelial=4), types, "epithelial_normal")
    assert known[["lineage", "reason"]].tolist() == ["parenchymal", ""]


def test_no_types():
    nothing = Types(
        pd.DataFrame(columns=["organ", "compartment", "cell_type", "parent", "lineage", "status"]),
        np.zeros(0, dtype=int), np.zeros((0, 0), dtype=bool), {},
    )  # fmt: skip
    assert (decide(np.zeros((3, 0)), nothing, "immune", RULE)["reason"] == "no markers measured").all()


def test_rows_are_decided_by_themselves(types):
    rows = [profile(T=4), profile(Mac=4, Kupffer=4), profile(T=3, NK=2.9), profile()]
    together = decide(np.vstack(rows), types, "unresolved", RULE)
    for i, row in enumerate(rows):
        alone = decide(row, types, "unresolved", RULE)
        pd.testing.assert_series_equal(together.iloc[i], alone.iloc[0], check_names=False)


def test_unlabelled():
    assert unlabelled(2)["cell_type"].tolist() == ["unknown", "unknown"]
