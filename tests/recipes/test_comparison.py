"""The step that compares organs, on a study of three organs with four patients each."""

from __future__ import annotations

from collections import Counter
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from compared import PAIRS, make_compared

from niche import get, recipes
from niche.errors import InputValueError, MissingKeyError, NicheWarning

pytestmark = pytest.mark.filterwarnings("ignore:'study' cannot be told apart")


@pytest.fixture(scope="module")
def study() -> ad.AnnData:
    adata = make_compared()
    counts = adata.layers["counts"]
    return ad.AnnData(counts.copy(), obs=adata.obs.copy(), var=adata.var[[]].copy())


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings that take no time."""
    file = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    PAIRS.to_csv(file, index=False)
    return {
        "qc": {"exclude": [], "min_cells_scrublet": 100_000},
        "ambient": {"run": False},
        "cluster": {"run": False},
        "communication": {"resource": str(file), "null": "analytic"},
        "compare": {"n_permutations": 2},
    }


@pytest.fixture(scope="module")
def result(study: ad.AnnData, quick: dict[str, Any]) -> ad.AnnData:
    return recipes.communication_by_organ(study, quick)


def step(adata: ad.AnnData) -> tuple[str, str]:
    """Status and reason of the step."""
    table = adata.uns["recipe"]["steps"].astype(str).set_index("step")
    return tuple(table.loc["compare_communication", ["status", "reason"]])


def with_(config: dict[str, Any], **compare: Any) -> dict[str, Any]:
    return config | {"compare": config["compare"] | compare}


def test_it_is_the_comparison_of_the_tool(study: ad.AnnData, result: ad.AnnData) -> None:
    assert step(result)[0] == "done"
    columns = ["contrast", "source", "target", "ligand_complex", "receptor_complex", "log2fc", "qval", "call"]
    mine = get.compare_communication(result, contrast="bone_vs_rest")[columns]
    other = get.compare_communication(make_compared(), contrast="bone_vs_rest")[columns]
    pd.testing.assert_frame_equal(mine, other)
    assert len(result.uns["compare_communication"]["calibration"]) == 3, "as observed, and two permutations"


def test_settings_reach_the_tool_and_only_it_is_run_again(
    result: ad.AnnData, quick: dict[str, Any], calls: Counter[str]
) -> None:
    recipes.communication_by_organ(result, quick)
    assert not calls
    again = recipes.communication_by_organ(
        result, with_(quick, covariates=["age"], patients="consensus", n_permutations=0)
    )
    assert calls == {"compare_communication": 1}
    stored = again.uns["compare_communication"]
    assert list(stored["params"]["covariates"]) == ["age"]
    assert stored["params"]["patients"] == "consensus"
    assert len(stored["calibration"]) == 0


def test_it_can_be_switched_off(result: ad.AnnData, quick: dict[str, Any], calls: Counter[str]) -> None:
    off = recipes.communication_by_organ(result, with_(quick, run=False))
    assert step(off) == ("skipped", "compare.run is false")
    assert not calls
    assert "compare_communication" in off.uns, "a result that still fits is kept"
    other = quick | {"communication": quick["communication"] | {"expr_prop": 0.3}}
    new = recipes.communication_by_organ(result, with_(other, run=False))
    assert "compare_communication" not in new.uns, "that of other edges is not"


@pytest.mark.filterwarnings("ignore:one organ only")
def test_one_organ_goes_on_and_says_why(study: ad.AnnData, quick: dict[str, Any]) -> None:
    bone = study[study.obs["organ"] == "bone"].copy()
    done = recipes.communication_by_organ(bone, quick)
    status, reason = step(done)
    assert status == "skipped"
    assert "'bone' is the only organ" in reason
    assert "compare_communication" not in done.uns
    assert len(get.communication(done, status="tested"))


def test_without_replicates_there_are_estimates(study: ad.AnnData, quick: dict[str, Any]) -> None:
    chosen = study.obs["sample"].astype(str).isin(["bone1", "brain5", "lung8"]).to_numpy()
    done = recipes.communication_by_organ(study[chosen].copy(), quick)
    assert step(done)[0] == "done"
    rows = get.compare_communication(done, estimated=True)
    assert len(rows)
    assert rows["pval"].isna().all()
    assert set(rows["call"].astype(str)) == {"not_testable"}
    assert rows["reason"].astype(str).str.contains("1 patient").any()


def test_a_covariate_that_hides_everything_goes_on(study: ad.AnnData, quick: dict[str, Any]) -> None:
    adata = study.copy()
    adata.obs["batch"] = adata.obs["organ"].astype(str)
    done = recipes.communication_by_organ(adata, with_(quick, covariates=["batch"]))
    status, reason = step(done)
    assert status == "skipped"
    assert "batch" in reason
    assert "cannot be told apart from the organs" in reason


@pytest.mark.parametrize(
    ("covariates", "error", "told"),
    [
        (["nowhere"], MissingKeyError, "'nowhere' not found"),
        (["cell_type"], InputValueError, "several values in sample"),
    ],
)
def test_bad_covariates_stop_before_anything_is_computed(
    study: ad.AnnData, quick: dict[str, Any], calls: Counter[str], covariates: list[str],
    error: type[Exception], told: str,
) -> None:  # fmt: skip
    with pytest.raises(error, match=told):
        recipes.communication_by_organ(study, with_(quick, covariates=covariates))
    assert not calls


def test_confounding_is_warned_of(study: ad.AnnData, quick: dict[str, Any]) -> None:
    with pytest.warns(NicheWarning, match="'study' cannot be told apart"):
        recipes.communication_by_organ(study, quick | {"seed": 1})


def test_input_is_not_changed(study: ad.AnnData, result: ad.AnnData) -> None:
    assert not study.uns
    assert np.array_equal(np.unique(study.X.data) % 1, np.zeros(np.unique(study.X.data).size))
