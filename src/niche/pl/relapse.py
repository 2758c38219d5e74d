"""Cumulative incidence of relapse, organ by organ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from niche._slots import tables
from niche._slots.validate import flag, shown
from niche.errors import InputTypeError, InputValueError
from niche.pl import palette
from niche.pl._group_looks import NEUTRAL, GroupLook, group_looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEEDED = ("group", "organ", "kind", "time", "n_at_risk", "incidence", "ci_low", "ci_high")
COMPETING = "#777777"
_WIDE, _HIGH, _GAP, _ROW = 2.5, 2.1, 0.3, 0.16
_ORGAN_LOOK = GroupLook(0.0, "-", "")


def relapse(
    incidence: pd.DataFrame,
    *,
    organs: str | Sequence[str] | None = None,
    intervals: bool = True,
    time_label: str = "time",
    ax: Axes | None = None,
) -> Figure | Axes:
    """Draw the cumulative incidence of relapse in every organ, with the number at risk below.

    Without groups all organs are in one panel; with groups every organ has a panel, in which groups differ in
    shade and dashes.

    Parameters
    ----------
    incidence
        What :func:`niche.tl.relapse` returned at level ``"incidence"``.
    organs
        Organs to draw, in this order, or competing events; all organs of relapse by default.
    intervals
        Whether to draw the intervals, by point.
    time_label
        Label of the axis of time, with its unit.
    ax
        Axes to draw on; one organ then, where there are groups.

    Returns
    -------
    Figure or Axes
        The curves in the colours of the organs; competing events in grey.

    Raises
    ------
    InputTypeError
        ``incidence`` is no DataFrame, ``ax`` is no Axes.
    InputValueError
        A table of another level; an organ that is not there; several organs and groups with ``ax``.

    Examples
    --------
    >>> import niche
    >>> table = niche.datasets.simulate_relapse(0, n_patients=100)
    >>> curves = niche.tl.relapse(table, group="group", competing="death", level="incidence")
    >>> figure = niche.pl.relapse(curves, organs=["bone", "brain"], time_label="years")
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['bone', 'brain']
    """
    from niche.pl._figure import figure_of, given_axes

    if ax is not None:
        given_axes(ax)
    flag(intervals, "intervals")
    if not isinstance(time_label, str):
        raise InputTypeError(f"time_label must be a string. Got {time_label!r}.")
    sites, groups = _chosen(incidence, organs)
    panels = [[site] for site in sites] if len(groups) > 1 else [sites]
    if ax is not None and len(panels) > 1:
        raise InputValueError(
            f"ax= takes one organ where there are groups: choose it with organs=. There are {shown(sites)}."
        )
    figure, grid = _canvas(len(panels), groups) if ax is None else (figure_of(ax), [ax])
    colors = _colors(incidence, sites)
    looks = group_looks(groups) if len(groups) > 1 else {groups[0]: _ORGAN_LOOK}
    drawn = incidence[incidence["organ"].isin(sites)]
    ends = drawn["ci_high"] if intervals else drawn["incidence"]
    top = min(1.0, 1.08 * max(float(np.nanmax([ends.max(), drawn["incidence"].max(), 0.05])), 0.05))
    last = float(drawn["time"].max())
    for place, (axes, here) in enumerate(zip(grid, panels, strict=True)):
        for site in here:
            for name, look in looks.items():
                part = drawn[(drawn["organ"] == site) & (drawn["group"] == name)]
                _curve(axes, part, look, colors[site], intervals=intervals)
        axes.set_xlim(0, last)
        axes.set_ylim(0, top)
        _frame(axes, here, colors, time_label, first=place == 0, grouped=len(groups) > 1)
        _at_risk(axes, drawn[drawn["organ"] == here[0]], groups, first=place == 0)
    _legend(grid[-1], looks, colors, sites)
    return figure if ax is None else ax


def _chosen(incidence: pd.DataFrame, organs: str | Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Organs to draw, and groups."""
    tables.frame(incidence, "incidence")
    lost = [name for name in NEEDED if name not in incidence.columns]
    if lost:
        raise InputValueError(
            f"incidence is no table of niche.tl.relapse at level 'incidence': it lacks {shown(lost)}."
        )
    there = list(dict.fromkeys(incidence["organ"].astype(str)))
    groups = sorted(set(incidence["group"].astype(str)))
    if organs is None:
        relapses = incidence.loc[incidence["kind"] == "relapse", "organ"]
        return list(dict.fromkeys(relapses.astype(str))), groups
    wanted = [organs] if isinstance(organs, str) else [str(name) for name in organs]
    unknown = [name for name in wanted if name not in there]
    if unknown or not wanted:
        raise InputValueError(
            f"organs holds {shown(unknown)}, which incidence does not. There are {shown(there)}."
        )
    return wanted, groups


def _colors(incidence: pd.DataFrame, sites: list[str]) -> dict[str, str]:
    rivals = set(incidence.loc[incidence["kind"] == "competing", "organ"].astype(str))
    own = palette.organ_colors([site for site in sites if site not in rivals])
    return {site: own.get(site, COMPETING) for site in sites}


def _canvas(n: int, groups: list[str]) -> tuple[Figure, list[Axes]]:
    from niche.pl._figure import SMALL, ShownFigure, text_width

    left = max(0.75, 0.35 + (text_width(groups, SMALL) if len(groups) > 1 else 0.3))
    below = 0.75 + _ROW * len(groups)
    width, height = left + n * (_WIDE + _GAP) + 1.1, _HIGH + below + 0.45
    figure = ShownFigure(figsize=(width, height))
    places = [(left + i * (_WIDE + _GAP)) / width for i in range(n)]
    return figure, [figure.add_axes((x, below / height, _WIDE / width, _HIGH / height)) for x in places]


def _curve(ax: Axes, part: pd.DataFrame, look: GroupLook, color: str, *, intervals: bool) -> None:
    own = look.color(color)
    name = f"{part['organ'].iloc[0]} {part['group'].iloc[0]}" if len(part) else ""
    ax.plot(
        part["time"], part["incidence"], drawstyle="steps-post", color=own, linestyle=look.dashes,
        linewidth=1.8, zorder=3, gid=f"curve {name}",
    )  # fmt: skip
    if intervals:
        ax.fill_between(
            part["time"], part["ci_low"], part["ci_high"], step="post", color=own, alpha=0.13, linewidth=0,
            zorder=1, gid=f"interval {name}",
        )  # fmt: skip


def _frame(
    ax: Axes, here: list[str], colors: dict[str, str], time_label: str, *, first: bool, grouped: bool
) -> None:
    from matplotlib.ticker import PercentFormatter

    from niche.pl._figure import LARGE, MEDIUM, SMALL, organ_label

    if grouped:
        ax.set_title(organ_label(here[0]), loc="left", fontsize=LARGE, pad=6)
        line = {"transform": ax.transAxes, "color": colors[here[0]], "linewidth": 4, "clip_on": False}
        ax.add_line(_bar(**line))
    ax.set_xlabel(time_label, fontsize=MEDIUM)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.tick_params(labelsize=SMALL, labelleft=first)
    if first:
        ax.set_ylabel("cumulative incidence", fontsize=MEDIUM)
    for spine in ("top", "right"):
        ax.spines[spine].set_visible(False)


def _bar(**style: Any) -> Any:
    from matplotlib.lines import Line2D

    bar = Line2D([0, 1], [1.0, 1.0], **style)
    bar.set_gid("organ")
    return bar


def _at_risk(ax: Axes, part: pd.DataFrame, groups: list[str], *, first: bool) -> None:
    """Numbers at risk at the ticks, a row per group."""
    from matplotlib.transforms import ScaledTranslation

    from niche.pl._figure import SMALL, figure_of

    low, high = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    inch = figure_of(ax).dpi_scale_trans
    style: dict[str, Any] = {"fontsize": SMALL - 0.5, "va": "top", "color": "#444444"}
    for row, name in enumerate(groups):
        mine = part[part["group"] == name].sort_values("time", kind="stable")
        down = ScaledTranslation(0, -0.42 - _ROW * row, inch)
        for tick in ticks:
            ax.text(
                tick, 0, f"{at_risk(mine, tick)}", transform=ax.get_xaxis_transform() + down, ha="center",
                gid=f"at risk {name}", **style,
            )  # fmt: skip
        if first:
            words = name if len(groups) > 1 else "at risk"
            beside = ax.transAxes + ScaledTranslation(-0.14, -0.42 - _ROW * row, inch)
            ax.text(0, 0, words, transform=beside, ha="right", gid="at risk words", **style)


def at_risk(curve: pd.DataFrame, time: float) -> int:
    """Number under observation just before ``time``: that of the next row of a curve, 0 after the last."""
    later = curve["time"].to_numpy() >= time
    return int(curve["n_at_risk"].to_numpy()[np.argmax(later)]) if later.any() else 0


def _legend(ax: Axes, looks: dict[str, GroupLook], colors: dict[str, str], sites: list[str]) -> None:
    from matplotlib.lines import Line2D

    from niche.pl._figure import SMALL, organ_label

    if len(looks) > 1:
        lines = [(name, look.color(NEUTRAL), look.dashes) for name, look in looks.items()]
    else:
        lines = [(organ_label(site), colors[site], "-") for site in sites]
    handles = [Line2D([], [], color=c, linestyle=d, linewidth=2, label=name) for name, c, d in lines]
    ax.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False, fontsize=SMALL,
        handlelength=2.6, borderaxespad=0,
    )  # fmt: skip
