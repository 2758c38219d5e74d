"""Which pathways hold the edges that differ between organs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche._stats.contrasts import Contrast
from niche.get._compare_chosen import comparison_of
from niche.pl import _compared, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HIGHER, LOWER = ("specific", "enriched"), ("depleted",)
_PITCH, _SHIFT = 0.27, 0.22
_SMALLEST, _LARGEST = 14.0, 170.0
_CAUTION = (
    "dot: edges of the pathway that are higher (left) or lower (right)\n"
    "in the organ; counts of edges, no test of the pathway. Faint point:\n"
    "edges could be called, none is. Hatched: none can be called."
)


def pathways(
    adata: ad.AnnData,
    *,
    contrast: str | Sequence[str] | None = None,
    n_top: int = 25,
    key: str = keys.COMPARE_COMMUNICATION,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw, organ by organ, how many edges of each pathway are enriched and depleted.

    Two dots in every tile: enriched (or specific) edges on the left, depleted ones on the right. Their size
    is the number of edges, their colour the median log2 fold change. A count of edges is no test of the
    pathway: edges that share a ligand move together.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.compare_communication` was run.
    contrast
        Columns; each organ against the others by default. The omnibus has no sign.
    n_top
        Number of pathways, those with the most called edges first.
    key
        The ``key_added`` of the run.
    ax
        Axes to draw into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given. Where no edge is called the axes say so, and why.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputValueError
        A contrast that is not in the run, the omnibus, ``n_top`` out of range.
    InputTypeError
        ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> niche.tl.compare_communication(adata)
    >>> figure = niche.pl.pathways(adata)
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['bone', 'brain', 'liver', 'lung']
    """
    from niche.pl._figure import message, panel

    validate.number(n_top, "n_top", low=1, high=200, integer=True)
    comparison = comparison_of(adata, key)
    wanted = _compared.shown_contrasts(comparison, contrast)
    rows = _compared.table_of(adata, wanted, key, call=_compared.CALLABLE)
    counted = _counts(rows, wanted, n_top)
    if counted.empty:
        figure, axes = panel(ax, width=7, height=2.8)
        n = len(rows)
        words = f"none of {n:,} tests is enriched or depleted" if n else "no edge can be called"
        message(axes, _compared.nothing(adata, wanted, key, words))
        return figure if ax is None else axes
    names = list(dict.fromkeys(counted.sort_values("y")["pathway"]))
    figure, axes = _canvas(ax, names, wanted)
    dots = _dots(axes, counted, rows, wanted)
    _labels(axes, names, wanted)
    _beside(axes, dots, counted)
    axes.set_title("Pathways of the edges that differ", loc="left", fontsize=10, pad=26)
    return figure if ax is None else axes


def _counts(rows: pd.DataFrame, wanted: list[Contrast], n_top: int) -> pd.DataFrame:
    """One row per dot and per tile without any: number of edges, median effect, ``x`` and ``y``."""
    called = rows[rows["call"].isin((*HIGHER, *LOWER))]
    total = called["pathway"].value_counts()
    names = sorted(total.index, key=lambda name: (-total[name], name))[:n_top]
    place = {one.name: i for i, one in enumerate(wanted)}
    higher = called["call"].isin(HIGHER)
    grouped = called.assign(higher=higher).groupby(["pathway", "contrast", "higher"], sort=True)
    found = grouped.agg(n=("log2fc", "size"), log2fc=("log2fc", "median")).reset_index()
    found = found[found["pathway"].isin(names)]
    tested = rows[rows["pathway"].isin(names)].groupby(["pathway", "contrast"], sort=True).size()
    idle = [
        pair
        for pair in tested.index
        if not ((found["pathway"] == pair[0]) & (found["contrast"] == pair[1])).any()
    ]
    empty = pd.DataFrame(idle, columns=["pathway", "contrast"]).assign(higher=False, n=0)
    out = pd.concat([found, empty.astype({"higher": bool})], ignore_index=True) if len(empty) else found
    shift = np.where(out["n"] == 0, 0.0, np.where(out["higher"], -_SHIFT, _SHIFT))
    x = out["contrast"].map(place).to_numpy(dtype=float) + shift
    return out.assign(x=x, y=out["pathway"].map({name: i for i, name in enumerate(names)}))


def _canvas(ax: Axes | None, names: list[str], wanted: list[Contrast]) -> tuple[Figure, Axes]:
    from niche.pl._figure import SMALL, ShownFigure, figure_of, given_axes, text_width

    if ax is not None:
        given_axes(ax)
        return figure_of(ax), ax
    column = max(0.75, text_width(_compared.column_labels(wanted), SMALL) + 0.12)
    left = 0.3 + 1.05 * text_width([_pathway(name) for name in names], SMALL)
    inner = (len(wanted) * column, max(len(names) * _PITCH, 2.7))
    width, height = left + inner[0] + 2.7, inner[1] + 1.6
    figure = ShownFigure(figsize=(width, height))
    return figure, figure.add_axes((left / width, 0.8 / height, inner[0] / width, inner[1] / height))


def _pathway(name: str) -> str:
    return name or "no pathway named"


def _dots(ax: Axes, counted: pd.DataFrame, rows: pd.DataFrame, wanted: list[Contrast]) -> Any:
    from matplotlib.colors import Normalize

    shown, idle = counted[counted["n"] > 0], counted[counted["n"] == 0]
    limit = max(1.0, float(shown["log2fc"].abs().max()))
    dots = ax.scatter(
        shown["x"],
        shown["y"],
        c=shown["log2fc"],
        s=_size(shown["n"].to_numpy(), int(shown["n"].max())),
        cmap=palette.DIVERGING,
        norm=Normalize(-limit, limit),
        edgecolors="#333333",
        linewidths=0.6,
        zorder=3,
        gid="edges",
    )
    ax.scatter(idle["x"], idle["y"], s=5, color="#BBBBBB", zorder=2, gid="none called")
    tested = set(zip(counted["contrast"], counted["y"], strict=True))
    for i, one in enumerate(wanted):
        whole = not (rows["contrast"] == one.name).any()
        for y in range(int(counted["y"].max()) + 1):
            if whole or (one.name, y) not in tested:
                ax.add_patch(_hatched(i, y))
    return dots


def _hatched(x: int, y: int) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(
        (x - 0.48, y - 0.46),
        0.96,
        0.92,
        facecolor="#F7F7F7",
        edgecolor="#CFCFCF",
        hatch="/////",
        linewidth=0,
        zorder=0,
        gid="not testable",
    )


def _size(n: np.ndarray, most: int) -> np.ndarray:
    """Area of a dot: grows with the number of edges, up to the largest number in the figure."""
    return _SMALLEST + (_LARGEST - _SMALLEST) * n / most


def _labels(ax: Axes, names: list[str], wanted: list[Contrast]) -> None:
    from niche.pl._figure import SMALL, bare

    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_yticks(range(len(names)), [_pathway(name) for name in names])
    ax.tick_params(labelsize=SMALL)
    ax.hlines(np.arange(len(names)), -0.5, len(wanted) - 0.5, color="#F0F0F0", linewidth=0.6, zorder=0)
    for x in range(1, len(wanted)):
        ax.axvline(x - 0.5, color="#DDDDDD", linewidth=0.8, zorder=0)
    bare(ax)
    _compared.organ_heads(ax, wanted)


def _beside(ax: Axes, dots: Any, counted: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    from niche.pl._figure import MEDIUM, SMALL, bar_beside, figure_of, inches_right

    bar = figure_of(ax).colorbar(dots, cax=bar_beside(ax, right=0.15, width=0.13, height=1.3))
    bar.set_label("median log2 fold change", fontsize=MEDIUM)
    bar.ax.tick_params(labelsize=SMALL)
    bar.outline.set_visible(False)
    most = int(counted["n"].max())
    values = sorted({1, max(1, round(most / 4)), most})
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker="o",
            color="#C4C4C4",
            markeredgecolor="#333333",
            markeredgewidth=0.6,
            markersize=float(np.sqrt(_size(np.array([n]), most)[0])),
            label=f"{n}",
        )
        for n in values
    ]
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        bbox_transform=inches_right(ax, 1.1),
        borderaxespad=0,
        frameon=False,
        fontsize=SMALL,
        title="edges called",
        title_fontsize=MEDIUM,
        labelspacing=1.0,
        alignment="left",
    )
    below = ax.transAxes + ScaledTranslation(0, -0.12, figure_of(ax).dpi_scale_trans)
    style: dict[str, Any] = {"fontsize": SMALL, "color": "#555555", "va": "top", "linespacing": 1.3}
    ax.text(0, 0, _CAUTION, transform=below, gid="caution", **style)
