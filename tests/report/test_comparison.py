"""What the report reads of a comparison, on a study of which one axis differs and brain is another study."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from compared import AXIS, make_compared

from niche import get, tl
from niche.report import comparison
from niche.report.findings import Findings

pytestmark = pytest.mark.filterwarnings("ignore:'study' cannot be told apart")
EDGE = ["source", "target", "ligand_complex", "receptor_complex"]


@pytest.fixture(scope="module")
def study() -> ad.AnnData:
    return make_compared()


@pytest.fixture(scope="module")
def found(study: ad.AnnData) -> Findings:
    return Findings.of(study)


def test_every_edge_is_either_estimated_or_counted(study: ad.AnnData, found: Findings) -> None:
    whole = get.compare_communication(study)
    n = whole["contrast"].value_counts()
    rows = comparison.outcomes(found).set_index("contrast")
    assert rows["n_edges"].to_dict() == n.to_dict()
    known = whole["log2fc"].notna() | whole["statistic"].notna()
    assert rows["n_estimated"].sum() == known.sum() == len(found.compared)
    counted = whole[~known].groupby(["contrast", "reason"], observed=True).size()
    told = found.uncompared.set_index(["contrast", "reason"])["n"]
    assert told.to_dict() == counted.to_dict()


def test_outcomes_add_up(found: Findings) -> None:
    rows = comparison.outcomes(found)
    calls = rows[
        [f"n_{c}" for c in ("enriched", "specific", "depleted", "shared", "differs", "undetermined")]
    ]
    assert (calls.sum(axis=1) == rows["n_callable"]).all()
    assert (rows["n_callable"] <= rows["n_tested"]).all()
    assert (rows["n_tested"] <= rows["n_estimated"]).all()
    kidney = rows.set_index("contrast").loc["kidney_vs_rest"]
    assert kidney["n_tested"] == 0
    assert kidney["patients"] == "–"


def test_reasons_count_what_has_no_test_or_call(found: Findings) -> None:
    counts, rows = comparison.reasons(found), comparison.outcomes(found).set_index("contrast")
    assert (counts.sum() == (rows["n_edges"] - rows["n_callable"])[counts.columns]).all()
    assert counts.loc["too few patients", "kidney_vs_rest"] > 0
    assert counts.loc["a cell type is absent from an organ", "bone_vs_kidney"] > 0
    assert not (counts.index == "no reason stored").any()


def test_patients_of_the_organs(found: Findings) -> None:
    rows = comparison.organs(found).set_index("organ")
    assert rows["n_patients"].to_dict() == {"bone": 4, "brain": 4, "kidney": 1, "lung": 4}
    assert rows.loc["bone", "n_elsewhere"] == 2, "P1 also in brain, P2 also in lung"
    assert rows["allows"].to_dict() == {
        "bone": "tests and calls", "brain": "tests and calls", "kidney": "estimates only", "lung": "tests and calls",
    }  # fmt: skip


def test_the_planted_axis_is_called_first(found: Findings) -> None:
    first = comparison.called(found, "bone_vs_rest", comparison.UP).iloc[0]
    assert tuple(first[EDGE].astype(str)) in {AXIS, (*AXIS[:3], "ACKR3")}
    assert comparison.driver(str(first["driver"]), str(first["driver_compartment"])) == "ligand, host (soil)"
    assert not len(comparison.called(found, "kidney_vs_rest", comparison.UP))


def test_words_of_driver_and_ambient_share() -> None:
    assert comparison.driver("receptor", "tumor") == "receptor, tumor (seed)"
    assert comparison.driver("both", "both") == "both, tumor and host"
    assert comparison.driver("undetermined", "undetermined") == "undetermined"
    assert comparison.ambient("not_assessed", 0.5) == "not assessed"
    assert comparison.ambient(np.nan, 0.5) == "not testable"
    assert comparison.ambient(0.2, 0.5) == "20 %"
    assert comparison.ambient(0.8, 0.5) == "80 %, suspect"


def test_edges_of_a_call_have_the_surest_first(study: ad.AnnData) -> None:
    found = Findings.of(study)
    rows = comparison.called(found, "bone_vs_rest", (*comparison.UP, "undetermined"))
    assert len(rows) > 2
    assert rows["qval"].is_monotonic_increasing
    assert not len(comparison.called(found, "bone_vs_rest", comparison.SUSPECT)), "nothing was assessed"


def test_a_check_that_was_not_made_is_not_assessed(found: Findings) -> None:
    told, tone = comparison.calibrated(found)
    assert tone == "missing"
    assert told == "Calibration: not assessed (n_permutations is 0)."


def test_the_check_says_observed_and_permuted(study: ad.AnnData) -> None:
    adata = tl.compare_communication(study, n_permutations=3, copy=True)
    found = Findings.of(adata)
    table = found.compare.value["calibration"]
    told, tone = comparison.calibrated(found)
    assert "3 times" in told
    mean, observed = table["share"][1:].mean(), table["share"][0]
    assert f"{100 * mean:.1f} % of the p-values are below 0.05" in told
    assert f"against {100 * observed:.1f} % with the organs as they are" in told
    assert tone == ("limit" if mean > 0.1 else "note")
    adata.uns["compare_communication"]["calibration"] = table.assign(share=[0.5, 0.2, 0.3, 0.1])
    told, tone = comparison.calibrated(Findings.of(adata))
    assert tone == "limit"
    assert "20.0 % of the p-values" in told
    assert "p and q are too small" in told
    adata.uns["compare_communication"]["calibration"] = table.iloc[:0]
    told, tone = comparison.calibrated(Findings.of(adata))
    assert tone == "missing"
    assert "no edge is deep enough in every organ" in told


def test_confounding_names_column_and_organs(study: ad.AnnData, found: Findings) -> None:
    told = comparison.confounded(found)
    assert len(told) == 1
    assert told[0].startswith(
        "study (not taken out): cannot be told apart from the organ in bone against brain"
    )
    assert "bone against lung" not in told[0]
    aged = Findings.of(tl.compare_communication(study, covariates=["age"], copy=True))
    words = {text.split(" ")[0]: text for text in comparison.confounded(aged)}
    assert (
        words["age"]
        == "age (taken out as a covariate): can be told apart from the organ in every pair of organs."
    )


def test_types_of_one_organ() -> None:
    table = pd.DataFrame(
        {
            "organ": ["liver", "liver", "bone"], "source": ["Hepatocyte", "Malignant", "Osteoblast"],
            "target": ["Malignant", "Hepatocyte", "Malignant"], "exclusive": ["source", "target", "source"],
            "ligand_means": [1.0, 3.0, 2.0], "receptor_means": [1.0, 1.0, 2.0], "qval": [0.01, 0.02, 0.5],
            "n_patients": [3, 4, 2],
        }
    )  # fmt: skip
    found = Findings(ad.AnnData(np.ones((1, 1))))
    found.exclusive = type(found.exclusive)(table)
    rows = comparison.exclusive_types(found).set_index("organ")
    assert rows.loc["liver"].tolist() == ["Hepatocyte", 2, 2, 4]
    assert rows.loc["bone"].tolist() == ["Osteoblast", 1, 0, 2]
    first = comparison.first_exclusive(found)
    assert first["source"].tolist() == ["Malignant", "Hepatocyte"], (
        "the stronger first, not the insignificant"
    )
