"""Edges by organs: where each is higher, lower, alike, or cannot be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche._stats.contrasts import Contrast
from niche.get._compare_chosen import EDGE, Edges, comparison_of, named_edges
from niche.pl import _compared, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PITCH = 0.2
_SYMBOLS = ("specific", "enriched", "depleted", "ambient-suspect", "shared")


def organ_edges(
    adata: ad.AnnData,
    edges: Edges | None = None,
    *,
    contrast: str | Sequence[str] | None = None,
    n_top: int = 30,
    key: str = keys.COMPARE_COMMUNICATION,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw the log2 fold change of edges in every organ against the others, with the calls.

    Colour is the log2 fold change, the symbol the call; no symbol is ``undetermined``. A hatched tile is not
    testable there: in colour where there is an estimate but too few patients for a call, grey where there is
    none.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.compare_communication` was run.
    edges
        Rows of :func:`niche.get.compare_communication`, or tuples ``(source, target, ligand_complex,
        receptor_complex)``. By default the ``n_top`` edges that can be called in one of the contrasts, called
        ones first, then by p-value.
    contrast
        Columns; each organ against the others by default. The omnibus has no sign.
    n_top
        Number of edges where none are given.
    key
        The ``key_added`` of the run.
    ax
        Axes to draw into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given. Where nothing can be called the axes say why.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputValueError
        An edge or contrast that is not in the run, the omnibus, ``n_top`` out of range.
    InputTypeError
        ``edges`` is neither a table nor names, or ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> niche.tl.compare_communication(adata)
    >>> figure = niche.pl.organ_edges(adata, n_top=10)
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['bone', 'brain', 'liver', 'lung']
    """
    from niche.pl._figure import message, panel

    validate.number(n_top, "n_top", low=1, high=500, integer=True)
    comparison = comparison_of(adata, key)
    wanted = _compared.shown_contrasts(comparison, contrast)
    if edges is None:
        found = _compared.top_rows(adata, wanted, n_top * len(wanted), key)
        names = list(dict.fromkeys(zip(*(found[name] for name in EDGE), strict=True)))[:n_top]
    else:
        names = named_edges(edges)
    if not names:
        figure, axes = panel(ax, width=7, height=2.6)
        nothing = "no edge can be called"
        words = "no edge was chosen" if edges is not None else _compared.nothing(adata, wanted, key, nothing)
        message(axes, words)
        return figure if ax is None else axes
    table = _placed(_compared.rows_of(adata, comparison, names, wanted, key), wanted, ordered=edges is None)
    rows = table.drop_duplicates("y").sort_values("y")
    figure, axes = _canvas(ax, rows, wanted)
    _tiles(axes, table)
    _labels(axes, rows, wanted)
    _beside(axes, table)
    axes.set_title("Edges between organs", loc="left", fontsize=10, pad=26)
    return figure if ax is None else axes


def _placed(table: pd.DataFrame, wanted: list[Contrast], *, ordered: bool) -> pd.DataFrame:
    """Tiles with ``x`` and ``y``; edges by the organ in which they are highest, or as listed."""
    n = len(wanted)
    values = table["log2fc"].to_numpy(dtype=float).reshape(-1, n)
    place = np.arange(len(values))
    if ordered:
        filled = np.where(np.isnan(values), -np.inf, values)
        sequence = np.lexsort((-filled.max(axis=1), filled.argmax(axis=1)))
        place = np.empty(len(values), dtype=int)
        place[sequence] = np.arange(len(values))
    return table.assign(x=np.tile(np.arange(n), len(values)), y=np.repeat(place, n))


def _canvas(ax: Axes | None, rows: pd.DataFrame, wanted: list[Contrast]) -> tuple[Figure, Axes]:
    from niche.pl._figure import SMALL, ShownFigure, figure_of, given_axes, text_width

    if ax is not None:
        given_axes(ax)
        return figure_of(ax), ax
    column = max(0.55, text_width(_compared.column_labels(wanted), SMALL) + 0.12)
    left = 0.25 + 1.02 * text_width([_compared.edge_line(row) for row in rows.itertuples()], SMALL)
    inner = (len(wanted) * column, len(rows) * _PITCH)
    bottom = 0.2 + max(0.0, 1.8 - inner[1])
    width, height = left + inner[0] + 2.9, bottom + inner[1] + 0.8
    figure = ShownFigure(figsize=(width, height))
    return figure, figure.add_axes((left / width, bottom / height, inner[0] / width, inner[1] / height))


def _tiles(ax: Axes, table: pd.DataFrame) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import Normalize
    from matplotlib.patches import Rectangle

    limit = _limit(table)
    colors = colormaps[palette.DIVERGING](Normalize(-limit, limit)(table["log2fc"].fillna(0.0)))
    for row, color in zip(table.itertuples(), colors, strict=True):
        known, sure = not np.isnan(row.log2fc), row.call != _compared.NOT_TESTABLE
        ax.add_patch(
            Rectangle(
                (row.x - 0.48, row.y - 0.46),
                0.96,
                0.92,
                facecolor=color if known else "#F4F4F4",
                edgecolor="#777777" if not sure else "#DDDDDD",
                linewidth=0.0 if not sure else 0.5,
                hatch=None if sure else "/////",
                gid="tile" if known else "no estimate",
            )
        )
    for call in _SYMBOLS:
        part = table[table["call"] == call]
        if part.empty:
            continue
        style = _compared.CALLS[call]
        ink = np.where(part["log2fc"].abs() > 0.65 * limit, "white", "black").tolist()
        ax.scatter(
            part["x"],
            part["y"],
            marker=style["marker"],
            s=0.6 * style["size"],
            linewidths=0.8,
            zorder=3,
            gid=f"call {call}",
            facecolors="none" if call == "shared" else ink,
            edgecolors=ink,
        )


def _limit(table: pd.DataFrame) -> float:
    """Where colours end: the largest effect that can be called, so that no wild estimate pales the rest."""
    sure = table.loc[table["call"] != _compared.NOT_TESTABLE, "log2fc"].abs()
    every = table["log2fc"].abs()
    found = sure.max() if sure.notna().any() else every.max()
    return max(1.0, float(found)) if not np.isnan(found) else 1.0


def _labels(ax: Axes, rows: pd.DataFrame, wanted: list[Contrast]) -> None:
    from niche.pl._figure import SMALL, bare

    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks(rows["y"], [_compared.edge_line(row) for row in rows.itertuples()])
    ax.tick_params(labelsize=SMALL)
    bare(ax)
    _compared.organ_heads(ax, wanted)


def _beside(ax: Axes, table: pd.DataFrame) -> None:
    """Colour bar and legend, right of the axes in inches."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    from niche.pl._figure import INK, MEDIUM, SMALL, bar_beside, figure_of, inches_right

    limit = _limit(table)
    extend = "both" if (table["log2fc"].abs() > limit * 1.001).any() else "neither"
    mappable = ScalarMappable(Normalize(-limit, limit), palette.DIVERGING)
    beside = bar_beside(ax, right=0.15, width=0.13, height=1.3)
    bar = figure_of(ax).colorbar(mappable, cax=beside, extend=extend)
    bar.set_label("log2 fold change", fontsize=MEDIUM)
    bar.ax.tick_params(labelsize=SMALL)
    bar.outline.set_visible(False)
    handles: list[Any] = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=_compared.CALLS[call]["marker"],
            color=INK,
            label=call,
            markersize=0.8 * np.sqrt(_compared.CALLS[call]["size"]),
            fillstyle="none" if call == "shared" else "full",
        )
        for call in _SYMBOLS
        if (table["call"] == call).any()
    ]
    if (table["call"] == "undetermined").any():
        handles.append(Line2D([], [], linestyle="", label="no symbol: undetermined"))
    lacking = table[table["call"] == _compared.NOT_TESTABLE]
    for known, color, words in (
        (True, "#C9D9E8", "too few patients for a call"),
        (False, "#F4F4F4", "not testable, no estimate"),
    ):
        if (lacking["log2fc"].notna() == known).any():
            handles.append(
                Patch(facecolor=color, edgecolor="#777777", linewidth=0, hatch="/////", label=words)
            )
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        bbox_transform=inches_right(ax, 1.0),
        borderaxespad=0,
        frameon=False,
        fontsize=SMALL,
        title="call",
        title_fontsize=MEDIUM,
        alignment="left",
        labelspacing=0.8,
    )
