"""Which species sends and which receives, and pairs that do not react across species."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from niche._log import logger
from niche._slots import communication_codes, keys, validate
from niche.errors import InputTypeError, InputValueError, warn
from niche.resources._pairs import checked_pairs, pairs_from_file

MIXED = "mixed"
MAJORITY = 0.95
"""Share of its cells from which a cell type is of one species; the others are strays."""
COLUMN = "ligand_species"
_PAIR = ["ligand", "receptor"]
_ORIGIN = "no_cross_reaction"


@dataclass(frozen=True)
class TypeSpecies:
    """Species of cell types.

    Attributes
    ----------
    names
        Species of each, ``mixed`` where neither has :data:`MAJORITY` of the cells.
    n_cells, n_other
        (n_types,) cells, and those not of the species that most are of.
    """

    names: list[str]
    n_cells: np.ndarray
    n_other: np.ndarray

    def held(self, codes: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Whether cell types are of a species, and whether they are of it or mixed; neither without cells."""
        names = np.array(self.names, dtype=object)[codes]
        there = self.n_cells[codes] > 0
        return there & (names == name), there & ((names == name) | (names == MIXED))


def species_of_types(adata: ad.AnnData, codes: np.ndarray, n_types: int) -> TypeSpecies | None:
    """Species of every cell type; None where the cells are of one species.

    ``codes`` (n_obs,) type of each cell, -1 for cells left out.
    """
    if keys.SPECIES not in adata.obs.columns:
        return None
    labels = adata.obs[keys.SPECIES].astype(str).to_numpy(dtype=object)
    if not set(keys.ORGANISMS) <= set(labels):
        return None
    n_cells = np.bincount(codes[codes >= 0], minlength=n_types)
    n = np.stack(
        [np.bincount(codes[(codes >= 0) & (labels == name)], minlength=n_types) for name in keys.ORGANISMS]
    )
    most = n.max(axis=0)
    is_one = (most >= MAJORITY * n_cells) & (n_cells > 0)
    names = np.where(is_one, np.array(keys.ORGANISMS, dtype=object)[n.argmax(axis=0)], MIXED)
    return TypeSpecies(names.tolist(), n_cells, n_cells - most)


def log_strays(species: TypeSpecies, types: list[str]) -> None:
    """Name the cell types that hold cells of the other species."""
    listed = [
        f"{name} ({of}): {other} of {n}"
        for name, of, n, other in zip(types, species.names, species.n_cells, species.n_other, strict=True)
        if other
    ]
    if listed:
        logger.warning("communication: cells of the other species in %s", "; ".join(listed))


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
    species: TypeSpecies | None,
    table: pd.DataFrame,
    source: np.ndarray,
    target: np.ndarray,
) -> np.ndarray:
    """Reason codes of edges between species on a pair that does not react, (n_cell_pairs, n_pairs), else 0.

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
    out = np.zeros((source.size, len(table)), dtype=np.uint8)
    for sender, receiver in (keys.ORGANISMS, keys.ORGANISMS[::-1]):
        sends, may_send = species.held(source, sender)
        receives, may_receive = species.held(target, receiver)
        code = np.where(may_send & may_receive, communication_codes.BOTH_SPECIES, 0)
        code[sends & receives] = communication_codes.NO_CROSS_REACTION
        here = place[(place >= 0) & pairs[COLUMN].isin(["", sender]).to_numpy()]
        out[:, here] = np.maximum(out[:, here], code[:, None])
    return out
