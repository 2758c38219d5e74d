"""Likeness of programs to each other, as blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche.get.programs import program_labels
from niche.get.programs import programs as get_programs
from niche.pl import _programs, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLOCK = {"cosine": 0.2, "jaccard": 0.1}
"""Mean likeness from which programs are outlined as a block."""

_LEAST_RANGE = {"cosine": 0.3, "jaccard": 0.2}
_BAR = {"cosine": "cosine of gene weights", "jaccard": "Jaccard index of genes"}
_CELL, _WIDEST, _NARROW = 0.27, 34, 18
_FEW = 8
"""So many columns are named in a small axes."""


def programs(
    adata: ad.AnnData,
    program: str | Sequence[str] | None = None,
    *,
    measure: Literal["cosine", "jaccard"] = "cosine",
    key: str = keys.PROGRAMS,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw how alike programs are, in blocks, with what they are and who has them.

    Rows and columns are programs in the order of hierarchical clustering (average linkage), so that like
    ones stand side by side; programs that are alike are outlined as a block. A row is named by the gene set
    that resembles it most, or its first genes; in small axes many columns bear no names. On the right stand
    its kind, as a coloured square, and the patient who uses it most, with the share of all usage.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.programs` was run.
    program
        Programs to draw; all by default.
    measure
        ``"cosine"`` of the weights of all genes: negative where genes of one are low with the other.
        ``"jaccard"``: genes that two programs share, of all genes of either.
    key
        The ``key_added`` of the run.
    ax
        Axes to draw into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given. Where there is nothing to draw the axes say why.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``, or the weights of genes are gone from ``varm``.
    StaleResultError
        Labels or values have changed since.
    InputValueError
        A program that is not in the result, or an unknown ``measure``.
    InputTypeError
        ``ax`` is no Axes.

    Notes
    -----
    A block is a cluster whose mean likeness is 0.2 or more for cosine, 0.1 for Jaccard. Colours end at the
    largest likeness of two programs; the diagonal is grey.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.programs(adata, k=6, n_starts=5)
    >>> figure = niche.pl.programs(adata)
    >>> len(figure.axes[0].get_yticklabels())
    6
    """
    from niche.pl._figure import given_axes, message, panel, short

    validate.choice(measure, "measure", tuple(_BLOCK))
    if ax is not None:
        given_axes(ax)
    table = get_programs(adata, what="programs", program=program, key=key)
    if table.empty:
        figure, axes = panel(ax, width=6, height=1.6)
        message(axes, "no program was chosen")
        return figure if ax is None else axes
    like = _likeness(adata, list(table["program"].astype(str)), measure, key)
    order, blocks = _ordered(like, _BLOCK[measure])
    table, like = table.iloc[order].reset_index(drop=True), like[np.ix_(order, order)]
    labels = program_labels(adata, key)
    cramped = ax is not None and _programs.inches_wide(ax) < 4.5
    room = _NARROW if cramped else _WIDEST
    names = [f"{name}  {short(labels[name], room)}" for name in table["program"]]
    beside = [f"{row.top_patient}, {row.top_patient_share:.0%}" for row in table.itertuples()]
    figure, axes = _canvas(ax, names, beside)
    _tiles(axes, like, measure, beside)
    _outline(axes, blocks[order])
    _labels(axes, names, [] if cramped and len(table) > _FEW else list(table["program"]))
    _annotate(axes, table, beside)
    return figure if ax is None else axes


def _likeness(adata: ad.AnnData, names: list[str], measure: str, key: str) -> np.ndarray:
    """(n, n) likeness of programs; 1 on the diagonal."""
    genes = get_programs(adata, key=key)
    if measure == "jaccard":
        sets = genes.groupby("program")["gene"].agg(set)
        return np.array([[len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for b in names] for a in names])
    column = list(dict.fromkeys(genes["program"]))
    weights = np.asarray(adata.varm[key], dtype=np.float64)[:, [column.index(name) for name in names]]
    norm = np.linalg.norm(weights, axis=0)
    unit = weights / np.where(norm > 0, norm, 1.0)
    like = np.clip(unit.T @ unit, -1.0, 1.0)
    np.fill_diagonal(like, 1.0)
    return like


def _ordered(like: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Order of the leaves, and the block of every program in the order given."""
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform

    if len(like) < 2:
        return np.arange(len(like)), np.zeros(len(like), dtype=np.int64)
    distance = 1.0 - (like + like.T) / 2
    np.fill_diagonal(distance, 0.0)
    tree = hierarchy.linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    blocks = hierarchy.fcluster(tree, 1.0 - least, criterion="distance")
    return hierarchy.leaves_list(tree), np.asarray(blocks)


def _canvas(ax: Axes | None, names: list[str], beside: list[str]) -> tuple[Figure, Axes]:
    from niche.pl._figure import SMALL, ShownFigure, figure_of, text_width

    if ax is not None:
        return figure_of(ax), ax
    left = 1.02 * text_width(names, SMALL) + 0.25
    inner = max(_CELL * len(names), 1.6)
    width = left + inner + text_width(["top patient", *beside], SMALL) + 1.35
    height = inner + 1.15
    figure = ShownFigure(figsize=(width, height))
    return figure, figure.add_axes((left / width, 0.75 / height, inner / width, inner / height))


def _tiles(ax: Axes, like: np.ndarray, measure: str, beside: list[str]) -> None:
    from niche.pl._figure import SMALL, bar_beside, figure_of, text_width

    shown = np.ma.masked_array(like, np.eye(len(like), dtype=bool))
    others = np.abs(shown.compressed())
    most = max(float(others.max()) if others.size else 0.0, _LEAST_RANGE[measure])
    signed = measure == "cosine"
    ax.set_facecolor(palette.MISSING)
    tiles = ax.pcolormesh(
        np.arange(len(like) + 1) - 0.5,
        np.arange(len(like) + 1) - 0.5,
        shown,
        cmap=palette.DIVERGING if signed else palette.MAGNITUDE,
        vmin=-most if signed else 0.0,
        vmax=most,
        edgecolors="white",
        linewidth=0.6,
        gid="likeness",
    )
    right = 0.5 + text_width(["top patient", *beside], SMALL)
    bar = figure_of(ax).colorbar(tiles, cax=bar_beside(ax, right=right, width=0.12, height=1.2))
    bar.set_label(_BAR[measure], fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL, length=2)
    bar.outline.set_visible(False)


def _outline(ax: Axes, blocks: np.ndarray) -> None:
    """A frame around programs of one block, which stand side by side."""
    from matplotlib.patches import Rectangle

    from niche.pl._figure import INK

    for block in dict.fromkeys(blocks.tolist()):
        place = np.flatnonzero(blocks == block)
        if place.size > 1:
            first, n = place[0] - 0.5, place.size
            ax.add_patch(
                Rectangle((first, first), n, n, facecolor="none", edgecolor=INK, linewidth=1.1, gid="block")
            )


def _labels(ax: Axes, names: list[str], columns: list[str]) -> None:
    """Names of rows, and of columns where these have room."""
    from niche.pl._figure import LARGE, SMALL, bare

    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_yticks(range(len(names)), names)
    ax.set_xticks(range(len(columns)), columns, rotation=90)
    ax.tick_params(labelsize=SMALL)
    ax.set_title("Likeness of programs", loc="left", fontsize=LARGE, pad=18)
    bare(ax)


def _annotate(ax: Axes, table: pd.DataFrame, beside: list[str]) -> None:
    """Kind and top patient of every row, with the kinds explained below."""
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    from niche.pl._figure import INK, SMALL, figure_of

    inch = figure_of(ax).dpi_scale_trans
    squares = ax.get_yaxis_transform() + ScaledTranslation(0.12, 0, inch)
    for kind, color in _programs.KINDS.items():
        y = np.flatnonzero((table["kind"] == kind).to_numpy())
        if y.size:
            ax.scatter(
                np.ones(y.size), y, marker="s", s=34, color=color, transform=squares, clip_on=False, gid=kind
            )
    style: dict[str, Any] = {"fontsize": SMALL, "color": INK, "va": "center", "annotation_clip": False}
    for row, text in enumerate(beside):
        ax.annotate(
            text, (1.0, row), xytext=(16, 0), xycoords=ax.get_yaxis_transform(),
            textcoords="offset points", gid="top patient", **style,
        )  # fmt: skip
    ax.annotate(
        "top patient", (1.0, 1.0), xytext=(16, 7), xycoords="axes fraction", textcoords="offset points",
        **(style | {"color": "#555555"}),
    )  # fmt: skip
    kinds = [kind for kind in _programs.KINDS if kind in set(table["kind"])]
    handles = [
        Line2D([], [], linestyle="", marker="s", markersize=5.5, color=_programs.KINDS[kind], label=kind)
        for kind in kinds
    ]
    ax.legend(
        handles=handles, loc="upper right", bbox_to_anchor=(1.0, 0.0),
        bbox_transform=ax.transAxes + ScaledTranslation(1.0, -0.34, inch),
        ncols=len(kinds), frameon=False, fontsize=SMALL, borderaxespad=0, handletextpad=0.2,
        columnspacing=1.0,
    )  # fmt: skip
