"""Usage of programs in every organ, with every patient as a dot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche.errors import InputValueError
from niche.get.compare_programs import compare_programs, compared_labels
from niche.pl import _programs, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN = ("organ-associated", "ambient-suspect", "intrinsic", "undetermined")
_MOST, _COLUMNS, _HIGH = 6, 3, 1.75
_FOLDS = 8.0
"""Where patients differ by more than this factor the axis is logarithmic."""
_FLOOR = 0.05
"""Added to usage before the logarithm, as a share of its mean, as in the tests."""
_CAUTION = (
    "dot: a patient, mean usage of the cells in the organ; a grey line joins the organs of one patient.\n"
    "Bar: mean of the patients with its 95 % interval, on the scale of the axis; arrow: it goes on."
)


def usage(
    adata: ad.AnnData,
    program: str | Sequence[str] | None = None,
    *,
    scale: Literal["auto", "log2", "linear"] = "auto",
    key: str = keys.COMPARE_PROGRAMS,
    ax: Axes | None = None,
) -> Axes | Figure:
    r"""Draw how much each patient uses programs, organ by organ.

    One panel per program, its verdict in the title. A dot is a patient in an organ; beside the dots stand
    the mean of the patients and its 95 % interval. An organ without a patient who has enough cells is
    hatched.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.compare_programs` was run.
    program
        Programs to draw. By default those that are organ-associated, ambient-suspect, intrinsic and
        undetermined, in this order, 6 at most.
    scale
        Axis of usage. ``"auto"`` is logarithmic where patients differ by more than a factor of 8.
    key
        The ``key_added`` of the run.
    ax
        Axes to draw one program into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given. Where there is nothing to draw the axes say why.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``, or the programs are gone.
    StaleResultError
        Labels, values, covariates or programs have changed since.
    InputValueError
        A program that is not in the result, ``ax`` for several programs, or an unknown ``scale``.
    InputTypeError
        ``ax`` is no Axes.

    Notes
    -----
    The logarithmic axis shows :math:`\log_2(m + c)`, with c a twentieth of the mean of all patients, which
    is what :func:`niche.tl.compare_programs` tests; its ticks are usage m. Intervals are of the mean of the
    dots (t), without the covariates and weights of the tests.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.programs(adata, k=6, n_starts=5)
    >>> niche.tl.compare_programs(adata)
    >>> figure = niche.pl.usage(adata, program=["P1", "P2"])
    >>> len(figure.axes)
    2
    """
    from niche.pl._figure import given_axes, message, panel

    validate.choice(scale, "scale", ("auto", "log2", "linear"))
    verdicts = _programs.verdict_table(adata, key, program)
    if program is None:
        verdicts = verdicts[verdicts["verdict"].isin(_SHOWN)].head(_MOST)
    labels = compared_labels(adata, key)
    units = compare_programs(adata, what="units", key=key)
    organs = list(dict.fromkeys(compare_programs(adata, what="organs", key=key)["organ"]))
    if verdicts.empty or units.empty:
        figure, axes = panel(ax, width=6, height=1.6)
        message(axes, _why(units, chosen=program is not None))
        return figure if ax is None else axes
    if ax is not None:
        given_axes(ax)
        if len(verdicts) != 1:
            raise InputValueError(
                f"ax= takes one program. Got {len(verdicts)}: {validate.shown(verdicts['program'])}. Choose "
                "with program=, or leave ax out for a figure with a panel for each."
            )
        _draw(ax, verdicts.iloc[0], units, organs, labels, scale)
        return ax
    figure, panels = _canvas(len(verdicts), organs)
    for axes, (_, row) in zip(panels, verdicts.iterrows(), strict=True):
        _draw(axes, row, units, organs, labels, scale)
    for i, axes in enumerate(panels):
        if i + _COLUMNS < len(panels):
            axes.set_xticklabels([])
    return figure


def _why(units: pd.DataFrame, *, chosen: bool) -> str:
    if chosen:
        return "no program was chosen" if len(units) else "no patient has enough cells in an organ"
    if units.empty:
        return "no patient has enough cells in an organ"
    return "every program is of one patient or not testable: name those to draw with program="


def _canvas(n: int, organs: list[str]) -> tuple[Figure, list[Axes]]:
    """A panel for each program, sized in inches, with room for titles, organs and the explanation."""
    from niche.pl._figure import SMALL, ShownFigure, organ_label, text_width

    columns = min(n, _COLUMNS)
    rows = -(-n // columns)
    wide = max(1.75, 0.34 * len(organs))
    gap, head, left = 0.72, 0.52, 0.68
    names = 1.05 * text_width([organ_label(name) for name in organs], SMALL) + 0.1
    width = max(left + columns * wide + (columns - 1) * gap + 0.15, 5.6)
    height = 0.1 + rows * (_HIGH + head) + names + 0.5
    figure = ShownFigure(figsize=(width, height))
    panels = []
    for i in range(n):
        row, column = divmod(i, columns)
        x, y = left + column * (wide + gap), height - 0.1 - (row + 1) * (_HIGH + head)
        panels.append(figure.add_axes((x / width, y / height, wide / width, _HIGH / height)))
    style: dict[str, Any] = {"fontsize": SMALL, "color": "#555555", "va": "bottom", "linespacing": 1.3}
    figure.text(0.1 / width, 0.06 / height, _CAUTION, gid="caution", **style)
    return figure, panels


def _draw(
    ax: Axes, row: pd.Series, units: pd.DataFrame, organs: list[str], labels: dict[str, str], scale: str
) -> None:
    mine = units[units["program"] == row["program"]].reset_index(drop=True)
    floor = _FLOOR * max(float(mine["usage"].mean()), 1e-12)
    values = mine["usage"] + floor
    log = scale == "log2" or (scale == "auto" and values.max() > _FOLDS * values.min())
    mine = mine.assign(y=np.log2(values) if log else mine["usage"], x=np.nan)
    for place, organ in enumerate(organs):
        here = mine.index[mine["organ"] == organ]
        shift = np.linspace(-0.26, 0.12, len(here)) if len(here) > 1 else np.array([-0.07])
        mine.loc[here, "x"] = place + shift[: len(here)]
    _scale(ax, mine, floor, log=log)
    _same_patient(ax, mine)
    _dots(ax, mine, organs)
    _frame(ax, organs)
    _title(ax, row, labels)


def _same_patient(ax: Axes, mine: pd.DataFrame) -> None:
    for _, part in mine.groupby("patient", sort=True):
        if len(part) > 1:
            part = part.sort_values("x")
            ax.plot(part["x"], part["y"], color="#D0D0D0", linewidth=0.7, zorder=1, gid="same patient")


def _dots(ax: Axes, mine: pd.DataFrame, organs: list[str]) -> None:
    from niche.pl._figure import INK

    colors = palette.organ_colors(organs)
    for place, organ in enumerate(organs):
        part = mine[mine["organ"] == organ]
        if part.empty:
            ax.axvspan(
                place - 0.4,
                place + 0.4,
                facecolor="none",
                edgecolor="#CFCFCF",
                hatch="////",
                linewidth=0,
                gid="absent",
                zorder=0,
            )
            continue
        ax.scatter(
            part["x"],
            part["y"],
            s=16,
            color=colors[organ],
            edgecolors="white",
            linewidths=0.4,
            zorder=3,
            clip_on=False,
            gid=f"patients {organ}",
        )
        mean, half = _interval(part["y"].to_numpy(dtype=float))
        x = place + 0.31
        ax.hlines(mean, x - 0.11, x + 0.11, color=INK, linewidth=1.6, zorder=4, gid="mean")
        if np.isfinite(half):
            ax.vlines(x, mean - half, mean + half, color=INK, linewidth=0.9, zorder=4, gid="interval")
            _beyond(ax, x, mean - half, mean + half)


def _beyond(ax: Axes, x: float, low: float, high: float) -> None:
    """Arrows where an interval is longer than the axis."""
    from niche.pl._figure import INK

    for value, edge, marker in zip((low, high), ax.get_ylim(), "v^", strict=True):
        if (value < edge) if marker == "v" else (value > edge):
            ax.plot(
                [x], [edge], marker=marker, color=INK, markersize=3, clip_on=False, zorder=5, gid="beyond"
            )


def _interval(values: np.ndarray) -> tuple[float, float]:
    """Mean and half of its 95 % interval, NaN for one value."""
    from scipy.stats import t

    n = values.size
    half = t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    return float(values.mean()), float(half)


def _frame(ax: Axes, organs: list[str]) -> None:
    from niche.pl._figure import SMALL, organ_label

    ax.set_xlim(-0.55, len(organs) - 0.4)
    ax.set_xticks(range(len(organs)), [organ_label(name) for name in organs], rotation=90)
    ax.tick_params(labelsize=SMALL, length=2)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _scale(ax: Axes, mine: pd.DataFrame, floor: float, *, log: bool) -> None:
    """Axis of usage: every dot fits, and of the intervals what is not far beyond the dots."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    from niche.pl._figure import MEDIUM

    low, high = float(mine["y"].min()), float(mine["y"].max())
    ends = [_interval(part.to_numpy(dtype=float)) for _, part in mine.groupby("organ")["y"]]
    far = 0.3 * max(high - low, 1e-6)
    lows, highs = ([mean + sign * half for mean, half in ends if np.isfinite(half)] for sign in (-1, 1))
    bottom = max(min([low, *lows]), low - far)
    top = min(max([high, *highs]), high + far)
    if log:
        pad = 0.05 * max(top - bottom, 1.0)
        bottom, top = bottom - pad, top + pad
        at = _ticks(bottom, top, floor)
        ax.set_yticks(np.log2(np.array(at) + floor), [f"{100 * value:g} %" for value in at])
        ax.set_ylabel("usage (log2 axis)", fontsize=MEDIUM)
    else:
        bottom, top = -0.04 * max(top, 1e-6), 1.05 * max(top, 1e-6)
        ax.yaxis.set_major_locator(MaxNLocator(4, min_n_ticks=3))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g} %"))
        ax.set_ylabel("usage", fontsize=MEDIUM)
    ax.set_ylim(bottom, top)


def _ticks(low: float, high: float, floor: float) -> list[float]:
    """Round numbers of usage on the logarithmic axis, at least a seventh of it apart."""
    round_ones = [0.0, *(m * 10.0**e for e in range(-6, 0) for m in (1, 2, 5)), 1.0]
    kept: list[float] = []
    for value in round_ones:
        place = np.log2(value + floor)
        if low <= place <= high and (not kept or place - np.log2(kept[-1] + floor) >= (high - low) / 7):
            kept.append(round(value, 8))
    return kept


def _title(ax: Axes, row: pd.Series, labels: dict[str, str]) -> None:
    """Name and likeness, and the verdict in its colour below."""
    from niche.pl._figure import INK, MEDIUM, SMALL, short

    name = str(row["program"])
    room = max(int(_programs.inches_wide(ax) * 72 / (0.54 * MEDIUM)) - len(name) - 1, 8)
    ax.set_title(
        f"{name}  {short(labels[name], room)}", loc="left", fontsize=MEDIUM, color=INK, pad=16
    )
    look = _programs.VERDICTS[row["verdict"]]
    ax.annotate(
        _programs.verdict_words(row["verdict"]),
        (0, 1),
        xytext=(0, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=SMALL,
        color=look["color"],
        fontweight="bold",
        gid="verdict",
    )
