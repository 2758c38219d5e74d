"""Rates of a table whose every row is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from known_truth import CXCL12, EDGE, HGF, JAG1, liver_table, study

from niche.datasets import simulate_metastases
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.testing import recovery, true_contrasts


def rate(found: pd.DataFrame, measure: str, kind: str, edges: str = "all") -> tuple[int, int]:
    """Counts behind a rate."""
    row = found[(found["measure"] == measure) & (found["kind"] == kind) & (found["edges"] == edges)]
    assert len(row) == 1
    return int(row["count"].iloc[0]), int(row["total"].iloc[0])


def value(found: pd.DataFrame, measure: str, kind: str) -> float:
    row = found[(found["measure"] == measure) & (found["kind"] == kind) & (found["edges"] == "all")]
    return float(row["value"].item())


@pytest.fixture(scope="module")
def both() -> pd.DataFrame:
    return recovery(study(), liver_table())


@pytest.fixture(scope="module")
def any_side() -> pd.DataFrame:
    return recovery(study(), liver_table(), claim="any")


def liver(**options: object) -> pd.DataFrame:
    return recovery(study(), liver_table(), contrast="liver_vs_rest", **options)


def test_recall_by_kind_counts_what_was_not_tested_apart() -> None:
    found = liver()
    assert rate(found, "recall", "both") == (1, 1)
    assert rate(found, "recall", "ligand") == (1, 1)
    assert rate(found, "recall", "opposed") == (0, 1)
    assert rate(found, "recall_testable", "opposed") == (0, 0)
    assert np.isnan(value(found, "recall_testable", "opposed"))
    assert rate(found, "not_testable", "opposed") == (1, 1)
    assert rate(found, "recall", "leaked") == (1, 1)
    assert rate(found, "recall", "both", "planted") == (1, 1)
    assert rate(found, "recall", "ligand", "planted") == (0, 0)
    assert rate(found, "absent", "ligand") == (0, 1)


def test_all_contrasts_of_a_kind_share_the_totals(both: pd.DataFrame) -> None:
    assert rate(both, "recall", "both") == (1, 4), "HGF in three contrasts, JAG1 in that of lung"
    assert rate(both, "absent", "both") == (3, 4)
    assert rate(both, "not_testable", "both") == (0, 4)
    assert rate(both, "recall_testable", "both") == (1, 1)


def test_false_discoveries_depend_on_the_claim(both: pd.DataFrame, any_side: pd.DataFrame) -> None:
    assert rate(both, "false_discovery_share", "both") == (4, 5)
    assert rate(any_side, "false_discovery_share", "any") == (3, 5)
    for found in (both, any_side):
        shares = {
            kind: rate(found, "discoveries", kind) for kind in ("both", "ligand", "leaked", "contaminated")
        }
        assert shares == {"both": (1, 5), "ligand": (1, 5), "leaked": (1, 5), "contaminated": (1, 5)}
        assert rate(found, "discoveries", "none") == (1, 5)
        assert rate(found, "discoveries", "wrong_sign") == (0, 5)


def test_what_has_no_known_truth_is_counted_and_not_judged(both: pd.DataFrame) -> None:
    assert rate(both, "outside", "") == (2, 10), "a hepatocyte, and a pair of no list"
    assert rate(both, "null_not_testable", "none") == (1, 4)


def test_area_by_hand() -> None:
    found = liver()
    assert value(found, "area_precision_recall", "both") == 1.0
    assert rate(found, "prevalence", "both") == (1, 6)
    found = liver(claim="any")  # hits on places 1 and 4 of 6, and one that was not tested
    assert value(found, "area_precision_recall", "any") == pytest.approx((1 + 2 / 4) / 3)
    assert value(found, "area_precision_recall_testable", "any") == pytest.approx((1 + 2 / 4) / 2)
    assert rate(found, "area_precision_recall", "any") == (2, 3)
    assert rate(found, "prevalence", "any") == (2, 6)


def test_driver() -> None:
    found = liver()
    assert rate(found, "driver_accuracy", "both") == (1, 1)
    assert rate(found, "driver_accuracy", "ligand") == (0, 1)
    assert rate(found, "driver_undetermined", "ligand") == (1, 1)
    assert rate(found, "recall_with_driver", "both") == (1, 1)
    assert rate(found, "driver_compartment_accuracy", "ligand") == (1, 1)
    without = liver(driver=None, driver_compartment=None)
    assert not without["measure"].str.contains("driver").any()
    assert len(without) == len(found) - found["measure"].str.contains("driver").sum()


def test_a_discovery_of_the_wrong_sign_is_false() -> None:
    table = liver_table()
    table.loc[0, "log2fc"] = -1.8
    found = recovery(study(), table)
    assert rate(found, "recall", "both") == (0, 4)
    assert rate(found, "discoveries", "wrong_sign") == (1, 5)
    assert rate(found, "false_discovery_share", "both") == (5, 5)
    assert value(found, "area_precision_recall", "both") == 0.0
    blind = recovery(study(), table, effect=None)
    assert rate(blind, "recall", "both") == (1, 4)


def test_other_scores_and_thresholds() -> None:
    table = liver_table().assign(strength=lambda t: 1 - t["qval_joint"]).drop(columns="qval_joint")
    found = recovery(study(), table, score="strength", threshold=0.9, higher_is_better=True)
    pd.testing.assert_frame_equal(found, recovery(study(), liver_table()))
    strict = recovery(study(), liver_table(), threshold=0.01)
    assert rate(strict, "false_discovery_share", "both") == (0, 1)


def test_only_the_edges_asked_for_are_judged() -> None:
    ends = pd.DataFrame({"source": ["Fibroblast", "Malignant"], "target": ["Malignant", "Macrophage"]})
    found = recovery(study(), liver_table(), edges=ends)
    assert rate(found, "discoveries", "both") == (1, 3), "HGF, SPP1 and CXCL12 are left"
    assert rate(found, "outside", "") == (1, 5)
    assert rate(found, "recall", "both") == (1, 4)
    pair = pd.DataFrame({"ligand_complex": pd.Categorical(["HGF"]), "source": "Fibroblast", "mine": 1})
    found = recovery(study(), liver_table(), edges=pair)
    assert rate(found, "recall", "both") == (1, 3)
    assert rate(found, "recall", "ligand") == (0, 0)
    assert rate(found, "false_discovery_share", "both") == (1, 2)
    with pytest.raises(InputValueError, match="none of the columns 'contrast', 'source'.*'cells'"):
        recovery(study(), liver_table(), edges=pd.DataFrame({"cells": ["Malignant"]}))
    with pytest.raises(InputTypeError, match="edges must be a pandas DataFrame or None. Got list"):
        recovery(study(), liver_table(), edges=[("Malignant", "Fibroblast")])


def test_an_organ_is_read_as_that_organ_against_the_rest() -> None:
    table = liver_table().drop(columns="contrast").assign(organ="liver")
    pd.testing.assert_frame_equal(recovery(study(), table), recovery(study(), liver_table()))


def test_contamination_counts_where_the_organ_is_compared() -> None:
    table = liver_table().query("ligand_complex == 'IL11'")
    for contrast, kind in (
        ("bone_vs_lung", "none"),
        ("bone_vs_liver", "contaminated"),
        ("omnibus", "contaminated"),
    ):
        found = recovery(study(), table.assign(contrast=contrast), contrast=contrast)
        assert rate(found, "discoveries", kind) == (1, 1), contrast


def test_omnibus_is_judged_without_a_sign() -> None:
    rows = [(*edge, 0.01, np.nan) for edge in (CXCL12, JAG1, HGF)]
    table = pd.DataFrame(rows, columns=[*EDGE, "qval", "log2fc"]).assign(contrast="omnibus")
    found = recovery(
        study(), table, contrast="omnibus", score="qval", driver=None, driver_compartment=None, claim="any"
    )
    assert rate(found, "recall", "both") == (2, 2)
    assert rate(found, "false_discovery_share", "any") == (0, 3)


def test_a_table_that_knows_the_truth_is_perfect_in_any_order() -> None:
    adata = simulate_metastases(
        3, organs=("bone", "liver", "skin"), patients_per_organ=1, cells=10, n_genes=1500
    )
    truth = true_contrasts(adata)
    real = truth[truth["kind"] == "both"].assign(qval_joint=0.001)
    rest = truth[truth["kind"].isin(["ligand", "receptor", "opposed"])].assign(qval_joint=0.5)
    table = pd.concat([real, rest])
    for contrast in ("vs_rest", "pairwise", "vs_primary"):
        found = recovery(adata, table, contrast=contrast)
        n, total = rate(found, "recall", "both")
        assert n == total > 2
        assert rate(found, "driver_accuracy", "both") == (n, n)
        assert rate(found, "false_discovery_share", "both") == (0, n)
        assert value(found, "area_precision_recall", "both") == 1.0
        shuffled = table.sample(frac=1, random_state=0)
        pd.testing.assert_frame_equal(found, recovery(adata, shuffled, contrast=contrast))
    with pytest.raises(InputValueError, match="nothing was tested"):
        recovery(adata, table.assign(qval_joint=np.nan))


class TestRefusals:
    def test_columns(self) -> None:
        for name, told in (
            ("target", "source, target, ligand_complex"),
            ("qval_joint", "score="),
            ("log2fc", "effect=None"),
            ("driver", "driver=None"),
            ("driver_compartment", "driver_compartment=None"),
            ("contrast", "organ against the rest"),
        ):
            with pytest.raises(MissingKeyError, match=f"'{name}'") as caught:
                recovery(study(), liver_table().drop(columns=name))
            assert told in str(caught.value)
            assert "Columns: " in str(caught.value)

    def test_contrasts(self) -> None:
        with pytest.raises(InputValueError, match="'bone_vs_brain'.*no truth"):
            recovery(study(), liver_table(), contrast="bone_vs_brain")
        with pytest.raises(InputValueError, match="'vs_primary'.*no truth"):
            recovery(study(), liver_table(), contrast="vs_primary")
        with pytest.raises(InputValueError, match=r"no row of 'bone_vs_lung'.*'liver_vs_rest'"):
            recovery(study(), liver_table(), contrast=["bone_vs_lung"])
        with pytest.raises(InputValueError, match="names none"):
            recovery(study(), liver_table(), contrast=[])

    def test_an_edge_given_twice(self) -> None:
        table = pd.concat([liver_table(), liver_table().iloc[[0]]])
        with pytest.raises(
            InputValueError, match=r"1 rows stand twice.*Fibroblast \| Malignant \| HGF \| MET"
        ):
            recovery(study(), table)

    def test_a_score_without_any_value(self) -> None:
        with pytest.raises(InputValueError, match="'qval_joint' has no value in the 8 rows"):
            recovery(study(), liver_table().assign(qval_joint=np.nan))

    def test_a_discovery_without_a_sign(self) -> None:
        table = liver_table()
        table.loc[0, "log2fc"] = np.nan
        with pytest.raises(InputValueError, match=r"1 discoveries have no sign.*HGF \| MET.*effect=None"):
            recovery(study(), table)

    def test_types_and_values(self) -> None:
        with pytest.raises(InputTypeError, match="DataFrame. Got list"):
            recovery(study(), [])
        with pytest.raises(InputTypeError, match="'qval_joint' must hold numbers"):
            recovery(study(), liver_table().assign(qval_joint="small"))
        with pytest.raises(InputValueError, match="claim must be one of 'both', 'any'"):
            recovery(study(), liver_table(), claim="all")
        with pytest.raises(InputTypeError, match="higher_is_better"):
            recovery(study(), liver_table(), higher_is_better=1)
        with pytest.raises(InputValueError, match="threshold"):
            recovery(study(), liver_table(), threshold="low")

    def test_genes_under_other_names(self) -> None:
        adata = study()
        adata.var_names = [f"ENSG{i}" for i in range(adata.n_vars)]
        with pytest.raises(InputValueError, match="'ENSG0'.*gene symbols"):
            recovery(adata, liver_table())
