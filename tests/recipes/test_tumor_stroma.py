from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from niche import get, pp, recipes
from niche.errors import InputTypeError, InputValueError, MissingKeyError, NicheWarning

QUICK: dict[str, Any] = {
    "recipe": "tumor_stroma",
    "qc": {"min_cells_scrublet": 100_000},
    "cluster": {"resolution": 0.5},
}
CHEAP = QUICK | {"cluster": {"run": False}, "ambient": {"run": False}}
EDGES: dict[str, Any] = {
    "qc": QUICK["qc"],
    "communication": {"resource": "niche", "null": "analytic"},
}


def steps(adata: ad.AnnData) -> pd.DataFrame:
    return adata.uns["recipe"]["steps"].set_index("step")


def test_every_step_is_done_without_labels(called: ad.AnnData) -> None:
    assert steps(called)["status"].to_dict() == {
        "harmonize_genes": "done", "qc": "done", "leave out failing cells": "done", "normalize": "done",
        "call_compartments": "done", "infer_cnv": "done", "integrate": "skipped", "cluster": "done",
        "annotate": "done", "ambient": "done", "check": "done",
    }  # fmt: skip
    assert steps(called).loc["integrate", "reason"] == "integrate.run is false"
    assert called.uns["recipe"]["name"] == "tumor_stroma"


def test_malignant_cells_are_found_without_labels(called: ad.AnnData, simulated: ad.AnnData) -> None:
    truth = simulated.obs.loc[called.obs_names, "compartment"].astype(str) == "tumor"
    told = called.obs["compartment"].astype(str)
    assert (told[truth] == "tumor").mean() > 0.5
    assert told[truth].isin(["tumor", "unresolved"]).mean() > 0.95, "missed cells are undecided, not host"
    assert (told[~truth] == "tumor").mean() < 0.02
    assert "yes" in set(get.compartments(called)["copy_number"])
    assert get.cnv(called, what="references")["n_reference_cells"].sum() > 0
    named = called.obs.loc[~truth.to_numpy(), "cell_type"].astype(str)
    assert (named != "unknown").mean() > 0.7


def test_the_input_is_not_changed(nameless: ad.AnnData, called: ad.AnnData) -> None:
    assert list(nameless.obs) == ["sample", "patient", "organ", "tissue"]
    assert "recipe" not in nameless.uns
    excluded = called.uns["recipe"]["excluded"]
    assert excluded["n_cells"].sum() == nameless.n_obs
    assert set(excluded["cell_type"]) == {"not named"}


def test_nothing_is_computed_twice(called: ad.AnnData, calls: Counter[str], tmp_path: Path) -> None:
    again = recipes.tumor_stroma(called, QUICK)
    assert not calls
    assert set(steps(again)["status"]) == {"resumed", "skipped"}
    pd.testing.assert_frame_equal(again.obs, called.obs)
    called.copy().write_h5ad(tmp_path / "result.h5ad")
    recipes.tumor_stroma(ad.read_h5ad(tmp_path / "result.h5ad"), QUICK)
    assert not calls


def test_only_what_changed_is_computed_again(called: ad.AnnData, calls: Counter[str]) -> None:
    recipes.tumor_stroma(called, QUICK | {"ambient": {"max_share": 0.4}})
    assert calls == {"ambient": 1}


def test_communication_goes_on_from_its_result(called: ad.AnnData, calls: Counter[str]) -> None:
    done = recipes.communication_by_organ(called, EDGES)
    assert calls == {"communication": 1, "compare_communication": 1}
    assert steps(done).loc["call_compartments", "status"] == "resumed"
    edges = get.communication(done, status="tested")
    assert {"Malignant cell"} <= set(edges["source"].astype(str)) | set(edges["target"].astype(str))
    assert done.uns["recipe"]["excluded"].equals(called.uns["recipe"]["excluded"])


def test_labels_decide_where_they_say_who_is_malignant(simulated: ad.AnnData, calls: Counter[str]) -> None:
    adata = simulated.copy()
    del adata.obs["compartment"]
    done = recipes.tumor_stroma(adata, CHEAP)
    assert steps(done).index.get_loc("infer_cnv") < steps(done).index.get_loc("call_compartments")
    table = get.compartments(done)
    assert table["statement"].str.startswith("author labels").all()
    assert (table["copy_number"] == "yes").any()
    assert "cell types are given" in steps(done).loc["annotate", "reason"]
    before = Counter(calls)
    recipes.communication_by_organ(done, EDGES | {"cluster": {"run": False}})
    assert calls - before == {"ambient": 1, "communication": 1, "compare_communication": 1}


def test_names_that_say_nothing_of_malignancy_are_not_enough(simulated: ad.AnnData) -> None:
    adata = simulated.copy()
    del adata.obs["compartment"]
    names = adata.obs["cell_type"].astype(str).replace({"Malignant": "Epithelial"})
    adata.obs["cell_type"] = names.to_numpy()
    done = recipes.tumor_stroma(adata, CHEAP)
    assert (done.obs["compartment"] == "tumor").sum() > 50
    assert any("no label in obs['cell_type']" in note for note in done.uns["recipe"]["notes"])
    assert "T cell" in list(done.uns["cnv"]["params"]["reference"])


def test_given_compartments_are_used_unless_expression_is_asked_for(simulated: ad.AnnData) -> None:
    given = recipes.tumor_stroma(simulated, CHEAP)
    assert "given in obs['compartment']" in steps(given).loc["call_compartments", "reason"]
    assert steps(given).loc["infer_cnv", "status"] == "done"
    asked = recipes.tumor_stroma(simulated, CHEAP | {"compartments": {"evidence": "expression"}})
    assert steps(asked).loc["call_compartments", "status"] == "done"
    assert any("are not used" in note for note in asked.uns["recipe"]["notes"])
    assert "malignant_probability" in asked.obs


def test_integration_is_an_option(called: ad.AnnData, calls: Counter[str]) -> None:
    done = recipes.tumor_stroma(called, QUICK | {"integrate": {"run": True}})
    assert calls["integrate"] == calls["cluster"] == 1
    assert not calls["call_compartments"] + calls["infer_cnv"]
    assert done.uns["cluster"]["params"]["use_rep"] == "X_integrated"
    with pytest.warns(NicheWarning, match="lies within one organ"):
        other = recipes.tumor_stroma(done, QUICK | {"integrate": {"run": True, "batch": "sample"}})
    assert calls["cluster"] == 2, "clusters of another embedding"
    assert other.uns["integrate"]["params"]["batch_key"] == "sample"


def test_log_values_skip_what_needs_counts(nameless: ad.AnnData) -> None:
    adata = nameless.copy()
    pp.normalize(adata)
    del adata.layers["counts"], adata.uns["normalize"]
    done = recipes.tumor_stroma(adata, CHEAP | {"ambient": {"run": True}})
    for name in ("normalize", "ambient"):
        assert steps(done).loc[name, "status"] == "skipped"
        assert "log values" in steps(done).loc[name, "reason"]


def test_two_runs_give_the_same_bits(nameless: ad.AnnData) -> None:
    first, second = (recipes.tumor_stroma(nameless, CHEAP | {"n_jobs": n}) for n in (1, 2))
    pd.testing.assert_frame_equal(first.obs, second.obs, check_exact=True)
    assert first.obsm["X_cnv"].data.tobytes() == second.obsm["X_cnv"].data.tobytes()


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"input": {"organ": "nowhere"}}, MissingKeyError, "nowhere"),
        ({"input": {"compartments": {"T cell": "immune"}}}, InputValueError, "input.cell_type"),
        ({"compartments": {"evidence": "labels"}}, InputValueError, "needs cell types"),
        ({"cnv": {"reference": ["T cell"]}}, InputValueError, "cnv.reference_key"),
        ({"cnv": {"reference": ["none"], "reference_key": "organ"}}, InputValueError, "none"),
        ({"recipe": "communication_by_organ"}, InputValueError, "not of tumor_stroma"),
        ({"communication": {}}, InputValueError, "communication is not a field"),
    ],
)
def test_bad_settings(
    nameless: ad.AnnData, change: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        recipes.tumor_stroma(nameless, CHEAP | change)


def test_what_is_no_anndata() -> None:
    with pytest.raises(InputTypeError, match="must be an AnnData"):
        recipes.tumor_stroma(np.ones((3, 3)))  # type: ignore[arg-type]
