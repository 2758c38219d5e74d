"""How stable clusters are at each resolution, and the resolution suggested."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche.errors import InputValueError, MissingKeyError
from niche.get.cluster import cluster as get_cluster
from niche.pl import palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT, _COLUMNS = 3.3, 2.5, 3


def stability(
    adata: ad.AnnData, *, compartment: str | None = None, key: str = keys.CLUSTER, ax: Axes | None = None
) -> Axes | Figure:
    """Draw the agreement of clusters between seeds and between subsamples against the resolution.

    One panel per compartment. The band reaches down to the lowest of all comparisons; above each resolution
    stands its number of clusters, and from the dotted level on the mean counts as stable. The suggested
    resolution is marked; a resolution that was used instead has a dotted line.

    Parameters
    ----------
    adata
        Annotated data on which :func:`niche.tl.cluster` assessed stability.
    compartment
        Draw this one only.
    key
        The ``key_added`` it was run with.
    ax
        Axes to draw into (one compartment); a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given.

    Raises
    ------
    MissingKeyError
        :func:`niche.tl.cluster` was not run, or did not assess stability.
    StaleResultError
        The samples, compartments, genes or values have changed since.
    InputValueError
        No such compartment; several compartments for one ``ax``.
    InputTypeError
        ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.cluster(adata, compartment="endothelial", embedding=False)
    >>> figure = niche.pl.stability(adata)
    >>> figure.axes[0].get_xlabel()
    'resolution'
    """
    from niche.pl._figure import ShownFigure, given_axes

    curves = _curves(adata, compartment, key)
    groups = get_cluster(adata, key=key).set_index("compartment")
    if ax is not None:
        given_axes(ax)
        if len(curves) != 1:
            raise InputValueError(
                f"ax= takes one compartment. Got {len(curves)}: {validate.shown(curves)}. Choose with "
                "compartment=, or leave ax out for a figure with a panel for each."
            )
        ((name, curve),) = curves.items()
        _draw(ax, name, curve, groups.loc[name], legend=True)
        return ax
    columns = min(len(curves), _COLUMNS)
    rows = -(-len(curves) // columns)
    figure = ShownFigure(figsize=(columns * _WIDTH + 0.2, rows * _HEIGHT), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for i, (axes, (name, curve)) in enumerate(zip(grid.flat, curves.items(), strict=False)):
        _draw(axes, name, curve, groups.loc[name], legend=i == 0)
        if i % columns:
            axes.set_ylabel("")
    for axes in grid.flat[len(curves) :]:
        axes.remove()
    return figure


def _curves(adata: ad.AnnData, compartment: str | None, key: str) -> dict[str, pd.DataFrame]:
    table = get_cluster(adata, key=key, what="stability")
    if not len(table):
        raise MissingKeyError(
            f"adata.uns[{key!r}] holds no stability: no group was big enough, or it was not assessed. Run "
            "niche.tl.cluster with stability=True first."
        )
    names = list(dict.fromkeys(table["compartment"]))
    if compartment is not None:
        validate.choice(compartment, "compartment", names)
        names = [compartment]
    return {name: table[table["compartment"] == name].reset_index(drop=True) for name in names}


def _draw(ax: Axes, name: str, curve: pd.DataFrame, group: pd.Series, *, legend: bool) -> None:
    from niche.pl._figure import FAINT, INK, LARGE, MEDIUM, SMALL

    color = palette.COMPARTMENTS.get(name, INK)
    x = np.arange(len(curve))
    ax.axhline(keys.STABLE_ARI, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)), gid="threshold")
    ax.fill_between(
        x,
        curve["ari_low"],
        curve["ari_mean"],
        color=color,
        alpha=0.15,
        linewidth=0,
        label="down to the lowest",
    )
    ax.plot(x, curve["ari_seeds"], color=color, linewidth=1, linestyle="--", label="between seeds")
    ax.plot(x, curve["ari_subsamples"], color=color, linewidth=1, linestyle=":", label="between subsamples")
    ax.plot(
        x, curve["ari_mean"], color=color, linewidth=2, marker="o", markersize=3, label="mean", gid="mean"
    )
    for place, n_clusters in zip(x, curve["n_clusters"], strict=True):
        ax.text(float(place), 1.035, str(n_clusters), ha="center", va="bottom", fontsize=SMALL, color=FAINT)
    _mark(ax, x, curve, group)
    ax.set_xticks(x, [f"{value:g}" for value in curve["resolution"]], fontsize=SMALL)
    ax.set_ylim(0, 1.12)
    ax.set_xlim(-0.6, len(x) - 0.4)
    ax.set_yticks([0, 0.5, keys.STABLE_ARI, 1])
    ax.tick_params(labelsize=SMALL, length=2)
    ax.set_xlabel("resolution", fontsize=MEDIUM)
    ax.set_ylabel("adjusted Rand index", fontsize=MEDIUM)
    ax.set_title(f"{name.replace('_', ' ')}, {int(group['n_cells']):,} cells", loc="left", fontsize=LARGE)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    if legend:
        ax.legend(loc="lower left", fontsize=SMALL, frameon=False, handlelength=1.8, labelspacing=0.25)


def _mark(ax: Axes, x: np.ndarray, curve: pd.DataFrame, group: pd.Series) -> None:
    """The suggested resolution, and the one that was used where it is another."""
    from niche.pl._figure import INK, SMALL

    suggested = curve["suggested"].to_numpy(dtype=bool)
    if suggested.any():
        place, row = float(x[suggested][0]), curve[suggested].iloc[0]
        unstable = ", not stable" if str(row["reason"]).startswith("not stable") else ""
        ax.axvline(place, color=INK, linewidth=0.8, ymax=1 / 1.12, gid="suggested")
        ax.plot([place], [row["ari_mean"]], marker="o", markersize=7, markerfacecolor="none", color=INK)
        right = place > (len(x) - 1) / 2
        ax.annotate(
            f"suggested {row['resolution']:g}{unstable}",
            (place, 0.42),
            xytext=(-3 if right else 3, 0),
            textcoords="offset points",
            ha="right" if right else "left",
            fontsize=SMALL,
            color=INK,
        )
    used = float(group["resolution"])
    resolutions = curve["resolution"].to_numpy(dtype=float)
    if not suggested.any() or used != float(resolutions[suggested][0]):
        place = float(np.interp(used, resolutions, x))
        ax.axvline(place, color=INK, linewidth=0.8, linestyle=":", ymax=1 / 1.12, gid="used")
