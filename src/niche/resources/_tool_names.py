"""Ligands and receptors as CellChat and CellPhoneDB spell them, in subunits joined by ``_``."""

from __future__ import annotations

import re

import pandas as pd

from niche.resources.genes import known_symbols

__all__ = ["cellchat_partners", "in_subunits"]

_SYMBOLS = ("ligand.symbol", "receptor.symbol")
_SPELT = "interaction_name_2"
_INTERACTORS = "interactors"
_PATHWAYS = ("pathway_name", "classification")
_COMPLEX = re.compile(r"\(([^()]+)\)$")


def in_subunits(table: pd.DataFrame) -> pd.DataFrame:
    """A list of pairs of CellChat or CellPhoneDB with our columns; any other table as it is.

    CellChat (``CellChatDB$interaction``) names complexes (``TGFbR1_R2``) whose subunits stand in
    ``ligand.symbol`` and ``receptor.symbol``, or in ``interaction_name_2``. CellPhoneDB
    (``interaction_input.csv``) spells subunits in ``interactors``.
    """
    columns = set(table.columns)
    if {"ligand", "receptor"} <= columns and (_SPELT in columns or {*_SYMBOLS} <= columns):
        ligand, receptor = cellchat_partners(table)
    elif _INTERACTORS in columns and not {"ligand", "receptor"} & columns:
        ligand, receptor = _cellphonedb_partners(table)
    else:
        return table
    table = table.assign(ligand=ligand, receptor=receptor)
    known = [name for name in _PATHWAYS if name in columns]
    return table.rename(columns={known[0]: "pathway"}) if known and "pathway" not in columns else table


def cellchat_partners(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Ligands and receptors of a table of CellChat, by symbols, by the spelt name, else as they stand."""
    ligand, receptor = table["ligand"], table["receptor"]
    if _SPELT in table:
        spelt = table[_SPELT].astype(object).where(table[_SPELT].notna(), "")
        sides = [re.split(r"\s+-\s+", str(name).strip(), maxsplit=1) for name in spelt]
        whole = pd.Series([len(side) == 2 for side in sides], index=table.index)
        ligand, receptor = (
            pd.Series([_spelt_out(side[end]) for side in sides], index=table.index).where(whole, given)
            for end, given in ((0, ligand), (-1, receptor))
        )
    if {*_SYMBOLS} <= set(table.columns):
        symbols = [
            table[name].astype(object).where(table[name].notna(), "").map(_listed) for name in _SYMBOLS
        ]
        ligand, receptor = (
            names.where(names != "", given) for names, given in zip(symbols, (ligand, receptor), strict=True)
        )
    return ligand, receptor


def _spelt_out(side: str) -> str:
    """``(TGFBR1+TGFBR2)`` as ``TGFBR1_TGFBR2``; of ``Glu-(SLC1A3+GLS)`` the genes."""
    found = _COMPLEX.search(side.strip())
    return "_".join(part.strip() for part in found[1].split("+")) if found else side.strip()


def _listed(symbols: str) -> str:
    """``TGFBR1, TGFBR2`` as ``TGFBR1_TGFBR2``."""
    return "_".join(part.strip() for part in str(symbols).split(",") if part.strip())


def _cellphonedb_partners(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Both sides of ``SLC18A1+TPH1-HTR1A``; at the hyphen next to which most symbols are known."""
    known = known_symbols("human")

    def sides(name: object) -> tuple[str, str]:
        parts = str(name).split("-")
        cuts = [("-".join(parts[:i]), "-".join(parts[i:])) for i in range(1, len(parts))]
        if pd.isna(name) or not cuts:
            return "", ""
        known_of = [sum(gene in known for side in cut for gene in side.split("+")) for cut in cuts]
        left, right = cuts[known_of.index(max(known_of))]
        return left.replace("+", "_"), right.replace("+", "_")

    both = [sides(name) for name in table[_INTERACTORS]]
    ligand, receptor = (pd.Series([pair[i] for pair in both], index=table.index) for i in (0, 1))
    return ligand, receptor
