"""The seed-and-soil account of every organ: items with their intervals, each kind in its own unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche.pl import _account
from niche.pl._tropism_blocks import blocks_of
from niche.pl._tropism_page import INNER, LEGEND, LINE, Page, Q, panel_height

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BETWEEN, _AFTER = 0.45, 0.12
"""Inches between organs, side by side and one below the other."""
_STATEMENT = (
    "Patients are the replicates; lines are 95 % intervals of the difference that the heading of the "
    "organ names. Every group has its own unit and its own axis. There is no score of an organ: the "
    "number of items says how much could be tested, not how much the organ is preferred."
)


def tropism(
    adata: ad.AnnData,
    *,
    organ: str | Sequence[str] | None = None,
    n_top: int = 10,
    key: str = keys.TROPISM,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw the account of every organ: seed and soil, item by item.

    Each kind of item has an axis of its own with its unit, the same for all organs: programs of the tumor
    (log2 ratio of usage), signatures (difference of scores), called edges (log2 fold change), composition
    of the host (difference of log2 odds). Colour and symbol are the call. On the right stand q and, of an
    edge, the side that drives it: tumor is the seed, host the soil; of a program its verdict. What is not
    testable is counted with its reasons. Nothing is summed.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.tropism` was run.
    organ
        Organs to draw; all by default.
    n_top
        Items of a kind drawn per organ: called ones first, then those that ambient RNA may explain, then by
        q. The others are counted.
    key
        The ``key_added`` of the run.
    ax
        Axes to draw into; it is emptied and holds a smaller axes per group. A new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given.

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
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type", null=None)
    >>> niche.tl.compare_communication(adata)
    >>> niche.tl.tropism(adata, programs=None, expression=None)
    >>> figure = niche.pl.tropism(adata, organ="bone")
    >>> [part.get_xlabel() for part in figure.axes[0].child_axes]
    ['log2 fold change']
    """
    from niche.pl._figure import SMALL, text_width

    validate.number(n_top, "n_top", low=1, high=100, integer=True)
    table = _account.rows_of(adata, organ, key, account=["seed", "soil"])
    panels = {name: blocks_of(table[table["organ"] == name], n_top) for name in dict.fromkeys(table["organ"])}
    rows = [block.rows for blocks in panels.values() for block in blocks if len(block.rows)]
    labels, notes = ([text for part in rows for text in part[name]] for name in ("label", "note"))
    left = 0.2 + max(1.2, 1.02 * text_width(labels, SMALL))
    width = left + INNER + 0.12 + Q + max(0.8, text_width(notes, SMALL)) + 0.1
    places = _places({name: panel_height(blocks, width) for name, blocks in panels.items()})
    n_columns = 1 + max(column for column, _ in places.values())
    whole = n_columns * width + (n_columns - 1) * _BETWEEN
    statement = _account.lines(_STATEMENT, whole, SMALL)
    top = max(y + panel_height(panels[name], width) for name, (_, y) in places.items())
    page = Page.on(ax, whole, top + LEGEND + LINE * (len(statement) + 1), left, width)
    limits = _limits(rows)
    for name, (column, y) in places.items():
        page.organ(_account.contrast_of(name, table), panels[name], limits, column * (width + _BETWEEN), y)
    page.foot(panels.values(), statement, top)
    return page.figure if ax is None else page.ax


def _places(heights: dict[str, float]) -> dict[str, tuple[int, float]]:
    """Column and distance from the top of every organ: each goes to the shorter of two columns."""
    filled = [0.0] * min(2, len(heights))
    out = {}
    for name, height in heights.items():
        column = int(np.argmin(filled))
        out[name] = (column, filled[column])
        filled[column] += height + _AFTER
    return out


def _limits(parts: list[pd.DataFrame]) -> dict[str, float]:
    """Half the width of the axis of every kind, the same in all organs; one wild interval does not set it."""
    out: dict[str, float] = {}
    for rows in parts:
        kind = str(rows["kind"].iloc[0])
        ends = rows[["effect", "ci_low", "ci_high"]].abs().to_numpy(dtype=float)
        farthest = min(np.nanmax(ends), 3 * np.nanmax(ends[:, 0]))
        out[kind] = max(out.get(kind, 0.1), 1.08 * float(farthest))
    return out
