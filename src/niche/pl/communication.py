"""The strongest ligand-receptor edges of every organ as a dot plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import communication_codes as codes
from niche._slots import keys, validate
from niche.errors import InputValueError
from niche.get.communication import communication as get_communication
from niche.pl import palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Names = str | Sequence[str] | None

MAX_QVAL = 0.05
CAP = 10.0
"""Dots do not grow beyond this -log10 p."""

_SMALLEST, _LARGEST = 6.0, 95.0
_ROW = ["ligand_complex", "receptor_complex"]
_COLUMN = ["organ", "source", "target"]
_ABSENT = codes.REASONS[codes.ABSENT : codes.TOO_FEW]
_NOT_SCORES = ("n_samples", "n_patients", "n_samples_expressed")
_PITCH = 0.2
_CAUTION = (
    "p: specific to these cell types\nwithin the samples of the organ;\n"
    "not comparable between organs,\nno evidence about patients."
)
_DROPPED = "\nNo column: a cell type of the pair\nis absent in the organ."


def communication(
    adata: ad.AnnData,
    *,
    organ: Names = None,
    source: Names = None,
    target: Names = None,
    n_top: int = 20,
    score: str = "lr_means",
    key: str = keys.COMMUNICATION,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw the top edges of every organ: pairs of genes by pairs of cell types.

    Rows are ligand and receptor, columns are sender and receiver, grouped by organ. Colour is the
    magnitude on one scale for all organs, dot size is -log10 p (capped at 10), a dark outline is
    ``qval <= 0.05`` within the organ. An empty place is measured and not expressed; a grey cross is not
    testable there. Every row and pair of cell types that is among the top of one organ is shown in all
    of them, so that organs can be compared by eye; a pair has no column in an organ that lacks one of
    its cell types, and an organ in which none is testable is folded into one column at the end.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.communication` was run.
    organ, source, target
        Keep these organs, senders, receivers.
    n_top
        Edges taken from each organ, the best by the mean of their places by ``specificity_rank`` and
        ``magnitude_rank`` within the organ (by p-value and ``score`` where the run has no ranks).
    score
        Column of :func:`niche.get.communication` that is shown as colour.
    key
        The ``key_added`` of the run.
    ax
        Axes to draw into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given. Without a tested edge the axes say so.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes or values have changed since.
    InputValueError
        A name that is not in the result, a score that is none, ``n_top`` out of range.
    InputTypeError
        ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> figure = niche.pl.communication(adata, n_top=5)
    >>> figure.axes[0].get_ylabel()
    'ligand \u2192 receptor'
    """
    from niche.pl._figure import message, panel

    validate.number(n_top, "n_top", low=1, high=1000, integer=True)
    tested = get_communication(adata, organ=organ, source=source, target=target, status=codes.TESTED, key=key)
    _check_score(tested, score)
    if tested.empty:
        figure, axes = panel(ax, width=5, height=2)
        message(axes, f"no tested edge{_chosen(organ, source, target)}")
        return figure if ax is None else axes
    top = top_edges(tested, n_top, score)
    grid = _grid(adata, top, organ, key)
    figure, axes = _canvas(ax, grid)
    head_room = _background(axes, grid)
    _dots(axes, grid, score)
    organs = list(grid.organs())
    where = f"in {organs[0].replace('_', ' ')}" if len(organs) == 1 else "of each organ"
    axes.set_title(f"Top {n_top} edges {where}", loc="left", fontsize=10, pad=head_room)
    return figure if ax is None else axes


def top_edges(tested: pd.DataFrame, n_top: int, score: str) -> pd.DataFrame:
    """The best ``n_top`` edges of each organ, in a fixed order: by organ, then by place.

    The place of an edge is the mean of its places by specificity and by magnitude rank; ties go to the
    first name.
    """
    ranks = [name for name in ("specificity_rank", "magnitude_rank") if name in tested]
    parts = [tested.groupby("organ", observed=True)[name].rank(method="min") for name in ranks]
    if not parts:
        parts = [tested.groupby("organ", observed=True)[score].rank(method="min", ascending=False)]
        if "pval" in tested:
            parts.append(tested.groupby("organ", observed=True)["pval"].rank(method="min"))
    place = np.mean([part.to_numpy() for part in parts], axis=0)
    named = tested.astype(dict.fromkeys((*_ROW, *_COLUMN), str)).assign(place=place)
    ordered = named.sort_values(["organ", "place", *_COLUMN[1:], *_ROW], kind="stable")
    return ordered.groupby("organ", sort=True).head(n_top).reset_index(drop=True)


@dataclass(frozen=True)
class _Grid:
    """Rows and columns of the plot and the edges in them.

    Attributes
    ----------
    rows
        (ligand_complex, receptor_complex) from top to bottom.
    columns
        (organ, source, target) from left to right; source "" for an organ folded into one column.
    edges
        Every edge of the grid with its ``x``, ``y`` and status.
    """

    rows: list[tuple[str, str]]
    columns: list[tuple[str, str, str]]
    edges: pd.DataFrame

    def organs(self) -> dict[str, tuple[int, int]]:
        """First and last column of each organ."""
        out: dict[str, tuple[int, int]] = {}
        for i, (organ, _, _) in enumerate(self.columns):
            out[organ] = (out.get(organ, (i, i))[0], i)
        return out

    def lacks_columns(self) -> bool:
        """Whether a pair of cell types has no column in one of the organs that are not folded."""
        shown = [column for column in self.columns if column[1]]
        organs, pairs = {column[0] for column in shown}, {column[1:] for column in shown}
        return len(shown) < len(organs) * len(pairs)


def _grid(adata: ad.AnnData, top: pd.DataFrame, organ: Names, key: str) -> _Grid:
    rows = list(dict.fromkeys(zip(top["ligand_complex"], top["receptor_complex"], strict=True)))
    pairs = sorted(set(zip(top["source"], top["target"], strict=True)))
    found = get_communication(
        adata,
        organ=organ,
        source=sorted({s for s, _ in pairs}),
        target=sorted({t for _, t in pairs}),
        key=key,
    )
    edges = found[found["ligand_complex"].isin({a for a, _ in rows})].astype(
        dict.fromkeys((*_ROW, *_COLUMN, "status", "reason"), str)
    )
    place = {row: i for i, row in enumerate(rows)}
    y = [place.get(pair, -1) for pair in zip(edges["ligand_complex"], edges["receptor_complex"], strict=True)]
    asked = [pair in set(pairs) for pair in zip(edges["source"], edges["target"], strict=True)]
    edges = edges.assign(y=y)[np.array(asked) & (np.array(y) >= 0)]
    columns = _columns(edges, pairs)
    at = {column: i for i, column in enumerate(columns)}
    x = [
        at.get((o, s, t), at.get((o, "", ""), -1))
        for o, s, t in zip(edges["organ"], edges["source"], edges["target"], strict=True)
    ]
    placed = edges.assign(x=x)
    return _Grid(rows, columns, placed[placed["x"] >= 0].drop_duplicates(["x", "y"]).reset_index(drop=True))


def _columns(edges: pd.DataFrame, pairs: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Columns of the plot: in each organ the pairs whose cell types exist there; folded organs last."""
    columns: list[tuple[str, str, str]] = []
    folded: list[tuple[str, str, str]] = []
    for name, part in edges.groupby("organ", sort=True):
        if (part["status"] == codes.NOT_TESTABLE).all():
            folded.append((str(name), "", ""))
            continue
        there = part[~part["reason"].isin(_ABSENT)]
        kept = set(zip(there["source"], there["target"], strict=True))
        columns += [(str(name), *pair) for pair in pairs if pair in kept]
    return columns + folded


def _check_score(tested: pd.DataFrame, score: str) -> None:
    numbers = [
        name
        for name in tested.columns
        if pd.api.types.is_numeric_dtype(tested[name]) and name not in _NOT_SCORES
    ]
    if score not in numbers:
        raise InputValueError(f"score must be one of {validate.shown(numbers)}. Got {score!r}.")


def _chosen(organ: Names, source: Names, target: Names) -> str:
    asked = {"organ": organ, "source": source, "target": target}
    listed = {n: [v] if isinstance(v, str) else list(v) for n, v in asked.items() if v}
    words = [f"{name} {', '.join(values)}" for name, values in listed.items()]
    return f" for {'; '.join(words)}" if words else " in any organ"


def _canvas(ax: Axes | None, grid: _Grid) -> tuple[Figure, Axes]:
    """The given axes, or new ones with room for the labels and the legend, in inches."""
    from niche.pl._figure import SMALL, ShownFigure, figure_of, gene_pair, given_axes, text_width

    if ax is not None:
        given_axes(ax)
        return figure_of(ax), ax
    left = 0.5 + 1.05 * text_width([gene_pair(*row) for row in grid.rows], SMALL)
    bottom = 0.3 + text_width([_pair_label(*column) for column in grid.columns], SMALL)
    inner = (max(len(grid.columns) * _PITCH, 1.2), max(len(grid.rows) * _PITCH, 2.4))
    _, tallest = _head_texts(grid, inner[0] / len(grid.columns))
    width, height = left + inner[0] + 3.0, bottom + inner[1] + (tallest + 44) / 72
    figure = ShownFigure(figsize=(width, height))
    return figure, figure.add_axes((left / width, bottom / height, inner[0] / width, inner[1] / height))


def _pair_label(organ: str, source: str, target: str) -> str:
    return f"{source} \u2192 {target}" if source else "all of these pairs"


def _background(ax: Axes, grid: _Grid) -> float:
    """Labels, thin lines, and a coloured head for every organ; returns the height of the heads in points."""
    from niche.pl._figure import MEDIUM, SMALL, bare, gene_pair

    ax.set_xlim(-0.6, len(grid.columns) - 0.4)
    ax.set_ylim(len(grid.rows) - 0.4, -0.6)
    ax.set_xticks(range(len(grid.columns)), [_pair_label(*column) for column in grid.columns], rotation=90)
    ax.set_yticks(range(len(grid.rows)), [gene_pair(*row) for row in grid.rows])
    ax.tick_params(labelsize=SMALL)
    ax.set_ylabel("ligand \u2192 receptor", fontsize=MEDIUM)
    ax.set_xlabel("sender \u2192 receiver", fontsize=MEDIUM)
    ax.grid(color="#EEEEEE", linewidth=0.6)
    ax.set_axisbelow(True)
    bare(ax)
    return _heads(ax, grid)


def _heads(ax: Axes, grid: _Grid) -> float:
    from matplotlib.transforms import ScaledTranslation

    from niche.pl._figure import INK, SMALL, figure_of

    organs = grid.organs()
    colors = palette.organ_colors(organs)
    figure = figure_of(ax)
    above = ax.get_xaxis_transform() + ScaledTranslation(0, 4 / 72, figure.dpi_scale_trans)
    texts, tallest = _head_texts(grid, ax.bbox.width / figure.dpi / len(grid.columns))
    for name, (first, last) in organs.items():
        ends = (first - 0.45, last + 0.45)
        ax.plot(
            ends,
            (1, 1),
            color=colors[name],
            linewidth=5,
            solid_capstyle="butt",
            clip_on=False,
            transform=above,
            gid="organ",
        )
        text, upright = texts[name]
        ax.annotate(
            text,
            ((first + last) / 2, 1),
            xycoords=ax.get_xaxis_transform(),
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=SMALL,
            color=INK,
            rotation=90 if upright else 0,
            gid="organ name",
        )
        if first:
            ax.axvline(first - 0.5, color="#999999", linewidth=0.8)
    return tallest + 16


def _head_texts(grid: _Grid, pitch: float) -> tuple[dict[str, tuple[str, bool]], float]:
    """Text over each organ and whether it stands upright for lack of room; tallest height in points."""
    from niche.pl._figure import SMALL, text_width, wrapped

    texts, tallest = {}, 0.0
    for name, (first, last) in grid.organs().items():
        words = _head(grid, name)
        room = (last - first + 1) * pitch
        lines = wrapped("\n".join(words), room, SMALL)
        upright = text_width([lines], SMALL) > room
        text = ", ".join(words) if upright else lines
        texts[name] = (text, upright)
        n_lines = lines.count("\n") + 1
        height = 1.05 * text_width([text], SMALL) * 72 if upright else n_lines * SMALL * 1.25
        tallest = max(tallest, height)
    return texts, tallest


def _head(grid: _Grid, organ: str) -> list[str]:
    from niche.pl._figure import organ_label

    n = grid.edges.loc[(grid.edges["organ"] == organ) & (grid.edges["status"] == codes.TESTED), "n_patients"]
    if n.empty:
        first, _ = grid.organs()[organ]
        return [organ_label(organ), "nothing tested here" if grid.columns[first][1] else "not testable"]
    low, high = int(n.min()), int(n.max())
    people = f"{low} patient{'s' if high > 1 else ''}" if low == high else f"{low} to {high} patients"
    return [organ_label(organ), people]


def _dots(ax: Axes, grid: _Grid, score: str) -> None:
    from matplotlib.colors import Normalize

    from niche.pl._figure import FAINT, INK

    status = grid.edges["status"]
    shown, not_testable = grid.edges[status == codes.TESTED], grid.edges[status == codes.NOT_TESTABLE]
    has_p = "pval" in shown
    strength = -np.log10(np.maximum(shown["pval"].to_numpy(), 1e-300)) if has_p else np.full(len(shown), 3.0)
    significant = shown["qval"].to_numpy() <= MAX_QVAL if has_p else np.zeros(len(shown), dtype=bool)
    norm = Normalize(float(shown[score].min()), float(shown[score].max()))
    dots = ax.scatter(
        shown["x"],
        shown["y"],
        c=shown[score].to_numpy(),
        s=_size(strength),
        cmap=palette.MAGNITUDE,
        norm=norm,
        edgecolors=[INK if s else "none" for s in significant],
        linewidths=np.where(significant, 0.9, 0.0).tolist(),
        zorder=3,
        gid="edges",
    )
    ax.scatter(
        not_testable["x"],
        not_testable["y"],
        marker="x",
        s=14,
        color=FAINT,
        linewidths=0.7,
        zorder=2,
        gid=codes.NOT_TESTABLE,
    )
    _beside(ax, dots, grid, _score_label(score), has_p=has_p)


def _beside(ax: Axes, dots: Any, grid: _Grid, label: str, *, has_p: bool) -> None:
    """Colour bar, legend and what the p-values mean, right of the axes in inches."""
    from niche.pl._figure import MEDIUM, SMALL, bar_beside, figure_of, inches_right

    bar = figure_of(ax).colorbar(dots, cax=bar_beside(ax, right=0.15, width=0.13, height=1.3))
    bar.set_label(label, fontsize=MEDIUM)
    bar.ax.tick_params(labelsize=SMALL)
    bar.outline.set_visible(False)
    _legend(ax, has_p=has_p, crosses=bool((grid.edges["status"] == codes.NOT_TESTABLE).any()))
    words = (_CAUTION if has_p else "") + (_DROPPED if grid.lacks_columns() else "")
    if words:
        style: dict[str, Any] = {"fontsize": SMALL, "color": "#555555", "va": "top", "linespacing": 1.35}
        ax.text(1, 1, words.strip(), transform=inches_right(ax, 0.95, 1.6), gid="caution", **style)


def _size(strength: np.ndarray) -> np.ndarray:
    return _SMALLEST + (_LARGEST - _SMALLEST) * np.minimum(strength, CAP) / CAP


def _score_label(score: str) -> str:
    return "mean of L and R (log1p)" if score == "lr_means" else score.replace("_", " ")


def _legend(ax: Axes, *, has_p: bool, crosses: bool) -> None:
    from matplotlib.lines import Line2D

    from niche.pl._figure import FAINT, INK, MEDIUM, SMALL, inches_right

    gray: dict[str, Any] = {"linestyle": "", "color": "#A6A6A6", "marker": "o"}
    handles = []
    if has_p:
        for value, label in ((1.0, "1"), (3.0, "3"), (CAP, f"\u2265 {CAP:g}")):
            size = float(np.sqrt(_size(np.array([value]))[0]))
            handles.append(Line2D([], [], markersize=size, markeredgewidth=0, label=label, **gray))
        handles.append(
            Line2D(
                [], [], markersize=7, markeredgecolor=INK, label=f"q \u2264 {MAX_QVAL:g} in its organ", **gray
            )
        )
    handles.append(Line2D([], [], linestyle="", label="empty: not expressed"))
    if crosses:
        handles.append(
            Line2D([], [], linestyle="", marker="x", markersize=4, color=FAINT, label="not testable")
        )
    ax.legend(
        handles=handles,
        title="-log10 p" if has_p else "no p-values in this run",
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        bbox_transform=inches_right(ax, 0.95),
        borderaxespad=0,
        frameon=False,
        fontsize=SMALL,
        title_fontsize=MEDIUM,
        labelspacing=0.8,
        alignment="left",
    )
