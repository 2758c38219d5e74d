"""Genes: positions on the genome, previous symbols, and mouse counterparts."""

from __future__ import annotations

from functools import lru_cache

import pandas as pd

from niche.resources._arguments import check_organism
from niche.resources._location import read_table

__all__ = ["gene_positions", "orthologs", "symbol_history"]


def gene_positions(organism: str = "human") -> pd.DataFrame:
    """Positions of protein-coding and lncRNA genes (GENCODE v48 human, M37 mouse).

    Parameters
    ----------
    organism
        ``"human"`` or ``"mouse"``.

    Returns
    -------
    DataFrame
        Columns ``symbol, ensembl_id, chromosome, start, end, strand, biotype``; one row per Ensembl id, in
        genome order (``chr1`` ... ``chrX``, ``chrY``, ``chrM``), positions 1-based and inclusive.

    Raises
    ------
    InputValueError
        ``organism`` is neither human nor mouse.

    Notes
    -----
    ``ensembl_id`` is unique, ``symbol`` is not: the pseudoautosomal genes are listed on chrX and chrY and a
    few symbols belong to two loci. ``drop_duplicates("symbol")`` keeps the first in genome order. Genes
    without a symbol carry their Ensembl id. Source: Frankish A, Nucleic Acids Res 2023;51:D942-9,
    doi 10.1093/nar/gkac1071.

    Examples
    --------
    >>> from niche import resources
    >>> positions = resources.gene_positions()
    >>> positions.loc[positions["symbol"] == "CXCL12", "chromosome"].item()
    'chr10'
    """
    return read_table(f"gene_positions_{check_organism(organism)}.tsv.gz", integers=("start", "end"))


def orthologs() -> pd.DataFrame:
    """Human-mouse orthologs.

    Returns
    -------
    DataFrame
        Columns ``human_symbol, mouse_symbol, one_to_one, source``. Among rows with ``one_to_one`` each human
        and each mouse symbol occurs once: these are what niche maps by.

    Notes
    -----
    ``source`` says why a pair is one to one: ``"Ensembl 105"``; ``"same approved symbol"`` (both
    nomenclature committees gave the two protein-coding genes the same name, which settles cases such as
    CCL2/Ccl2 that gene trees leave many to many); or ``"representative of a mouse paralog group"``
    (IL11RA/Il11ra1). Source: Cunningham F, Nucleic Acids Res 2022;50:D988-95, doi 10.1093/nar/gkab1049.

    Examples
    --------
    >>> from niche import resources
    >>> table = resources.orthologs()
    >>> table.loc[table["one_to_one"] & (table["human_symbol"] == "CCL2"), "mouse_symbol"].item()
    'Ccl2'
    """
    return read_table("orthologs_human_mouse.tsv.gz", booleans=("one_to_one",))


def symbol_history() -> pd.DataFrame:
    """Previous human gene symbols and what they are called now.

    Returns
    -------
    DataFrame
        Columns ``previous_symbol, ensembl_id, current_symbol, source``; ``previous_symbol`` is unique and
        never a current symbol. Previous symbols only: aliases are ambiguous and are not mapped.

    Examples
    --------
    >>> from niche import resources
    >>> history = resources.symbol_history().set_index("previous_symbol")
    >>> history.loc["TMEM173", "current_symbol"]
    'STING1'
    """
    return read_table("symbol_history_human.tsv.gz")


@lru_cache(maxsize=2)
def known_symbols(organism: str) -> frozenset[str]:
    """Every symbol of the gene positions, for quick membership tests."""
    return frozenset(gene_positions(organism)["symbol"])


@lru_cache(maxsize=1)
def human_to_mouse() -> dict[str, str]:
    """One-to-one counterparts by human symbol, previous human symbols included."""
    table = orthologs()
    table = table[table["one_to_one"]]
    mapping = dict(zip(table["human_symbol"], table["mouse_symbol"], strict=True))
    history = symbol_history()
    previous = zip(history["previous_symbol"], history["current_symbol"], strict=True)
    return {old: mapping[new] for old, new in previous if new in mapping} | mapping
