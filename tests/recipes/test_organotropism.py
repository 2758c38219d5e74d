"""The whole way, resumed, killed, and after labels have changed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from same_tables import assert_same_table

from niche import get, recipes
from niche.errors import InputValueError, NicheWarning
from niche.recipes import to_toml

FAST: dict[str, Any] = {
    "recipe": "organotropism",
    "qc": {"min_cells_scrublet": 100_000},
    "cluster": {"run": False},
    "communication": {"null": "analytic", "resource": "niche", "scores": ["lr_means"]},
    "compare": {"n_permutations": 0},
    "programs": {"k": [5], "n_starts": 2, "min_cells": 10},
}
KILLED_IN_PROGRAMS = """
import sys, time
from niche import tl
from niche.cli import main
from niche.recipes import checkpoint
checkpoint._PATIENCE = 0.0  # every step is kept
tl.programs = lambda *args, **options: time.sleep(600)
sys.exit(main())
"""
DEPENDS_ON_CELL_TYPES = {
    "check", "ambient", "communication", "compare_communication", "compare_expression", "composition",
    "compare_programs", "compatibility", "tropism",
}  # fmt: skip


@pytest.fixture(scope="module")
def study(_demo: ad.AnnData) -> ad.AnnData:
    """Half of the demo without its truth."""
    adata = _demo[::2].copy()
    del adata.uns["truth"]
    return adata


@pytest.fixture(scope="module")
def result(study: ad.AnnData) -> ad.AnnData:
    return recipes.organotropism(study, FAST)


def status(adata: ad.AnnData) -> dict[str, str]:
    return adata.uns["recipe"]["steps"].astype(str).set_index("step")["status"].to_dict()


def test_every_step_is_done(result: ad.AnnData) -> None:
    assert status(result) == {
        "harmonize_genes": "done", "qc": "done", "leave out failing cells": "done", "normalize": "done",
        "call_compartments": "skipped", "cluster": "skipped", "annotate": "skipped", "check": "done",
        "ambient": "done", "communication": "done", "compare_communication": "done",
        "compare_expression": "done", "composition": "done", "programs": "done", "compare_programs": "done",
        "score_signatures": "done", "compatibility": "done", "tropism": "done",
    }  # fmt: skip
    table = get.tropism(result)
    assert set(table["account"]) == {"seed", "soil", "published"}
    unasked = table[table["status"] == "not_assessed"]
    assert unasked["reason"].str.contains("senders= and receivers=").all(), "all parts were run"


def test_a_second_run_computes_nothing(result: ad.AnnData, calls: Counter[str]) -> None:
    again = recipes.organotropism(result, FAST)
    assert set(status(again).values()) == {"resumed", "skipped"}
    assert not calls
    assert_same_table(get.tropism(again), get.tropism(result))


def test_new_cell_types_invalidate_what_depends_on_them(result: ad.AnnData) -> None:
    adata = result.copy()
    adata.obs["cell_type"] = adata.obs["cell_type"].astype(str).replace({"Monocyte": "Macrophage"})
    again = status(recipes.organotropism(adata, FAST))
    anew = {step for step, how in again.items() if how == "done"}
    assert anew == DEPENDS_ON_CELL_TYPES
    assert {step for step, how in again.items() if how == "resumed"} == {
        "harmonize_genes", "qc", "normalize", "programs", "score_signatures",
    }  # fmt: skip


def test_other_gene_sets_change_the_account_and_no_more(result: ad.AnnData, tmp_path: Path) -> None:
    file = tmp_path / "sets.gmt"
    genes = result.var_names[result.var_names.str.startswith("COL")][:8]
    file.write_text("MATRIX\tmine\t" + "\t".join(genes) + "\n")
    again = recipes.organotropism(result, FAST | {"signatures": {"gene_sets": str(file)}})
    assert {step for step, how in status(again).items() if how == "done"} == {"score_signatures", "tropism"}
    assert set(get.tropism(again, kind="signature")["item"]) == {"MATRIX"}


def test_a_screen_is_read_and_checked_first(study: ad.AnnData, result: ad.AnnData, tmp_path: Path) -> None:
    file = tmp_path / "screen.csv"
    pd.DataFrame({"gene": ["CXCL12"], "organ": ["bone"], "effect": [-1.0], "qval": [0.01]}).to_csv(
        file, index=False
    )
    again = recipes.organotropism(result, FAST | {"account": {"screen": str(file)}})
    assert get.tropism(again)["screen"].str.contains("CXCL12: effect -1.00").any()
    with pytest.raises(InputValueError, match="account.screen: cannot read"):
        recipes.organotropism(study, FAST | {"account": {"screen": str(tmp_path / "none.tsv")}})


def test_a_screen_that_does_not_fit_costs_the_screen_and_not_the_account(
    study: ad.AnnData, result: ad.AnnData, tmp_path: Path
) -> None:
    file = tmp_path / "screen.tsv"
    table = pd.DataFrame({"gene": ["CXCL12"], "organ": ["moon"], "effect": [-1.0], "qval": [0.01]})
    table.to_csv(file, sep="\t", index=False)
    again = recipes.organotropism(result, FAST | {"account": {"screen": str(file)}})
    assert len(get.tropism(again))
    assert any("no screen beside it: screen: no row fits" in note for note in again.uns["recipe"]["notes"])
    table.rename(columns={"qval": "q"}).to_csv(file, sep="\t", index=False)
    with pytest.raises(InputValueError, match="no column 'qval'"):
        recipes.organotropism(study, FAST | {"account": {"screen": str(file)}})


def test_a_step_that_is_switched_off_is_not_joined(result: ad.AnnData) -> None:
    again = recipes.organotropism(result, FAST | {"account": {"composition": False}})
    assert set(get.tropism(again, kind="cell_type")["status"]) == {"not_assessed"}


def test_what_could_not_be_run_says_why(study: ad.AnnData) -> None:
    few = FAST | {"programs": {"n_starts": 2, "min_cells": 10_000}, "compare": {"n_permutations": 0}}
    again = recipes.organotropism(study, few)
    rows = get.tropism(again, kind="program")
    assert set(rows["status"]) == {"not_testable"}
    assert not rows["reason"].str.contains("left out").any()


def test_one_organ_is_told_and_not_compared(study: ad.AnnData) -> None:
    bone = study[(study.obs["organ"] == "bone") & (study.obs["tissue"] == "metastasis")].copy()
    with pytest.warns(NicheWarning, match="one organ only"):
        found = recipes.organotropism(bone, FAST)
    assert status(found)["compare_communication"] == "skipped"
    assert status(found)["communication"] == "done"
    reasons = found.uns["recipe"]["steps"].astype(str).set_index("step")["reason"]
    assert "only organ" in reasons["compare_communication"]


def _leaves(value: Any, path: str) -> dict[str, Any]:
    if isinstance(value, pd.DataFrame):
        return {f"{path}.{name}": value[name].to_numpy() for name in value}
    if hasattr(value, "items"):
        return {k: v for name, item in value.items() for k, v in _leaves(item, f"{path}.{name}").items()}
    return {path: value}


def _wait_for(file: Path, process: subprocess.Popen[bytes], step: str) -> None:
    """Until the checkpoint of a run holds the result of a step."""
    end = time.monotonic() + 300
    while time.monotonic() < end and process.poll() is None:
        try:
            if file.exists() and step in ad.read_h5ad(file, backed="r").uns:
                return
        except (OSError, KeyError):
            pass
        time.sleep(0.1)
    raise AssertionError("the run ended before it could be killed")


def test_a_killed_run_goes_on_and_gives_the_same_bits(
    study: ad.AnnData, result: ad.AnnData, tmp_path: Path
) -> None:
    from niche.cli import main

    data, settings, out = tmp_path / "study.h5ad", tmp_path / "fast.toml", tmp_path / "out"
    study.write_h5ad(data)
    settings.write_text(to_toml(recipes.load_config(FAST)))
    command = [sys.executable, "-c", KILLED_IN_PROGRAMS, "run", str(data)]
    command += ["--config", str(settings), "--out", str(out)]
    checkpoint = tmp_path / ".out.checkpoint.h5ad"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _wait_for(checkpoint, process, "composition")
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not out.exists(), "no half-written result"
    assert main(["run", str(data), "--config", str(settings), "--out", str(out), "--overwrite"]) == 0
    again = ad.read_h5ad(out / "result.h5ad")
    steps = status(again)
    assert [steps[name] for name in ("qc", "communication", "composition", "programs", "tropism")] == [
        "resumed", "resumed", "resumed", "done", "done",
    ]  # fmt: skip
    assert not checkpoint.exists()
    for key in set(result.uns) - {"recipe"}:
        before, after = (_leaves(adata.uns[key], key) for adata in (result, again))
        assert before.keys() == after.keys()
        different = [path for path, value in before.items() if not _same(value, after[path])]
        assert not different
    assert (
        again.uns["recipe"]["excluded"]["n_excluded"].sum()
        == result.uns["recipe"]["excluded"]["n_excluded"].sum()
    )
    for name in result.obsm:
        assert _same(result.obsm[name], again.obsm[name])


def _same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.kind == "f":
        return np.array_equal(a, b, equal_nan=True)
    return np.array_equal(a.astype(str), b.astype(str))
