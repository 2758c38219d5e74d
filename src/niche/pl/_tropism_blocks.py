"""What a panel of the account holds: groups of items that share a unit, and words for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from niche._slots import keys
from niche.pl import _account, _compared

UNITS = {
    "program": ("Seed: programs of the tumor", "log2 ratio of usage"),
    "signature": ("Seed: signatures of the tumor", "difference of scores"),
    "edge": ("Soil: called edges between tumor and host", "log2 fold change"),
    "cell_type": ("Soil: composition of the host", "difference of log2 odds"),
}
"""Kind of item to its heading and its unit."""
ALONE_KIND, ALONE = "exclusive_cell_type", "Soil: cell types of this organ alone"
SIDES = {
    "tumor": "tumor (seed)",
    "host": "host (soil)",
    "both": "both sides",
    "undetermined": "side not known",
}
SCREEN = "\u25c7"
"""Mark of an item with a hit of a screen among its genes."""

_GENES = 3
_NOUNS = {"program": "programs", "signature": "signatures", "edge": "edges", "cell_type": "cell types"}


@dataclass(frozen=True)
class Block:
    """Items of one kind in one organ.

    Attributes
    ----------
    kind
        Kind of the items.
    title, unit
        Heading; unit of the effect.
    rows
        Items that are drawn, with ``label`` and ``note``.
    words
        What is said of the others.
    """

    kind: str
    title: str
    unit: str
    rows: pd.DataFrame
    words: tuple[str, ...]


def blocks_of(account: pd.DataFrame, n_top: int) -> list[Block]:
    """Groups of the items of one organ, the seed first."""
    made = []
    for kind in ("program", "signature", "edge", ALONE_KIND, "cell_type"):
        items = account[account["kind"] == kind]
        if len(items):
            made.append(_alone(items) if kind == ALONE_KIND else _block(kind, items, n_top))
    return made


def _block(kind: str, items: pd.DataFrame, n_top: int) -> Block:
    sure = items["status"].isin(_compared.CALLABLE) & items["effect"].notna()
    drawn = items[sure]
    later = 2 - 2 * drawn["status"].isin(_compared.CALLED) - (drawn["status"] == keys.AMBIENT_SUSPECT)
    order = drawn.assign(later=later, size=-drawn["effect"].abs())
    drawn = drawn.loc[order.sort_values(["later", "qval", "size", "item"], kind="stable").index]
    rows = drawn.head(n_top)
    rows = rows.assign(
        label=[_label(kind, row) for row in rows.itertuples()],
        note=[_note(kind, row) for row in rows.itertuples()],
    )
    words = [_more(kind, drawn.iloc[n_top:])] if len(drawn) > n_top else []
    return Block(kind, *UNITS[kind], rows, (*words, *_lacking(kind, items[~sure])))


def _label(kind: str, row: Any) -> str:
    """Name of an item with its first genes, or its edge."""
    mark = f"  {SCREEN}" if row.screen else ""
    if kind == "edge":
        return _compared.edge_line(row) + mark
    genes = ", ".join(str(row.gene).split(", ")[:_GENES])
    return (f"{row.item}: {genes} \u2026" if genes else str(row.item)) + mark


def _note(kind: str, row: Any) -> str:
    """What stands on the right of an item: who drives an edge, the verdict on a program."""
    if kind == "edge":
        return SIDES.get(row.driver_compartment, "")
    return str(row.evidence).split(":")[0] if kind == "program" else ""


def _more(kind: str, hidden: pd.DataFrame) -> str:
    calls = hidden["status"].map(_compared.call_words).value_counts()
    return (
        f"not drawn: {_named(kind, len(hidden))} ({', '.join(f'{n:,} {call}' for call, n in calls.items())})"
    )


def _lacking(kind: str, items: pd.DataFrame) -> list[str]:
    """Items without an effect, in words."""
    words = []
    for status, part in items.groupby("status", sort=False):
        placeholder = part["item"].iloc[0].startswith("(no ")
        reason = str(part["reason"].iloc[0])
        if status == "absent":
            words.append(f"{_named(kind, len(part))} not in every organ: no share to compare")
        elif status == "none_called":
            words.append(f"none: {reason}")
        elif placeholder:
            words.append(f"{_compared.call_words(str(status))}: {_account.reason_words(reason)}")
        else:
            told = _account.counted(part["reason"])
            words.append(f"{_named(kind, len(part))} {_compared.call_words(str(status))}: {told}")
    return words


def _named(kind: str, n: int) -> str:
    noun = _NOUNS[kind]
    return f"{n:,} {noun[:-1] if n == 1 else noun}"


def _alone(items: pd.DataFrame) -> Block:
    """Cell types that one organ has, named: there is nothing to compare them with."""
    there = items[items["status"] == "described"]
    if len(there):
        words = f"{', '.join(there['item'])}: described within the organ, not compared"
    else:
        row = items.iloc[0]
        words = f"{_compared.call_words(row['status'])}: {row['reason']}"
    return Block(ALONE_KIND, ALONE, "", items.iloc[:0], (words,))
