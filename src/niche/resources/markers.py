"""Marker genes of the cell types met in metastases and in the organs that host them."""

from __future__ import annotations

import pandas as pd

from niche.resources._arguments import check_organism, rows_of_organ
from niche.resources._location import read_table

__all__ = ["markers"]


def markers(organ: str | None = None, organism: str = "human") -> pd.DataFrame:
    """Marker genes per cell type.

    Parameters
    ----------
    organ
        ``"bone"``, ``"lung"``, ``"brain"``, ``"liver"``, ``"lymph_node"``, ``"breast"``: its cell types and
        those shared by all organs. ``"shared"`` gives the latter alone, None gives everything. Another organ
        gives the shared cell types and a warning.
    organism
        ``"human"``, or ``"mouse"`` for the mouse counterparts (genes without one are left out).

    Returns
    -------
    DataFrame
        Columns ``organ, compartment, cell_type, kind, cell_ontology_id, cell_ontology_name, parent, gene,
        human_gene, support, source, citation``; ``gene`` is the symbol in the organism asked for. ``kind`` is
        ``"cell_type"``, or ``"program"`` for states (cycling, reactive astrocyte, breast subtypes) that are
        no cell types. ``parent`` is the broader cell type of the table, empty where there is none; the id is
        empty where the Cell Ontology has no term for the type (states of fibroblasts and macrophages).

    Raises
    ------
    InputValueError
        ``organism`` is neither human nor mouse.
    InputTypeError
        ``organ`` is neither text nor None.

    Notes
    -----
    ``support`` is ``"marker database"`` where the gene was found in the database of ``source`` (mostly
    PanglaoDB, doi 10.1093/database/baz046) and ``"textbook"`` for commonly used markers, whose ``citation``
    names a reference for the cell type.

    Examples
    --------
    >>> from niche import resources
    >>> table = resources.markers("liver", organism="mouse")
    >>> "Clec4f" in set(table.loc[table["cell_type"] == "Kupffer cell", "gene"])
    True
    """
    check_organism(organism)
    table = rows_of_organ(read_table("markers.tsv"), organ, what="organ markers", always="shared")
    table = table.assign(human_gene=table["gene"])
    if organism == "mouse":
        table = table.assign(gene=table["mouse_gene"].str.split("|")).explode("gene")
        table = table[table["gene"] != ""].drop_duplicates(["organ", "cell_type", "gene"])
    what = ["organ", "compartment", "cell_type", "kind", "cell_ontology_id", "cell_ontology_name", "parent"]
    return table[[*what, "gene", "human_gene", "support", "source", "citation"]].reset_index(drop=True)
