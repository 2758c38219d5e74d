"""Which species sends and which receives, and pairs that do not react across species."""

from __future__ import annotations

import hashlib
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche.errors import InputTypeError, InputValueError, warn
from niche.resources._pairs import checked_pairs, pairs_from_file

MIXED = "mixed"
COLUMN = "ligand_species"
_PAIR = ["ligand", "receptor"]
_ORIGIN = "no_cross_reaction"


def species_of_types(adata: ad.AnnData, codes: np.ndarray, n_types: int) -> list[str] | None:
    """Species of every cell type, ``mixed`` where it holds both; None where the cells are of one species.

    ``codes`` (n_obs,) type of each cell, -1 for cells left out.
    """
    if keys.SPECIES not in adata.obs.columns:
        return None
    labels = adata.obs[keys.SPECIES].astype(str).to_numpy(dtype=object)
    if not set(keys.ORGANISMS) <= set(labels):
        return None
    met = [set(labels[codes == t]) for t in range(n_types)]
    return [str(next(iter(names))) if len(names) == 1 else MIXED for names in met]


def read_pairs(given: pd.DataFrame | str | Path | None) -> pd.DataFrame | None:
    """The table of pairs that do not react, checked: ``ligand, receptor, ligand_species`` (empty: either)."""
    if given is None:
        return None
    table = pairs_from_file(Path(given)) if isinstance(given, (str, Path)) else given
    if not isinstance(table, pd.DataFrame):
        raise InputTypeError(
            f"{_ORIGIN} must be a DataFrame, the path of a CSV or TSV file, or None. Got "
            f"{type(given).__name__}."
        )
    if not len(table):
        raise InputValueError(f"{_ORIGIN} holds no ligand-receptor pair.")
    table = table.reset_index(drop=True)
    sends = pd.Series("", index=table.index, dtype=object)
    if COLUMN in table.columns:
        sends = table[COLUMN].astype(object).where(table[COLUMN].notna(), "").astype(str).str.strip()
    unknown = sorted(set(sends) - {"", *keys.ORGANISMS})
    if unknown:
        raise InputValueError(
            f"{_ORIGIN}[{COLUMN!r}] must hold {validate.shown(keys.ORGANISMS)}, or nothing for either. Found "
            f"{validate.shown(unknown)}."
        )
    parts = [
        checked_pairs(table[sends == name], _ORIGIN)[_PAIR].assign(ligand_species=name)
        for name in sorted(set(sends))
    ]
    return pd.concat(parts, ignore_index=True).astype(object)


def digest(pairs: pd.DataFrame | None) -> str | None:
    """How the parameters of a run name the table."""
    if pairs is None:
        return None
    listed = "\n".join(sorted("\t".join(row) for row in pairs.astype(str).itertuples(index=False)))
    return f"{len(pairs)} pairs, sha256 {hashlib.sha256(listed.encode()).hexdigest()[:16]}"


def do_not_react(
    pairs: pd.DataFrame,
    species: list[str] | None,
    table: pd.DataFrame,
    source: np.ndarray,
    target: np.ndarray,
) -> np.ndarray:
    """Which edges run between species on a pair that does not react, (n_cell_pairs, n_pairs) bool.

    ``table`` are the pairs of the resource; ``source, target`` (n_cell_pairs,) codes of cell types.
    """
    if species is None:
        raise InputValueError(
            f"{_ORIGIN} needs cells of two species in adata.obs['species'], 'human' and 'mouse'. Run "
            "niche.pp.split_species and niche.pp.collapse_orthologs first."
        )
    resource = pd.MultiIndex.from_frame(table[_PAIR].astype(str))
    place = resource.get_indexer(pd.MultiIndex.from_frame(pairs[_PAIR].astype(str)))
    lost = pairs[place < 0]
    shown = validate.shown(f"{row.ligand} -> {row.receptor}" for row in lost.itertuples())
    if len(lost) == len(pairs):
        raise InputValueError(
            f"no pair of {_ORIGIN} is in the resource: {shown}. Name genes and complexes as it does."
        )
    if len(lost):
        warn(f"{len(lost)} of {len(pairs)} pairs of {_ORIGIN} are not in the resource: {shown}.")
    names = np.array(species, dtype=object)
    sends, receives = names[source], names[target]
    crosses = (sends != receives) & (sends != MIXED) & (receives != MIXED)
    out = np.zeros((source.size, len(table)), dtype=bool)
    for where, sender in zip(place, pairs[COLUMN], strict=True):
        if where >= 0:
            out[:, where] |= crosses & ((sends == sender) if sender else True)
    return out
