"""Hits of a functional screen, set beside programs, edges and mediators of the same organ."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import validate
from niche.errors import InputTypeError, InputValueError, warn
from niche.get.axes import plain_organ
from niche.get.programs import programs

COLUMNS = ("gene", "organ", "effect", "qval")
LARGEST_Q = 0.1


def checked(screen: pd.DataFrame, adata: ad.AnnData, organs: list[str]) -> pd.DataFrame:
    """The screen's rows on measured genes and organs of the study; refuses a table that cannot be read."""
    table = parsed(screen)
    return _known(table, list(adata.var_names), {plain_organ(organ) for organ in organs})


def parsed(screen: pd.DataFrame) -> pd.DataFrame:
    """A table of hits with organs as niche writes them; refuses one that cannot be read."""
    if not isinstance(screen, pd.DataFrame):
        raise InputTypeError(
            f"screen must be a DataFrame with {', '.join(COLUMNS)}. Got {type(screen).__name__}."
        )
    missing = [name for name in COLUMNS if name not in screen]
    if missing:
        raise InputValueError(
            f"screen: no column {validate.shown(missing)}. It needs {', '.join(COLUMNS)}; found "
            f"{validate.shown(screen.columns)}."
        )
    table = pd.DataFrame({
        "gene": screen["gene"].astype(str), "organ": screen["organ"].astype(str).map(plain_organ),
        "effect": pd.to_numeric(screen["effect"], errors="coerce"),
        "qval": pd.to_numeric(screen["qval"], errors="coerce"),
    })  # fmt: skip
    wrong = table["effect"].isna() | ~table["qval"].between(0, 1)
    if wrong.any():
        row = screen.iloc[int(np.flatnonzero(wrong)[0])]
        raise InputValueError(
            f"screen: {int(wrong.sum())} rows have no number as effect or a qval outside 0 to 1, first "
            f"{row['gene']!r} with effect {row['effect']!r}, qval {row['qval']!r}."
        )
    twice = table.duplicated(["gene", "organ"])
    if twice.any():
        gene, organ = table.loc[twice, ["gene", "organ"]].iloc[0]
        raise InputValueError(f"screen: {gene!r} in {organ!r} occurs twice. Give one row per gene and organ.")
    return table


def _known(table: pd.DataFrame, genes: list[str], organs: set[str]) -> pd.DataFrame:
    """Leave out genes and organs that are not in the study, with a warning; refuse it where none is left."""
    measured, there = table["gene"].isin(genes), table["organ"].isin(organs)
    if not (measured & there).any():
        raise InputValueError(
            f"screen: no row fits the study: {int(measured.sum())} of {len(table)} rows have a gene of "
            f"adata.var_names ({validate.shown(genes)}), {int(there.sum())} an organ of it "
            f"({validate.shown(sorted(organs))})."
        )
    lost = sorted(set(table.loc[~measured, "gene"]))
    if lost:
        warn(f"screen: {len(lost)} genes are not in adata.var_names and left out: {validate.shown(lost)}.")
    other = sorted(set(table.loc[~there, "organ"]))
    if other:
        warn(f"screen: organs that are not in the study are left out: {validate.shown(other)}.")
    return table[measured & there].reset_index(drop=True)


def with_screen(
    account: pd.DataFrame, screen: pd.DataFrame, adata: ad.AnnData, programs_key: str | None
) -> pd.DataFrame:
    """Say beside every item which of its genes are hits in the same organ."""
    hits = screen[screen["qval"] <= LARGEST_Q]
    by_organ = {organ: part.set_index("gene") for organ, part in hits.groupby("organ")}
    of_program: dict[str, list[str]] = {}
    if programs_key is not None:
        table = programs(adata, key=programs_key)
        of_program = table.groupby(table["program"].astype(str))["gene"].agg(list).to_dict()
    said = []
    for row in account.itertuples():
        if row.kind == "program":
            genes = of_program.get(row.item, [])
        else:
            genes = [*row.ligand_complex.split("_"), *row.receptor_complex.split("_")]
            genes += [row.gene] if row.kind == "mediator" else []
        said.append(_told(by_organ.get(plain_organ(row.organ)), genes))
    return account.assign(screen=said)


def _told(hits: pd.DataFrame | None, genes: list[str]) -> str:
    """The hits among some genes with their numbers."""
    if hits is None:
        return ""
    mine = hits.loc[[gene for gene in dict.fromkeys(genes) if gene in hits.index]]
    return "; ".join(f"{one.Index}: effect {one.effect:+.2f}, q {one.qval:.2g}" for one in mine.itertuples())
