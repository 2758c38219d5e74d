"""Families of ligand-receptor pairs, read from the names of the genes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import pandas as pd

from niche.resources._location import read_table

__all__ = ["assign_pathways", "pathways"]


def pathways() -> pd.DataFrame:
    """Rules that give a ligand-receptor pair its pathway family.

    Returns
    -------
    DataFrame
        Columns ``side`` (``ligand`` or ``receptor``), ``pattern`` (regular expression for a whole human gene
        symbol), ``pathway``, ``note``. Ligand rules come before receptor rules; the first that fits wins.

    Notes
    -----
    Gene families follow the nomenclature of HGNC gene groups (Seal RL, Nucleic Acids Res
    2023;51:D1003-9, doi 10.1093/nar/gkac888); they group pairs for display and are no signalling model.

    Examples
    --------
    >>> from niche import resources
    >>> "CXCL" in set(resources.pathways()["pathway"])
    True
    """
    return read_table("pathways.tsv")


def assign_pathways(ligands: Iterable[str], receptors: Iterable[str]) -> list[str]:
    """Pathway family of each pair of ligand and receptor.

    Parameters
    ----------
    ligands, receptors
        Symbols of equal number, subunits of complexes joined by ``_``; mouse symbols are read as their
        upper case.

    Returns
    -------
    list of str
        One name per pair; ``"other"`` where no rule fits.

    Raises
    ------
    ValueError
        ``ligands`` and ``receptors`` differ in number.

    Examples
    --------
    >>> from niche import resources
    >>> resources.assign_pathways(["CXCL12", "Tgfb1", "XYZ"], ["CXCR4", "Tgfbr1_Tgfbr2", "XYZR"])
    ['CXCL', 'TGFB', 'other']
    """
    pairs = zip(ligands, receptors, strict=True)
    return [
        _family("ligand", ligand) or _family("receptor", receptor) or "other" for ligand, receptor in pairs
    ]


@lru_cache(maxsize=2)
def _rules(side: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    table = pathways()
    table = table[table["side"] == side]
    return tuple((re.compile(p), name) for p, name in zip(table["pattern"], table["pathway"], strict=True))


@lru_cache(maxsize=16384)
def _family(side: str, symbol: str) -> str:
    subunits = symbol.upper().split("_")
    for pattern, name in _rules(side):
        if any(pattern.fullmatch(subunit) for subunit in subunits):
            return name
    return ""
