from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche import get
from niche.recipes.columns import Columns
from niche.recipes.malignancy import copy_number_and_compartments
from niche.recipes.steps import Steps
from niche.recipes.tumor_stroma_config import TumorStromaConfig


def unplaced(cell_types: list[str]) -> ad.AnnData:
    """Log values of genes that lie nowhere."""
    n = len(cell_types)
    rng = np.random.default_rng(0)
    obs = pd.DataFrame(
        {"sample": ["S1"] * n, "patient": ["P1"] * n, "organ": ["bone"] * n, "cell_type": cell_types},
        index=[f"c{i}" for i in range(n)],
    )
    values = sparse.csr_matrix(np.log1p(rng.poisson(1.0, (n, 40))).astype(np.float32))
    return ad.AnnData(values, obs=obs, var=pd.DataFrame(index=[f"unknown{i}" for i in range(40)]))


def run(adata: ad.AnnData, **columns: str) -> tuple[Steps, str, list[str]]:
    named = Columns("sample", "patient", "organ", "cell_type", None, columns.get("compartment"), None, ())
    steps = Steps(adata, n_steps=2)
    column, notes = copy_number_and_compartments(steps, TumorStromaConfig(), named)
    return steps, column, notes


def test_labels_do_without_a_profile_and_say_why() -> None:
    steps, column, _ = run(unplaced(["Malignant"] * 30 + ["T cell"] * 30))
    rows = {name: (status, reason) for name, status, reason in steps.rows}
    assert rows["infer_cnv"][0] == "skipped"
    assert rows["infer_cnv"][1]
    assert rows["call_compartments"][0] == "done"
    assert steps.adata.obs[column].value_counts().to_dict() == {"tumor": 30, "immune": 30}


def test_few_normal_cells_are_no_reference() -> None:
    steps, _, _ = run(unplaced(["Malignant"] * 30 + ["T cell"] * 5))
    rows = {name: (status, reason) for name, status, reason in steps.rows}
    assert rows["infer_cnv"] == ("skipped", "no cell type of at least 20 cells is known as normal")


def test_cells_nobody_knows_stay_unresolved_with_the_reason() -> None:
    steps, column, notes = run(unplaced(["Epithelial"] * 30 + ["thing"] * 30))
    assert set(steps.adata.obs[column]) == {"unresolved"}
    assert set(get.compartments(steps.adata)["copy_number"]) == {"not_assessed"}
    assert ("infer_cnv", "skipped", "fewer than 20 cells are known as normal") in steps.rows
    assert "no label" in notes[0]
