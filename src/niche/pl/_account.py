"""What the figures of the seed-and-soil account share: its rows, and how what is published looks."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import anndata as ad
import pandas as pd

from niche._stats.contrasts import NORMAL, PRIMARY, REST, Contrast
from niche.errors import InputValueError
from niche.get.tropism import tropism
from niche.pl import _compared

PUBLISHED: dict[str, dict[str, Any]] = {
    "found": {"color": "#00664B", "marker": "o", "size": 34.0, "tile": "#CDE8DF"},
    "opposite": {"color": "#D55E00", "marker": "X", "size": 40.0, "tile": "#FBE0CC"},
    "not_found": {"color": "#5590BE", "marker": "_", "size": 40.0, "tile": "#E9F0F5"},
    "retracted": {"color": "#222222", "marker": "$R$", "size": 40.0, "tile": "#F4F4F4"},
    "not_testable": {"color": "#808080", "marker": "x", "size": 12.0, "tile": "#F4F4F4"},
    "not_assessed": {"color": "#B4B4B4", "marker": "$?$", "size": 20.0, "tile": "#F4F4F4"},
}
"""Colour and symbol of what became of a mediator: either alone tells them apart."""

_REASONS = (
    ("patient-private", "patient-private"),
    ("was not measured", "gene not measured"),
    ("no other cell type of its compartment", "no second cell type of their compartment is in every organ"),
)
"""Marks of reasons that only the account has, and how a reader says them."""
_SUFFIX = {"_vs_rest": REST, "_vs_primary": PRIMARY, "_vs_normal": NORMAL}


def rows_of(adata: ad.AnnData, organ: str | Sequence[str] | None, key: str, **kept: Any) -> pd.DataFrame:
    """Rows of the account of some organs with plain strings."""
    if organ is not None and not isinstance(organ, str) and not len(list(organ)):
        raise InputValueError("organ is empty. Name organs, or leave it out for all.")
    return tropism(adata, organ=organ, key=key, **kept)


def contrast_of(organ: str, table: pd.DataFrame) -> Contrast:
    """The comparison that tells an organ in an account."""
    names = table.loc[(table["organ"] == organ) & (table["contrast"] != ""), "contrast"]
    name = str(names.iloc[0]) if len(names) else f"{organ}_vs_rest"
    kind = next((kind for suffix, kind in _SUFFIX.items() if name.endswith(suffix)), REST)
    return Contrast(name, kind)


def reason_words(reason: str) -> str:
    """A reason of the account without the names and numbers in it."""
    own = next((words for mark, words in _REASONS if mark in reason), "")
    words = own or _compared.kind_of_reason(reason)
    if words != reason:
        return words
    return textwrap.shorten(reason.split(": ")[0].split("; ")[0].split(" (")[0], 80, placeholder=" ...")


def counted(reasons: pd.Series, most: int = 3) -> str:
    """Reasons, with their number where there are several: ``2 x patient-private, 1 x background``."""
    counts = reasons.astype(str).map(reason_words).value_counts(sort=True)
    if len(counts) == 1:
        return str(counts.index[0])
    told = [f"{n:,} \u00d7 {words}" for words, n in counts.head(most).items()]
    return ", ".join(told) + (
        f", {counts.iloc[most:].sum():,} \u00d7 for other reasons" if len(counts) > most else ""
    )


def lines(text: str, inches: float, size: float) -> list[str]:
    """Text in lines that fit a width."""
    return textwrap.wrap(text, max(20, int(inches * 72 / (0.54 * size))))
