"""Marks of the figure of sublines: intervals, sublines, and sublines that were left out."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from niche.pl import _compared, palette
from niche.pl._figure import FAINT, INK, MEDIUM, SMALL, figure_of, organ_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LANE = 0.3
"""How far below its interval the sublines of a gene lie, in rows."""
WRONG = "#C4400A"
_CAUTION = (
    "line: log2 fold change, 95 % interval; ticks: without one subline. Small dots: sublines, as distance\n"
    "from the mean of the other side. Diamond: the parental line, one draw. Hollow: no call possible."
)
_HELD = (
    "Left out: score of a subline in a signature made without it, less that of sublines left out with it;\n"
    "it is scored rightly where that is above 0."
)


def heading(ax: Axes, y: float, text: str, organ: str) -> None:
    """A line in the colour of the organ with words above it."""
    color = palette.organ_colors([organ])[organ]
    ax.axhline(y + 0.2, color=color, linewidth=2.5, zorder=1, gid="contrast line")
    style: dict[str, Any] = {"fontsize": MEDIUM, "color": INK, "ha": "left", "va": "bottom"}
    ax.text(0.005, y + 0.12, text, transform=ax.get_yaxis_transform(), gid="contrast", **style)


def intervals(ax: Axes, rows: pd.DataFrame, without: pd.DataFrame) -> None:
    low, high = ax.get_xlim()
    for row in rows.itertuples():
        if np.isnan(row.log2fc):
            no_estimate(ax, row.y, 0.4)
            continue
        style, sure = _compared.CALLS[row.call], row.call != _compared.NOT_TESTABLE
        ends = np.clip([row.ci_low, row.ci_high], low, high)
        if not np.isnan(ends).any():
            ax.plot(
                ends, [row.y] * 2, color=style["color"], linewidth=2.2 if sure else 1.0,
                linestyle="-" if sure else "--", solid_capstyle="butt", zorder=3, gid="interval",
            )  # fmt: skip
        ax.scatter(
            [row.log2fc], [row.y], marker=style["marker"] if sure else "o", s=max(style["size"], 22.0),
            facecolors=style["color"] if sure else "white", edgecolors=style["color"], linewidths=1.0,
            zorder=5, gid="effect",
        )  # fmt: skip
    known = without[without["log2fc"].notna()]
    ax.scatter(
        known["log2fc"], known["y"], marker="|", s=42, color=INK, linewidths=0.7, zorder=4, gid="left out"
    )


def no_estimate(ax: Axes, y: float, half: float) -> None:
    """Hatch a row without a number."""
    ax.axhspan(
        y - half, y + half, facecolor="none", edgecolor="#DDDDDD", hatch="////", linewidth=0, zorder=0,
        gid="no estimate",
    )  # fmt: skip


def dots(ax: Axes, values: pd.DataFrame, parental: str) -> tuple[list[str], list[str]]:
    """Sublines on either side, and parental lines; returns the organs and the parental line that were met."""
    lines = values["selected_for"].astype(str) == parental
    shown = values[(lines | (values["side"].astype(str) != "")) & values["log2fc"].notna()]
    step = shown.groupby(["y", "selected_for"], sort=False, observed=True).cumcount() % 3 - 1
    shown = shown.assign(at=shown["y"] + LANE + 0.08 * step, group=shown["selected_for"].astype(str))
    met = sorted(set(shown["group"]) - {parental})
    colors = palette.organ_colors(met)
    for name in met:
        part = shown[shown["group"] == name]
        ax.scatter(
            part["log2fc"], part["at"], s=13, color=colors[name], edgecolors="white", linewidths=0.4,
            zorder=4, gid=f"sublines {name}",
        )  # fmt: skip
    part = shown[shown["group"] == parental]
    ax.scatter(
        part["log2fc"], part["y"] + LANE, s=22, marker="D", facecolors="white", edgecolors=INK,
        linewidths=0.9, zorder=4.5, gid="parental",
    )  # fmt: skip
    return met, [parental] if len(part) else []


def words(ax: Axes, rows: pd.DataFrame, without: pd.DataFrame) -> None:
    """Call, q and what happens without a subline right of every row; the reason where there is no call."""
    for row in rows.itertuples():
        sure = row.call != _compared.NOT_TESTABLE
        if sure:
            effects = without.loc[(without["y"] == row.y) & without["log2fc"].notna(), "log2fc"]
            same = int((np.sign(effects) == np.sign(row.log2fc)).sum())
            text = f"{_compared.call_words(row.call)}, q = {_compared.number(row.qval)}"
            text += f"\nsign holds without {same} of {len(effects)} sublines"
        else:
            text = textwrap.fill(f"not testable: {row.reason}", 46, max_lines=2, placeholder=" \u2026")
        style: dict[str, Any] = {"fontsize": SMALL, "va": "center", "ha": "left", "linespacing": 1.05}
        ax.text(
            1.02, row.y + 0.05, text, transform=ax.get_yaxis_transform(), color=INK if sure else FAINT,
            gid="words", **style,
        )  # fmt: skip


def held_out(ax: Axes, held: pd.DataFrame, organ: str) -> None:
    """One row per subline left out: how far it is scored above the others, and what the signature was."""
    color = palette.organ_colors([organ])[organ]
    for row in held.itertuples():
        known = not np.isnan(row.difference)
        right = known and row.difference > 0
        if known:
            ax.plot(
                [0, row.difference],
                [row.y] * 2,
                color="#BBBBBB",
                linewidth=1.2,
                zorder=2,
                gid="held out line",
            )
            ax.scatter(
                [row.difference], [row.y], s=26 if right else 34, marker="o" if right else "X",
                color=color if right else WRONG, edgecolors="white", linewidths=0.4, zorder=4,
                gid=f"held out {row.direction}",
            )  # fmt: skip
            text = f"{row.direction} direction, {row.n_up} raised and {row.n_down} lowered genes"
        else:
            no_estimate(ax, row.y, 0.25)
            text = textwrap.fill(f"not testable: {row.reason}", 54, max_lines=2, placeholder=" \u2026")
        style: dict[str, Any] = {"fontsize": SMALL, "va": "center", "ha": "left", "linespacing": 0.95}
        ax.text(
            1.02, row.y, text, transform=ax.get_yaxis_transform(), color=INK if known else FAINT,
            gid="held out words", **style,
        )  # fmt: skip


def below(ax: Axes, rows: pd.DataFrame, organs: list[str], lines: list[str], held: pd.DataFrame) -> None:
    """Organs, parental lines and calls below the axes, and what the marks mean."""
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    inch = figure_of(ax).dpi_scale_trans
    place = ax.transAxes + ScaledTranslation(0, -0.45, inch)
    look: dict[str, Any] = {"linestyle": "", "markersize": 4}
    handles = [
        Line2D([], [], marker="o", color=color, label=organ_label(name), **look)
        for name, color in palette.organ_colors(organs).items()
    ]
    handles += [
        Line2D([], [], marker="D", markerfacecolor="white", color=INK, label=organ_label(name), **look)
        for name in lines
    ]
    handles += _compared.call_handles(call for call in rows["call"] if call != _compared.NOT_TESTABLE)
    n_columns = min(len(handles), 6)
    ax.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=place, borderaxespad=0,
        frameon=False, fontsize=SMALL, ncols=n_columns, columnspacing=1.2, handletextpad=0.3,
    )  # fmt: skip
    further = place + ScaledTranslation(0, -0.06 - 0.17 * -(-len(handles) // n_columns), inch)
    style: dict[str, Any] = {"fontsize": SMALL, "color": "#555555", "va": "top", "ha": "left"}
    text = f"{_CAUTION}\n{_HELD}" if len(held) else _CAUTION
    ax.text(0, 0, text, transform=further, gid="caution", linespacing=1.3, **style)
