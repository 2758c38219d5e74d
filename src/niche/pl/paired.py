"""Ligand and receptor of every patient, organ by organ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche.get._compare_chosen import EDGE, Edges, comparison_of, named_edges
from niche.get.compare_samples import compare_samples
from niche.pl import _compared, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDES = (("ligand", "L", "source"), ("receptor", "R", "target"))
_HIGH = 1.75
_CAUTION = (
    "dot: a patient in an organ, all samples together; line: the same patient in several organs;\n"
    "bar: mean, weighted as in the test. Hollow: not in the model. Hatched: no value can be told there.\n"
    "Both panels of an edge span the same number of doublings."
)


def paired(
    adata: ad.AnnData,
    edges: Edges | None = None,
    *,
    contrast: str | Sequence[str] | None = None,
    n_top: int = 4,
    key: str = keys.COMPARE_COMMUNICATION,
) -> Figure:
    """Draw ligand and receptor of edges in every patient, joined across organs.

    A row of panels is an edge, its ligand in the sender on the left, its receptor in the receiver on the
    right; organs stand side by side. A line joins the organs of one patient. So one sees which side moves,
    and whether it moves within patients.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.compare_communication` was run.
    edges
        Rows of :func:`niche.get.compare_communication`, or tuples ``(source, target, ligand_complex,
        receptor_complex)``. By default the ``n_top`` edges that can be called, called ones first, then by
        p-value.
    contrast
        Comparisons from which the top edges are taken; each organ against the others by default.
    n_top
        Number of edges where none are given.
    key
        The ``key_added`` of the run.

    Returns
    -------
    Figure
        Two axes per edge. Where nothing can be called the figure says why.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputValueError
        An edge or contrast that is not in the run, the omnibus, ``n_top`` out of range.
    InputTypeError
        ``edges`` is neither a table nor names.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> niche.tl.compare_communication(adata)
    >>> figure = niche.pl.paired(adata, n_top=1)
    >>> len(figure.axes)
    2
    """
    from niche.pl._figure import message, panel

    validate.number(n_top, "n_top", low=1, high=30, integer=True)
    comparison = comparison_of(adata, key)
    wanted = _compared.shown_contrasts(comparison, contrast)
    if edges is None:
        found = _compared.top_rows(adata, wanted, 50 * n_top, key)
        names = list(dict.fromkeys(zip(*(found[name] for name in EDGE), strict=True)))[:n_top]
    else:
        names = named_edges(edges)
    if not names:
        figure, axes = panel(None, width=7, height=2.6)
        text = (
            "no edge was chosen"
            if edges is not None
            else _compared.nothing(adata, wanted, key, "no edge can be called")
        )
        message(axes, text)
        return figure
    samples = compare_samples(adata, names, key=key)
    samples = samples.astype(dict.fromkeys((*EDGE, "organ", "patient", "tissue", "reason"), str))
    organs = _organs(samples)
    figure, grid = _canvas(len(names), organs)
    for row, name in zip(grid, names, strict=True):
        mine = samples[(samples[list(EDGE)] == list(name)).all(axis=1)]
        _row(row, mine, organs)
    _labels(figure, grid, names, organs)
    return figure


def _organs(samples: pd.DataFrame) -> list[str]:
    """Organs by name, primary and normal tissue after metastases."""
    tissue = samples.drop_duplicates("organ").set_index("organ")["tissue"]
    order = {name: i for i, name in enumerate(("metastasis", "primary", "normal"))}
    return sorted(tissue.index, key=lambda name: (order[tissue[name]], name))


def _canvas(n_edges: int, organs: list[str]) -> tuple[Figure, list[list[Axes]]]:
    from niche.pl._figure import ShownFigure

    wide = max(1.9, 0.62 * len(organs))
    width, height = 2 * wide + 1.5, n_edges * (_HIGH + 0.5) + 1.5
    figure = ShownFigure(figsize=(width, height))
    grid = []
    for i in range(n_edges):
        bottom = height - 0.75 - _HIGH - i * (_HIGH + 0.5)
        grid.append(
            [
                figure.add_axes(
                    ((0.6 + j * (wide + 0.55)) / width, bottom / height, wide / width, _HIGH / height)
                )
                for j in range(2)
            ]
        )
    return figure, grid


def _row(axes: Sequence[Axes], mine: pd.DataFrame, organs: list[str]) -> None:
    """Both sides of one edge."""
    known = [mine[f"{side}_log2cpm"].dropna() for side, _, _ in SIDES]
    span = max([float(np.ptp(values)) for values in known if len(values)] + [1.0]) * 1.2
    for ax, (side, _, _), values in zip(axes, SIDES, known, strict=True):
        middle = (values.max() + values.min()) / 2 if len(values) else 0.0
        ax.set_xlim(-0.5, len(organs) - 0.5)
        ax.set_ylim(middle - span / 2, middle + span / 2)
        _patients(ax, mine, side, organs)


def _patients(ax: Axes, mine: pd.DataFrame, side: str, organs: list[str]) -> None:
    colors, place = palette.organ_colors(organs), {name: i for i, name in enumerate(organs)}
    value = f"{side}_log2cpm"
    shift = {
        name: offset
        for _, part in mine.groupby("organ", sort=True)
        for name, offset in zip(part.index, _spread(len(part)), strict=True)
    }
    at = mine.assign(x=[place[o] + shift[i] for i, o in zip(mine.index, mine["organ"], strict=True)])
    at = at[at[value].notna()]
    for _, part in at[at["used"]].groupby("patient", sort=True):
        if len(part) > 1:
            part = part.sort_values("x")
            ax.plot(part["x"], part[value], color="#777777", linewidth=0.9, zorder=2, gid="patient")
    for organ in organs:
        part = at[at["organ"] == organ]
        used = part[part["used"]]
        if part.empty:
            x = place[organ]
            ax.axvspan(
                x - 0.45,
                x + 0.45,
                facecolor="none",
                edgecolor="#CFCFCF",
                hatch="////",
                linewidth=0,
                zorder=0,
                gid="no value",
            )
            continue
        if len(used):
            mean = np.average(used[value], weights=used[f"{side}_weight"])
            ax.hlines(
                mean,
                place[organ] - 0.3,
                place[organ] + 0.3,
                color=colors[organ],
                linewidth=2.2,
                zorder=1,
                gid="mean",
            )
        for kept, fill, gid in ((used, colors[organ], "used"), (part[~part["used"]], "white", "not used")):
            ax.scatter(
                kept["x"],
                kept[value],
                s=22,
                facecolors=fill,
                edgecolors=colors[organ] if fill == "white" else "white",
                linewidths=1.1 if fill == "white" else 0.5,
                zorder=3,
                gid=f"{gid} {organ}",
            )


def _spread(n: int) -> np.ndarray:
    return np.linspace(-0.18, 0.18, n) if n > 1 else np.zeros(1)


def _title(gene: str, cell_type: str, room: float) -> str:
    """Gene and cell type within these inches, in two lines and with the cell type cut where that takes it."""
    from niche.pl._figure import letters, short, text_width

    whole = f"{gene} in {cell_type}"
    return whole if text_width([whole]) <= room else f"{gene} in\n{short(cell_type, letters(room))}"


def _labels(
    figure: Figure, grid: list[list[Axes]], names: list[tuple[str, str, str, str]], organs: list[str]
) -> None:
    from niche.pl._figure import INK, LARGE, MEDIUM, SMALL, organ_label, text_width

    panel = grid[0][0].get_position().width * figure.get_figwidth()
    ticks = [organ_label(name).replace(" (", "\n(") for name in organs]
    inner = panel / len(organs)
    upright = text_width(ticks, SMALL) > inner
    for i, (axes, name) in enumerate(zip(grid, names, strict=True)):
        genes = (name[2].replace("_", "+"), name[3].replace("_", "+"))
        for ax, gene, cell_type, side in zip(axes, genes, name[:2], SIDES, strict=True):
            ax.set_xticks(range(len(organs)), ticks if i == len(names) - 1 else [""] * len(organs))
            ax.tick_params(labelsize=SMALL, length=2)
            if upright:
                ax.tick_params(axis="x", rotation=90)
            title = _title(f"{side[1]}: {gene}", cell_type, panel + 0.4)
            ax.set_title(title, loc="left", fontsize=MEDIUM, color=INK, pad=4, linespacing=1.0)
            ax.grid(axis="y", color="#EEEEEE", linewidth=0.6)
            ax.set_axisbelow(True)
            for spine in ("top", "right"):
                ax.spines[spine].set_visible(False)
        axes[0].set_ylabel("log2 CPM", fontsize=MEDIUM)
    height = figure.get_figheight()
    left = 0.12 / figure.get_figwidth()
    figure.text(left, 1 - 0.12 / height, "Ligand and receptor of every patient", fontsize=LARGE, va="top")
    style: dict[str, Any] = {"fontsize": SMALL, "color": "#555555", "va": "top", "linespacing": 1.3}
    drop = 0.2 + (1.05 * text_width(ticks, SMALL) if upright else 0.25)
    bottom = grid[-1][0].get_position().y0 - drop / height
    figure.text(left, bottom, _CAUTION, gid="caution", **style)
