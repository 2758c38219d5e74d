"""Ambient fractions of the samples, and the genes that ambient molecules explain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche.errors import InputValueError
from niche.get.ambient import ambient as get_ambient
from niche.pl.palette import organ_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOOK = {
    "own": ("#B8B8B8", "o", 6.0, "own expression"),
    "ambient": ("#D55E00", "^", 16.0, "explained by ambient"),
    "undetermined": ("#0072B2", "s", 12.0, "explained, but not seen elsewhere"),
}
_MOST_NAMED, _MOST_ROWS = 12, 60


def ambient(
    adata: ad.AnnData,
    *,
    what: Literal["both", "fractions", "genes", "effects"] = "both",
    organ: str | None = None,
    cell_type: str | None = None,
    key: str = keys.AMBIENT,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw how much of each sample is ambient, and which genes of a cell type that explains.

    Fractions: one row per sample, grouped and coloured by organ, with the 95 % interval; thin strokes are
    its cell types. A sample without a fraction says why. Genes: the share explained against the
    expression of every gene in one cell type of one organ; shape and colour say how it is flagged, and
    the flagged genes with most ambient counts are named. Effects: the same for the difference to the
    other organs, against its log2 fold change.

    Parameters
    ----------
    adata
        Annotated data on which :func:`niche.pp.ambient` was run.
    what
        ``"both"`` (fractions and genes), ``"fractions"``, ``"genes"`` or ``"effects"``.
    organ, cell_type
        Whose genes; by default the cell type with most counts, in the organ where most of its genes are
        flagged.
    key
        The ``key_added`` it was run with.
    ax
        Axes to draw one panel into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given.

    Raises
    ------
    MissingKeyError
        :func:`niche.pp.ambient` was not run.
    StaleResultError
        The labels, genes or counts have changed since.
    InputValueError
        An organ or cell type does not exist, or ``ax`` is given for two panels.
    InputTypeError
        ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.ambient(adata)
    >>> figure = niche.pl.ambient(adata)
    >>> figure.axes[0].get_xlabel()
    'ambient counts (%)'
    """
    from niche.pl._figure import ShownFigure, panel, text_width

    validate.choice(what, "what", ("both", "fractions", "genes", "effects"))
    samples = get_ambient(adata, level="samples", key=key)
    height = min(1.5 + 0.2 * max(len(samples), 8), 14.0)
    room = text_width(samples["sample"].tolist() if len(samples) <= _MOST_ROWS else [""])
    if what != "both":
        figure, axes = panel(ax, width=room + 4.2 if what == "fractions" else 6.0, height=height)
        if what == "fractions":
            _fractions(axes, samples, get_ambient(adata, level="cell_types", key=key))
        else:
            _genes(axes, *_chosen(adata, organ, cell_type, key), effects=what == "effects")
        return figure if ax is None else axes
    if ax is not None:
        raise InputValueError("ax= takes one panel. Choose it with what='fractions', 'genes' or 'effects'.")
    figure = ShownFigure(figsize=(room + 9.6, height), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(room + 3.4, 5.4))
    _fractions(left, samples, get_ambient(adata, level="cell_types", key=key))
    _genes(right, *_chosen(adata, organ, cell_type, key), effects=False)
    return figure


def _chosen(
    adata: ad.AnnData, organ: str | None, cell_type: str | None, key: str
) -> tuple[pd.DataFrame, str]:
    """The genes of one cell type in one organ, and how to call them."""
    if cell_type is None:
        types = get_ambient(adata, level="cell_types", key=key)
        told = types[types["status"] == "assessed"]
        if told.empty:
            return get_ambient(adata, level="genes", key=key), ""
        cell_type = str(told.groupby("cell_type")["n_counts"].sum().idxmax())
    genes = get_ambient(adata, level="genes", cell_type=cell_type, organ=organ, key=key)
    if organ is None and len(genes):
        flagged = (genes["flag"] == "ambient").groupby(genes["organ"], observed=True).sum()
        organ = str(flagged.idxmax())
        genes = genes[genes["organ"] == organ]
    return genes, f"{cell_type}, {organ}"


def _fractions(ax: Axes, samples: pd.DataFrame, cell_types: pd.DataFrame) -> None:
    from niche.pl._figure import FAINT, INK, LARGE, MEDIUM, SMALL, message, organ_label

    table = samples.sort_values(["organ", "sample"], kind="stable").reset_index(drop=True)
    if table["fraction"].isna().all():
        message(ax, f"No ambient fraction: {table['reason'].iloc[0]}.")
        return
    colors = organ_colors(table["organ"].unique())
    place = {name: i for i, name in enumerate(table["sample"])}
    own = cell_types[cell_types["source"] == "cell type"]
    ax.scatter(
        100 * own["fraction"], own["sample"].map(place), marker="|", s=42, linewidths=0.9, color="#9A9A9A",
        gid="cell types", zorder=1,
    )  # fmt: skip
    for organ, part in table.groupby("organ", sort=False):
        told = part[part["fraction"].notna()]
        wide = 100 * np.vstack([told["fraction"] - told["ci_low"], told["ci_high"] - told["fraction"]])
        ax.errorbar(
            100 * told["fraction"], told.index, xerr=wide, fmt="o", markersize=4.5, elinewidth=1.6,
            color=colors[str(organ)], markeredgecolor=INK, markeredgewidth=0.4, gid=str(organ), zorder=2,
            label=organ_label(str(organ)),
        )  # fmt: skip
        for row in part.index[part["fraction"].isna()]:
            ax.text(
                0.01, row, f"not testable: {table['reason'][row]}", fontsize=SMALL, color=FAINT, va="center",
                transform=ax.get_yaxis_transform(),
            )  # fmt: skip
    named = len(table) <= _MOST_ROWS
    ax.set_yticks(range(len(table)) if named else [], table["sample"] if named else [])
    ax.tick_params(labelsize=SMALL if len(table) > 30 else MEDIUM, length=0)
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.set_xlabel("ambient counts (%)", fontsize=MEDIUM)
    ax.set_ylabel("" if named else f"{len(table)} samples", fontsize=MEDIUM)
    ax.set_title("Ambient fraction (strokes: cell types)", loc="left", fontsize=LARGE)
    ax.legend(frameon=False, fontsize=SMALL, loc="upper left", bbox_to_anchor=(1.0, 1.0), handletextpad=0.1)
    _bare(ax)


def _genes(ax: Axes, genes: pd.DataFrame, label: str, *, effects: bool) -> None:
    from niche.pl._figure import LARGE, MEDIUM, SMALL, message

    share, flag = ("effect_share", "effect_flag") if effects else ("share", "flag")
    drawn = genes[genes[flag].isin(list(_LOOK))]
    if drawn.empty:
        why = "nothing to compare with" if effects and len(genes) else "no ambient fraction could be told"
        message(ax, f"No ambient shares{f' of {label}' if label else ''}: {why}.")
        return
    for name, (color, marker, size, words) in _LOOK.items():
        part = drawn[drawn[flag] == name]
        ax.scatter(
            part["log2fc" if effects else "observed"], 100 * part[share], c=color, marker=marker, s=size,
            linewidths=0.0 if name == "own" else 0.4, edgecolors="white", alpha=0.5 if name == "own" else 0.9,
            rasterized=True, gid=name, label=f"{words} ({len(part):,})", clip_on=False,
        )  # fmt: skip
    if effects:
        ax.axvline(0, color="#CCCCCC", linewidth=0.8, zorder=0)
    else:
        ax.set_xscale("log")
    ax.set_ylim(0, 100)
    ax.set_xlabel(
        "log2 fold change to the other organs" if effects else "counts per million", fontsize=MEDIUM
    )
    what = "difference" if effects else "counts"
    ax.set_ylabel(f"{what} that ambient molecules explain (%)", fontsize=MEDIUM)
    ax.set_title(f"Genes of {label}", loc="left", fontsize=LARGE)
    ax.tick_params(labelsize=MEDIUM)
    told = drawn[drawn[flag] == "ambient"].nlargest(_MOST_NAMED, "expected")["gene"].astype(str)
    legend = ax.legend(
        frameon=False, fontsize=SMALL, loc="upper left", bbox_to_anchor=(1.0, 1.0), handletextpad=0.1,
        markerscale=1.4,
    )  # fmt: skip
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1.0)
    if len(told):
        words = "\n".join(["most ambient counts:", *told])
        ax.text(
            1.03, 0.72, words, transform=ax.transAxes, fontsize=SMALL, va="top", linespacing=1.3, gid="named"
        )
    _bare(ax)


def _bare(ax: Axes) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
