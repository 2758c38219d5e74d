"""Human against mouse counts of every cell of a xenograft."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import anndata as ad
import numpy as np
import pandas as pd

from niche import get
from niche._slots import keys, validate
from niche.errors import InputValueError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOOK = {
    "unresolved": ("#B8B8B8", "o", "unresolved"),
    "mouse": ("#4281FF", "o", "mouse"),
    "human": ("#BB5729", "o", "human"),
    "doublet": ("#222222", "x", "doublet"),
}
_COLUMNS, _MOST, _SIDE = 4, 12, 2.3


def species(
    adata: ad.AnnData,
    samples: str | Sequence[str] | None = None,
    *,
    key: str = keys.SPECIES,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw mouse against human counts of every cell, one panel per sample ("barnyard" plot).

    Colour and marker are the call, lines the thresholds of the sample: cells between them are doublets. Both
    axes are logarithmic, with 1 added. A sample that was not split says why. Doublets and unresolved cells
    are left out by :func:`niche.pp.collapse_orthologs`: draw the data before to see them.

    Parameters
    ----------
    adata
        Annotated data on which :func:`niche.pp.split_species` was run.
    samples
        Samples to draw; by default the first twelve.
    key
        The ``key_added`` it was run with.
    ax
        Axes to draw one sample into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given.

    Raises
    ------
    MissingKeyError
        :func:`niche.pp.split_species` was not run.
    StaleResultError
        The genes have changed since.
    InputValueError
        An unknown sample, or several samples for one ``ax``.
    InputTypeError
        ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_xenograft(1, animals_per_organ=1, cells=60, n_genes=1500)
    >>> niche.pp.split_species(adata)
    >>> figure = niche.pl.species(adata)
    >>> len(figure.axes)
    2
    """
    from niche.pl._figure import FAINT, MEDIUM, SMALL, ShownFigure, given_axes

    table = get.species(adata, key=key).set_index("sample")
    cells = get.species(adata, level="cells", key=key)
    wanted = _wanted(samples, table)
    if ax is not None:
        given_axes(ax)
        if len(wanted) > 1:
            raise InputValueError(
                f"ax= takes one sample. Got {len(wanted)}: {validate.shown(wanted)}. Name one with samples=."
            )
        _panel(ax, cells, table.loc[wanted[0]], wanted[0])
        _limits(ax, cells[cells["sample"] == wanted[0]])
        ax.set_xlabel("human counts + 1", fontsize=MEDIUM)
        ax.set_ylabel("mouse counts + 1", fontsize=MEDIUM)
        _legend(ax, cells)
        return ax
    columns = min(_COLUMNS, len(wanted))
    rows = -(-len(wanted) // columns)
    figure = ShownFigure(figsize=(columns * _SIDE + 1.6, rows * (_SIDE + 0.35) + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, name in zip(grid, wanted, strict=False):
        _panel(axes, cells, table.loc[name], name)
    _limits(grid[0], cells[cells["sample"].isin(wanted)])
    for axes in grid[len(wanted) :]:
        axes.remove()
    for axes in grid[: len(wanted)]:
        axes.tick_params(labelbottom=True, labelsize=SMALL)
    figure.supxlabel("human counts + 1", fontsize=MEDIUM)
    figure.supylabel("mouse counts + 1", fontsize=MEDIUM)
    _legend(grid[columns - 1], cells)
    if len(wanted) < len(table):
        words = f"not drawn: {len(table) - len(wanted)} of {len(table)} samples"
        figure.suptitle(words, fontsize=SMALL, color=FAINT, x=0.01, ha="left")
    return figure


def _wanted(samples: str | Sequence[str] | None, table: pd.DataFrame) -> list[str]:
    if samples is None:
        return [str(name) for name in table.index[:_MOST]]
    listed = [samples] if isinstance(samples, str) else [str(name) for name in samples]
    unknown = [name for name in listed if name not in table.index]
    if unknown or not listed:
        raise InputValueError(
            f"samples: {validate.shown(unknown) or 'none named'} not found. Samples of this result: "
            f"{validate.shown(table.index)}."
        )
    return listed


def _panel(ax: Axes, cells: pd.DataFrame, row: pd.Series, name: str) -> None:
    from niche.pl._figure import FAINT, INK, MEDIUM, SMALL

    mine = cells[cells["sample"] == name]
    for call, (color, marker, _) in _LOOK.items():
        part = mine[mine["species"] == call]
        ax.scatter(
            part["counts_human"] + 1, part["counts_mouse"] + 1, s=18 if marker == "x" else 7, c=color,
            marker=marker, linewidths=0.9 if marker == "x" else 0, alpha=1.0 if marker == "x" else 0.6,
            gid=call, rasterized=True,
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    most = max(float(mine[["counts_human", "counts_mouse"]].max().max()), 10.0) + 1
    human = np.geomspace(1, most, 200) - 1
    for side in ("low", "high"):
        at = float(row[side])
        if np.isfinite(at):
            ax.plot(
                human + 1, human * (1 - at) / at + 1, color=INK, linewidth=0.7, linestyle="--",
                gid=f"threshold {side}",
                zorder=0,
            )  # fmt: skip
    split = str(row["status"]) == "assessed"
    ax.set_title(name, loc="left", fontsize=MEDIUM, color=INK if split else FAINT)
    if not split:
        words = f"not split:\n{_wrapped(str(row['reason']))}"
        ax.text(0.04, 0.97, words, transform=ax.transAxes, fontsize=SMALL, color=INK, va="top")
    ax.tick_params(labelsize=SMALL)
    for edge in ("top", "right"):
        ax.spines[edge].set_visible(False)


def _limits(ax: Axes, cells: pd.DataFrame) -> None:
    """The same range on both axes, from the fewest counts on."""
    counts = cells[["counts_human", "counts_mouse"]].to_numpy() + 1
    low, high = float(max(counts.min() / 1.5, 0.9)), float(counts.max() * 1.5)
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)


def _wrapped(text: str, width: int = 28) -> str:
    from textwrap import fill

    return fill(text, width)


def _legend(ax: Axes, cells: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D

    from niche.pl._figure import INK, SMALL

    n = cells["species"].value_counts()
    handles = [
        Line2D(
            [], [], linestyle="", marker=marker, color=color, markersize=4.5,
            label=f"{words} ({n.get(call, 0):,})",
        )
        for call, (color, marker, words) in reversed(_LOOK.items())
    ]  # fmt: skip
    handles.append(Line2D([], [], linestyle="--", color=INK, linewidth=0.8, label="threshold"))
    ax.legend(
        handles=handles, frameon=False, fontsize=SMALL, loc="upper left", bbox_to_anchor=(1.0, 1.0),
        handletextpad=0.2,
    )  # fmt: skip
