"""Signatures as a user gives them: shipped, a mapping, a GMT file, or a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from niche import resources
from niche._slots import validate
from niche.errors import InputTypeError, InputValueError

SIDES = ("up", "down")
Genes: TypeAlias = Sequence[str] | Mapping[str, Sequence[str]]
Signatures: TypeAlias = Mapping[str, Genes] | pd.DataFrame | str | Path | None


@dataclass(frozen=True)
class Signature:
    """Genes that are raised, and genes that are lowered; ``left_out`` have no published direction."""

    name: str
    up: tuple[str, ...]
    down: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def signature_sets(signatures: Signatures, organism: str) -> tuple[list[Signature], str]:
    """Read signatures in any of their forms; also a word on where they come from."""
    if signatures is None:
        return _from_table(_shipped(organism)), "niche.resources.signatures()"
    if isinstance(signatures, pd.DataFrame):
        return _from_table(signatures), "user table"
    if isinstance(signatures, str | Path):
        sets = resources.read_gmt(signatures)
        return _from_mapping(sets), f"GMT file {Path(signatures).name}"
    if isinstance(signatures, Mapping):
        return _from_mapping(signatures), "user sets"
    raise InputTypeError(
        "signatures must be None (those niche ships), a mapping of name to genes, a DataFrame with the "
        f"columns signature and gene, or the path of a GMT file. Got {type(signatures).__name__}."
    )


def _shipped(organism: str) -> pd.DataFrame:
    table = resources.signatures()
    if organism == "human":
        return table
    pairs = resources.orthologs()
    pairs = pairs[pairs["one_to_one"]].set_index("human_symbol")["mouse_symbol"]
    return table.assign(gene=table["gene"].map(pairs)).dropna(subset="gene")


def _from_table(table: pd.DataFrame) -> list[Signature]:
    lacking = [name for name in ("signature", "gene") if name not in table.columns]
    if lacking:
        raise InputValueError(
            f"signatures: the table lacks {validate.shown(lacking)}. Found columns: "
            f"{validate.shown(table.columns)}. Needed: signature, gene; direction ('up' or 'down') if signed."
        )
    if not len(table):
        raise InputValueError("signatures: the table is empty.")
    if bool(table[["signature", "gene"]].isna().any(axis=None)):
        raise InputValueError("signatures: the table has rows without a signature or a gene. Remove them.")
    side = table["direction"].astype(str) if "direction" in table.columns else pd.Series("up", table.index)
    unknown = sorted(set(side) - {*SIDES, "unknown"})
    if unknown:
        raise InputValueError(
            f"signatures: column direction must hold 'up', 'down' or 'unknown'. Found "
            f"{validate.shown(unknown)}."
        )
    found = []
    for name, part in table["gene"].astype(str).groupby(table["signature"].astype(str), sort=False):
        sides = side.loc[part.index]
        up, down, other = ([*part[sides == one]] for one in (*SIDES, "unknown"))
        found.append(_signature(str(name), up, down, other))
    return found


def _from_mapping(sets: Mapping[Any, Any]) -> list[Signature]:
    if not sets:
        raise InputValueError("signatures: no signature is given.")
    if set(map(str, sets)) <= set(SIDES) and not any(isinstance(genes, Mapping) for genes in sets.values()):
        raise InputValueError(
            "signatures: 'up' and 'down' are the two sides of one signature, which needs a name: "
            "{'my signature': {'up': [...], 'down': [...]}}."
        )
    names = [str(name) for name in sets]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InputValueError(f"signatures: {validate.shown(twice)} occurs twice. Name each differently.")
    return [_signed(str(name), genes) for name, genes in sets.items()]


def _signed(name: str, genes: Any) -> Signature:
    if not isinstance(genes, Mapping):
        return _signature(name, _listed(name, genes), [])
    unknown = [str(side) for side in genes if side not in SIDES]
    if unknown:
        raise InputValueError(
            f"signatures[{name!r}]: the sides of a signed signature are 'up' and 'down'. Got "
            f"{validate.shown(unknown)}."
        )
    return _signature(name, *(_listed(name, genes.get(side, ())) for side in SIDES))


def _listed(name: str, genes: Any) -> list[str]:
    if isinstance(genes, str) or not isinstance(genes, Iterable):
        raise InputTypeError(f"signatures[{name!r}] must be a list of gene names. Got {genes!r}.")
    listed = list(genes)
    odd = [gene for gene in listed if not isinstance(gene, str)]
    if odd:
        raise InputTypeError(f"signatures[{name!r}] must hold gene names. Got {odd[0]!r}.")
    return listed


def _signature(name: str, up: Iterable[str], down: Iterable[str], left_out: Iterable[str] = ()) -> Signature:
    sides = [tuple(dict.fromkeys(gene.strip() for gene in side)) for side in (up, down, left_out)]
    if not name.strip() or "/" in name:
        raise InputValueError(
            f"signatures: a name must be text without '/', as it is stored as a column. Got {name!r}."
        )
    if not sides[0] and not sides[1]:
        raise InputValueError(f"signatures[{name!r}] is empty. Give it genes, or leave it out.")
    both = sorted(set(sides[0]) & set(sides[1]))
    if both:
        raise InputValueError(f"signatures[{name!r}]: {validate.shown(both)} cannot be both up and down.")
    return Signature(name, *sides)
