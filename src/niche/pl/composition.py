"""Shares of the cell types in every sample, organ by organ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche.get.composition import composition as get_composition
from niche.pl import _compared, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HIGH, _HEAD = 1.15, 0.5
_MANY = 100
"""Cells from which the dot of a sample has its full size."""
_CAUTION = (
    "dot: a sample, as share of its cells of the compartment (small: few cells); bar: mean of the patients.\n"
    "Symbol: the organ against the others, tested against types that all organs have. Hatched: the organ\n"
    "has none of these cells, no share of zero. Shares are relative: when one type expands the others fall."
)


def composition(
    adata: ad.AnnData,
    *,
    cell_type: str | Sequence[str] | None = None,
    n_columns: int = 4,
    key: str = keys.COMPOSITION,
) -> Figure:
    """Draw the share of each cell type in every sample, by organ, with the calls.

    One panel per cell type, in the order of the compartments; organs stand side by side. The dot of a sample
    is smaller when fewer than 100 cells stand behind its share. A symbol above an organ is its call against
    the others, no symbol is ``undetermined``, a cross is not testable. An organ that has none of the cells is
    hatched.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.composition` was run.
    cell_type
        Cell types to draw; all by default that share their compartment with another one.
    n_columns
        Panels side by side.
    key
        The ``key_added`` of the run.

    Returns
    -------
    Figure
        One axes per cell type. Where no compartment holds two cell types the figure says so.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels have changed since.
    InputValueError
        A cell type that is not in the result, ``n_columns`` out of range.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.tl.composition(adata)
    >>> figure = niche.pl.composition(adata, cell_type=["Macrophage", "T cell"])
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['Macrophage', 'T cell']
    """
    from niche.pl._figure import message, panel

    validate.number(n_columns, "n_columns", low=1, high=20, integer=True)
    shares = get_composition(adata, cell_type=cell_type, level="sample", key=key)
    shares = shares.astype(
        dict.fromkeys(("patient", "organ", "tissue", "cell_type", "compartment", "status"), str)
    )
    tests = get_composition(adata, cell_type=cell_type, key=key)
    tests = tests.astype(dict.fromkeys(("cell_type", "contrast", "organ", "call"), str))
    shares = shares.assign(
        group=[_group(o, t) for o, t in zip(shares["organ"], shares["tissue"], strict=True)]
    )
    names = _types(shares, several=cell_type is None)
    if not names:
        figure, axes = panel(None, width=6, height=1.6)
        message(axes, "no compartment holds two cell types: a share of one is always whole")
        return figure
    organs = _organs(shares)
    figure, panels = _canvas(len(names), int(n_columns), organs)
    calls = {
        (row.cell_type, row.organ): row.call
        for row in tests[tests["contrast"].str.endswith("_vs_rest")].itertuples()
    }
    for ax, name in zip(panels, names, strict=True):
        mine = shares[shares["cell_type"] == name]
        _dots(ax, mine, organs)
        _calls(ax, name, organs, calls)
        _labels(ax, name, mine["compartment"].iloc[0], organs)
    _below(figure, {calls[pair] for pair in calls if pair[0] in names})
    return figure


def _group(organ: str, tissue: str) -> str:
    return organ if tissue == "metastasis" or organ.endswith(f"({tissue})") else f"{organ} ({tissue})"


def _types(shares: pd.DataFrame, *, several: bool) -> list[str]:
    """Cell types by compartment; with ``several`` only those that are not alone in it."""
    order = {name: i for i, name in enumerate(keys.COMPARTMENTS_ALL)}
    listed = shares.drop_duplicates("cell_type")
    size = listed["compartment"].value_counts()
    kept = listed[listed["compartment"].map(size) > 1] if several else listed
    places = zip(kept["compartment"].map(order).fillna(len(order)), kept["cell_type"], strict=True)
    return [name for _, name in sorted(places)]


def _organs(shares: pd.DataFrame) -> list[str]:
    tissue = {"metastasis": 0, "primary": 1, "normal": 2}
    found = shares.drop_duplicates("group")
    return [g for _, g in sorted(zip(found["tissue"].map(tissue), found["group"], strict=True))]


def _canvas(n: int, n_columns: int, organs: list[str]) -> tuple[Figure, list[Axes]]:
    from niche.pl._figure import SMALL, ShownFigure, organ_label, text_width

    columns = min(n_columns, n)
    n_rows = -(-n // columns)
    wide = max(1.5, 0.3 * len(organs))
    names = 1.05 * text_width([organ_label(name) for name in organs], SMALL) + 0.1
    width = 0.35 + columns * (wide + 0.45)
    height = 0.2 + n_rows * (_HIGH + _HEAD) + names + 0.95
    figure = ShownFigure(figsize=(max(width, 6.2), height))
    panels = []
    for i in range(n):
        row, column = divmod(i, columns)
        box = (0.5 + column * (wide + 0.45), height - (row + 1) * (_HIGH + _HEAD), wide, _HIGH)
        ax = figure.add_axes(
            (box[0] / figure.get_figwidth(), box[1] / height, wide / figure.get_figwidth(), _HIGH / height)
        )
        lowest = i + columns >= n
        ax.set_xticks(range(len(organs)), [organ_label(o) if lowest else "" for o in organs], rotation=90)
        panels.append(ax)
    return figure, panels


def _dots(ax: Axes, mine: pd.DataFrame, organs: list[str]) -> None:
    colors = palette.organ_colors(organs)
    known = mine[mine["share"].notna()]
    top = float(known["share"].max()) if len(known) else 1.0
    ax.set_xlim(-0.6, len(organs) - 0.4)
    ax.set_ylim(-0.05 * max(top, 0.02), 1.3 * max(top, 0.02))
    for x, organ in enumerate(organs):
        here = mine[mine["group"] == organ]
        part = here[here["share"].notna()]
        if part.empty:
            ax.axvspan(
                x - 0.45,
                x + 0.45,
                facecolor="none",
                edgecolor="#CFCFCF",
                hatch="////",
                linewidth=0,
                gid="absent",
                zorder=0,
            )
            continue
        mean = part.groupby("patient")["share"].mean().mean()
        ax.hlines(mean, x - 0.32, x + 0.32, color=colors[organ], linewidth=2.2, zorder=1, gid="mean")
        shift = np.linspace(-0.2, 0.2, len(part)) if len(part) > 1 else np.zeros(1)
        ax.scatter(
            x + shift,
            part["share"],
            s=3 + 11 * part["n_whole"].clip(upper=_MANY) / _MANY,
            color=colors[organ],
            edgecolors="white",
            linewidths=0.4,
            zorder=3,
            gid=f"samples {organ}",
        )


def _calls(ax: Axes, name: str, organs: list[str], calls: dict[tuple[str, str], str]) -> None:
    top = ax.get_ylim()[1]
    for x, organ in enumerate(organs):
        call = calls.get((name, organ), "undetermined")
        if call == "undetermined":
            continue
        style = _compared.CALLS[call]
        ax.scatter(
            [x],
            [0.92 * top],
            marker=style["marker"],
            s=0.7 * style["size"],
            color=style["color"],
            linewidths=0.9,
            zorder=4,
            gid=f"call {call}",
        )


def _labels(ax: Axes, name: str, compartment: str, organs: list[str]) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    from niche.pl._figure import MEDIUM, SMALL

    ax.set_title(name, loc="left", fontsize=MEDIUM, pad=5)
    color = palette.COMPARTMENTS.get(compartment, palette.MISSING)
    ax.plot(
        (0, 1),
        (1.0, 1.0),
        transform=ax.transAxes,
        color=color,
        linewidth=2.5,
        clip_on=False,
        gid="compartment",
    )
    ax.yaxis.set_major_locator(MaxNLocator(3))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.tick_params(labelsize=SMALL, length=2)
    for spine in ("top", "right"):
        ax.spines[spine].set_visible(False)


def _below(figure: Figure, calls: set[str]) -> None:
    from niche.pl._figure import SMALL

    left, height = 0.1 / figure.get_figwidth(), figure.get_figheight()
    handles = _compared.call_handles(calls - {"undetermined"})
    if handles:
        figure.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(left, 0.52 / height),
            frameon=False,
            fontsize=SMALL,
            ncols=len(handles),
            borderaxespad=0,
            handletextpad=0.3,
        )
    style: dict[str, Any] = {"fontsize": SMALL, "color": "#555555", "va": "bottom", "linespacing": 1.3}
    figure.text(left, 0.06 / height, _CAUTION, gid="caution", **style)
