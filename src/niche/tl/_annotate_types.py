"""Cell types that cells of an organ can be given, with the marker genes that are measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from niche import resources

SHARED = "shared"
MINIMUM_MARKERS = 3
"""A type with fewer measured markers is not a candidate."""

ALLOWED = {
    "stromal": ("stromal",),
    "endothelial": ("endothelial",),
    "immune": ("immune",),
    "parenchymal": ("parenchymal", "epithelial_normal"),
    "epithelial_normal": ("parenchymal", "epithelial_normal"),
}
"""Compartments of the types that a cell of a compartment can be; any for other cells."""


@dataclass(frozen=True)
class Types:
    """Host cell types of the marker table.

    Attributes
    ----------
    table
        One row per type: organ, compartment, cell_type, parent, cell_ontology_id, lineage, n_markers,
        n_measured, status.
    genes
        Columns of the matrix that are a marker of any type.
    member
        (n_types, len(genes)) whether a gene marks a type.
    ids
        Cell Ontology id of every type of the marker table, measured or not.
    """

    table: pd.DataFrame
    genes: np.ndarray
    member: np.ndarray
    ids: dict[str, str]

    def of_organ(self, organ: str) -> Types:
        """The types that cells of an organ can be."""
        here = self.table["organ"].isin([SHARED, organ]) & (self.table["status"] == "used")
        kept = np.flatnonzero(here.to_numpy())
        return Types(self.table.iloc[kept].reset_index(drop=True), self.genes, self.member[kept], self.ids)

    @property
    def tree(self) -> np.ndarray:
        """Name of the broadest type that each type belongs to."""
        parent, name = self.table["parent"].to_numpy(), self.table["cell_type"].to_numpy()
        return np.where(parent == "", name, parent)

    def specificity(self) -> np.ndarray:
        """Weight of each gene for each type: 1 over the number of trees it marks, 0 for no marker."""
        names, codes = np.unique(self.tree.astype(str), return_inverse=True)
        marked = np.zeros((len(names), self.member.shape[1]), dtype=bool)
        np.logical_or.at(marked, codes, self.member)
        return self.member / np.maximum(marked.sum(axis=0), 1)


def host_types(var_names: pd.Index, organism: str, organs: list[str]) -> Types:
    """Types of the marker table for these organs (and those shared by all), tumor types left out."""
    markers = resources.markers(organism=organism)
    markers = markers[(markers["kind"] == "cell_type") & (markers["compartment"] != "tumor")]
    markers = markers[markers["organ"].isin({SHARED, *organs})]
    markers = markers.assign(column=var_names.get_indexer(pd.Index(markers["gene"])))
    by = ["organ", "compartment", "cell_type", "parent", "cell_ontology_id"]
    table = markers.groupby(by, sort=False).agg(
        n_markers=("gene", "size"), n_measured=("column", lambda columns: int((columns >= 0).sum()))
    )
    table = table.reset_index()
    table["lineage"] = [lineage_of(name) for name in table["cell_type"]]
    few = table["n_measured"] < MINIMUM_MARKERS
    table["status"] = np.where(few, "too few markers measured", "used").astype(object)
    genes = np.unique(markers.loc[markers["column"] >= 0, "column"].to_numpy(dtype=np.int64))
    member = np.zeros((len(table), len(genes)), dtype=bool)
    place = {name: i for i, name in enumerate(table["organ"] + "|" + table["cell_type"])}
    measured = markers[markers["column"] >= 0]
    rows = [place[name] for name in measured["organ"] + "|" + measured["cell_type"]]
    member[rows, np.searchsorted(genes, measured["column"].to_numpy())] = True
    ids = dict(zip(table["cell_type"], table["cell_ontology_id"], strict=True))
    return Types(table, genes, member, ids)


def lineage_of(cell_type: str) -> str:
    """Lineage of a cell type of the marker table."""
    found = resources.classify_cell_type(cell_type)
    return "other" if found is None else found[1]
