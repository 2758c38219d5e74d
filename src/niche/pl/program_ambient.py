"""What of a program's rise in an organ ambient molecules explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche.get.compare_programs import RUN_FIRST, compare_programs
from niche.pl import _programs, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

_CALLED = ("enriched", "depleted", keys.AMBIENT_SUSPECT)
_NOT_ASSESSED = "not_assessed"
_WORDS = {
    "ambient_share": "difference that ambient molecules explain (%)",
    "control": "rise of host cells over that of the tumor",
}
_PLACES = tuple(
    (x * away, y * away)
    for away in (1.0, 2.2, 3.6)
    for x, y in ((7, 0), (-7, 0), (0, 6), (0, -6), (6, 5), (-6, 5), (6, -5), (-6, -5))
)
"""Where a name may stand off its point, in points of the font, the nearest first."""


def program_ambient(
    adata: ad.AnnData,
    program: str | Sequence[str] | None = None,
    *,
    n_labels: int = 12,
    key: str = keys.COMPARE_PROGRAMS,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw how much of each program's rise in an organ is ambient molecules, against the rise.

    A point is a program in an organ against the others: the share of the difference that ambient molecules
    explain, and the effect. Where :func:`niche.pp.ambient` was not run, the share gives way to the negative
    control, how much host cells rise for what the tumor rises. Symbols are verdicts, colours organs; points
    that are not called are hollow. Dashed lines are the thresholds of the verdict; what rises in the shaded
    corner is suspected.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.compare_programs` was run.
    program
        Programs to draw; all by default.
    n_labels
        So many points are named: those that rise by the threshold, suspected and called ones first, then by
        effect. A name that finds no free place is left out.
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
        Nothing is stored under ``key``.
    StaleResultError
        Labels, values or covariates have changed since.
    InputValueError
        A program that is not in the result, or ``n_labels`` out of range.
    InputTypeError
        ``ax`` is no Axes.

    Notes
    -----
    A program of which nothing is called is judged by the share of its expression in the organ with most
    usage (:func:`niche.get.compare_programs`, ``what="organs"``), so it may be suspected left of the line.
    The control, half of the tumor's rise, makes suspect as well; it is drawn where it is the axis.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.programs(adata, k=6, n_starts=5)
    >>> niche.tl.compare_programs(adata)
    >>> figure = niche.pl.program_ambient(adata)
    >>> figure.axes[0].get_xlabel()
    'rise of host cells over that of the tumor'
    """
    from niche.pl._figure import message, panel

    validate.number(n_labels, "n_labels", low=0, high=200, integer=True)
    rows, column = _rows(adata, program, key)
    if rows.empty:
        figure, axes = panel(ax, width=6, height=1.6)
        chosen = program is None or len(program) > 0
        message(axes, _why(column) if chosen else "no program was chosen")
        return figure if ax is None else axes
    figure, axes = panel(ax, width=6.6, height=4.2)
    most = _threshold(adata, column, key)
    _points(axes, rows)
    _frame(axes, rows, column, most)
    _legend(axes, rows)
    _names(axes, figure, rows, n_labels)
    return figure if ax is None else axes


def _rows(adata: ad.AnnData, program: str | Sequence[str] | None, key: str) -> tuple[pd.DataFrame, str]:
    """Organs against the others with ``x`` and ``y``, and the column that ``x`` is."""
    found = compare_programs(adata, program=program, key=key)
    found = found.astype(dict.fromkeys(("program", "contrast", "organ", "call", "verdict"), str))
    found = found[found["contrast"].str.endswith("_vs_rest")]
    assessed = not (found["ambient_share"] == _NOT_ASSESSED).any()
    column = "ambient_share" if assessed else "control"
    x = found[column].astype(float) * (100.0 if assessed else 1.0)
    rows = found.assign(x=x, y=found["effect"])
    return rows[rows["x"].notna() & rows["y"].notna()].reset_index(drop=True), column


def _why(column: str) -> str:
    if column == "control":
        return "no program has a control: none was tested, or no host cells are there to set it beside"
    return "no program has an ambient share: none was tested, or no ambient fraction could be told"


def _threshold(adata: ad.AnnData, column: str, key: str) -> float:
    if column == "control":
        return keys.LEAST_CONTROL
    stored = read.result(adata, key, run_first=RUN_FIRST)
    return 100 * float(stored["params"]["max_share"])


def _points(ax: Axes, rows: pd.DataFrame) -> None:
    colors = palette.organ_colors(sorted(set(rows["organ"])))
    for row in rows.itertuples():
        look = _programs.VERDICTS[row.verdict]
        called = row.call in _CALLED
        suspect = row.verdict == keys.AMBIENT_SUSPECT
        ax.scatter(
            [row.x],
            [row.y],
            marker=look["marker"],
            s=look["size"] * (1.3 if suspect else 1.0),
            facecolors=colors[row.organ] if called else "white",
            edgecolors=look["color"] if suspect else "white" if called else colors[row.organ],
            linewidths=0.9 if suspect or not called else 0.4,
            zorder=4 if called else 3,
            gid=f"point {row.verdict}",
        )


def _frame(ax: Axes, rows: pd.DataFrame, column: str, most: float) -> None:
    from matplotlib.patches import Rectangle

    from niche.pl._figure import FAINT, LARGE, MEDIUM, SMALL

    least = keys.SMALLEST_PROGRAM_EFFECT
    low, high = float(rows["y"].min()), float(rows["y"].max())
    pad = 0.1 * max(high - low, 2.0)
    ax.set_ylim(min(low, -least) - pad, max(high, least) + pad)
    if column == "ambient_share":
        ax.set_xlim(-3, 103)
    else:
        left, right = min(float(rows["x"].min()), 0.0), max(float(rows["x"].max()), most)
        ax.set_xlim(left - 0.06 * (right - left), right + 0.08 * (right - left))
    top, end = ax.get_ylim()[1], ax.get_xlim()[1]
    corner = (most, least), end - most, top - least
    ax.add_patch(Rectangle(*corner, facecolor="#F1ECF8", linewidth=0, zorder=0, gid="suspect"))
    style: dict[str, Any] = {"color": FAINT, "linewidth": 0.8, "linestyle": (0, (4, 3)), "zorder": 1}
    ax.axvline(most, gid="threshold share", **style)
    for sign in (1, -1):
        ax.axhline(sign * least, gid="threshold effect", **style)
    ax.axhline(0, color="#DDDDDD", linewidth=0.8, zorder=0.5)
    ax.set_xlabel(_WORDS[column], fontsize=MEDIUM)
    ax.set_ylabel("log2 ratio of usage to the other organs", fontsize=MEDIUM)
    ax.set_title("Programs and ambient molecules", loc="left", fontsize=LARGE)
    ax.tick_params(labelsize=SMALL, length=2)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _legend(ax: Axes, rows: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D

    from niche.pl._figure import SMALL, organ_label

    colors = palette.organ_colors(sorted(set(rows["organ"])))
    dot: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 5}
    handles = _programs.verdict_handles(list(rows["verdict"]))
    for handle in handles:
        if handle.get_label() != keys.AMBIENT_SUSPECT:
            handle.set_color("#555555")
    if not rows["call"].isin(_CALLED).all():
        handles.append(
            Line2D([], [], markerfacecolor="white", markeredgecolor="#555555", label="not called", **dot)
        )
    handles += [Line2D([], [], color=color, label=organ_label(name), **dot) for name, color in colors.items()]
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        frameon=False,
        fontsize=SMALL,
        borderaxespad=0,
        handletextpad=0.2,
    )


def _names(ax: Axes, figure: Figure, rows: pd.DataFrame, n_labels: int) -> None:
    """Names at points that rise, each at the nearest place where it covers no point and no other name."""
    from matplotlib.patheffects import withStroke

    from niche.pl._figure import INK, SMALL

    rising = rows[rows["y"] >= keys.SMALLEST_PROGRAM_EFFECT]
    suspect, called = rising["verdict"] == keys.AMBIENT_SUSPECT, rising["call"].isin(_CALLED)
    order = rising.assign(first=-(2 * suspect + called), size=-rising["y"])
    order = order.sort_values(["first", "size"], kind="stable")
    figure.draw_without_rendering()
    pixel = figure.dpi / 72
    points = ax.transData.transform(rows[["x", "y"]].to_numpy(dtype=float))
    taken: list[Bbox] = []
    lines = np.empty((0, 2))
    for row in order.head(n_labels).itertuples():
        text = ax.annotate(
            f"{row.program} {row.organ.replace('_', ' ')}",
            (row.x, row.y),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=SMALL,
            color=INK,
            zorder=6,
            gid="name",
            path_effects=[withStroke(linewidth=1.6, foreground="white", alpha=0.8)],
        )
        found = _free(ax, text, points, taken, lines, pixel)
        if found is None:
            text.remove()
        else:
            taken.append(found[0])
            lines = np.vstack([lines, found[1]])


def _free(
    ax: Axes, text: Any, points: np.ndarray, taken: list[Bbox], lines: np.ndarray, pixel: float
) -> tuple[Bbox, np.ndarray] | None:
    """Move a name to the first free place; its box and the points of its line, None where there is none.

    A name without a line must be clearly nearer to its own point than to any other.
    """
    inside = ax.get_window_extent()
    own = ax.transData.transform(text.xy)
    others = points[np.abs(points - own).max(axis=1) > 0.01]
    for x, y in _PLACES:
        text.set_position((x, y))
        text.set_horizontalalignment("left" if x > 0 else "right" if x < 0 else "center")
        text.set_verticalalignment("bottom" if y > 0 else "top" if y < 0 else "center")
        box = text.get_window_extent().padded(0.5 * pixel)
        within = box.x0 >= inside.x0 and box.x1 <= inside.x1 and box.y0 >= inside.y0 and box.y1 <= inside.y1
        off, nearest = _away(box, own[None]), _away(box, others)
        led = off > 9 * pixel
        line = own + np.linspace(0, 1, 12 if led else 0)[:, None] * np.array([x, y]) * pixel
        if (
            within
            and nearest >= (5 * pixel if led else max(3.5 * pixel, 1.4 * off))
            and not any(box.overlaps(other) for other in taken)
            and _away(box, lines) > pixel
            and all(_away(other, line) > pixel for other in taken)
        ):
            if led:
                _leader(ax, text, x, y)
            return box, line
    return None


def _away(box: Bbox, points: np.ndarray) -> float:
    """Pixels from a box to the nearest of some points."""
    x = np.maximum(np.maximum(box.x0 - points[:, 0], points[:, 0] - box.x1), 0.0)
    y = np.maximum(np.maximum(box.y0 - points[:, 1], points[:, 1] - box.y1), 0.0)
    return float(np.hypot(x, y).min(initial=np.inf))


def _leader(ax: Axes, text: Any, x: float, y: float) -> None:
    """A thin line from a name that stands off to its point."""
    ax.annotate(
        "",
        text.xy,
        xytext=(x, y),
        textcoords="offset points",
        arrowprops={"arrowstyle": "-", "color": "#AAAAAA", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3},
        zorder=2,
    )
