from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import fingerprint, keys, read, write
from niche.recipes.config import CommunicationConfig
from niche.recipes.steps import Steps


def steps() -> Steps:
    return Steps(ad.AnnData(np.ones((3, 2), dtype=np.float32)), n_steps=2)


def store(adata: ad.AnnData, value: int) -> None:
    digest = fingerprint.compute(adata, obs=[], layers=[None])
    write.result(adata, "mine", params={"value": value}, payload={}, fingerprint=digest)


def test_a_step_runs_once_while_nothing_changes() -> None:
    mine, calls = steps(), []

    def once(value: int) -> None:
        mine.run(
            "mine",
            lambda: (calls.append(value), store(mine.adata, value)),
            key="mine",
            params={"value": value},
        )

    once(1)
    once(1)
    assert calls == [1]
    once(2)
    assert calls == [1, 2], "other parameters"
    mine.adata.X[0, 0] = 9
    once(2)
    assert calls == [1, 2, 2], "other data"
    assert [status for _, status, _ in mine.rows] == ["done", "resumed", "done", "done"]


def test_a_result_that_does_not_fit_is_made_anew() -> None:
    mine, calls = steps(), []
    store(mine.adata, 1)
    mine.run("mine", lambda: calls.append(1), key="mine", params={"value": 1}, fits=lambda stored: False)
    assert calls == [1]


def test_a_step_says_whether_it_ran() -> None:
    mine = steps()
    options = {"key": "mine", "params": {"value": 1}}
    assert mine.run("mine", lambda: store(mine.adata, 1), **options)
    assert not mine.run("mine", lambda: store(mine.adata, 1), **options)
    mine.resume("theirs", "made by another recipe")
    assert [row[1] for row in mine.rows] == ["done", "resumed", "resumed"]


def test_the_record_can_be_read() -> None:
    mine = steps()
    with mine.progress("mine"):
        mine.skip("this", "no need")
        mine.done("that", "3 cells")
    left_out = pd.DataFrame({"sample": ["a"], "cell_type": ["T cell"], "n_cells": [3], "n_excluded": [1]})
    mine.finish("mine", CommunicationConfig(notes=["one"]), ["two", "one"], left_out)
    stored = read.result(mine.adata, keys.RECIPE, run_first="the recipe")
    assert stored["steps"].to_numpy().tolist() == [
        ["this", "skipped", "no need"],
        ["that", "done", "3 cells"],
    ]
    assert stored["params"]["recipe"] == "communication_by_organ"
    assert stored["params"]["input"]["organ"] == "None"
    assert "n_jobs" not in stored["params"], "results do not depend on it"
    assert list(stored["notes"]) == ["one", "two"]
    assert stored["excluded"].equals(left_out)
