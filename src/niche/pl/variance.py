"""Parts of the variance of every program: cells, patients, organs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys
from niche.get.compare_programs import PARTS, compared_labels
from niche.pl import _programs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOOK = {
    "var_within": ("#D5D5D5", "cells"),
    "var_patient": ("#E69F00", "patients"),
    "var_organ": ("#0072B2", "organs"),
}
"""Colour and words of each part, told apart by lightness too."""

_PITCH, _INNER = 0.27, 2.6
_WIDEST, _NARROW = 34, 18


def variance(
    adata: ad.AnnData,
    program: str | Sequence[str] | None = None,
    *,
    key: str = keys.COMPARE_PROGRAMS,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw how much of the usage of each program varies between cells, patients and organs.

    One bar per program, by verdict, and within a verdict by the part of organs; then come patients within
    organs, and cells within patients. The name of a program is
    followed by the gene set it resembles most, or its first genes; its verdict stands on the right. A
    program whose variance cannot be split is hatched.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.compare_programs` was run.
    program
        Programs to draw, in this order; all by default.
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
        Nothing is stored under ``key``, or the programs are gone.
    StaleResultError
        Labels, values, covariates or programs have changed since.
    InputValueError
        A program that is not in the result.
    InputTypeError
        ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.programs(adata, k=6, n_starts=5)
    >>> niche.tl.compare_programs(adata)
    >>> figure = niche.pl.variance(adata)
    >>> figure.axes[0].get_xlabel()
    'share of the variance of usage'
    """
    from niche.pl._figure import SMALL, given_axes, message, panel, short, text_width

    if ax is not None:
        given_axes(ax)
    table = _programs.verdict_table(adata, key, program)
    labels = compared_labels(adata, key)
    if table.empty:
        figure, axes = panel(ax, width=6, height=1.6)
        message(axes, "no program was chosen")
        return figure if ax is None else axes
    if program is None:
        rank = table["verdict"].map({name: i for i, name in enumerate(_programs.VERDICTS)})
        table = table.assign(rank=rank).sort_values(
            ["rank", "var_organ"], ascending=[True, False], kind="stable"
        )
    table = table.reset_index(drop=True)
    cramped = ax is not None and _programs.inches_wide(ax) < 4.0
    room = _NARROW if cramped else _WIDEST
    names = [f"{name}  {short(labels[name], room)}" for name in table["program"]]
    width = text_width(names, SMALL) + _INNER + 1.3
    figure, axes = panel(ax, width=width, height=1.1 + _PITCH * len(table))
    _bars(axes, table)
    _frame(axes, names)
    _verdicts(axes, table)
    _legend(axes)
    return figure if ax is None else axes


def _bars(ax: Axes, table: pd.DataFrame) -> None:
    """Stacked bars, the part of organs first, so that organs can be compared from the axis."""
    known = table[list(PARTS)].notna().all(axis=1).to_numpy()
    y, left = np.flatnonzero(known), np.zeros(int(known.sum()))
    for part in reversed(PARTS):
        share = table.loc[known, part].to_numpy(dtype=float)
        bars = ax.barh(y, share, left=left, height=0.74, color=_LOOK[part][0], linewidth=0)
        for bar in bars:
            bar.set_gid(part)
        left = left + share
    if not known.all():
        lost = np.flatnonzero(~known)
        for bar in ax.barh(
            lost, 1.0, height=0.74, facecolor="none", edgecolor="#CFCFCF", hatch="////", linewidth=0
        ):
            bar.set_gid("not split")


def _frame(ax: Axes, names: list[str]) -> None:
    from matplotlib.ticker import PercentFormatter

    from niche.pl._figure import MEDIUM, SMALL, bare

    ax.set_xlim(0, 1)
    ax.set_ylim(len(names) - 0.45, -0.55)
    ax.set_yticks(range(len(names)), names)
    ax.set_xticks([0, 0.5, 1.0])
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.set_xlabel("share of the variance of usage", fontsize=MEDIUM)
    ax.tick_params(labelsize=SMALL)
    bare(ax)


def _verdicts(ax: Axes, table: pd.DataFrame) -> None:
    from niche.pl._figure import SMALL

    for y, verdict in enumerate(table["verdict"]):
        ax.annotate(
            _programs.verdict_words(verdict),
            (1.0, y),
            xytext=(6, 0),
            xycoords=ax.get_yaxis_transform(),
            textcoords="offset points",
            fontsize=SMALL,
            color=_programs.VERDICTS[verdict]["color"],
            va="center",
            annotation_clip=False,
            gid="verdict",
        )


def _legend(ax: Axes) -> None:
    from matplotlib.patches import Patch

    from niche.pl._figure import SMALL

    handles: list[Any] = [Patch(color=color, label=words) for color, words in reversed(_LOOK.values())]
    ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=3,
        frameon=False,
        fontsize=SMALL,
        borderaxespad=0.3,
        handlelength=1.0,
        handletextpad=0.4,
        columnspacing=1.0,
    )
