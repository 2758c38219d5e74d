"""Which cells a recipe leaves out for their quality, counted by sample and cell type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys
from niche.recipes.columns import Columns

REASONS = {
    "empty": "empty",
    "doublet": "doublet",
    "few_counts": "low total_counts",
    "many_counts": "high total_counts",
    "few_genes": "low n_genes_by_counts",
    "many_genes": "high n_genes_by_counts",
    "top_genes": "high pct_counts_in_top_20_genes",
    "mitochondrial": "high pct_counts_mt",
}
"""What a config calls a reason -> what ``obs["qc_reason"]`` says."""

NOT_NAMED = "not named"
"""Cell type of cells that were left out before they had a name."""

_BY = ["sample", "cell_type"]


def failing(adata: ad.AnnData, reasons: Sequence[str]) -> np.ndarray:
    """Whether each cell fails for one of these reasons."""
    wanted = {REASONS[name] for name in reasons}
    found = adata.obs[keys.QC_REASON].astype(str)
    hit = {text: not wanted.isdisjoint(text.split("; ")) for text in found.unique()}
    return found.map(hit).to_numpy(dtype=bool)


def count(adata: ad.AnnData, columns: Columns, leave: np.ndarray) -> pd.DataFrame:
    """Cells and left out cells by sample and cell type."""
    frame = _labels(adata, columns)
    frame["n_excluded"] = leave
    table = frame.groupby(_BY, sort=True)["n_excluded"].agg(n_cells="size", n_excluded="sum").reset_index()
    return table.astype({"sample": object, "cell_type": object, "n_cells": np.int64, "n_excluded": np.int64})


def added(before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Count cells that were left out in two runs."""
    then = before.set_index(_BY)
    then["n_excluded"] += now.set_index(_BY)["n_excluded"].reindex(then.index, fill_value=0)
    return then.reset_index()


def left_out_before(adata: ad.AnnData, columns: Columns) -> pd.DataFrame | None:
    """What an earlier run left out of these very cells; None when it was nothing, or other cells.

    Cells are recognised by their number in each sample, so that new cell types do not hide it.
    """
    if keys.RECIPE not in adata.uns or "excluded" not in adata.uns[keys.RECIPE]:
        return None
    table = pd.DataFrame(adata.uns[keys.RECIPE]["excluded"]).reset_index(drop=True)
    table = table.astype(dict.fromkeys(_BY, str)).astype(dict.fromkeys(_BY, object))
    kept = table["n_cells"] - table["n_excluded"]
    then = {sample: int(n) for sample, n in kept.groupby(table["sample"]).sum().items() if n}
    now = {sample: int(n) for sample, n in _labels(adata, columns)["sample"].value_counts().items() if n}
    same = then == now
    return table if same and int(table["n_excluded"].sum()) > 0 else None


def judged_these(
    adata: ad.AnnData, stored: Mapping[str, Any], sample_key: str, before: pd.DataFrame | None
) -> bool:
    """Whether a stored judgement is of these cells, before or after the failing ones were left out."""
    if keys.QC_PASS not in adata.obs.columns or keys.QC_REASON not in adata.obs.columns:
        return False
    now = adata.obs[sample_key].astype(str).value_counts()
    if before is not None:
        gone = before.groupby("sample")["n_excluded"].sum()
        now = now.add(gone[gone > 0], fill_value=0)
    table = pd.DataFrame(stored["table"])
    judged = dict(zip(table["sample"].astype(str), table["n_cells"].astype(int), strict=True))
    return judged == {str(sample): int(n) for sample, n in now.items() if n}


def _labels(adata: ad.AnnData, columns: Columns) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sample": adata.obs[columns.sample].astype(str).to_numpy(dtype=object),
            "cell_type": NOT_NAMED
            if columns.cell_type is None
            else adata.obs[columns.cell_type].astype(str).to_numpy(dtype=object),
        }
    )
