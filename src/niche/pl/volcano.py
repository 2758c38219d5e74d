"""One comparison of organs at a glance: how much, and how sure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche.errors import InputTypeError
from niche.get._compare_chosen import EDGE, comparison_of
from niche.get._comparisons import both_sides_move
from niche.get.compare_communication import compare_communication as get_compared
from niche.pl import _compared

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

JOINT_Q = 0.1
"""q-value of the joint test up to which both sides count as moving."""

_MOST = 0.3
"""Share of the axes that labels of one side may take before they are cut to the genes."""


def volcano(
    adata: ad.AnnData,
    contrast: str | None = None,
    *,
    n_labels: int = 10,
    key: str = keys.COMPARE_COMMUNICATION,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw all edges of one comparison: log2 fold change against -log10 p.

    Colour and symbol are the call, a ring marks edges whose two sides both move (``qval_joint <= 0.1``,
    none of them explained by ambient molecules).
    Edges with p-value but too few patients for a call are crosses. Edges without a p-value have no place
    here: the lines below count them.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.compare_communication` was run.
    contrast
        The comparison; by default the one of an organ against the others with the most called edges.
    n_labels
        Number of called edges that are named, smallest p-values first.
    key
        The ``key_added`` of the run.
    ax
        Axes to draw into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given. Where nothing has a p-value the axes say why.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputValueError
        A contrast that is not in the run, the omnibus, ``n_labels`` out of range.
    InputTypeError
        ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> niche.tl.compare_communication(adata)
    >>> figure = niche.pl.volcano(adata, "lung_vs_rest")
    >>> figure.axes[0].get_ylabel()
    '-log10 p'
    """
    from niche.pl._figure import message, panel

    validate.number(n_labels, "n_labels", low=0, high=100, integer=True)
    if contrast is not None and not isinstance(contrast, str):
        raise InputTypeError(f"contrast must be the name of one comparison. Got {contrast!r}.")
    comparison = comparison_of(adata, key)
    wanted = _compared.shown_contrasts(comparison, contrast)
    if contrast is None and len(wanted) > 1:
        called = _compared.table_of(adata, wanted, key, call=_compared.CALLED)["contrast"].value_counts()
        wanted = sorted(wanted, key=lambda one: -int(called.get(one.name, 0)))[:1]
    table = get_compared(adata, contrast=wanted[0].name, key=key)
    shown = table[table["pval"].notna()].astype(dict.fromkeys((*EDGE, "call"), str))
    if shown.empty:
        figure, axes = panel(ax, width=6.2, height=2.4)
        message(axes, _compared.nothing(adata, wanted, key, "no edge has a p-value"))
        return figure if ax is None else axes
    figure, axes = _canvas(ax)
    shown = shown.assign(strength=-np.log10(np.maximum(shown["pval"].to_numpy(), 1e-300)))
    _points(axes, shown)
    _legend(axes, shown)
    axes.set_title(_compared.contrast_words(wanted[0]), loc="left", fontsize=10, pad=8)
    _caption(axes, table, shown)
    names = _named(axes, shown, int(n_labels))
    _frame(axes, shown, names)
    _write(axes, names)
    return figure if ax is None else axes


def _canvas(ax: Axes | None) -> tuple[Figure, Axes]:
    from niche.pl._figure import ShownFigure, figure_of, given_axes

    if ax is not None:
        given_axes(ax)
        return figure_of(ax), ax
    width, height = 9.4, 6.0
    figure = ShownFigure(figsize=(width, height))
    return figure, figure.add_axes((0.6 / width, 1.5 / height, 6.4 / width, 4.1 / height))


def _points(ax: Axes, shown: pd.DataFrame) -> None:
    for z, (call, style) in enumerate(reversed(_compared.CALLS.items())):
        part = shown[shown["call"] == call]
        if part.empty:
            continue
        ax.scatter(
            part["log2fc"],
            part["strength"],
            marker=style["marker"],
            s=style["size"] * 0.8,
            color=style["color"],
            linewidths=0.8 if style["marker"] == "x" else 0.3,
            zorder=2 + 0.1 * z,
            gid=f"call {call}",
            edgecolors=None if style["marker"] == "x" else "white",
        )
    joint = shown[both_sides_move(shown, JOINT_Q)]
    ax.scatter(
        joint["log2fc"],
        joint["strength"],
        s=110,
        facecolors="none",
        edgecolors="#222222",
        linewidths=0.9,
        zorder=4,
        gid="joint",
    )


def _named(ax: Axes, shown: pd.DataFrame, n_labels: int) -> dict[int, pd.DataFrame]:
    """Rows to name by the sign of their effect, with their labels; as many as find room."""
    from niche.pl._figure import SMALL, figure_of, gene_pair, text_width

    figure = figure_of(ax)
    figure.draw_without_rendering()
    wide, high = (side / figure.dpi for side in (ax.bbox.width, ax.bbox.height))
    named = shown[shown["call"].isin(_compared.CALLED)].sort_values(["pval", "log2fc"], kind="stable")
    labels = [_compared.edge_label(row) for row in named.itertuples()]
    if text_width(labels, SMALL) > _MOST * wide:
        labels = [
            gene_pair(*pair) for pair in zip(named["ligand_complex"], named["receptor_complex"], strict=True)
        ]
    n_lines = max((label.count("\n") + 1 for label in labels), default=1)
    step = (n_lines * SMALL * 1.3 + 3) / 72 / high
    named = named.assign(label=labels, step=step, width=1.08 * text_width(labels, SMALL) / wide).head(
        n_labels
    )
    room = int(0.95 / step)
    return {sign: named[np.sign(named["log2fc"]) == sign].head(room) for sign in (-1, 1)}


def _frame(ax: Axes, shown: pd.DataFrame, names: dict[int, pd.DataFrame]) -> None:
    from niche.pl._figure import MEDIUM, SMALL

    limit = 1.1 * max(float(shown["log2fc"].abs().max()), 0.8)
    share = {
        sign: min(float(part["width"].max()) + 0.03, 0.4) if len(part) else 0.0
        for sign, part in names.items()
    }
    whole = 2 * limit / (1 - share[-1] - share[1])
    ax.set_xlim(-limit - share[-1] * whole, limit + share[1] * whole)
    ax.set_ylim(-0.02 * shown["strength"].max(), 1.12 * max(float(shown["strength"].max()), 1.0))
    ax.set_xlabel("log2 fold change of the mean of L and R", fontsize=MEDIUM)
    ax.set_ylabel("-log10 p", fontsize=MEDIUM)
    ax.tick_params(labelsize=SMALL)
    for x in (-0.5, 0.5):
        ax.axvline(x, color="#CCCCCC", linewidth=0.8, linestyle=(0, (3, 3)), zorder=0, gid="smallest effect")
    ax.axvline(0, color="#CCCCCC", linewidth=0.8, zorder=0)
    for spine in ("top", "right"):
        ax.spines[spine].set_visible(False)


def _legend(ax: Axes, shown: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D

    from niche.pl._figure import INK, SMALL

    handles = _compared.call_handles(shown["call"])
    counts = shown["call"].value_counts()
    for handle in handles:
        name = str(handle.get_label())
        words = "too few patients for a call" if name == "not testable" else name
        handle.set_label(f"{words} ({counts[name.replace(' ', '_')]:,})")
    n_joint = int(both_sides_move(shown, JOINT_Q).sum())
    handles.append(
        Line2D(
            [],
            [],
            linestyle="",
            marker="o",
            markersize=9,
            markerfacecolor="none",
            markeredgecolor=INK,
            label=f"both sides move, joint q \u2264 {JOINT_Q:g} ({n_joint:,})",
        )
    )
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0,
        frameon=False,
        fontsize=SMALL,
        labelspacing=0.7,
    )


def _caption(ax: Axes, table: pd.DataFrame, shown: pd.DataFrame) -> None:
    from matplotlib.transforms import ScaledTranslation

    from niche.pl._figure import SMALL, figure_of

    lost = table[table["pval"].isna()]
    text = f"{len(shown):,} edges with a p-value. Dashed: the smallest effect of a call."
    if len(lost):
        text += f"\nNot shown, as not testable:\n{_compared.why_not(lost)}"
    below = ax.transAxes + ScaledTranslation(0, -0.5, figure_of(ax).dpi_scale_trans)
    style: dict[str, Any] = {"fontsize": SMALL, "color": "#555555", "va": "top", "linespacing": 1.3}
    ax.text(0, 0, text, transform=below, gid="caption", **style)


def _write(ax: Axes, names: dict[int, pd.DataFrame]) -> None:
    """Labels at both ends of the axes, moved along where they would overlap, with a line to the point."""
    from niche.pl._figure import INK, SMALL

    low, high = ax.get_ylim()
    for sign, part in names.items():
        ordered = part.sort_values("strength", ascending=False, kind="stable")
        heights = _apart(ordered["strength"].to_numpy(), float(part["step"].max()) * (high - low), low, high)
        left, right = ax.get_xlim()
        x = right if sign > 0 else left
        for row, y in zip(ordered.itertuples(), heights, strict=True):
            inner = x - sign * row.width * (right - left)
            ax.plot(
                [inner, row.log2fc],
                [y, row.strength],
                color="#AAAAAA",
                linewidth=0.6,
                zorder=1.5,
                gid="leader",
            )
            style: dict[str, Any] = {"fontsize": SMALL, "color": INK, "va": "center", "linespacing": 1.0}
            ax.text(inner, y, row.label, ha="left" if sign > 0 else "right", gid="label", zorder=5, **style)


def _apart(heights: np.ndarray, step: float, low: float, high: float) -> np.ndarray:
    """Heights, falling, moved so that they lie ``step`` apart and, where they fit, within the axes."""
    out = heights.astype(float).copy()
    if not out.size:
        return out
    out[0] = min(out[0], high - step / 2)
    for i in range(1, out.size):
        out[i] = min(out[i], out[i - 1] - step)
    lift = low + step / 2 - out[-1]
    if lift > 0:
        out[-1] += lift
        for i in range(out.size - 2, -1, -1):
            out[i] = max(out[i], out[i + 1] + step)
    return out
