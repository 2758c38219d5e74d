"""Differences of programs between organs with purer cells, and within each assay."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys
from niche._stats.contrasts import REST
from niche.tl._compare_input import Study
from niche.tl._program_usage import compare_usage, unit_usage

PURITIES = (0.5, 0.9, 0.99)
ASSAY = "assay"
COLUMNS = ("program", "contrast", "setting", "effect", "pval", "n_patients", "reason")


def sensitivity(
    adata: ad.AnnData, usage: np.ndarray, unit: np.ndarray, kept: np.ndarray, names: list[str], study: Study,
    min_cells: int, method: Any, whose: str,
) -> pd.DataFrame:  # fmt: skip
    """Effects against the rest with all cells, with cells of each purity, and within each assay."""
    parts = []
    for setting, cells in _settings(adata).items():
        found = unit_usage(usage, np.where(cells, unit, -1), study.units.n_samples.size, min_cells)
        results = compare_usage(found, kept, {}, study, method, whose)
        for c, contrast in enumerate(study.wanted):
            if contrast.kind != REST:
                continue
            parts.append(
                pd.DataFrame(
                    {
                        "program": [names[j] for j in kept], "contrast": contrast.name, "setting": setting,
                        "effect": results.values["effect"][kept, c], "pval": results.values["pval"][kept, c],
                        "n_patients": results.n_patients[kept, c],
                        "reason": [results.reasons.names[code] for code in results.reason[kept, c]],
                    }
                )
            )  # fmt: skip
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def _settings(adata: ad.AnnData) -> dict[str, np.ndarray]:
    out = {"all cells": np.ones(adata.n_obs, dtype=bool)}
    if keys.MALIGNANT_PROBABILITY in adata.obs:
        purity = np.asarray(adata.obs[keys.MALIGNANT_PROBABILITY], dtype=float)
        out |= {f"malignant probability >= {least:g}": purity >= least for least in PURITIES}
    if ASSAY in adata.obs:
        labels = adata.obs[ASSAY].astype(str)
        if labels.nunique() > 1:
            out |= {f"{ASSAY} {name}": (labels == name).to_numpy() for name in sorted(set(labels))}
    return out
