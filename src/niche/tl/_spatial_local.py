"""Which pairs keep their local statistics, and these statistics over all sections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from niche._kernels.local_moran import local_moran
from niche._slots import validate
from niche.errors import InputTypeError, InputValueError
from niche.tl._pairs_of_genes import GenePairs
from niche.tl._spatial_section import Section

LARGEST_Q = 0.05
_LEAST = float(np.finfo(np.float32).tiny)


def pair_name(genes: GenePairs, pair: int) -> str:
    """How a pair is called in parameters: ligand^receptor."""
    return f"{genes.table['ligand'].iloc[pair]}^{genes.table['receptor'].iloc[pair]}"


def chosen_pairs(local: Any, genes: GenePairs) -> list[int] | None:
    """Places of pairs that were named, none for ``None``; None where the significant ones are wanted."""
    if local is None:
        return []
    if isinstance(local, str):
        validate.choice(local, "local", ("significant",))
        return None
    if not isinstance(local, Sequence) or not all(isinstance(p, Sequence) and len(p) == 2 for p in local):
        raise InputTypeError(
            f"local must be 'significant', None or a list of (ligand, receptor). Got {local!r}."
        )
    place = {pair_name(genes, k): k for k in range(genes.ligand.size - 1, -1, -1)}
    names = [f"{ligand}^{receptor}" for ligand, receptor in local]
    unknown = [name for name in names if name not in place]
    if unknown:
        raise InputValueError(
            f"local: {validate.shown(unknown)} not in the resource of {genes.ligand.size} pairs. Complexes "
            "are written with their subunits joined by '_'."
        )
    return list(dict.fromkeys(place[name] for name in names))


def significant(payload: dict[str, Any], n_pairs: int) -> np.ndarray:
    """Pairs with q up to 0.05 in a section or across its border, smallest p first."""
    best = np.full(n_pairs, np.inf)
    for name in ("tests", "interface"):
        found = payload[name]
        good = found["qval"] <= LARGEST_Q
        np.minimum.at(best, found["pair"][good], found["pval"][good])
    order = np.argsort(best, kind="stable")
    return order[np.isfinite(best[order])]


def local_maps(
    sections: list[Section], code: np.ndarray, payload: dict[str, Any], genes: GenePairs,
    wanted: list[int] | None, n_local: int, min_spots: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Pairs kept, and their local statistics and p-values (n_obs, n_kept); NaN where there is none."""
    listed = significant(payload, genes.ligand.size) if wanted is None else np.array(wanted, dtype=np.int64)
    kept = listed[:n_local] if wanted is None else listed
    statistic, p = np.full((2, code.size, kept.size), np.nan, dtype=np.float32)
    for s, section in enumerate(sections):
        n = section.weight.shape[0]
        measured = genes.units.measured
        usable = np.flatnonzero(measured[genes.ligand[kept]] & measured[genes.receptor[kept]])
        if not usable.size or n < min_spots or section.weight.nnz == 0:
            continue
        pairs = kept[usable]
        value, tail = local_moran(
            section.weight, section.dense(genes.ligand[pairs]), section.dense(genes.receptor[pairs])
        )
        where = np.ix_(np.flatnonzero(code == s), usable)
        statistic[where], p[where] = value, np.maximum(tail, _LEAST)
    return kept.astype(np.int32), statistic, p
