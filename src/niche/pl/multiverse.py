"""Effects of edges under other ways to analyse the data: a specification curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche.errors import InputValueError
from niche.get._compare_chosen import EDGE, Edges, named_edges
from niche.get.multiverse import multiverse as table_of
from niche.pl import _compared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STRIP, _GAP, _LINE, _COLUMN = 0.62, 0.12, 0.165, 0.21
_WIDEST = 9.0
_MARKS: dict[str, dict[str, Any]] = {
    "same_call": {"marker": "o", "facecolors": "#0072B2", "edgecolors": "#0072B2", "label": "called alike"},
    "no_call": {"marker": "o", "facecolors": "white", "edgecolors": "#6E6E6E", "label": "not called"},
    "opposite_sign": {"marker": "^", "facecolors": "#D55E00", "edgecolors": "#D55E00", "label": "other sign"},
}
_WITHOUT = {"not_testable": ("\u00d7", "#8C8C8C"), "not_comparable": ("\u2013", "#8C8C8C")}
_FACTORS = {
    "resource": "resource",
    "level": "level",
    "expr_prop": "expressed in",
    "min_cells": "cells, at least",
    "patients": "patients",
    "left_out": "left out",
}
_DECIDES = {
    "resource": "the resource",
    "level": "the level",
    "expr_prop": "share expressed",
    "min_cells": "number of cells",
    "patients": "patients method",
    "left_out": "who is left out",
}
_CAUTION = (
    "One column: one way to analyse the same patients, with its 95 % interval; below, what it used\n"
    "(dark: other than the run). \u00d7: not testable there. \u2013: no such edge there. Columns are no\n"
    "replicates."
)


def multiverse(
    adata: ad.AnnData,
    edges: Edges | None = None,
    *,
    contrast: str | Sequence[str] | None = None,
    stability: str | Sequence[str] | None = None,
    n_top: int = 8,
    key: str = keys.MULTIVERSE,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw the effects of edges over all universes, above the options that each universe used.

    Parameters
    ----------
    adata
        Result of :func:`niche.recipes.multiverse`.
    edges
        Rows of :func:`niche.get.multiverse`, drawn as they are; or tuples ``(source, target, ligand_complex,
        receptor_complex)``, each drawn in every contrast in which it has a verdict. By default the ``n_top``
        verdicts of the base with the largest effects.
    contrast
        Contrasts to draw; without edges by default each organ against the others, if any has a verdict.
    stability
        Draw verdicts that are ``"robust"``, ``"sensitive"``, ``"fragile"``, ``"untried"`` or
        ``"not_testable"``.
    n_top
        Number of verdicts where no edges are given.
    key
        Slot of the result.
    ax
        Axes to draw into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given. Where there is no verdict the axes say so.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputValueError
        An edge without a verdict, a contrast or stability that does not occur, ``n_top`` out of range.
    InputTypeError
        ``edges`` is neither a table nor names, or ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type", null=None)
    >>> niche.tl.compare_communication(adata)
    >>> few = {"resource": ["cellphonedb"], "level": [], "expr_prop": [0.2], "min_cells": [], "patients": []}
    >>> result = niche.recipes.multiverse(adata, {"vary": few | {"leave_out_patients": False}})
    >>> figure = niche.pl.multiverse(result, n_top=5)
    >>> figure.axes[0].get_title(loc="left")
    'Effects under other ways to analyse the data'
    """
    from niche.pl._figure import message, panel

    validate.number(n_top, "n_top", low=1, high=100, integer=True)
    verdicts = table_of(adata, contrast=contrast, stability=stability, key=key)
    rows = _top(verdicts, n_top, contrast) if edges is None else _named(verdicts, edges)
    if rows.empty:
        figure, axes = panel(ax, width=7, height=2.2)
        message(axes, "no edge is called in any universe" if edges is None else "no edge was chosen")
        return figure if ax is None else axes
    calls = table_of(adata, what="calls", key=key)
    universes = table_of(adata, what="universes", key=key)
    options = _options(universes)
    figure, axes = _canvas(ax, rows, len(universes), options)
    _effects(axes, rows, calls, universes)
    _grid(axes, universes, options)
    _words(axes, rows, options)
    return figure if ax is None else axes


def _top(verdicts: pd.DataFrame, n_top: int, contrast: object) -> pd.DataFrame:
    """The verdicts of the run with the largest effects; then those it does not make."""
    kept = verdicts
    if contrast is None and kept["contrast"].astype(str).str.endswith("_vs_rest").any():
        kept = kept[kept["contrast"].astype(str).str.endswith("_vs_rest")]
    later = ~kept["call"].astype(str).isin(_compared.CALLED)
    order = kept.assign(later=later, size=-kept["log2fc"].abs().fillna(0.0))
    order = order.sort_values(["later", "size"], kind="stable").head(n_top)
    return order.drop(columns=["later", "size"]).sort_values(["contrast", *EDGE]).reset_index(drop=True)


def _named(verdicts: pd.DataFrame, edges: Edges) -> pd.DataFrame:
    """Verdicts on the chosen edges, in their order."""
    names = named_edges(edges)
    mine = pd.MultiIndex.from_frame(verdicts[list(EDGE)].astype(str))
    unknown = [name for name in names if name not in set(mine)]
    if unknown:
        raise InputValueError(
            f"edges: no verdict on {validate.shown(unknown)} here: no universe calls it. "
            "niche.get.multiverse(adata) lists the verdicts."
        )
    if isinstance(edges, pd.DataFrame) and "contrast" in edges:
        asked = pd.MultiIndex.from_frame(edges[["contrast", *EDGE]].astype(str))
        there = pd.MultiIndex.from_frame(verdicts[["contrast", *EDGE]].astype(str)).isin(asked)
        verdicts, mine = verdicts[there], mine[there]
    place = {name: i for i, name in enumerate(names)}
    order = pd.Series([place.get(name, -1) for name in mine], index=verdicts.index)
    kept = verdicts[order >= 0]
    return kept.loc[order[order >= 0].sort_values(kind="stable").index].reset_index(drop=True)


def _options(universes: pd.DataFrame) -> list[tuple[str, Any, str]]:
    """Factor, option and label of the rows of the grid; factors that vary, that of the run first."""
    out = []
    for factor, words in _FACTORS.items():
        found = list(dict.fromkeys(universes[factor].tolist()))
        if len(found) > 1:
            said = [f"{value:.0%}" if factor == "expr_prop" else str(value) or "nobody" for value in found]
            out += [
                (factor, value, f"{words}: {text.replace('_', ' ')}")
                for value, text in zip(found, said, strict=True)
            ]
    return out


def _canvas(
    ax: Axes | None, rows: pd.DataFrame, n_universes: int, options: list[Any]
) -> tuple[Figure, Axes]:
    """An axes whose y are inches from the top of the first strip, downwards."""
    from niche.pl._figure import SMALL, ShownFigure, bare, figure_of, given_axes, text_width

    deep = len(rows) * (_STRIP + _GAP) + 0.1 + len(options) * _LINE
    if ax is None:
        labels = [*(_label(row) for row in rows.itertuples()), *(text for _, _, text in options)]
        left, right = 0.35 + text_width(labels, SMALL), 1.9
        inner = min(max(n_universes * _COLUMN, 3.2), _WIDEST)
        width, height = left + inner + right, deep + 1.35
        figure = ShownFigure(figsize=(width, height))
        axes = figure.add_axes((left / width, 0.75 / height, inner / width, deep / height))
    else:
        given_axes(ax)
        axes = ax
    axes.set_xlim(-0.7, n_universes - 0.3)
    axes.set_ylim(deep, -0.05)
    axes.set_xticks([])
    bare(axes)
    return figure_of(axes), axes


def _label(row: Any) -> str:
    contrast = str(row.contrast).replace("_", " ").replace("vs rest", "vs the other organs")
    return f"{_compared.edge_label(row)}\n{contrast}"


def _effects(ax: Axes, rows: pd.DataFrame, calls: pd.DataFrame, universes: pd.DataFrame) -> None:
    """One strip per verdict, all on one scale."""
    from niche.pl._figure import FAINT, SMALL

    names = ["contrast", *EDGE]
    both = rows[names].assign(row=np.arange(len(rows))).astype(dict.fromkeys(names, str))
    mine = both.merge(calls.astype(dict.fromkeys(names, str)), on=names, how="left")
    place = {name: i for i, name in enumerate(universes["universe"].astype(str))}
    x = mine["universe"].astype(str).map(place).to_numpy(dtype=float)
    agreement, row = mine["agreement"].astype(str).to_numpy(), mine["row"].to_numpy()
    effect = mine["log2fc"].to_numpy(dtype=float)
    shown = np.isin(agreement, list(_MARKS))
    low, high = (mine[name].fillna(mine["log2fc"]).to_numpy(dtype=float) for name in ("ci_low", "ci_high"))
    least = min(0.0, float(np.min(low[shown], initial=0.0)))
    most = max(0.0, float(np.max(high[shown], initial=0.0)))
    scale = _STRIP / max(most - least, 1e-9)
    top = row * (_STRIP + _GAP)

    def height(value: np.ndarray | float, start: np.ndarray | float) -> Any:
        return start + (most - value) * scale

    for i in range(len(rows)):
        start = i * (_STRIP + _GAP)
        ax.axhspan(start, start + _STRIP, color="#F6F6F6", zorder=0, gid="strip")
        ax.axhline(height(0.0, start), color="#9A9A9A", linewidth=0.7, zorder=1, gid="zero")
        for value in _marks(least, most):
            text = f"{value:+g}" if value else "0"
            ax.text(
                1.004, height(value, start), text, transform=ax.get_yaxis_transform(), fontsize=SMALL - 1,
                color=FAINT, va="center", ha="left", gid="scale",
            )  # fmt: skip
    bars = shown & ~np.isnan(effect)
    ax.vlines(
        x[bars], height(low[bars], top[bars]), height(high[bars], top[bars]), color="#9DB7CC", linewidth=1.5,
        zorder=2, gid="interval",
    )  # fmt: skip
    for kind, style in _MARKS.items():
        these = agreement == kind
        ax.scatter(
            x[these], height(effect[these], top[these]), s=17, linewidths=0.9, zorder=3, gid=kind, **style
        )
    for kind, (sign, color) in _WITHOUT.items():
        for spot in np.flatnonzero(agreement == kind):
            ax.text(
                x[spot], top[spot] + 0.5 * _STRIP, sign, color=color, fontsize=SMALL + 1, ha="center",
                va="center", gid=kind, zorder=3,
            )  # fmt: skip


def _marks(least: float, most: float) -> list[float]:
    """Values to write at the side of every strip: 0, and a round one near each end."""
    found = [0.0]
    for end in (least, most):
        value = float(np.trunc(end))
        if abs(value) >= 0.25 * (most - least):
            found.append(value)
    return found


def _grid(ax: Axes, universes: pd.DataFrame, options: list[tuple[str, Any, str]]) -> None:
    """Which option every universe used."""
    start = ax.get_ylim()[0] - len(options) * _LINE + 0.5 * _LINE
    used: dict[bool, list[tuple[int, float]]] = {True: [], False: []}
    before = ""
    for i, (factor, value, _) in enumerate(options):
        y = start + i * _LINE
        hits = np.flatnonzero([found == value for found in universes[factor].tolist()])
        own = universes[factor].tolist()[0] == value
        used[own] += [(int(x), y) for x in hits]
        if factor != before:
            ax.axhline(y - 0.5 * _LINE, color="#D0D0D0", linewidth=0.6, zorder=0)
        before = factor
    for own, color, size in ((True, "#CFCFCF", 7), (False, "#222222", 15)):
        spots = np.array(used[own]).reshape(-1, 2)
        gid = "option of the run" if own else "other option"
        ax.scatter(spots[:, 0], spots[:, 1], s=size, color=color, zorder=2, gid=gid)


def _words(ax: Axes, rows: pd.DataFrame, options: list[tuple[str, Any, str]]) -> None:
    """Labels at the left, verdicts at the right, title, legend and caution."""
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    from niche.pl._figure import INK, SMALL, figure_of

    strips = [i * (_STRIP + _GAP) + 0.5 * _STRIP for i in range(len(rows))]
    start = ax.get_ylim()[0] - len(options) * _LINE + 0.5 * _LINE
    lines = [start + i * _LINE for i in range(len(options))]
    texts = [*(_label(row) for row in rows.itertuples()), *(text for _, _, text in options)]
    ax.set_yticks([*strips, *lines], texts)
    ax.tick_params(axis="y", labelsize=SMALL, length=0)
    beside = ax.get_yaxis_transform() + ScaledTranslation(0.28, 0, figure_of(ax).dpi_scale_trans)
    for y, row in zip(strips, rows.itertuples(), strict=True):
        ax.text(
            1.0, y, _said(row), transform=beside, fontsize=SMALL, color=INK, va="center", linespacing=1.15,
            gid="words",
        )  # fmt: skip
    handles = [
        Line2D(
            [], [], linestyle="", marker=style["marker"], markerfacecolor=style["facecolors"],
            markeredgecolor=style["edgecolors"], markersize=4.5, label=style["label"],
        )
        for style in _MARKS.values()
    ]  # fmt: skip
    above = ax.transAxes + ScaledTranslation(0, 0.02, figure_of(ax).dpi_scale_trans)
    ax.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1), bbox_transform=above, ncols=3,
        frameon=False, fontsize=SMALL, handletextpad=0.2, columnspacing=1.2, borderaxespad=0.0,
    )  # fmt: skip
    ax.set_title("Effects under other ways to analyse the data", loc="left", fontsize=10, pad=20)
    below = ax.transAxes + ScaledTranslation(0, -0.12, figure_of(ax).dpi_scale_trans)
    style: dict[str, Any] = {"fontsize": SMALL, "color": "#555555", "va": "top", "linespacing": 1.3}
    ax.text(0, 0, _CAUTION, transform=below, gid="caution", **style)


def _said(row: Any) -> str:
    """The verdict on a verdict, in at most three lines."""
    kind = str(row.stability).replace("_", " ")
    factor = str(row.worst_factor)
    if factor and kind != "robust":
        kind += f": {_DECIDES[factor]}" if kind == "sensitive" else f", most by {_DECIDES[factor]}"
    n_same = round(float(row.share_same_call) * int(row.n_tested)) if int(row.n_tested) else 0
    lines = [kind, f"called alike in {n_same} of {row.n_tested}"]
    if str(row.call) not in _compared.CALLED:
        lines.append(f"run: {_compared.call_words(str(row.call))}")
    return "\n".join(lines)
