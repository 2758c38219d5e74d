"""Published mediators by organ: what of them is found in this study, and what cannot be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche._stats.contrasts import Contrast
from niche.pl import _account, _compared

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PITCH, _COLUMN, _RIGHT, _LINE = 0.2, 0.92, 2.75, 0.145
"""Inches: row, column, legend, line of words."""
_EXPECTED = {"higher": "\u2191", "lower": "\u2193"}
_ROLES = {"higher": "promoter: expected higher here", "lower": "suppressor: expected lower here"}
_WORDS = {
    "found": "found: differs as expected",
    "opposite": "opposite: differs the other way",
    "not_found": "not found: not shown to differ",
    "retracted": "retracted: never scored",
    "not_testable": "not testable",
    "not_assessed": "not assessed",
}
_CONTESTED = "contested"


def mediators(
    adata: ad.AnnData,
    *,
    organ: str | Sequence[str] | None = None,
    n_top: int = 40,
    key: str = keys.TROPISM,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw published mediators by organ: found, opposite, not found, not testable or retracted.

    A field is filled only where the mediator is published for that organ. The arrow on its left is the
    published direction (up: a promoter, expected higher in this organ; down: a suppressor, expected lower),
    symbol and colour say what became of it, the number on the right is the log2 fold change against the other
    organs. A dashed frame: the publication is contested. So a gene that is a promoter in one organ and a
    suppressor in another keeps both. Citations are in :func:`niche.get.tropism`.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.tropism` was run.
    organ
        Organs to draw; all by default. One organ at a time shows more of its mediators.
    n_top
        Mediators drawn: those that differ first, then those that could be tested, those retracted and those
        that could not be tested; by organ and gene. The others are counted with their reasons.
    key
        The ``key_added`` of the run.
    ax
        Axes to draw into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given. Where nothing is published the axes say so.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes or values have changed since, or a part was run anew.
    InputValueError
        An organ that is not in the account, ``n_top`` out of range.
    InputTypeError
        ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.tl.compare_expression(adata, "cell_type")
    >>> niche.tl.tropism(adata, programs=None, edges=None)
    >>> figure = niche.pl.mediators(adata, n_top=10)
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['bone', 'brain', 'liver', 'lung']
    """
    from niche.pl._figure import message, panel

    validate.number(n_top, "n_top", low=1, high=200, integer=True)
    account = _account.rows_of(adata, organ, key)
    fields = account[(account["kind"] == "mediator") & (account["gene"] != "")]
    wanted = [_account.contrast_of(name, account) for name in dict.fromkeys(account["organ"])]
    if fields.empty:
        figure, axes = panel(ax, width=6, height=2)
        message(axes, _nothing(account))
        return figure if ax is None else axes
    fields = _once(fields)
    rows = _rows(fields, [_compared.organ_of(one) for one in wanted])
    shown = fields[fields["item"].isin(rows[:n_top])]
    words = _hidden(fields[~fields["item"].isin(rows[:n_top])])
    figure, axes, left, below = _canvas(ax, rows[:n_top], wanted, words)
    _fields(axes, shown, rows, [_compared.organ_of(one) for one in wanted])
    _labels(axes, rows[:n_top], wanted)
    _legend(axes, shown)
    _say(axes, below, left)
    axes.set_title("Published mediators", loc="left", fontsize=10, pad=26)
    return figure if ax is None else axes


def _nothing(account: pd.DataFrame) -> str:
    left_out = account[account["kind"] == "mediator"]
    if len(left_out):
        return f"mediators were not assessed\n{left_out['reason'].iloc[0]}"
    return "no mediator is published for these organs in niche's table"


def _once(fields: pd.DataFrame) -> pd.DataFrame:
    """One field per organ and mediator: of several publications the one that says most, contested kept."""
    rank = fields["status"].map({name: i for i, name in enumerate(_account.PUBLISHED)})
    contested = fields.groupby(["organ", "item"])["publication"].transform(
        lambda of: (of == _CONTESTED).any()
    )
    ordered = fields.assign(rank=rank, contested=contested).sort_values("rank", kind="stable")
    return ordered.drop_duplicates(["organ", "item", "expected"]).sort_index()


def _rows(fields: pd.DataFrame, organs: list[str]) -> list[str]:
    """Mediators in the order in which they are drawn."""
    rank = {"found": 0, "opposite": 0, "not_found": 1, "retracted": 2}
    order = fields.assign(
        rank=fields["status"].map(rank).fillna(3),
        place=fields["organ"].map({o: i for i, o in enumerate(organs)}),
    )
    best = order.groupby("item").agg(rank=("rank", "min"), place=("place", "min")).reset_index()
    return best.sort_values(["rank", "place", "item"], kind="stable")["item"].tolist()


def _hidden(fields: pd.DataFrame) -> str:
    if fields.empty:
        return ""
    parts = []
    for status in _account.PUBLISHED:
        part = fields[fields["status"] == status]
        if len(part):
            why = f" ({_account.counted(part['reason'])})" if status == "not_testable" else ""
            parts.append(f"{len(part):,} {_compared.call_words(status)}{why}")
    n = fields["item"].nunique()
    noun = "mediator" if n == 1 else "mediators"
    several = f" in {len(fields):,} fields" if len(fields) > n else ""
    return f"not drawn: {n:,} {noun}{several}: {', '.join(parts)}"


def _canvas(
    ax: Axes | None, rows: list[str], wanted: list[Contrast], words: str
) -> tuple[Figure, Axes, float, list[str]]:
    from niche.pl._figure import SMALL, ShownFigure, figure_of, given_axes, text_width

    left = 0.25 + 1.02 * text_width(rows, SMALL)
    column = max(_COLUMN, text_width(_compared.column_labels(wanted), SMALL) + 0.12)
    inner = (len(wanted) * column, len(rows) * _PITCH)
    below = _account.lines(words, inner[0] + left - 0.1, SMALL)
    if ax is not None:
        given_axes(ax)
        return figure_of(ax), ax, left, below
    bottom = 0.2 + _LINE * len(below) + max(0.0, 2.9 - inner[1])
    width, height = left + inner[0] + _RIGHT, bottom + inner[1] + 0.8
    figure = ShownFigure(figsize=(width, height))
    axes = figure.add_axes((left / width, bottom / height, inner[0] / width, inner[1] / height))
    return figure, axes, left, below


def _fields(ax: Axes, shown: pd.DataFrame, rows: list[str], organs: list[str]) -> None:
    """A tile, the expected direction, the symbol of the status and the effect."""
    from matplotlib.patches import Rectangle

    from niche.pl._figure import INK, SMALL

    place = {name: i for i, name in enumerate(rows)}
    for row in shown.itertuples():
        x, y, style = organs.index(row.organ), place[row.item], _account.PUBLISHED[row.status]
        ax.add_patch(
            Rectangle(
                (x - 0.47, y - 0.45),
                0.94,
                0.9,
                facecolor=style["tile"],
                edgecolor="none",
                gid=f"tile {row.status}",
            )
        )
        if row.contested:
            ax.add_patch(
                Rectangle(
                    (x - 0.45, y - 0.4),
                    0.9,
                    0.8,
                    facecolor="none",
                    edgecolor=INK,
                    linestyle="--",
                    linewidth=0.9,
                    gid="contested",
                )
            )
        ax.text(
            x - 0.32,
            y,
            _EXPECTED[row.expected],
            fontsize=SMALL + 1,
            ha="center",
            va="center",
            color=INK,
            gid=f"expected {row.expected}",
        )
        if np.isfinite(row.effect):
            ax.text(
                x + 0.42,
                y,
                _signed(row.effect),
                fontsize=SMALL - 0.5,
                ha="right",
                va="center",
                color=INK,
                gid="effect",
            )
    for status, style in _account.PUBLISHED.items():
        part = shown[shown["status"] == status]
        if len(part):
            ax.scatter(
                [organs.index(o) - 0.06 for o in part["organ"]],
                part["item"].map(place),
                marker=style["marker"],
                s=style["size"],
                color=style["color"],
                zorder=3,
                linewidths=1.0,
                gid=f"status {status}",
            )


def _signed(effect: float) -> str:
    """One decimal with its sign, and no minus zero."""
    return f"{effect:+.1f}".replace("-0.0", "+0.0")


def _labels(ax: Axes, rows: list[str], wanted: list[Contrast]) -> None:
    from niche.pl._figure import SMALL, bare

    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(labelsize=SMALL)
    bare(ax)
    _compared.organ_heads(ax, wanted)


def _legend(ax: Axes, shown: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    from niche.pl._figure import INK, MEDIUM, SMALL, inches_right

    handles: list[Any] = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=style["marker"],
            color=style["color"],
            label=_WORDS[name],
            markersize=float(np.sqrt(style["size"])),
        )
        for name, style in _account.PUBLISHED.items()
        if (shown["status"] == name).any()
    ]
    handles += [
        Line2D([], [], linestyle="", marker=f"${arrow}$", color=INK, markersize=5, label=_ROLES[name])
        for name, arrow in (("higher", r"\uparrow"), ("lower", r"\downarrow"))
        if (shown["expected"] == name).any()
    ]
    if shown["contested"].any():
        handles.append(Patch(facecolor="none", edgecolor=INK, linestyle="--", label="contested publication"))
    if shown["effect"].notna().any():
        handles.append(Line2D([], [], linestyle="", label="number: log2 fold change"))
    handles.append(Line2D([], [], linestyle="", label="empty: not published for this organ"))
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        bbox_transform=inches_right(ax, 0.15),
        borderaxespad=0,
        frameon=False,
        fontsize=SMALL,
        title="this study against the publication",
        title_fontsize=MEDIUM,
        alignment="left",
        labelspacing=0.8,
    )


def _say(ax: Axes, below: list[str], left: float) -> None:
    """What is not drawn, under the grid, from the left edge of its names."""
    from matplotlib.transforms import ScaledTranslation

    from niche.pl._figure import SMALL, figure_of

    for i, line in enumerate(below):
        down = ScaledTranslation(0.1 - left, -(0.1 + i * _LINE), figure_of(ax).dpi_scale_trans)
        ax.text(
            0.0,
            0.0,
            line,
            fontsize=SMALL,
            va="top",
            ha="left",
            color="#555555",
            gid="words",
            transform=ax.transAxes + down,
        )
