"""Cells on a two-dimensional embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._settings import settings
from niche._slots import matrix, validate
from niche._slots.lazy import is_dask
from niche.errors import InputValueError, MissingKeyError
from niche.pl import palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BASIS = "X_niche_umap"
FALLBACK = "X_umap"
_NUMBERED_FROM = 9
_ROWS_OF_LEGEND = 18
_SIDE = 3.2
_TOGETHER = 0.5


def umap(
    adata: ad.AnnData,
    *,
    color: str | Sequence[str] | None = None,
    basis: str = BASIS,
    layer: str | None = None,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw the cells on an embedding, one panel per colouring.

    Organs and compartments have the same colours in every figure. From nine categories on, the legend
    is numbered and the numbers stand on the cells, because that many colours cannot be told apart by
    every reader. Cells are drawn in a shuffled order (fixed seed), so that no category hides another.

    Parameters
    ----------
    adata
        Annotated data with an embedding in ``obsm``.
    color
        Columns of ``obs`` or names of genes. By default those of cell type, compartment and organ that
        exist.
    basis
        Key of ``obsm``. Without the default one, ``"X_umap"`` is taken, and the axes say so.
    layer
        Matrix that the values of genes are read from; ``X`` by default.
    ax
        Axes to draw into (one colouring); a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given.

    Raises
    ------
    MissingKeyError
        No such embedding, column or gene.
    InputValueError
        The embedding has no two columns; several colourings for one ``ax``.
    InputTypeError
        ``adata`` is no AnnData, or ``ax`` no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> adata.obsm["X_umap"] = adata.X[:, :2].toarray()
    >>> figure = niche.pl.umap(adata, color=["organ", "CXCL12"])
    >>> len(figure.axes) >= 2
    True
    """
    from niche.pl._figure import given_axes

    validate.anndata(adata)
    points, name = _embedding(adata, basis)
    wanted = _colorings(adata, color)
    found = [_values(adata, item, layer) for item in wanted]
    if ax is not None:
        given_axes(ax)
        if len(found) != 1:
            raise InputValueError(
                f"ax= takes one colouring. Got {len(found)}: {validate.shown(wanted)}. "
                "Leave ax out for a figure with a panel for each."
            )
        _draw(ax, points, name, found[0])
        return ax
    figure, drawn = _panels(found)
    for axes, values in zip(drawn, found, strict=True):
        _draw(axes, points, name, values)
    return figure


@dataclass(frozen=True)
class _Values:
    """One colouring: a category or a number per cell, and what it is called."""

    name: str
    kind: str
    values: pd.Series
    unit: str


def _embedding(adata: ad.AnnData, basis: str) -> tuple[np.ndarray, str]:
    if not isinstance(basis, str):
        raise InputValueError(f"basis must be a key of adata.obsm. Got {basis!r}.")
    name = FALLBACK if basis == BASIS and basis not in adata.obsm and FALLBACK in adata.obsm else basis
    if name not in adata.obsm:
        raise MissingKeyError(
            f"embedding {basis!r} not found in adata.obsm. Available: "
            f"{validate.shown(adata.obsm) or 'none'}. Run niche.tl.cluster first, or name yours with basis=."
        )
    stored = adata.obsm[name]
    points = np.asarray(stored.toarray() if sparse.issparse(stored) else stored, dtype=float)
    if points.ndim != 2 or points.shape[1] < 2:
        raise InputValueError(f"adata.obsm[{name!r}] must have two columns. Got shape {points.shape}.")
    if not np.isfinite(points[:, :2]).all(axis=1).any():
        raise InputValueError(f"adata.obsm[{name!r}] has no cell with finite coordinates.")
    return points[:, :2], name


def _colorings(adata: ad.AnnData, color: str | Sequence[str] | None) -> list[str]:
    if color is None:
        defaults = (settings.groupby, settings.compartment_key, settings.organ_key)
        listed = [name for name in defaults if name in adata.obs.columns]
        if not listed:
            raise MissingKeyError(
                f"none of the columns {validate.shown(defaults)} found in adata.obs. "
                f"Available: {validate.shown(adata.obs.columns) or 'none'}. Choose with color=."
            )
        return listed
    listed = [color] if isinstance(color, str) else list(color)
    if not listed:
        raise InputValueError("color must name at least one column of adata.obs or gene. Got an empty list.")
    return listed


def _values(adata: ad.AnnData, name: str, layer: str | None) -> _Values:
    if name in adata.obs.columns:
        values = adata.obs[name].reset_index(drop=True)
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            return _Values(name, "number", values.astype(float), "")
        kinds = {
            settings.organ_key: "organ",
            settings.compartment_key: "compartment",
            settings.tissue_key: "tissue",
        }
        return _Values(name, kinds.get(name, "category"), _categories(values), "")
    if name not in adata.var_names:
        raise MissingKeyError(
            f"{name!r} is neither a column of adata.obs nor a gene. "
            f"Columns: {validate.shown(adata.obs.columns)}; genes: {validate.shown(adata.var_names[:5])}, ..."
        )
    stored = matrix.stored_values(adata, layer)
    column = stored[:, [int(adata.var_names.get_loc(name))]]
    column = column.compute() if is_dask(column) else column
    dense = column.toarray() if sparse.issparse(column) else np.asarray(column)
    unit = "counts" if matrix.detect_kind(adata, layer) == "counts" else "log1p-normalised"
    return _Values(name, "number", pd.Series(dense.ravel().astype(float)), unit)


def _categories(values: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.CategoricalDtype):
        names = [str(name) for name in values.cat.remove_unused_categories().cat.categories]
    else:
        names = sorted({str(value) for value in values.dropna()})
    return pd.Series(pd.Categorical(values.astype(object).map(str, na_action="ignore"), categories=names))


def _panels(found: list[_Values]) -> tuple[Figure, list[Axes]]:
    """Square panels of one size in rows, with the room that the legends of their column need."""
    from niche.pl._figure import ShownFigure

    columns = min(len(found), 3 if len(found) in (3, 5, 6, 9) else 2)
    rows = -(-len(found) // columns)
    room = [max(_room(values) for values in found[i::columns]) for i in range(columns)]
    width, height = columns * (_SIDE + 0.45) + sum(room), rows * (_SIDE + 0.75)
    figure = ShownFigure(figsize=(width, height))
    drawn = []
    for i in range(len(found)):
        row, column = divmod(i, columns)
        left = 0.3 + column * (_SIDE + 0.45) + sum(room[:column])
        bottom = height - (row + 1) * (_SIDE + 0.75) + 0.35
        drawn.append(figure.add_axes((left / width, bottom / height, _SIDE / width, _SIDE / height)))
    return figure, drawn


def _room(found: _Values) -> float:
    """Inches that the legend of a panel takes."""
    from niche.pl._figure import SMALL, text_width

    if found.kind == "number":
        return 0.85
    names = [str(name) for name in found.values.cat.categories]
    return -(-len(names) // _ROWS_OF_LEGEND) * (1.15 * text_width(names, SMALL) + 0.5) + 0.1


def _draw(ax: Axes, points: np.ndarray, basis: str, found: _Values) -> None:
    from niche.pl._figure import FAINT, LARGE, SMALL, bare

    finite = np.isfinite(points).all(axis=1)
    order = np.random.default_rng(0).permutation(np.flatnonzero(finite))
    size = float(np.clip(12_000 / max(order.size, 1), 0.6, 14))
    if found.kind == "number":
        _numbers(ax, points[order], found, order, size)
    else:
        _labels(ax, points[order], found, order, size)
    ax.set_title(found.name if found.unit else found.name.replace("_", " "), loc="left", fontsize=LARGE)
    for side, number in (("x", 1), ("y", 2)):
        getattr(ax, f"set_{side}label")(f"{basis} {number}", fontsize=SMALL, color=FAINT)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_aspect("equal", adjustable="datalim")
    bare(ax)
    missing = int((~finite).sum())
    if missing:
        words = f"{missing:,} cells are not in this embedding"
        ax.text(0, 0, words, transform=ax.transAxes, fontsize=SMALL, color=FAINT, va="bottom")


def _numbers(ax: Axes, points: np.ndarray, found: _Values, order: np.ndarray, size: float) -> None:
    from niche.pl._figure import MEDIUM, SMALL, figure_of

    values = found.values.to_numpy()[order]
    known = np.isfinite(values)
    style: dict[str, Any] = {"s": size, "linewidths": 0, "rasterized": True}
    if not known.all():
        ax.scatter(points[~known, 0], points[~known, 1], color=palette.MISSING, gid="missing", **style)
    if not known.any():
        ax.text(0.5, 0.5, "no values", transform=ax.transAxes, ha="center", fontsize=MEDIUM)
        return
    rising = np.argsort(values[known], kind="stable")
    # High values on top: expression is sparse, and a few positive cells must not drown in zeros.
    drawn = ax.scatter(
        points[known][rising, 0],
        points[known][rising, 1],
        c=values[known][rising],
        cmap=palette.MAGNITUDE,
        gid=found.name,
        **style,
    )
    bar = figure_of(ax).colorbar(drawn, cax=ax.inset_axes((1.03, 0.2, 0.04, 0.6)))
    bar.set_label(found.unit, fontsize=MEDIUM)
    bar.ax.tick_params(labelsize=SMALL)
    bar.outline.set_visible(False)


def _labels(ax: Axes, points: np.ndarray, found: _Values, order: np.ndarray, size: float) -> None:
    codes = found.values.cat.codes.to_numpy()[order]
    names = [str(name) for name in found.values.cat.categories]
    colors = palette.category_colors(names, found.kind)
    shades = np.array([*(colors[name] for name in names), palette.MISSING], dtype=object)
    ax.scatter(
        points[:, 0],
        points[:, 1],
        c=shades[codes].tolist(),
        s=size,
        linewidths=0,
        rasterized=True,
        gid=found.name,
    )
    numbered = len(names) >= _NUMBERED_FROM
    if numbered:
        _numbers_on_cells(ax, points, codes, len(names))
    entries = [
        (f"{i + 1}  {name}" if numbered else name.replace("_", " "), colors[name])
        for i, name in enumerate(names)
    ]
    if (codes < 0).any():
        entries.append(("no label", palette.MISSING))
    _legend(ax, entries)


def _numbers_on_cells(ax: Axes, points: np.ndarray, codes: np.ndarray, n: int) -> None:
    """Number of each category that lies together, on a cell near its median and clear of other numbers."""
    from matplotlib.patheffects import withStroke

    from niche.pl._figure import INK, SMALL

    span = float(np.ptp(points, axis=0).max())
    wide = np.median(np.linalg.norm(points - np.median(points, axis=0), axis=1))
    placed = np.empty((0, 2))
    for code in range(n):
        mine = points[codes == code]
        if not len(mine):
            continue
        away = np.linalg.norm(mine - np.median(mine, axis=0), axis=1)
        if n > 1 and np.median(away) > _TOGETHER * wide:
            continue
        by_distance = mine[np.argsort(away, kind="stable")]
        gaps = np.linalg.norm(by_distance[:, None] - placed[None], axis=2).min(axis=1, initial=np.inf)
        clear = np.flatnonzero(gaps > 0.05 * span)
        place = by_distance[clear[0] if clear.size else 0]
        placed = np.vstack([placed, place])
        ax.text(
            float(place[0]),
            float(place[1]),
            str(code + 1),
            fontsize=SMALL,
            color=INK,
            ha="center",
            va="center",
            gid="number",
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )


def _legend(ax: Axes, entries: list[tuple[str, str]]) -> None:
    from matplotlib.lines import Line2D

    from niche.pl._figure import SMALL

    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=5, color=color, label=label)
        for label, color in entries
    ]
    ax.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
        fontsize=SMALL,
        ncols=-(-len(handles) // _ROWS_OF_LEGEND),
        handletextpad=0.2,
        labelspacing=0.35,
        columnspacing=0.8,
    )
