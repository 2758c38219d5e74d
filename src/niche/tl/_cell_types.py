"""Which cells form the senders and receivers of a communication analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd

from niche import resources
from niche._kernels.contingency import contingency
from niche._settings import settings
from niche._slots import keys, validate
from niche.errors import InputValueError

TUMOR_SUFFIX = " (tumor)"
TUMOR, UNRESOLVED = "tumor", "unresolved"
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
    labels = validate.factor(adata, groupby, "groupby")
    base = _lineages(adata, labels) if level == "lineage" else labels
    key = settings.compartment_key if compartment_key is None else compartment_key
    if not need_compartment and compartment_key is None and key not in adata.obs.columns:
        names = sorted(base.names)
        place = np.array([names.index(name) for name in base.names], dtype=np.int32)
        return CellTypes(place[base.codes], names, ["not assessed"] * len(names), 0)
    parts = validate.compartment_factor(adata, compartment_key, run_first="niche.tl.call_compartments")
    n = _counts(base, parts)
    if not n.drop(columns=UNRESOLVED, errors="ignore").to_numpy().any():
        raise InputValueError(
            f"every cell is unresolved in adata.obs[{key!r}]. Give author labels to "
            "niche.tl.call_compartments(adata, labels={'Cancer': 'tumor', ...})."
        )
    typed = _names(n, lineage=level == "lineage").to_numpy().ravel()
    long = pd.DataFrame({"name": typed, "compartment": np.tile(n.columns, len(n)), "n": n.to_numpy().ravel()})
    known = long[(long["n"] > 0) & long["name"].notna()]
    sizes = known.pivot_table(index="name", columns="compartment", values="n", aggfunc="sum", fill_value=0)
    place = sizes.index.get_indexer(typed).reshape(n.shape).astype(np.int32)
    return CellTypes(
        place[base.codes, parts.codes],
        [str(name) for name in sizes.index],
        [str(majority) for majority in sizes.idxmax(axis=1)],
        int(n[UNRESOLVED].sum()) if UNRESOLVED in n else 0,
    )


def _counts(labels: validate.Factor, parts: validate.Factor) -> pd.DataFrame:
    """Cells of every label (rows) in every compartment (columns)."""
    n = contingency([labels.codes, parts.codes], (len(labels.names), len(parts.names)))
    return pd.DataFrame(n, index=labels.names, columns=parts.names)


def _names(n: pd.DataFrame, *, lineage: bool) -> pd.DataFrame:
    """Type of the cells of every label in every compartment, None for unresolved ones."""
    named = pd.DataFrame({name: n.index.astype(object) for name in n}, index=n.index)
    if TUMOR in n:
        host = n.drop(columns=[TUMOR, UNRESOLVED], errors="ignore").sum(axis=1)
        mixed = (n[TUMOR] > 0) & (host > 0)
        named[TUMOR] = "malignant" if lineage else named[TUMOR].where(~mixed, named[TUMOR] + TUMOR_SUFFIX)
    if UNRESOLVED in n:
        named[UNRESOLVED] = None
    return named


def _lineages(adata: ad.AnnData, labels: validate.Factor) -> validate.Factor:
    """Lineage of each cell: its own column, else recognised from the name of its cell type."""
    if "lineage" in adata.obs.columns:
        found = validate.factor(adata, "lineage", "groupby")
        unknown = sorted(set(found.names) - set(keys.LINEAGES))
        if unknown:
            raise InputValueError(
                f"adata.obs['lineage'] must hold only {validate.shown(keys.LINEAGES)}. "
                f"Found {validate.shown(unknown)}."
            )
        return found
    hits = [resources.classify_cell_type(name) for name in labels.names]
    lineage = np.array(["other" if hit is None else hit[1] for hit in hits], dtype=object)
    codes, names = pd.factorize(lineage, sort=True)
    return validate.Factor(labels.key, codes.astype(np.int32)[labels.codes], tuple(names))


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
