"""What the figures of a comparison of organs share: which rows they show, and how calls look and read."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._stats.contrasts import NORMAL, PRIMARY, REST, Contrast
from niche.get._compare_chosen import EDGE, Comparison, Edges, named_edges
from niche.get.compare_communication import compare_communication
from niche.pl import palette

CALLS: dict[str, dict[str, Any]] = {
    "specific": {"color": "#7A0403", "marker": "*", "size": 60.0},
    "enriched": {"color": "#D55E00", "marker": "^", "size": 28.0},
    "depleted": {"color": "#0072B2", "marker": "v", "size": 28.0},
    "ambient-suspect": {"color": "#E0B400", "marker": "X", "size": 26.0},
    "differs": {"color": "#5A08BB", "marker": "D", "size": 20.0},
    "shared": {"color": "#6CB8E6", "marker": "s", "size": 16.0},
    "undetermined": {"color": "#B4B4B4", "marker": "o", "size": 14.0},
    "not_testable": {"color": "#707070", "marker": "x", "size": 16.0},
}
"""Colour and symbol of every call: either alone tells them apart."""

CALLED = ("specific", "enriched", "depleted")
NOT_TESTABLE = "not_testable"
CALLABLE = tuple(name for name in CALLS if name != NOT_TESTABLE)
_ARROW = "\u2192"


def contrast_words(contrast: Contrast) -> str:
    """A comparison as a reader says it."""
    name = contrast.name.replace("_", " ")
    first = name.split(" vs ", maxsplit=1)[0]
    if contrast.kind == REST:
        return f"{first} vs the other organs"
    if contrast.kind == PRIMARY:
        return f"{first} vs primary tumors"
    if contrast.kind == NORMAL:
        return f"{first} vs its normal tissue"
    return name


def shown_contrasts(comparison: Comparison, contrast: str | Sequence[str] | None) -> list[Contrast]:
    """The comparisons asked for; each organ against the others by default."""
    wanted = comparison.named_contrasts(contrast)
    if contrast is not None:
        return wanted
    return [one for one in wanted if one.kind == REST] or wanted


def table_of(adata: ad.AnnData, wanted: Iterable[Contrast], key: str, **kept: Any) -> pd.DataFrame:
    """Rows of some comparisons with plain strings for names."""
    found = compare_communication(adata, contrast=[one.name for one in wanted], key=key, **kept)
    return found.astype(dict.fromkeys((*EDGE, "contrast", "organ", "pathway", "call", "reason"), str))


def rows_of(
    adata: ad.AnnData, comparison: Comparison, edges: Edges, wanted: list[Contrast], key: str
) -> pd.DataFrame:
    """One row per chosen edge and comparison, in this order; what has no row is not testable."""
    names = named_edges(edges)
    comparison.cell_pair_and_pair(names)
    found = (
        table_of(
            adata, wanted, key, source=sorted({n[0] for n in names}), target=sorted({n[1] for n in names})
        )
        if names
        else table_of(adata, wanted, key, call="specific").iloc[:0]
    )
    asked = pd.DataFrame(
        [(*name, one.name) for name in names for one in wanted], columns=[*EDGE, "contrast"], dtype=object
    )
    rows = asked.merge(found, on=[*EDGE, "contrast"], how="left", sort=False)
    lost = rows["call"].isna()
    rows.loc[lost, "call"], rows.loc[lost, "reason"] = NOT_TESTABLE, "gene not measured"
    return rows


def top_rows(adata: ad.AnnData, wanted: Sequence[Contrast], n_top: int, key: str) -> pd.DataFrame:
    """The first ``n_top`` rows that can be called: called ones first, then by p-value and size."""
    kept = table_of(adata, wanted, key, call=CALLABLE)
    order = kept.assign(
        later=~kept["call"].isin((*CALLED, "differs")), size=-kept["log2fc"].abs().fillna(0.0)
    ).sort_values(["later", "pval", "size", "contrast", *EDGE], kind="stable")
    return order.head(n_top).drop(columns=["later", "size"]).reset_index(drop=True)


def edge_label(row: Any) -> str:
    """Genes over cell types, in two lines."""
    from niche.pl._figure import gene_pair

    return f"{gene_pair(row.ligand_complex, row.receptor_complex)}\n{row.source} {_ARROW} {row.target}"


def edge_line(row: Any) -> str:
    """Genes and cell types in one line."""
    return edge_label(row).replace("\n", "   ")


_KINDS = (
    ("aliased with", "cannot be told apart from a covariate"),
    ("gene not measured", "a gene is not measured"),
    ("a call needs", "fewer than 3 patients on a side"),
    ("no other organ", "no other organ with 2 patients"),
    ("no primary", "no primary tumor with both cell types"),
    ("cell type absent", "a cell type is absent"),
    ("too few cells", "too few cells of a type"),
    ("no sample of", "no sample holds both cell types"),
    ("depth", "too few molecules to tell"),
    ("patient", "fewer than 2 patients on a side"),
)


def kind_of_reason(reason: str) -> str:
    """A reason without the names in it, so that reasons can be counted."""
    return next((words for mark, words in _KINDS if mark in reason), reason)


def why_not(table: pd.DataFrame) -> str:
    """Kinds of reasons of edges that are not testable, the most frequent first, in lines."""
    lacking = table[table["call"] == NOT_TESTABLE]
    reason, names = pd.factorize(lacking["reason"])
    kind, kinds = pd.factorize(np.array([kind_of_reason(str(name)) for name in names], dtype=object))
    edge = lacking.groupby(list(EDGE), observed=True, sort=False).ngroup().to_numpy()
    once = np.unique(np.stack([edge, kind[reason]], axis=1).astype(np.int64), axis=0)[:, 1]
    counts = pd.Series(np.bincount(once, minlength=len(kinds)), index=kinds).sort_values(ascending=False)
    return "\n".join(f"{count:,} edges: {words}" for words, count in counts.items())


def nothing(adata: ad.AnnData, wanted: Sequence[Contrast], key: str, words: str) -> str:
    """What a figure says in place of an empty plot: that nothing can be called where, and why."""
    found = compare_communication(adata, contrast=[one.name for one in wanted], key=key)
    where = textwrap.fill(", ".join(contrast_words(one) for one in wanted), 84)
    return f"{words}\n{where}\n\n{why_not(found)}"


def number(value: float) -> str:
    """A p- or q-value in few characters."""
    return "n/a" if np.isnan(value) else f"{value:.1e}" if value < 0.001 else f"{value:.2g}"


def call_words(call: str) -> str:
    """A call as it is written."""
    return call.replace("_", " ")


def call_handles(calls: Iterable[str]) -> list[Any]:
    """Legend entries of the calls that occur, in the order of :data:`CALLS`."""
    from matplotlib.lines import Line2D

    met = set(calls)
    return [
        Line2D(
            [],
            [],
            linestyle="",
            marker=style["marker"],
            color=style["color"],
            markersize=float(np.sqrt(style["size"])),
            label=call_words(name),
        )
        for name, style in CALLS.items()
        if name in met
    ]


def column_labels(wanted: Sequence[Contrast]) -> list[str]:
    """Names of organs where all are compared with the others; else both sides in two lines."""
    words = [contrast_words(one) for one in wanted]
    if all(one.kind == REST for one in wanted):
        return [text.split(" vs ")[0] for text in words]
    return [text.replace(" vs ", "\nvs ") for text in words]


def organ_of(contrast: Contrast) -> str:
    """The organ that a comparison raises."""
    return contrast.name.split("_vs_")[0]


def organ_heads(ax: Any, wanted: Sequence[Contrast]) -> None:
    """Columns of an axes: their labels on top, each over a bar in the colour of its organ."""
    from matplotlib.transforms import ScaledTranslation

    from niche.pl._figure import figure_of

    ax.set_xlim(-0.5, len(wanted) - 0.5)
    ax.xaxis.tick_top()
    ax.set_xticks(range(len(wanted)), column_labels(wanted))
    ax.tick_params(axis="x", pad=8)
    organs = [organ_of(one) for one in wanted]
    colors = palette.organ_colors(organs)
    above = ax.get_xaxis_transform() + ScaledTranslation(0, 3.5 / 72, figure_of(ax).dpi_scale_trans)
    for i, name in enumerate(organs):
        ax.plot(
            (i - 0.46, i + 0.46),
            (1, 1),
            color=colors[name],
            linewidth=5,
            solid_capstyle="butt",
            clip_on=False,
            transform=above,
            gid="organ",
        )
