"""Which genes of sublines a figure shows, in which comparison."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import validate
from niche._stats.contrasts import OMNIBUS, PRIMARY, REST, Contrast
from niche.errors import InputTypeError, InputValueError
from niche.get.compare_sublines import compare_sublines
from niche.get.subline_signature import subline_signature
from niche.pl import _compared

HEAD = 0.75
"""Rows that a heading takes."""


def contrast_of(adata: ad.AnnData, name: str | None, known: list[Contrast], key: str) -> Contrast:
    """The comparison asked for, or that against the rest with the most called genes."""
    if name is not None and not isinstance(name, str):
        raise InputTypeError(f"contrast must be the name of one comparison. Got {name!r}.")
    sided = {one.name: one for one in known if one.kind != OMNIBUS}
    if name == OMNIBUS:
        raise InputValueError(
            "contrast: 'omnibus' compares all organs at once and has no effect with a sign. Choose one of "
            f"{validate.shown(sided)}."
        )
    if name is not None:
        if name not in sided:
            raise InputValueError(
                f"contrast: {name!r} not in the result. Available: {validate.shown(sided)}."
            )
        return sided[name]
    wanted = [one for one in sided.values() if one.kind == REST]
    wanted = wanted or [one for one in sided.values() if one.kind == PRIMARY]
    called = compare_sublines(
        adata, contrast=[one.name for one in wanted], call=list(_compared.CALLED), key=key
    )
    n = called["contrast"].astype(str).value_counts()
    return max(wanted, key=lambda one: int(n.get(one.name, 0)))


def rows_of(
    adata: ad.AnnData, one: Contrast, genes: str | Sequence[str] | None, n_top: int, key: str
) -> pd.DataFrame:
    """One row per gene with its ``y``, the largest effect on top."""
    chosen = [genes] if isinstance(genes, str) else genes
    table = compare_sublines(adata, contrast=one.name, gene=chosen, key=key)
    table = table.astype(dict.fromkeys(("contrast", "organ", "gene", "call", "reason"), str))
    if chosen is None:
        surest = _signature(adata, one, table, key)
        if surest:
            table = table.set_index("gene").loc[surest[:n_top]].reset_index()
        else:
            table = table[table["call"] != _compared.NOT_TESTABLE]
            order = table.assign(later=~table["call"].isin(_compared.CALLED))
            table = order.sort_values(["later", "pval", "gene"], kind="stable").head(n_top)
    table = table.sort_values("log2fc", ascending=False, na_position="last", kind="stable")
    return table.reset_index(drop=True).assign(y=np.arange(len(table)) + HEAD)


def _signature(adata: ad.AnnData, one: Contrast, table: pd.DataFrame, key: str) -> list[str]:
    """Genes of the signature of a comparison, surest first; none for a pair of organs."""
    if one.kind not in (REST, PRIMARY) or table["qval"].isna().all():
        return []
    found = subline_signature(
        adata, table["organ"].iloc[0], against="rest" if one.kind == REST else "parental", key=key
    )
    order = found["statistic"].abs().sort_values(ascending=False, kind="stable").index
    return list(found.loc[order, "gene"])


def words_of(one: Contrast, parental: str) -> str:
    first = one.name.split("_vs_")[0].replace("_", " ")
    if one.kind == PRIMARY:
        line = "the parental line" if parental == "parental" else f"the parental line ({parental})"
        return f"{first} vs {line}"
    return _compared.contrast_words(one)


def nothing(adata: ad.AnnData, one: Contrast, key: str, parental: str, *, chosen: bool) -> str:
    """Why there is nothing to draw."""
    if chosen:
        return "no gene was chosen"
    table = compare_sublines(adata, contrast=one.name, key=key)
    reasons = table["reason"].astype(str).value_counts().head(3)
    lines = [f"{n:,} genes: {reason}" for reason, n in reasons.items()]
    return "\n".join(["no gene can be called", words_of(one, parental), "", *lines])
