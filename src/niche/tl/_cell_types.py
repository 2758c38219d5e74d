"""Which cells form the senders and receivers of a communication analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd

from niche import resources
from niche._settings import settings
from niche._slots import keys, validate
from niche.errors import InputValueError

TUMOR_SUFFIX = " (tumor)"
Chosen = str | Sequence[str] | None


@dataclass(frozen=True)
class CellTypes:
    """Cell types of a communication analysis.

    Attributes
    ----------
    codes
        (n_obs,) int32 type of each cell, -1 for cells left out.
    names
        Names; a type that holds tumor and host cells is split, its tumor part named ``<name> (tumor)``.
    compartment
        Compartment of each type; ``not assessed`` without a compartment column.
    n_unresolved
        Cells left out because their compartment is unresolved.
    """

    codes: np.ndarray
    names: list[str]
    compartment: list[str]
    n_unresolved: int


def cell_types(
    adata: ad.AnnData, groupby: str | None, compartment_key: str | None, *, level: str, need_compartment: bool
) -> CellTypes:
    """Resolve the labels of every cell at the door."""
    labels = validate.factor(adata, groupby, "groupby").labels
    key = settings.compartment_key if compartment_key is None else compartment_key
    if not need_compartment and compartment_key is None and key not in adata.obs.columns:
        names = _lineages(adata, labels, None) if level == "lineage" else labels
        codes, uniques = pd.factorize(names, sort=True)
        return CellTypes(
            codes.astype(np.int32), [str(n) for n in uniques], ["not assessed"] * len(uniques), 0
        )
    compartment = validate.compartments(adata, compartment_key, run_first="niche.tl.call_compartments")
    tumor, kept = compartment == "tumor", compartment != "unresolved"
    if not kept.any():
        raise InputValueError(
            f"every cell is unresolved in adata.obs[{key!r}]. Give author labels to "
            "niche.tl.call_compartments(adata, labels={'Cancer': 'tumor', ...})."
        )
    if level == "lineage":
        names = _lineages(adata, labels, tumor)
    else:
        mixed = set(labels[tumor & kept]) & set(labels[~tumor & kept])
        split = tumor & np.isin(labels, list(mixed))
        names = np.where(split, labels.astype(str) + TUMOR_SUFFIX, labels.astype(str)).astype(object)
    codes, uniques = pd.factorize(pd.Series(names, dtype=object).where(kept, None), sort=True)
    frame = pd.crosstab(names[kept], compartment[kept])
    majority = frame.idxmax(axis=1)
    return CellTypes(
        codes.astype(np.int32),
        [str(n) for n in uniques],
        [str(majority[n]) for n in uniques],
        int((~kept).sum()),
    )


def _lineages(adata: ad.AnnData, labels: np.ndarray, tumor: np.ndarray | None) -> np.ndarray:
    """Lineage of each cell: its own column, else recognised from the name of its cell type."""
    if "lineage" in adata.obs.columns:
        found = validate.factor(adata, "lineage", "groupby").labels
        unknown = sorted(set(found) - set(keys.LINEAGES))
        if unknown:
            raise InputValueError(
                f"adata.obs['lineage'] must hold only {validate.shown(keys.LINEAGES)}. "
                f"Found {validate.shown(unknown)}."
            )
    else:
        known = {name: resources.classify_cell_type(name) for name in set(labels)}
        lineage = {name: "other" if hit is None else hit[1] for name, hit in known.items()}
        found = np.array([lineage[name] for name in labels], dtype=object)
    return found if tumor is None else np.where(tumor, "malignant", found).astype(object)


def directions(types: CellTypes, senders: Chosen, receivers: Chosen) -> list[tuple[int, int]]:
    """Pairs of (source, target) types: tumor with host both ways unless chosen otherwise."""
    tumor = [i for i, name in enumerate(types.compartment) if name == "tumor"]
    host = [i for i, name in enumerate(types.compartment) if name in keys.HOST]
    if senders is None and receivers is None:
        if not tumor or not host:
            lacking = "tumor" if not tumor else "host"
            raise InputValueError(
                f"no {lacking} cells: the default edges run between tumor and host. Compartments found: "
                f"{validate.shown(sorted(set(types.compartment)))}. Call compartments first, or choose with "
                "senders= and receivers= ('all', compartments or cell type names)."
            )
        return [(a, b) for a in tumor for b in host] + [(a, b) for a in host for b in tumor]
    sources = _chosen(types, "all" if senders is None else senders, "senders")
    targets = _chosen(types, "all" if receivers is None else receivers, "receivers")
    return [(a, b) for a in sources for b in targets]


def _chosen(types: CellTypes, wanted: str | Sequence[str], name: str) -> list[int]:
    listed = [wanted] if isinstance(wanted, str) else list(wanted)
    found: list[int] = []
    for item in listed:
        if item == "all":
            hits = list(range(len(types.names)))
        elif item == "host":
            hits = [i for i, c in enumerate(types.compartment) if c in keys.HOST]
        elif item in keys.COMPARTMENTS_ALL:
            hits = [i for i, c in enumerate(types.compartment) if c == item]
        else:
            hits = [i for i, label in enumerate(types.names) if label == item]
        if not hits:
            raise InputValueError(
                f"{name}: {item!r} is neither a cell type, a compartment that is present, 'host' nor 'all'. "
                f"Cell types: {validate.shown(types.names)}."
            )
        found += hits
    return sorted(set(found))
