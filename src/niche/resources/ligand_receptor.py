"""Lists of ligand-receptor pairs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from niche._log import logger
from niche.errors import InputTypeError, InputValueError, warn
from niche.resources._arguments import check_organism
from niche.resources._location import read_table
from niche.resources._pairs import checked_pairs, looks_like_file, pairs_from_file, pairs_from_liana
from niche.resources.genes import human_to_mouse, known_symbols
from niche.resources.pathways import assign_pathways
from niche.resources.registry import entry, names

__all__ = ["ligand_receptor"]

_COLUMNS = ["ligand", "receptor", "pathway", "evidence", "source"]
_KIND = "ligand_receptor"


def ligand_receptor(name: str | Path | pd.DataFrame = "consensus", organism: str = "human") -> pd.DataFrame:
    """Ligand-receptor pairs: a bundled list, one of liana's, or your own.

    Parameters
    ----------
    name
        ``"consensus"``, ``"mouseconsensus"``, ``"cellphonedb"``, ``"cellchatdb"``, ``"celltalkdb"``,
        ``"connectomedb2020"`` (as published with LIANA 1.10.0), or ``"niche"``: simple pairs and axes of
        metastasis that the consensus lacks or holds only inside larger complexes. Any other list of liana's
        is taken from it when it is installed. Or a DataFrame, or the path of a CSV or TSV file, with columns
        ``ligand`` and ``receptor`` (``pathway``, ``evidence``, ``source`` are kept when present). Lists of
        CellChat (``CellChatDB$interaction``; subunits are read from ``interaction_name_2``) and CellPhoneDB
        (``interaction_input.csv``; from ``interactors``) are taken as they are.
    organism
        ``"human"``, or ``"mouse"`` to map human pairs by one-to-one orthologs; pairs in which a subunit has
        none are lost, counted and logged. ``"mouseconsensus"``, and a table of your own that holds mouse
        symbols, are mouse already and stay as they are.

    Returns
    -------
    DataFrame
        Columns ``ligand, receptor, pathway, evidence, source``; subunits of a complex joined by ``_``;
        sorted, each pair once. ``attrs`` holds ``name, organism, version, sha256`` (of the pairs),
        ``licence, citation, n_pairs, n_lost``; ``attrs["organism"]`` is what the symbols are.

    Raises
    ------
    InputValueError
        Unknown name or organism; no such file; columns missing; no pair in the table, or none left in mouse;
        a complex with an empty subunit.
    InputTypeError
        ``name`` is none of the above kinds, or a column does not hold text.

    Notes
    -----
    Symbols are those of the source list. ``pathway`` is a gene family (:func:`~niche.resources.pathways`).
    ``evidence`` names the lists that hold the very same pair. Dimitrov D, Nat Commun 2022;13:3224,
    doi 10.1038/s41467-022-30755-0.

    Examples
    --------
    >>> from niche import resources
    >>> pairs = resources.ligand_receptor()
    >>> len(pairs), pairs.attrs["version"]
    (4620, 'LIANA 1.10.0')
    >>> mouse = resources.ligand_receptor("niche", organism="mouse")
    >>> list(mouse.loc[mouse["ligand"] == "Gja1", "receptor"])
    ['Gja1']
    """
    check_organism(organism)
    if isinstance(name, pd.DataFrame):
        return _own(name, "the table of ligand-receptor pairs", "user table", organism)
    if not isinstance(name, str | Path):
        raise InputTypeError(
            "name must be the name of a ligand-receptor list, a DataFrame or the path of a CSV or TSV file. "
            f"Got {type(name).__name__}."
        )
    listed = str(name).strip().lower()
    if isinstance(name, str) and listed in names(_KIND):
        return _fresh(_bundled(listed, organism))
    if isinstance(name, Path) or looks_like_file(name):
        return _own(pairs_from_file(Path(name)), str(name), Path(name).name, organism)
    return _of_liana(listed, organism)


@lru_cache(maxsize=16)
def _bundled(name: str, organism: str) -> pd.DataFrame:
    facts = entry(name, _KIND)
    table = read_table(facts["file"])[_COLUMNS]
    native = facts["organism"]
    n_lost = 0
    if native == "human" and organism == "mouse":
        table, n_lost = _to_mouse(table, f"the list {name!r}")
        native = "mouse"
    return _described(table, name, native, facts, n_lost)


def _of_liana(name: str, organism: str) -> pd.DataFrame:
    table = pairs_from_liana(name, names(_KIND))
    if table is None:
        raise InputValueError(
            f"There is no bundled ligand-receptor list {name!r}. Available: {', '.join(names(_KIND))}. Other "
            "lists of LIANA can be used when liana is installed (pip install liana). A DataFrame or the path "
            "of a CSV or TSV file also works."
        )
    from importlib.metadata import version

    facts = entry("consensus", _KIND) | {"version": f"LIANA {version('liana')}"}
    facts["citation"] = f"{facts['citation']}; cite the list {name!r} itself as well"
    table = checked_pairs(table, f"liana's list {name!r}").assign(evidence=name, source=facts["version"])
    return _placed(table, name, organism, facts)


def _own(table: pd.DataFrame, origin: str, name: str, organism: str) -> pd.DataFrame:
    facts = {"version": "not stated", "licence": "not stated", "citation": "supplied by the user"}
    return _placed(checked_pairs(table, origin), name, organism, facts)


def _placed(table: pd.DataFrame, name: str, organism: str, facts: dict[str, str]) -> pd.DataFrame:
    """Bring a checked table of unknown organism into the five columns and the organism asked for."""
    if "pathway" not in table.columns:
        table = table.assign(pathway=assign_pathways(table["ligand"], table["receptor"]))
    for column in ("evidence", "source"):
        if column not in table.columns:
            table = table.assign(**{column: name})
    table = table[_COLUMNS].astype(object).where(table[_COLUMNS].notna(), "")
    native, n_lost = _organism_of(table), 0
    if native == "human" and organism == "mouse":
        table, n_lost = _to_mouse(table, name)
        native = "mouse"
    elif native == "mouse" and organism == "human":
        warn(f"{name}: most symbols are mouse symbols. They are kept; pass organism='mouse' with mouse data.")
    return _described(table, name, native, facts, n_lost)


def _organism_of(table: pd.DataFrame) -> str:
    genes = _subunits(table)
    human, mouse = (len(genes & known_symbols(organism)) for organism in ("human", "mouse"))
    return "mouse" if mouse > human else "human"


def _subunits(table: pd.DataFrame) -> set[str]:
    symbols: Iterable[str] = pd.concat([table["ligand"], table["receptor"]])
    return {subunit for symbol in symbols for subunit in symbol.split("_")}


def _to_mouse(table: pd.DataFrame, origin: str) -> tuple[pd.DataFrame, int]:
    mapping = human_to_mouse()

    def mapped(symbol: str) -> str:
        subunits = [mapping.get(subunit, "") for subunit in symbol.split("_")]
        return "_".join(subunits) if all(subunits) else ""

    moved = table.assign(ligand=table["ligand"].map(mapped), receptor=table["receptor"].map(mapped))
    moved = moved[(moved["ligand"] != "") & (moved["receptor"] != "")]
    moved = moved.drop_duplicates(["ligand", "receptor"])
    n_lost = len(table) - len(moved)
    if len(moved) == 0:
        raise InputValueError(f"No pair of {origin} could be mapped to mouse by one-to-one orthologs.")
    logger.info(
        "%s: %d of %d pairs have no one-to-one mouse ortholog and are lost", origin, n_lost, len(table)
    )
    return moved, n_lost


def _described(
    table: pd.DataFrame, name: str, organism: str, facts: dict[str, str], n_lost: int
) -> pd.DataFrame:
    table = table.sort_values(["ligand", "receptor"]).reset_index(drop=True)
    pairs = "".join(f"{a}\t{b}\n" for a, b in zip(table["ligand"], table["receptor"], strict=True))
    attrs: dict[str, Any] = {
        "name": name,
        "organism": organism,
        "version": facts["version"],
        "sha256": hashlib.sha256(pairs.encode()).hexdigest(),
        "licence": facts["licence"],
        "citation": facts["citation"],
        "n_pairs": len(table),
        "n_lost": n_lost,
    }
    table.attrs = attrs
    return table


def _fresh(table: pd.DataFrame) -> pd.DataFrame:
    copy = table.copy()
    copy.attrs = dict(table.attrs)
    return copy
