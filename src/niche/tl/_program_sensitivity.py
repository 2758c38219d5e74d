"""Differences of programs between organs with purer cells, within each assay, and at another k."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys
from niche._stats.contrasts import REST
from niche.tl._compare_input import Study
from niche.tl._program_usage import compare_usage, unit_usage
from niche.tl._programs_near import LEAST_SHARED, near_usage

PURITIES = (0.5, 0.9, 0.99)
ASSAY = "assay"
COLUMNS = ("program", "contrast", "setting", "effect", "pval", "same_sign", "n_patients", "reason")


def sensitivity(
    adata: ad.AnnData, stored: Mapping[str, Any], usage: np.ndarray, unit: np.ndarray, kept: np.ndarray,
    names: list[str], study: Study, min_cells: int, method: Any, whose: str,
) -> pd.DataFrame:  # fmt: skip
    """Effects against the rest with all cells, with cells of each purity, in each assay, at each near k.

    ``same_sign`` is 1 where an effect has the sign it has with all cells, 0 where not, NaN without effect.
    """
    rest = np.array([c for c, contrast in enumerate(study.wanted) if contrast.kind == REST], dtype=np.int64)
    place = np.ix_(kept, rest)
    every = np.ones(len(names), dtype=bool)
    runs = [(name, cells, usage, every) for name, cells in _settings(adata).items()]
    for k in np.unique(np.asarray(stored["near_k"])):
        runs.append((f"k = {k}", np.ones(adata.n_obs, dtype=bool), *near_usage(adata, stored, usage, int(k))))
    parts, whole = [], np.zeros(0)
    for setting, cells, values, there in runs:
        why = f"no program at {setting} shares {LEAST_SHARED:.0%} of its genes"
        gone = {int(j): why for j in kept[~there[kept]]}
        found = unit_usage(values, np.where(cells, unit, -1), study.units.n_samples.size, min_cells)
        results = compare_usage(found, kept[there[kept]], gone, study, method, whose)
        effect = results.values["effect"][place]
        whole = whole if whole.size else effect
        parts.append(
            pd.DataFrame(
                {
                    "program": np.repeat(np.array(names, dtype=object)[kept], len(rest)),
                    "contrast": np.tile([study.wanted[c].name for c in rest], len(kept)).astype(object),
                    "setting": setting, "effect": effect.ravel(),
                    "pval": results.values["pval"][place].ravel(),
                    "same_sign": np.where(
                        np.isnan(effect) | np.isnan(whole), np.nan, np.sign(effect) == np.sign(whole)
                    ).ravel(),
                    "n_patients": results.n_patients[place].ravel(),
                    "reason": np.array(results.reasons.names, dtype=object)[
                        results.reason[place].ravel()
                    ],
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


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
