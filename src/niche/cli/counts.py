"""How many patients there are where, in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from niche.recipes.tissues import read_tissues

if TYPE_CHECKING:
    from anndata import AnnData

    from niche.recipes.config import InputConfig


def patients(adata: AnnData, columns: InputConfig) -> str:
    """Samples and patients by organ and tissue; empty where a column for that is not known."""
    named = (columns.sample, columns.patient, columns.organ)
    if not all(name is not None and name in adata.obs.columns for name in named):
        return ""
    frame = pd.DataFrame(
        {
            role: adata.obs[name].astype(str)
            for role, name in zip(("sample", "patient", "organ"), named, strict=True)
        }
    )
    frame["tissue"] = "metastasis"
    if columns.tissue is not None and columns.tissue in adata.obs.columns:
        frame["tissue"] = read_tissues(adata.obs[columns.tissue], columns.tissue_map).values.astype(str)
    n = frame.groupby(["tissue", "organ"], sort=True)["patient"].nunique()
    parts = [f"{organ} ({tissue}) {count}" for (tissue, organ), count in n.items()]
    return (
        f"{_counted(frame, 'sample')} of {_counted(frame, 'patient')}; patients by organ: {', '.join(parts)}"
    )


def _counted(frame: pd.DataFrame, name: str) -> str:
    n = frame[name].nunique()
    return f"{n:,} {name}{'' if n == 1 else 's'}"
