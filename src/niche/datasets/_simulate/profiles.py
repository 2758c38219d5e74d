"""Expected expression: counts per million of every gene in every cell type, without any effect."""

from __future__ import annotations

import numpy as np
import pandas as pd

from niche.datasets._simulate.cell_types import MALIGNANT
from niche.datasets._simulate.genes import Universe

MILLION = 1e6
_GENE_SD, _TYPE_SD, _MARKER_SD = 1.1, 0.3, 0.4
_LIST_CPM = 20.0
_MARKER_CPM, _LIST_MARKER_CPM, _ELSEWHERE_CPM = 1500.0, 400.0, 4.0
_PROGRAM_CPM, _PLANTED_CPM, _SUBTYPE_CPM, _LEAKED_ELSEWHERE_CPM = 12.0, 12.0, 60.0, 2.0
_MITOCHONDRIAL_SHARE, _RIBOSOMAL_SHARE, _LEAKED_SHARE = 0.05, 0.15, 0.40
_FIXED = {
    "marker": _ELSEWHERE_CPM,
    "subtype": _ELSEWHERE_CPM,
    "program": _PROGRAM_CPM,
    "planted": _PLANTED_CPM,
    "leaked": _LEAKED_ELSEWHERE_CPM,
}


def base_profiles(
    rng: np.random.Generator,
    universe: Universe,
    types: pd.DataFrame,
    sides: pd.DataFrame,
    listed: set[str],
) -> np.ndarray:
    """Return counts per million (cell types x genes); every row sums to a million.

    Ligands and receptors without a role stand around 20 per million; background genes share what all
    others leave. A cell type has one
    profile wherever it occurs: markers never differ between organs.
    """
    n_types, n_genes = len(types), len(universe.var)
    role = universe.var["truth_role"].astype(str).to_numpy()
    free = rng.normal(0.0, _GENE_SD, n_genes)
    jitter = np.exp(rng.normal(0.0, _TYPE_SD, (n_types, n_genes)))
    marker_jitter = np.exp(rng.normal(0.0, _MARKER_SD, n_genes))
    fixed = np.full((n_types, n_genes), np.nan)
    for name, level in _FIXED.items():
        fixed[:, role == name] = level * jitter[:, role == name]
    listed_only = role == "ligand_receptor"
    fixed[:, listed_only] = _LIST_CPM * np.exp(free[listed_only]) * jitter[:, listed_only]
    for name, share in (("mitochondrial", _MITOCHONDRIAL_SHARE), ("ribosomal", _RIBOSOMAL_SHARE)):
        here = role == name
        weights = np.exp(free[here])
        fixed[:, here] = share * MILLION * weights / weights.sum()
    levels = np.array([_LIST_MARKER_CPM if g in listed else _MARKER_CPM for g in universe.var.index])
    for row, label in enumerate(types["markers"]):
        at = universe.positions(universe.markers.get(label, []))
        fixed[row, at] = levels[at] * marker_jitter[at]
    _set_subtype_genes(fixed, universe, types)
    _set_leaked_blocks(fixed, universe, types, marker_jitter)
    _set_axis_sides(fixed, universe, types, sides)
    return _with_background(fixed, np.exp(free)[None, :] * jitter)


def apply_effects(
    profiles: np.ndarray, universe: Universe, types: pd.DataFrame, effects: pd.DataFrame, scale: float = 1.0
) -> np.ndarray:
    """Return the profiles with every ``log2fc`` of ``effects`` (cell_type, gene) added, times ``scale``."""
    changed = profiles.copy()
    if len(effects):
        rows = _type_rows(types, effects["cell_type"])
        columns = universe.positions(list(effects["gene"]))
        shift = np.zeros_like(profiles)
        np.add.at(shift, (rows, columns), scale * effects["log2fc"].to_numpy(float))
        changed *= np.exp2(shift)
    return changed


def _set_subtype_genes(fixed: np.ndarray, universe: Universe, types: pd.DataFrame) -> None:
    row = list(types["cell_type"]).index(MALIGNANT)
    own = set(universe.markers.get(types["markers"].iloc[row], []))
    for genes in universe.subtype_genes.values():
        fixed[row, universe.positions([gene for gene in genes if gene not in own])] = _SUBTYPE_CPM


def _set_leaked_blocks(
    fixed: np.ndarray, universe: Universe, types: pd.DataFrame, jitter: np.ndarray
) -> None:
    for row, (organ, leaks) in enumerate(zip(types["organ"], types["leaks"], strict=True)):
        genes = universe.blocks.get(f"leaked_{organ}", [])
        if leaks and genes:
            at = universe.positions(genes)
            fixed[row, at] = _LEAKED_SHARE * MILLION * jitter[at] / jitter[at].sum()


def _set_axis_sides(fixed: np.ndarray, universe: Universe, types: pd.DataFrame, sides: pd.DataFrame) -> None:
    """Give each side its level; where two axes meet on one gene and cell type the higher one counts."""
    if not len(sides):
        return
    level = sides.groupby(["cell_type", "gene"], sort=True)["cpm"].max().reset_index()
    fixed[_type_rows(types, level["cell_type"]), universe.positions(list(level["gene"]))] = level["cpm"]


def _with_background(fixed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    free = np.isnan(fixed[0])
    rest = MILLION - np.nansum(fixed, axis=1)
    profile = np.where(free[None, :], 0.0, fixed)
    background = weights[:, free] / weights[:, free].sum(axis=1, keepdims=True)
    profile[:, free] = np.maximum(rest, 0.05 * MILLION)[:, None] * background
    return profile * (MILLION / profile.sum(axis=1, keepdims=True))


def _type_rows(types: pd.DataFrame, names: pd.Series) -> np.ndarray:
    return pd.Index(types["cell_type"].to_numpy(object)).get_indexer(names.to_numpy(object))
