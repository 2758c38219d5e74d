"""Which columns of the study hide which comparisons of organs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anndata as ad
import pandas as pd

from niche._slots import keys
from niche.get.confounding import confounding as get_confounding

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE: dict[bool, dict[str, Any]] = {
    False: {"color": "#DCE9F2", "marker": "o", "ink": "#5F7F99", "words": "can be told apart"},
    True: {"color": "#8C2D04", "marker": "x", "ink": "#FFFFFF", "words": "hidden: cannot be told apart"},
}
"""Colour and symbol of what can and cannot be told apart: either alone tells them apart."""


def confounding(
    adata: ad.AnnData, *, key: str = keys.COMPARE_COMMUNICATION, ax: Axes | None = None
) -> Axes | Figure:
    """Draw which columns of the study cannot be told apart from its organs.

    Rows are columns of the study, columns are pairs of organs. A dark tile with a cross says that the
    difference between the two organs may just as well be one of this column: every sample of an organ comes
    from one study, for example. No test can tell, whatever its p-value.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.compare_communication` was run.
    key
        The ``key_added`` of the run.
    ax
        Axes to draw into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given. Where the study has no such columns the axes say so.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputTypeError
        ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> niche.tl.compare_communication(adata)
    >>> figure = niche.pl.confounding(adata)
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['study', 'assay', 'subtype']
    """
    from niche.pl._figure import message, panel

    table = get_confounding(adata, key=key).astype({"term": str, "contrast": str})
    if table.empty:
        figure, axes = panel(ax, width=5.5, height=1.6)
        message(
            axes,
            "Not assessed: the study has no column study, assay, subtype or primary_type,\n"
            "and no covariate was given.",
        )
        return figure if ax is None else axes
    terms, contrasts = (list(dict.fromkeys(table[name])) for name in ("term", "contrast"))
    table = table.assign(x=table["contrast"].map(contrasts.index), y=table["term"].map(terms.index))
    figure, axes = _canvas(ax, _rows(table, terms), contrasts)
    _tiles(axes, table)
    _labels(axes, _rows(table, terms), contrasts)
    n = int(table["confounded"].sum())
    title = "Nothing hides a comparison of organs" if not n else "What hides comparisons of organs"
    axes.set_title(title, loc="left", fontsize=10, pad=8)
    return figure if ax is None else axes


def _rows(table: pd.DataFrame, terms: list[str]) -> list[str]:
    used = set(table.loc[table["covariate"], "term"])
    return [f"{term} (covariate)" if term in used else term for term in terms]


def _words(contrast: str) -> str:
    return contrast.replace("_vs_", " vs ").replace("_", " ")


def _canvas(ax: Axes | None, rows: list[str], contrasts: list[str]) -> tuple[Figure, Axes]:
    from niche.pl._figure import SMALL, ShownFigure, figure_of, given_axes, text_width

    if ax is not None:
        given_axes(ax)
        return figure_of(ax), ax
    left = 0.3 + 1.05 * text_width(rows, SMALL)
    bottom = 0.2 + 1.05 * text_width([_words(name) for name in contrasts], SMALL)
    inner = (max(0.28 * len(contrasts), 1.6), max(0.28 * len(rows), 0.6))
    width, height = left + inner[0] + 2.2, bottom + inner[1] + 0.45
    figure = ShownFigure(figsize=(width, height))
    return figure, figure.add_axes((left / width, bottom / height, inner[0] / width, inner[1] / height))


def _tiles(ax: Axes, table: pd.DataFrame) -> None:
    from matplotlib.patches import Rectangle

    for hidden, style in STYLE.items():
        part = table[table["confounded"] == hidden]
        for x, y in zip(part["x"], part["y"], strict=True):
            ax.add_patch(
                Rectangle(
                    (x - 0.47, y - 0.47),
                    0.94,
                    0.94,
                    facecolor=style["color"],
                    edgecolor="none",
                    gid="hidden" if hidden else "apart",
                )
            )
        ax.scatter(
            part["x"],
            part["y"],
            s=20,
            marker=style["marker"],
            color=style["ink"],
            linewidths=1.2,
            zorder=3,
            gid="symbol hidden" if hidden else "symbol apart",
        )


def _labels(ax: Axes, rows: list[str], contrasts: list[str]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    from niche.pl._figure import SMALL, bare, inches_right

    ax.set_xlim(-0.5, len(contrasts) - 0.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xticks(range(len(contrasts)), [_words(name) for name in contrasts], rotation=90)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(labelsize=SMALL)
    bare(ax)
    handles = [
        (
            Patch(facecolor=style["color"]),
            Line2D([], [], linestyle="", marker=style["marker"], color=style["ink"], markersize=4.5),
        )
        for style in STYLE.values()
    ]
    ax.legend(
        handles,
        [style["words"] for style in STYLE.values()],
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        bbox_transform=inches_right(ax, 0.15),
        borderaxespad=0,
        frameon=False,
        fontsize=SMALL,
        labelspacing=0.7,
        handlelength=1.6,
        handleheight=1.3,
    )
