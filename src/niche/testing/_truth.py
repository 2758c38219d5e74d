"""The truth of a simulated study, checked at the door."""

from __future__ import annotations

from typing import Any

import anndata as ad
import pandas as pd

from niche import resources
from niche._slots import validate
from niche.errors import InputValueError, MissingKeyError

TRUTH = "truth"
EDGE = ("source", "target", "ligand_complex", "receptor_complex")
SUBUNIT = "_"


def truth_of(adata: ad.AnnData) -> dict[str, Any]:
    """Return ``uns["truth"]`` with its tables' labels as text."""
    validate.anndata(adata)
    found = adata.uns.get(TRUTH)
    needed = ("edges", "genes", "cell_types", "samples")
    missing = [name for name in needed if not hasattr(found, "keys") or name not in found]
    if missing:
        raise MissingKeyError(
            f"uns[{TRUTH!r}] with {validate.shown(needed)} not found; uns holds {validate.shown(adata.uns)}. "
            "Only data drawn by niche.datasets.simulate_metastases have a known truth."
        )
    return {name: _text(found[name]) for name in needed}


def organs_of(truth: dict[str, Any]) -> list[str]:
    """Return the organs with a sample of a metastasis, sorted."""
    samples = truth["samples"]
    return sorted(set(samples.loc[samples["tissue"] == "metastasis", "organ"]))


def shared_cell_types(truth: dict[str, Any]) -> list[str]:
    """Return the cell types that every organ has."""
    types = truth["cell_types"]
    return list(types.loc[types["organ"] == "", "cell_type"])


def known_pairs(adata: ad.AnnData, truth: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the pairs of which the truth is known: all subunits measured, consensus list or planted."""
    pairs = resources.ligand_receptor("consensus")
    listed = set(zip(pairs["ligand"], pairs["receptor"], strict=True))
    edges = truth["edges"]
    listed |= set(zip(edges["ligand_complex"], edges["receptor_complex"], strict=True))
    measured = set(adata.var_names)
    found = {pair for pair in listed if all(measured.issuperset(side.split(SUBUNIT)) for side in pair)}
    if not found:
        raise InputValueError(
            "No ligand-receptor pair of the truth is among the genes of adata, whose names begin with "
            f"{validate.shown(adata.var_names[:3])}. Keep the gene symbols of the draw as var_names."
        )
    return found


def _text(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with labels as plain text."""
    text = {
        name: table[name].astype(str) for name in table if isinstance(table[name].dtype, pd.CategoricalDtype)
    }
    return table.assign(**text)
