"""Bioluminescence of every animal, with the lines of growth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from niche._slots import tables
from niche._slots.validate import shown
from niche.errors import InputValueError
from niche.pl import palette
from niche.pl._group_looks import NEUTRAL, GroupLook, group_looks
from niche.pl._growth_measured import USE, measured, named_fits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE, _HIGH, _LEFT, _GAP = 2.7, 2.5, 0.75, 0.3
_CAUTION = (
    "dot: a measurement; hollow: not above the threshold, cross: saturated, plus: background not known,\n"
    "none in the fit; thin line: fit of one animal; thick line: mean of the group. Grey: growth not testable."
)


def growth(
    table: pd.DataFrame,
    rates: pd.DataFrame,
    *,
    animal: str = "animal",
    organ: str = "organ",
    day: str = "day",
    flux: str = "flux",
    organs: str | Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Figure | Axes:
    """Draw the flux of every animal against the day, organ by organ, with the fitted lines.

    Parameters
    ----------
    table
        The measurements, as :func:`niche.tl.growth_rates` took them, or what it returned for them at level
        ``"measurement"``. Only that says which entered a fit where the background differs between days.
    rates
        What it returned for them at level ``"animal"``, also read again from a file.
    animal, organ, day, flux
        Columns of ``table``.
    organs
        Organs to draw, in this order; all by default.
    ax
        Axes to draw on; one organ then.

    Returns
    -------
    Figure or Axes
        One axes per organ, in the colour of the organ; groups differ in shade, dashes and markers. The
        threshold of detection and the saturation are marked (the median, where animals differ).

    Raises
    ------
    InputTypeError
        A table is no DataFrame, numbers that are none, ``ax`` is no Axes.
    MissingKeyError
        A column that does not exist.
    InputValueError
        ``rates`` is of another level or other animals, or has an animal and organ twice; measurements cannot
        be told into used, below and saturated as the fit did; no flux above 0; an organ that is not there;
        several organs with ``ax``.

    Examples
    --------
    >>> import niche
    >>> table = niche.datasets.simulate_bioluminescence(1)
    >>> rates = niche.tl.growth_rates(table, group="group")
    >>> figure = niche.pl.growth(table, rates)
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['bone', 'lung']
    """
    from niche.pl._figure import figure_of, given_axes

    if ax is not None:
        given_axes(ax)
    rates = named_fits(rates)
    data = measured(table, rates, animal, organ, day, flux)
    sites = _sites(data, organs)
    if ax is not None and len(sites) > 1:
        raise InputValueError(f"ax= takes one organ: choose it with organs=. There are {shown(sites)}.")
    groups = sorted(set(rates["group"].astype(str)))
    looks = group_looks(groups)
    figure, panels = _canvas(len(sites)) if ax is None else (figure_of(ax), [ax])
    colors = palette.organ_colors(sites)
    kept = data[data["organ"].isin(sites) & (data["flux"] > 0)]
    if kept.empty:
        raise InputValueError(f"nothing to draw: no flux above 0 in {shown(sites)}.")
    limits = (kept["flux"].min() / 2, max(kept["flux"].max(), rates["saturation"].max()) * 2)
    for place, (axes, site) in enumerate(zip(panels, sites, strict=True)):
        _panel(axes, kept[kept["organ"] == site], rates[rates["organ"] == site], looks, colors[site])
        _frame(axes, site, limits, colors[site], first=place == 0)
    if len(groups) > 1:
        _legend(panels[-1], looks)
    if ax is None:
        _below(figure)
        return figure
    return ax


def _sites(data: pd.DataFrame, organs: str | Sequence[str] | None) -> list[str]:
    there = sorted(set(data["organ"]))
    if organs is None:
        return there
    wanted = [tables.label(name) for name in tables.names(organs, "organs")]
    unknown = [name for name in wanted if name not in there]
    if unknown or not wanted:
        raise InputValueError(f"organs holds {shown(unknown)}, which table does not. Organs: {shown(there)}.")
    return wanted


def _canvas(n: int) -> tuple[Figure, list[Axes]]:
    from niche.pl._figure import ShownFigure

    width, height = _LEFT + n * (_WIDE + _GAP) + 1.2, _HIGH + 1.3
    figure = ShownFigure(figsize=(width, height))
    places = [(_LEFT + i * (_WIDE + _GAP)) / width for i in range(n)]
    return figure, [figure.add_axes((x, 0.9 / height, _WIDE / width, _HIGH / height)) for x in places]


def _panel(
    ax: Axes, data: pd.DataFrame, rates: pd.DataFrame, looks: dict[str, GroupLook], color: str
) -> None:
    """Animals of one organ."""
    from niche.pl._figure import FAINT

    for _, part in data.groupby("animal", sort=True):
        first = part.iloc[0]
        look, tested = looks[str(first["group"])], first["status"] == "tested"
        own = look.color(color) if tested else FAINT
        ax.plot(part["day"], part["flux"], color=own, linewidth=0.5, alpha=0.35, zorder=1, gid="animal")
        style: dict[str, Any] = {"linewidths": 0.7, "zorder": 3}
        for use, marker, face in (
            ("used", look.marker, own), ("saturated", "x", own), ("below", look.marker, "none"),
            ("unknown", "+", own),
        ):  # fmt: skip
            mask = part[USE] == use
            edge: dict[str, Any] = {"facecolors": face, "edgecolors": own}
            if marker in "x+":
                edge = {"color": own}
            ax.scatter(part["day"][mask], part["flux"][mask], s=9, marker=marker, gid=use, **edge, **style)
    tested = rates[rates["status"] == "tested"]
    for row in tested.itertuples():
        look = looks[str(row.group)]
        x, y = _line(row.intercept, row.slope, row.first_day, row.last_day, row.background * row.subtracted)
        ax.plot(x, y, color=look.color(color), linewidth=0.9, alpha=0.8, zorder=2, gid="fit")
    for name, part in tested.groupby("group", sort=True):
        look, middle = looks[str(name)], part[["intercept", "slope", "background"]].mean()
        light = middle["background"] * part["subtracted"].iloc[0]
        ends = part["first_day"].min(), part["last_day"].max()
        x, y = _line(middle["intercept"], middle["slope"], *ends, light)
        ax.plot(
            x, y, color=look.color(color), linewidth=2.6, linestyle=look.dashes, zorder=4, gid=f"mean {name}"
        )
    _levels(ax, rates)


def _line(
    intercept: float, slope: float, first: float, last: float, light: float
) -> tuple[np.ndarray, np.ndarray]:
    """Flux along a fitted line, the background added."""
    x = np.linspace(first, last, 60)
    return x, np.exp(intercept + slope * x) + light


def _levels(ax: Axes, rates: pd.DataFrame) -> None:
    """Threshold of detection and saturation."""
    from niche.pl._figure import INK, SMALL

    beside = ax.get_yaxis_transform()
    for column, words, dashes in (("threshold", "threshold", (0, (3, 2))), ("saturation", "saturation", ":")):
        known = rates[column].dropna()
        if known.empty or not known.median() > 0:
            continue
        level = known.median()
        ax.axhline(level, color=INK, linewidth=0.8, linestyle=dashes, zorder=0, gid=column)
        ax.text(
            0.02, level, words, transform=beside, fontsize=SMALL - 0.5, color=INK, va="bottom", ha="left",
            gid=f"{column} words",
        )  # fmt: skip


def _frame(ax: Axes, site: str, limits: tuple[float, float], color: str, *, first: bool) -> None:
    from niche.pl._figure import LARGE, MEDIUM, SMALL, organ_label

    ax.set_yscale("log")
    ax.set_ylim(*limits)
    ax.set_title(organ_label(site), loc="left", fontsize=LARGE, pad=6)
    ax.plot([0, 1], [1.0, 1.0], transform=ax.transAxes, color=color, linewidth=4, clip_on=False, gid="organ")
    ax.set_xlabel("day", fontsize=MEDIUM)
    ax.tick_params(labelsize=SMALL, labelleft=first)
    if first:
        ax.set_ylabel("flux", fontsize=MEDIUM)
    for spine in ("top", "right"):
        ax.spines[spine].set_visible(False)


def _legend(ax: Axes, looks: dict[str, GroupLook]) -> None:
    from matplotlib.lines import Line2D

    from niche.pl._figure import SMALL

    handles = [
        Line2D(
            [], [], color=look.color(NEUTRAL), linestyle=look.dashes, marker=look.marker, linewidth=2,
            markersize=4, label=name,
        )
        for name, look in looks.items()
    ]  # fmt: skip
    ax.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False, fontsize=SMALL,
        handlelength=3, borderaxespad=0,
    )  # fmt: skip


def _below(figure: Figure) -> None:
    from niche.pl._figure import SMALL

    style: dict[str, Any] = {"fontsize": SMALL, "color": "#555555", "va": "bottom", "linespacing": 1.3}
    figure.text(0.1 / figure.get_figwidth(), 0.06 / figure.get_figheight(), _CAUTION, gid="caution", **style)
