from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from same_tables import assert_same_table

from niche import get, pp, recipes
from niche.errors import InputTypeError, InputValueError, MissingKeyError

FAST: dict[str, Any] = {
    "qc": {"min_cells_scrublet": 100_000},
    "cluster": {"run": False},
    "communication": {"resource": "niche", "null": "analytic"},
    "input": {"compartments": {"Malignant": "tumor"}},
}


@pytest.fixture(scope="module")
def _source(_demo: ad.AnnData) -> ad.AnnData:
    adata = _demo.copy()
    del adata.obs["compartment"]
    return adata


@pytest.fixture(scope="module")
def result(_source: ad.AnnData) -> ad.AnnData:
    return recipes.communication_by_organ(_source, FAST)


def statuses(adata: ad.AnnData) -> dict[str, str]:
    table = adata.uns["recipe"]["steps"]
    return dict(zip(table["step"], table["status"], strict=True))


def test_every_step_is_done_and_told(result: ad.AnnData) -> None:
    assert statuses(result) == {
        "harmonize_genes": "done", "qc": "done", "leave out failing cells": "done", "normalize": "done",
        "call_compartments": "done", "check": "done", "ambient": "done", "cluster": "skipped",
        "communication": "done", "compare_communication": "done",
    }  # fmt: skip
    edges = get.communication(result, status="tested")
    assert len(edges)
    assert set(get.design(result)["organ"]) >= {"bone", "lung"}


def test_the_input_is_not_changed(_source: ad.AnnData, result: ad.AnnData) -> None:
    assert not _source.uns.get("recipe")
    assert "qc_pass" not in _source.obs
    assert "communication" not in _source.uns


def test_nothing_is_computed_twice(result: ad.AnnData, calls: Counter[str]) -> None:
    again = recipes.communication_by_organ(result, FAST)
    assert not calls
    assert set(statuses(again).values()) == {"resumed", "skipped"}
    assert_same_table(get.communication(again), get.communication(result))
    assert again.uns["recipe"]["excluded"].equals(result.uns["recipe"]["excluded"])


def test_only_what_changed_is_computed_again(result: ad.AnnData, calls: Counter[str]) -> None:
    other = FAST | {"communication": FAST["communication"] | {"expr_prop": 0.2}}
    recipes.communication_by_organ(result, other)
    assert calls == {"communication": 1, "compare_communication": 1}, "new edges are compared anew"


def test_another_resource_is_noticed(result: ad.AnnData, calls: Counter[str], tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("ligand,receptor\nCXCL12,CXCR4\n")
    config = FAST | {"communication": FAST["communication"] | {"resource": str(pairs)}}
    mine = recipes.communication_by_organ(result, config)
    assert calls == {"communication": 1, "compare_communication": 1}
    pairs.write_text("ligand,receptor\nCXCL12,CXCR4\nSPP1,CD44\n")
    recipes.communication_by_organ(mine, config)
    assert calls == {"communication": 2, "compare_communication": 2}


def test_new_labels_are_noticed(result: ad.AnnData, calls: Counter[str]) -> None:
    adata = result.copy()
    labels = adata.obs["cell_type"].astype(str)
    adata.obs["cell_type"] = labels.replace({"T cell": "T lymphocyte"}).to_numpy()
    recipes.communication_by_organ(adata, FAST)
    again = ("call_compartments", "check", "ambient", "communication", "compare_communication")
    assert calls == dict.fromkeys(again, 1)


def test_the_result_survives_a_file(result: ad.AnnData, calls: Counter[str], tmp_path: Path) -> None:
    result.copy().write_h5ad(tmp_path / "result.h5ad")
    recipes.communication_by_organ(ad.read_h5ad(tmp_path / "result.h5ad"), FAST)
    assert not calls


def test_two_runs_give_the_same_bits(_source: ad.AnnData, result: ad.AnnData) -> None:
    again = recipes.communication_by_organ(_source, FAST | {"n_jobs": 1})
    assert_same_table(get.communication(again), get.communication(result))
    pd.testing.assert_frame_equal(again.obs, result.obs, check_exact=True)
    assert again.X.data.tobytes() == result.X.data.tobytes()
    assert str(again.uns["recipe"]["params"]) == str(result.uns["recipe"]["params"]), (
        "n_jobs is not part of it"
    )


def test_failing_cells_are_left_out_and_counted(_source: ad.AnnData, result: ad.AnnData) -> None:
    excluded = result.uns["recipe"]["excluded"]
    assert excluded["n_cells"].sum() == _source.n_obs
    assert excluded["n_excluded"].sum() == _source.n_obs - result.n_obs > 0
    left = set(_source.obs_names) - set(result.obs_names)
    per_type = _source.obs.loc[sorted(left), "cell_type"].astype(str).value_counts()
    told = excluded.groupby("cell_type")["n_excluded"].sum()
    assert told[told > 0].to_dict() == per_type[per_type > 0].to_dict()
    kept_reasons = set("; ".join(result.obs["qc_reason"].astype(str)).split("; "))
    assert not kept_reasons & {
        "empty",
        "doublet",
        "low total_counts",
        "low n_genes_by_counts",
        "high pct_counts_mt",
    }


def test_cells_are_kept_when_asked(_source: ad.AnnData) -> None:
    config = FAST | {"qc": FAST["qc"] | {"exclude": []}}
    kept = recipes.communication_by_organ(_source, config)
    assert kept.n_obs == _source.n_obs
    assert kept.uns["recipe"]["excluded"]["n_excluded"].sum() == 0


def test_cells_left_out_cannot_come_back_and_that_is_said(result: ad.AnnData) -> None:
    config = FAST | {"qc": FAST["qc"] | {"exclude": []}}
    again = recipes.communication_by_organ(result, config)
    table = again.uns["recipe"]["steps"].set_index("step")
    assert "by an earlier run" in table.loc["leave out failing cells", "reason"]
    assert again.uns["recipe"]["excluded"].equals(result.uns["recipe"]["excluded"])


def test_log_values_skip_what_needs_counts(_source: ad.AnnData) -> None:
    adata = _source.copy()
    pp.normalize(adata)
    del adata.layers["counts"], adata.uns["normalize"]
    done = recipes.communication_by_organ(adata, FAST)
    table = done.uns["recipe"]["steps"].set_index("step")
    assert table.loc["normalize", "status"] == "skipped"
    assert "log values" in table.loc["normalize", "reason"]


def test_counts_can_lie_in_a_layer(_source: ad.AnnData, result: ad.AnnData) -> None:
    adata = _source.copy()
    adata.layers["raw"] = adata.layers.pop("counts")
    adata.X = np.log1p(adata.X.toarray())
    done = recipes.communication_by_organ(adata, FAST | {"input": FAST["input"] | {"layer": "raw"}})
    assert_same_table(get.communication(done), get.communication(result))


def test_a_given_compartment_column_is_used(_demo: ad.AnnData, calls: Counter[str]) -> None:
    done = recipes.communication_by_organ(
        _demo, {name: FAST[name] for name in ("qc", "cluster", "communication")}
    )
    assert calls["call_compartments"] == 0
    assert (
        "given in obs['compartment']"
        in done.uns["recipe"]["steps"].set_index("step").loc["call_compartments", "reason"]
    )


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"input": {"organ": "nowhere"}}, MissingKeyError, "nowhere"),
        ({"input": {"layer": "nowhere"}}, MissingKeyError, "nowhere"),
        ({"communication": {"resource": "nowhere"}}, InputValueError, "nowhere"),
        ({"communication": {"senders": ["nobody"]}}, InputValueError, "nobody"),
        ({"communication": {"scores": ["nothing"]}}, InputValueError, "nothing"),
        ({"seed": "x"}, InputValueError, "seed"),
    ],
)
def test_bad_settings(
    result: ad.AnnData, change: dict[str, dict[str, Any]], error: type[Exception], told: str
) -> None:
    config = {
        name: FAST.get(name, {}) | change[name]
        if isinstance(change.get(name), dict)
        else change.get(name, FAST.get(name))
        for name in {*FAST, *change}
    }
    with pytest.raises(error, match=told):
        recipes.communication_by_organ(result, config)


def test_what_is_no_anndata() -> None:
    with pytest.raises(InputTypeError, match="must be an AnnData"):
        recipes.communication_by_organ(np.ones((3, 3)))  # type: ignore[arg-type]
    with pytest.raises(InputValueError, match="empty"):
        recipes.communication_by_organ(ad.AnnData(np.ones((0, 3), dtype=np.float32)))
