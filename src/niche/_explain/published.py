"""What has been published on the genes of an edge."""

from __future__ import annotations

import pandas as pd

from niche import resources
from niche.get.axes import plain_organ
from niche.resources.genes import human_to_mouse

COLUMNS = ("kind", "organ", "what", "claim", "status", "citation", "doi", "note")


def published(ligand: str, receptor: str, organism: str) -> pd.DataFrame:
    """Axes of this pair and mediators among its genes, a row each with :data:`COLUMNS`.

    ``status`` of an axis is ``published``, of a mediator what the table says (``retracted`` among it).
    """
    left, right = (_human(name, organism) for name in (ligand, receptor))
    rows = []
    for axis in resources.axes().to_dict("records"):
        sides = frozenset(axis["ligand"].split("_")), frozenset(axis["receptor"].split("_"))
        if sides == (left, right):
            claim = f"{axis['direction_class']} ({axis['sender_cell_type']} to {axis['receiver_cell_type']})"
            what = f"{axis['ligand']} - {axis['receptor']}"
            rows.append(
                ("axis", axis["organ"], what, claim, "published", axis["citation"], axis["doi"], axis["note"])
            )
    for one in resources.mediators().to_dict("records"):
        if one["gene_symbol"] in left | right:
            claim = f"{one['effect']}, {one['side']}: {one['mechanism']}"
            rows.append(
                ("mediator", one["organ"], one["gene_symbol"], claim, one["status"], one["citation"],
                 one["doi"], one["note"])
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS)).fillna("").astype(str)


def of_organ(table: pd.DataFrame, organ: str) -> pd.DataFrame:
    """The rows about one organ."""
    return table[table["organ"] == plain_organ(organ)]


def _human(name: str, organism: str) -> frozenset[str]:
    genes = name.split("_")
    if organism == "mouse":
        back: dict[str, str] = {}
        for human, mouse in human_to_mouse().items():
            back.setdefault(mouse, human)
        genes = [back.get(gene, gene) for gene in genes]
    return frozenset(genes)
