"""Copy-number signal against correlation of every cell, coloured by the probability of malignancy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import anndata as ad
import numpy as np
import pandas as pd

from niche import get
from niche._slots import keys, validate
from niche.errors import InputValueError
from niche.pl import palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS, _SIDE_X, _SIDE_Y = 4, 2.15, 1.75
_MOST = 24
_SMALLEST = 1e-5
_IN_WORDS = {"yes": "copy-number evidence", "no": "no copy-number evidence", "not_assessed": "not assessed"}
_SHORT = {"yes": "evidence: yes", "no": "evidence: no", "not_assessed": "not assessed"}


def malignant_evidence(
    adata: ad.AnnData,
    *,
    samples: Sequence[str] | str | None = None,
    key: str = keys.COMPARTMENTS,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw what the malignant call rests on, one panel per sample.

    Across lies the copy-number signal of a cell (mean square of its profile, logarithmic), up its
    correlation with the mean profile of the sample's putative tumor cells. Tumor cells stand at the upper
    right, normal cells at the lower left. Correlation alone proves nothing: the title of a panel says
    whether two halves of the genes see the same gains and losses (coherence), and so whether there is
    copy-number evidence.

    Parameters
    ----------
    adata
        Annotated data on which :func:`niche.tl.call_compartments` was run and copy number was assessed.
    samples
        Samples to draw. By default the 24 with most cells among those with a putative tumor.
    key
        The ``key_added`` of the run.
    ax
        Axes to draw into (one sample); a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given.

    Raises
    ------
    MissingKeyError
        :func:`niche.tl.call_compartments` was not run.
    StaleResultError
        The labels, genes or values have changed since.
    InputValueError
        An unknown sample, or several samples for one ``ax``.
    InputTypeError
        ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.call_compartments(adata)
    >>> figure = niche.pl.malignant_evidence(adata)
    >>> len(figure.axes) > 1
    True
    """
    from niche.pl._figure import given_axes, message, panel

    cells = get.compartments(adata, level="cells", key=key)
    table = get.compartments(adata, level="samples", key=key).set_index("sample")
    wanted = _wanted(samples, cells, table)
    if ax is not None:
        given_axes(ax)
        if len(wanted) > 1:
            raise InputValueError(
                f"ax= takes one sample. Got {len(wanted)}: {validate.shown(wanted)}. Name one with samples=, "
                "or leave ax out for a figure with a panel for each."
            )
    if not wanted:
        figure, axes = panel(ax, width=5.0, height=1.6)
        message(axes, _nothing(table))
        return figure if ax is None else ax
    if ax is not None:
        _panel(ax, cells[cells["sample"] == wanted[0]], table.loc[wanted[0]], wanted[0])
        return ax
    return _figure(cells, table, wanted)


def _wanted(samples: Sequence[str] | str | None, cells: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    if samples is None:
        drawable = cells.loc[cells["cnv_correlation"].notna(), "sample"].unique()
        sizes = table.loc[table.index.isin(drawable), "n_cells"]
        return sorted(sizes.sort_values(ascending=False, kind="stable").index[:_MOST].tolist())
    listed = [samples] if isinstance(samples, str) else [str(name) for name in samples]
    unknown = [name for name in listed if name not in table.index]
    if unknown or not listed:
        raise InputValueError(
            f"samples: {validate.shown(unknown) or 'none named'} not found. Samples of this result: "
            f"{validate.shown(table.index)}."
        )
    return listed


def _nothing(table: pd.DataFrame) -> str:
    counts = table["copy_number"].value_counts()
    listed = ", ".join(f"{_IN_WORDS[str(name)]} in {n}" for name, n in counts.items())
    return f"No sample has a putative tumor to correlate with\n({listed})"


def _figure(cells: pd.DataFrame, table: pd.DataFrame, wanted: list[str]) -> Figure:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    from niche.pl._figure import FAINT, MEDIUM, SMALL, ShownFigure

    columns = min(_COLUMNS, len(wanted))
    rows = -(-len(wanted) // columns)
    figure = ShownFigure(
        figsize=(columns * _SIDE_X + 1.0, rows * (_SIDE_Y + 0.35) + 0.5), layout="constrained"
    )
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name in zip(grid, wanted, strict=False):
        _panel(axes, cells[cells["sample"] == name], table.loc[name], name)
    for axes in grid[len(wanted) :]:
        axes.remove()
    drawn = list(grid[: len(wanted)])
    across, up = (np.array([getattr(axes, f"get_{side}lim")() for axes in drawn]) for side in ("x", "y"))
    for i, axes in enumerate(drawn):
        if axes.has_data():
            axes.set_xlim(min(across[:, 0].min(), across[:, 1].max() / 11), across[:, 1].max())
            axes.set_ylim(up[:, 0].min(), 1.0)
        if i % columns:
            axes.tick_params(labelleft=False)
    figure.supxlabel("copy-number signal (mean square)", fontsize=MEDIUM)
    figure.supylabel("correlation with putative tumor", fontsize=MEDIUM)
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, 1), palette.MAGNITUDE), ax=drawn, shrink=min(1.0, 1.6 / rows), aspect=18
    )
    bar.set_label("probability of malignancy", fontsize=MEDIUM)
    bar.ax.tick_params(labelsize=SMALL)
    bar.outline.set_visible(False)
    left = len(table) - len(wanted)
    if left:
        counts = table.loc[~table.index.isin(wanted), "copy_number"].value_counts()
        listed = ", ".join(f"{n} {_IN_WORDS[str(name)]}" for name, n in counts.items())
        figure.suptitle(f"not drawn: {listed}", fontsize=SMALL, color=FAINT, x=0.01, ha="left")
    return figure


def _panel(ax: Axes, cells: pd.DataFrame, row: pd.Series, name: str) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    from niche.pl._figure import FAINT, INK, MEDIUM, SMALL, message

    known = cells[cells["cnv_correlation"].notna() & cells["cnv_signal"].notna()]
    state = str(row["copy_number"])
    title = f"{name}\n{_SHORT[state]}"
    if known.empty:
        message(ax, f"{name}\n{_IN_WORDS[state]}:\n{row['reason']}")
        return
    probability = known["malignant_probability"].to_numpy(dtype=float)
    x = np.maximum(known["cnv_signal"].to_numpy(dtype=float), _SMALLEST)
    y = known["cnv_correlation"].to_numpy(dtype=float)
    size = float(np.clip(2_500 / len(known), 3, 12))
    told = np.isfinite(probability)
    # The undecided lie between two clouds and must not drown in them.
    order = np.argsort(-np.abs(np.where(told, probability, 0.5) - 0.5), kind="stable")
    order = order[told[order]]
    ax.scatter(
        x[~told], y[~told], s=size, color=palette.MISSING, linewidths=0, gid="missing", rasterized=True
    )
    ax.scatter(
        x[order], y[order], c=probability[order], s=size, cmap=palette.MAGNITUDE, vmin=0, vmax=1,
        linewidths=0, gid="cells", rasterized=True,
    )  # fmt: skip
    ax.set_xscale("log")
    ax.axhline(0, color=FAINT, linewidth=0.5, zorder=0)
    ax.set_ylim(min(-0.3, float(y.min()) - 0.05), 1.0)
    coherence = float(row["coherence"])
    if np.isfinite(coherence):
        title += f", coherence {coherence:.2f}"
    ax.set_title(title, loc="left", fontsize=MEDIUM, color=INK if state == "yes" else FAINT)
    ax.tick_params(labelsize=SMALL)
    ax.xaxis.set_major_locator(LogLocator(base=10, numticks=4))
    ax.xaxis.set_minor_formatter(NullFormatter())
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
