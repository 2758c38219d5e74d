"""Published axes of metastasis in every organ of the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche.errors import InputValueError
from niche.get.axes import axes as get_axes
from niche.get.axes import plain_organ
from niche.pl import palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STATUS_STYLE: dict[str, dict[str, Any]] = {
    "found": {"color": "#0B559F", "marker": "o", "ink": "white", "words": "found (q \u2264 0.05)"},
    "tested_not_significant": {
        "color": "#9CC8E3",
        "marker": "o",
        "ink": "#222222",
        "words": "tested, not significant",
    },
    "not_expressed": {
        "color": "#F6D8A6",
        "marker": "_",
        "ink": "#222222",
        "words": "measured, not expressed",
    },
    "not_testable": {"color": "#DEDEDE", "marker": "x", "ink": "#555555", "words": "not testable"},
    "not_assessed": {
        "color": "#FFFFFF",
        "marker": ".",
        "ink": "#777777",
        "words": "not assessed in this run",
    },
}
"""Colour and symbol of every status: either alone tells them apart."""

_OPEN = "tested_not_significant"

_ARROWS = {
    "tumor->host": "tumor \u2192 host",
    "host->tumor": "host \u2192 tumor",
    "host->host": "host \u2192 host",
    "autocrine": "tumor \u2192 tumor",
    "bidirectional": "tumor \u2194 host",
}
_GAP = 0.5
_CAUTION = (
    "found: specific to a tumor-host pair\nof cell types, in the published direction,\n"
    "within the samples of the organ;\nno evidence about patients."
)


def axes_heatmap(
    adata: ad.AnnData,
    *,
    organ: str | Sequence[str] | None = None,
    published: str | Sequence[str] | None = None,
    key: str = keys.COMMUNICATION,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw every published axis in every organ of the data.

    Rows are the axes of :func:`niche.resources.axes`, grouped by the organ they are published for, with
    their direction; columns are the organs of the result. A tile says by colour and by symbol whether
    the axis was found, tested without significance, measured and not expressed, not testable or not
    asked for (:func:`niche.get.axes`). The organ an axis is published for is outlined.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.communication` was run.
    organ
        Organs of the result to show as columns; all by default.
    published
        Show the axes published for these organs; all by default.
    key
        The ``key_added`` of the run.
    ax
        Axes to draw into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes or values have changed since.
    InputValueError
        An organ that is not in the result, or for which nothing is published.
    InputTypeError
        ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> figure = niche.pl.axes_heatmap(adata, published="bone")
    >>> figure.axes[0].get_xlabel()
    'organ of the data'
    """
    table = _with_places(_published_for(get_axes(adata, organ=organ, everywhere=True, key=key), published))
    names = list(dict.fromkeys(table["organ"]))
    rows = table.drop_duplicates("row")
    figure, axes = _canvas(ax, rows, names)
    _tiles(axes, table)
    _labels(axes, rows, names)
    _legend(axes, table)
    axes.set_title("Published axes in the organs of the data", loc="left", fontsize=10, pad=26)
    return figure if ax is None else axes


def _published_for(table: pd.DataFrame, published: str | Sequence[str] | None) -> pd.DataFrame:
    if published is None:
        return table
    listed = [published] if isinstance(published, str) else list(published)
    known = sorted(set(table["published_organ"]))
    unknown = [name for name in listed if plain_organ(name) not in known]
    if unknown or not listed:
        raise InputValueError(
            f"published: nothing is published for {validate.shown(unknown) or 'no organ'}. "
            f"Organs with published axes: {validate.shown(known)}."
        )
    return table[table["published_organ"].isin([plain_organ(name) for name in listed])].reset_index(drop=True)


def _with_places(table: pd.DataFrame) -> pd.DataFrame:
    """Add ``x``, ``row`` and ``y``; groups of rows stand apart, axes of one direction together."""
    organs = {name: i for i, name in enumerate(dict.fromkeys(table["organ"]))}
    n = len(organs)
    order = {name: i for i, name in enumerate(_ARROWS)}
    first = table.iloc[::n]
    sequence = np.lexsort(
        (first["receptor"], first["ligand"], first["direction_class"].map(order), first["published_organ"])
    )
    group = pd.factorize(first["published_organ"].to_numpy()[sequence])[0]
    row, y = np.empty(len(first), dtype=int), np.empty(len(first))
    row[sequence] = np.arange(len(first))
    y[sequence] = np.arange(len(first)) + group * _GAP
    placed = table.assign(x=table["organ"].map(organs), row=np.repeat(row, n), y=np.repeat(y, n))
    return placed.sort_values(["row", "x"], kind="stable").reset_index(drop=True)


def _canvas(ax: Axes | None, rows: pd.DataFrame, names: list[str]) -> tuple[Figure, Axes]:
    from niche.pl._figure import SMALL, ShownFigure, figure_of, given_axes, organ_label, text_width

    if ax is not None:
        given_axes(ax)
        return figure_of(ax), ax
    column = max(0.55, text_width([organ_label(name) for name in names], SMALL) + 0.1)
    left = 1.05 * text_width(_row_labels(rows), SMALL) + 1.0
    inner = (len(names) * column, max((float(rows["y"].max()) + 1) * 0.2, 2.6))
    width, height = left + inner[0] + 2.6, inner[1] + 1.05
    figure = ShownFigure(figsize=(width, height))
    return figure, figure.add_axes((left / width, 0.35 / height, inner[0] / width, inner[1] / height))


def _row_labels(rows: pd.DataFrame) -> list[str]:
    from niche.pl._figure import gene_pair

    return [
        f"{gene_pair(ligand, receptor)}   {_ARROWS[direction]}"
        for ligand, receptor, direction in zip(
            rows["ligand"], rows["receptor"], rows["direction_class"], strict=True
        )
    ]


def _tiles(ax: Axes, table: pd.DataFrame) -> None:
    from matplotlib.patches import Rectangle

    for status, style in STATUS_STYLE.items():
        part = table[table["status"] == status]
        for x, y in zip(part["x"], part["y"], strict=True):
            ax.add_patch(
                Rectangle(
                    (x - 0.48, y - 0.46),
                    0.96,
                    0.92,
                    facecolor=style["color"],
                    edgecolor="#DDDDDD",
                    linewidth=0.5,
                    gid=status,
                )
            )
        ax.scatter(
            part["x"],
            part["y"],
            marker=style["marker"],
            s=20,
            linewidths=0.9,
            zorder=3,
            gid=f"symbol {status}",
            **(
                {"edgecolors": style["ink"], "facecolors": "none"}
                if status == _OPEN
                else {"color": style["ink"]}
            ),
        )
    own = table[[plain_organ(o) == p for o, p in zip(table["organ"], table["published_organ"], strict=True)]]
    for x, y in zip(own["x"], own["y"], strict=True):
        ax.add_patch(
            Rectangle(
                (x - 0.48, y - 0.46),
                0.96,
                0.92,
                facecolor="none",
                edgecolor="black",
                linewidth=1.6,
                zorder=4,
                gid="published organ",
            )
        )


def _labels(ax: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    from matplotlib.transforms import ScaledTranslation

    from niche.pl._figure import INK, MEDIUM, SMALL, bare, figure_of, organ_label, text_width

    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set_ylim(float(rows["y"].max()) + 0.55, -0.55)
    ax.xaxis.tick_top()
    ax.set_xticks(range(len(names)), [organ_label(name) for name in names])
    ax.set_yticks(rows["y"], _row_labels(rows))
    ax.tick_params(labelsize=SMALL)
    ax.set_xlabel("organ of the data", fontsize=MEDIUM)
    bare(ax)
    figure = figure_of(ax)
    inches = figure.dpi_scale_trans
    colors = palette.organ_colors(names) | palette.organ_colors(sorted(set(rows["published_organ"])))
    for i, name in enumerate(names):
        ax.plot(
            (i - 0.46, i + 0.46),
            (1, 1),
            color=colors[name],
            linewidth=5,
            solid_capstyle="butt",
            clip_on=False,
            transform=ax.get_xaxis_transform() + ScaledTranslation(0, 3.5 / 72, inches),
            gid="organ",
        )
    ax.tick_params(axis="x", pad=8)
    left = 1.05 * text_width(_row_labels(rows), SMALL) + 0.2
    beside = ax.get_yaxis_transform() + ScaledTranslation(-left, 0, inches)
    for name, part in rows.groupby("published_organ", sort=False):
        ends = (part["y"].min() - 0.45, part["y"].max() + 0.45)
        ax.plot(
            (0, 0),
            ends,
            color=colors[str(name)],
            linewidth=5,
            solid_capstyle="butt",
            clip_on=False,
            transform=beside,
            gid="published",
        )
        words = f"published in\n{organ_label(str(name))}" if len(part) > 4 else organ_label(str(name))
        ax.text(
            0,
            sum(ends) / 2,
            words,
            transform=beside + ScaledTranslation(-0.1, 0, inches),
            rotation=90,
            ha="right",
            va="center",
            fontsize=SMALL,
            color=INK,
            gid="published name",
        )


def _legend(ax: Axes, table: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    from niche.pl._figure import MEDIUM, SMALL, inches_right

    handles: list[Any] = []
    labels = []
    for status, style in STATUS_STYLE.items():
        if (table["status"] == status).any():
            tile = Patch(facecolor=style["color"], edgecolor="#DDDDDD")
            symbol = Line2D(
                [],
                [],
                linestyle="",
                marker=style["marker"],
                color=style["ink"],
                markersize=4.5,
                fillstyle="none" if status == _OPEN else "full",
            )
            handles.append((tile, symbol))
            labels.append(style["words"])
    handles.append(Patch(facecolor="none", edgecolor="black", linewidth=1.6))
    labels.append("organ it is published for")
    ax.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        bbox_transform=inches_right(ax, 0.15),
        borderaxespad=0,
        frameon=False,
        fontsize=SMALL,
        title="axis in this organ",
        title_fontsize=MEDIUM,
        alignment="left",
        labelspacing=0.7,
        handlelength=2.2,
        handleheight=1.3,
    )
    ax.text(
        1,
        1,
        _CAUTION,
        transform=inches_right(ax, 0.15, 1.75),
        fontsize=SMALL,
        color="#555555",
        va="top",
        linespacing=1.35,
        gid="caution",
    )
