from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from niche.pp import qc
from niche.recipes import excluded
from niche.recipes.columns import resolve
from niche.recipes.config import InputConfig, QcConfig


def test_every_reason_of_the_config_is_one_that_qc_gives(demo: ad.AnnData) -> None:
    qc(demo, min_cells_scrublet=100_000)
    table = demo.uns["qc"]["table"]
    given = {
        name.removeprefix("n_").replace("_", " ", 1) for name in table if name.startswith(("n_low", "n_high"))
    }
    assert set(excluded.REASONS.values()) == given | {"empty", "doublet"}
    assert set(QcConfig().exclude) <= set(excluded.REASONS)


def test_reasons_are_matched_whole() -> None:
    reasons = [
        "passed",
        "low total_counts; doublet",
        "high total_counts",
        "not_assessed",
        "high pct_counts_mt",
    ]
    adata = ad.AnnData(
        np.ones((5, 1), dtype=np.float32), obs=pd.DataFrame({"qc_reason": reasons}, index=list("abcde"))
    )
    assert excluded.failing(adata, ["few_counts"]).tolist() == [False, True, False, False, False]
    assert excluded.failing(adata, ["doublet", "many_counts"]).tolist() == [False, True, True, False, False]
    assert not excluded.failing(adata, []).any()


def test_a_judgement_belongs_to_its_cells(demo: ad.AnnData) -> None:
    qc(demo, min_cells_scrublet=100_000)
    stored = demo.uns["qc"]
    columns = resolve(demo, InputConfig())
    assert excluded.judged_these(demo, stored, "sample", None)
    leave = excluded.failing(demo, QcConfig().exclude)
    table = excluded.count(demo, columns, leave)
    kept = demo[~leave].copy()
    assert not excluded.judged_these(kept, stored, "sample", None)
    assert excluded.judged_these(kept, stored, "sample", table)
    kept.uns["recipe"] = {"excluded": table}
    assert excluded.left_out_before(kept, columns) is not None
    assert excluded.left_out_before(kept[5:].copy(), columns) is None, "other cells than those counted"
    assert excluded.left_out_before(demo, columns) is None
    del kept.obs["qc_pass"]
    assert not excluded.judged_these(kept, stored, "sample", table)


def test_two_rounds_add_up() -> None:
    before = pd.DataFrame(
        {"sample": ["a", "a"], "cell_type": ["T", "B"], "n_cells": [5, 3], "n_excluded": [1, 0]}
    )
    now = pd.DataFrame(
        {"sample": ["a", "a"], "cell_type": ["B", "T"], "n_cells": [3, 4], "n_excluded": [2, 1]}
    )
    assert excluded.added(before, now)["n_excluded"].tolist() == [2, 2]
    assert excluded.added(before, now)["n_cells"].tolist() == [5, 3]
