"""The study design as a grid of patients and organs."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys
from niche._slots.organ_names import organ_name
from niche.get.design import design as get_design
from niche.pl.palette import organ_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TISSUE_ORDER = ("metastasis", "primary", "normal")
_DESCRIBE = "describe only"
_MOST_LABELS = 80


def design(adata: ad.AnnData, *, key: str = keys.DESIGN, ax: Axes | None = None) -> Axes | Figure:
    """Draw which patient gave which organ, with how many cells, and what that allows.

    Rows are patients, columns are organs by tissue; a tile is one patient's material from one organ,
    coloured by its number of cells (logarithmic) and numbered: ``120 + 340`` are two samples. A line
    joins the tiles of a patient who gave several (paired design). The head of a column says how many
    patients it has and, in words, what they allow; organs that can only be described are hatched.

    Parameters
    ----------
    adata
        Annotated data on which :func:`niche.pp.check` was run.
    key
        The ``key_added`` it was run with.
    ax
        Axes to draw into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given.

    Raises
    ------
    MissingKeyError
        :func:`niche.pp.check` was not run.
    StaleResultError
        The labels or genes have changed since.
    InputTypeError
        ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> report = niche.pp.check(adata, "cell_type")
    >>> figure = niche.pl.design(adata)
    >>> figure.axes[0].get_ylabel()
    'patient'
    """
    from niche.pl._figure import SMALL, panel, text_width

    samples = get_design(adata, what="samples", key=key)
    organs = _columns(get_design(adata, what="organs", key=key))
    cells, texts = _grid(samples, organs)
    room = text_width(list(cells.index)) + 1.6
    widest = max(
        text_width([_head(row) for row in organs.to_dict("records")], SMALL), text_width(list(texts.ravel()))
    )
    pitch = 0.24 if len(cells) <= _MOST_LABELS else 0.06
    figure, axes = panel(
        ax, width=room + len(organs) * max(widest + 0.12, 0.8), height=1.9 + len(cells) * pitch
    )
    _tiles(axes, cells, texts)
    _pairs(axes, cells)
    _heads(axes, organs, len(cells))
    axes.set_title(_title(samples, cells), loc="left", fontsize=10, pad=10)
    return figure if ax is None else axes


def _columns(organs: pd.DataFrame) -> pd.DataFrame:
    order = organs["tissue"].map({name: i for i, name in enumerate(_TISSUE_ORDER)})
    return organs.assign(order=order).sort_values(["order", "organ"], kind="stable").reset_index(drop=True)


def _grid(samples: pd.DataFrame, organs: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Cells of every patient and column (0: no sample), and what the tile says; paired patients first."""
    place = {(o, t): i for i, (o, t) in enumerate(zip(organs["organ"], organs["tissue"], strict=True))}
    column = [place[pair] for pair in zip(samples["organ"], samples["tissue"], strict=True)]
    parts = samples.assign(column=column).groupby(["patient", "column"], sort=True)["n_cells"]
    cells = parts.sum().unstack(fill_value=0).reindex(columns=range(len(organs)), fill_value=0)
    words = parts.agg(lambda n: " + ".join(f"{value:,}" for value in n)).unstack(fill_value="")
    words = words.reindex(columns=range(len(organs)), fill_value="").fillna("")
    held = cells.to_numpy() > 0
    first = np.where(held.any(axis=1), held.argmax(axis=1), len(organs))
    order = np.lexsort((cells.index.astype(str), -cells.to_numpy().sum(axis=1), first, -held.sum(axis=1)))
    cells.index = cells.index.astype(str)
    return cells.iloc[order], words.to_numpy()[order]


def _tiles(ax: Axes, cells: pd.DataFrame, texts: np.ndarray) -> None:
    import seaborn as sns
    from matplotlib.colors import LogNorm

    from niche.pl._figure import MEDIUM, SMALL, bare

    named = len(cells) <= _MOST_LABELS
    low, high = max(cells.to_numpy()[cells.to_numpy() > 0].min(), 1), cells.to_numpy().max()
    sns.heatmap(
        cells,
        ax=ax,
        mask=cells.to_numpy() == 0,
        norm=LogNorm(low, max(high, low * 2)),
        cmap="mako_r",
        annot=texts if named else None,
        fmt="",
        annot_kws={"fontsize": SMALL},
        linewidths=1.5 if named else 0,
        linecolor="white",
        cbar_kws={"label": "cells per patient and organ", "shrink": 0.6, "aspect": 16},
        yticklabels=named,
    )
    bar = ax.collections[0].colorbar
    if bar is not None:
        ticks = np.unique(np.round(np.geomspace(low, max(high, low * 2), 4)))
        bar.set_ticks(ticks.tolist(), labels=[f"{value:,.0f}" for value in ticks])
        bar.minorticks_off()
        bar.ax.tick_params(labelsize=SMALL)
        bar.ax.yaxis.label.set_fontsize(MEDIUM)
        bar.outline.set_visible(False)
    ax.tick_params(axis="y", labelsize=MEDIUM, rotation=0)
    ax.set_ylabel("patient", fontsize=MEDIUM)
    ax.set_xlabel("")
    ax.hlines(np.arange(1, len(cells)), 0, cells.shape[1], color="#EEEEEE", linewidth=0.6, zorder=0)
    bare(ax)


def _pairs(ax: Axes, cells: pd.DataFrame) -> None:
    """A line through the tiles of each patient who gave several."""
    for row, held in enumerate(cells.to_numpy() > 0):
        columns = np.flatnonzero(held)
        for left, right in pairwise(columns):
            ends = (left + 0.93, right + 0.07)
            ax.plot(
                ends,
                (row + 0.5, row + 0.5),
                color="#222222",
                linewidth=2,
                solid_capstyle="butt",
                gid="paired",
            )


def _heads(ax: Axes, organs: pd.DataFrame, n_rows: int) -> None:
    from matplotlib.patches import Rectangle
    from matplotlib.transforms import ScaledTranslation

    from niche.pl._figure import SMALL, figure_of

    figure = figure_of(ax)
    above = ax.get_xaxis_transform() + ScaledTranslation(0, 5 / 72, figure.dpi_scale_trans)
    labels = [organ_name(o, t) for o, t in zip(organs["organ"], organs["tissue"], strict=True)]
    colors = organ_colors(labels)
    ax.xaxis.tick_top()
    ax.set_xticks(np.arange(len(organs)) + 0.5, [_head(row) for row in organs.to_dict("records")], rotation=0)
    ax.tick_params(axis="x", labelsize=SMALL, length=0, pad=8)
    for i, (tick, label) in enumerate(zip(ax.get_xticklabels(), labels, strict=True)):
        ax.plot(
            (i + 0.03, i + 0.97),
            (1, 1),
            color=colors[label],
            linewidth=6,
            solid_capstyle="butt",
            clip_on=False,
            transform=above,
            gid="organ",
        )
        if organs["possible"].iloc[i] == _DESCRIBE:
            tick.set_color("#8B1A1A")
            ax.add_patch(
                Rectangle(
                    (i, 0),
                    1,
                    n_rows,
                    facecolor="none",
                    edgecolor="#DDDDDD",
                    hatch="////",
                    linewidth=0,
                    zorder=-1,
                    gid=_DESCRIBE,
                )
            )


def _head(organ: dict[Any, Any]) -> str:
    from niche.pl._figure import organ_label

    n = int(organ["n_patients"])
    usable = int(organ["n_patients_usable"])
    people = f"{n} patient" if n == 1 else f"{n} patients"
    lines = [organ_label(str(organ["organ"])), str(organ["tissue"]), people]
    lines += [f"{usable} usable"] if usable < n else []
    return "\n".join([*lines, str(organ["possible"])])


def _title(samples: pd.DataFrame, cells: pd.DataFrame) -> str:
    n_paired = int(((cells.to_numpy() > 0).sum(axis=1) > 1).sum())
    paired = f"{n_paired} with several organs or tissues (joined)" if n_paired else "none paired"
    return f"{len(samples)} samples of {len(cells)} patients, {paired}"
