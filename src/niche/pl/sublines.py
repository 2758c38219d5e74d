"""What selection for an organ changed in a cell line: genes, sublines, and signatures tried on others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche._stats.contrasts import Contrast
from niche.get._subline_values import contrasts_stored, groups_stored
from niche.get.compare_sublines import RUN_FIRST, compare_sublines
from niche.pl import _compared
from niche.pl._sublines_rows import HEAD, contrast_of, nothing, rows_of, words_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PITCH, _INNER, _RIGHT = 0.42, 3.8, 2.9
_GAP, _STEP = 0.55, 0.6
_TRIED = "the signature, tried on sublines it was not made from"


def sublines(
    adata: ad.AnnData,
    genes: str | Sequence[str] | None = None,
    *,
    contrast: str | None = None,
    n_top: int = 12,
    key: str = keys.COMPARE_SUBLINES,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw genes of sublines selected for an organ: interval, every subline, and the parental line.

    A row is a gene: its log2 fold change with the 95 % interval, coloured by the call, a tick for the effect
    without each subline, and below it a dot for every subline in the colour of its organ, and a diamond for
    the parental line, as distance from the mean of the other side. Rows below say whether the signature made
    without a subline scores it above others that were left out: right of 0 it does.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.compare_sublines` was run.
    genes
        Genes to draw; by default the ``n_top`` surest of the signature
        (:func:`niche.get.subline_signature`), and where there is none, those that can be called, by p-value.
    contrast
        The comparison; by default the one of an organ against the others with the most called genes, or
        against the parental line where there is one organ only. The omnibus has no sign.
    n_top
        Number of rows where no genes are given.
    key
        The ``key_added`` of the run.
    ax
        Axes to draw into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given. Where nothing can be called the axes say why.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputValueError
        A gene or contrast that is not in the run, the omnibus, ``n_top`` out of range.
    InputTypeError
        ``contrast`` is not one name, or ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_sublines(n_genes=600)
    >>> niche.tl.compare_sublines(adata, replicate_key="culture")
    >>> figure = niche.pl.sublines(adata, contrast="bone_vs_rest", n_top=6)
    >>> figure.axes[0].get_xlabel()
    'log2 fold change'
    """
    from niche.pl import _sublines_marks as marks
    from niche.pl._figure import message, panel

    validate.number(n_top, "n_top", low=1, high=200, integer=True)
    stored = read.result(adata, key, run_first=RUN_FIRST)
    groups = groups_stored(stored)
    parental = groups.name[groups.tissue.index("primary")]
    one = contrast_of(adata, contrast, contrasts_stored(stored), key)
    rows = rows_of(adata, one, genes, int(n_top), key)
    if rows.empty:
        figure, axes = panel(ax, width=7, height=2.6)
        message(axes, nothing(adata, one, key, parental, chosen=genes is not None))
        return figure if ax is None else axes
    values, without = (_of(adata, what, rows, one, key) for what in ("sublines", "left_out"))
    held = compare_sublines(adata, what="held_out", contrast=one.name, key=key)
    held = held.assign(y=float(rows["y"].max()) + 1 + _GAP + HEAD + np.arange(len(held)) * _STEP)
    figure, axes = _canvas(ax, rows, held)
    _frame(axes, rows, values, held)
    marks.heading(axes, float(rows["y"].min()) - HEAD, words_of(one, parental), rows["organ"].iloc[0])
    marks.intervals(axes, rows, without)
    met, lines = marks.dots(axes, values, parental)
    marks.words(axes, rows, without)
    if len(held):
        marks.heading(axes, float(held["y"].min()) - HEAD, _TRIED, rows["organ"].iloc[0])
        marks.held_out(axes, held, rows["organ"].iloc[0])
    marks.below(axes, rows, met, lines, held)
    axes.set_title("Sublines selected for an organ", loc="left", fontsize=10, pad=8)
    return figure if ax is None else axes


def _of(adata: ad.AnnData, what: Any, rows: pd.DataFrame, one: Contrast, key: str) -> pd.DataFrame:
    """Rows of a further table of the genes shown, with their ``y``."""
    table = compare_sublines(adata, what=what, contrast=one.name, gene=list(rows["gene"]), key=key)
    table = rows[["gene", "y"]].merge(table.astype({"gene": str}), on="gene", how="inner")
    return table[table["left_out"].astype(str) != ""] if what == "left_out" else table


def _canvas(ax: Axes | None, rows: pd.DataFrame, held: pd.DataFrame) -> tuple[Figure, Axes]:
    from niche.pl._figure import SMALL, ShownFigure, figure_of, given_axes, text_width

    if ax is not None:
        given_axes(ax)
        return figure_of(ax), ax
    left = 0.25 + 1.05 * text_width([*rows["gene"], *held["subline"].astype(str)], SMALL)
    inner = (_bottom(rows, held) + 0.35) * _PITCH
    width, height = max(left, 0.8) + _INNER + _RIGHT, inner + 1.9
    figure = ShownFigure(figsize=(width, height))
    return figure, figure.add_axes((max(left, 0.8) / width, 1.45 / height, _INNER / width, inner / height))


def _bottom(rows: pd.DataFrame, held: pd.DataFrame) -> float:
    return float(held["y"].max()) + 0.45 if len(held) else float(rows["y"].max()) + 0.65


def _frame(ax: Axes, rows: pd.DataFrame, values: pd.DataFrame, held: pd.DataFrame) -> None:
    from niche.pl._figure import MEDIUM, SMALL, bare

    sure = rows[rows["call"] != _compared.NOT_TESTABLE]
    parts = (sure["ci_low"], sure["ci_high"], rows["log2fc"], values["log2fc"], held["difference"])
    numbers = np.concatenate([np.abs(part.to_numpy(dtype=float)) for part in parts])
    limit = 1.08 * float(np.nanmax(np.concatenate([numbers, [1.0]])))
    ax.set_xlim(-limit, limit)
    ax.set_ylim(_bottom(rows, held), -0.35)
    places, labels = [*rows["y"], *held["y"]], [*rows["gene"], *held["subline"].astype(str)]
    ax.set_yticks(places, labels)
    ax.tick_params(labelsize=SMALL)
    ax.set_xlabel("log2 fold change", fontsize=MEDIUM)
    ax.axvline(0, color="#999999", linewidth=0.8, zorder=0)
    ax.grid(axis="x", color="#EEEEEE", linewidth=0.6)
    ax.set_axisbelow(True)
    bare(ax)
