"""Differences between organs as intervals, with every patient beside them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche._stats.contrasts import Contrast
from niche.get._compare_chosen import EDGE, Edges, comparison_of
from niche.get.compare_samples import compare_samples
from niche.pl import _compared, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PITCH, _INNER, _RIGHT, _RIGHT_CALLED = 0.43, 3.6, 2.9, 2.0
_LANE = 0.3
_NOTHING = "no edge can be called"
_CAUTION = (
    "line: log2 fold change of the mean of L and R, 95 % interval. Small dots: patients, in the colour of\n"
    "their organ, as distance from the mean of the other side (not adjusted for covariates).\n"
    "Hollow: no call possible."
)


def effects(
    adata: ad.AnnData,
    edges: Edges | None = None,
    *,
    contrast: str | Sequence[str] | None = None,
    n_top: int = 12,
    key: str = keys.COMPARE_COMMUNICATION,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw how much edges differ between organs: interval and every patient's dot.

    A row is an edge in a comparison: its log2 fold change with the 95 % interval, coloured by the call, and
    below it a dot for every patient on either side, in the colour of the organ, as distance from the mean of
    the other side. So one patient who makes a difference is seen. A row that cannot be called is hollow and
    says why.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.compare_communication` was run.
    edges
        Rows of :func:`niche.get.compare_communication`, or tuples ``(source, target, ligand_complex,
        receptor_complex)``; each is drawn in every contrast. By default the ``n_top`` rows that can be
        called, called ones first, then by p-value.
    contrast
        Comparisons to draw; each organ against the others by default. The omnibus has no sign.
    n_top
        Number of rows where no edges are given.
    key
        The ``key_added`` of the run.
    ax
        Axes to draw into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given. Where nothing can be called the axes say why.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputValueError
        An edge or contrast that is not in the run, the omnibus, ``n_top`` out of range.
    InputTypeError
        ``edges`` is neither a table nor names, or ``ax`` is no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> niche.tl.compare_communication(adata)
    >>> figure = niche.pl.effects(adata, n_top=5)
    >>> figure.axes[0].get_xlabel()
    'log2 fold change'
    """
    from niche.pl._figure import message, panel

    validate.number(n_top, "n_top", low=1, high=200, integer=True)
    comparison = comparison_of(adata, key)
    wanted = _compared.shown_contrasts(comparison, contrast)
    if edges is None:
        rows = _compared.top_rows(adata, wanted, n_top, key)
    else:
        rows = _compared.rows_of(adata, comparison, edges, wanted, key)
    if rows.empty:
        figure, axes = panel(ax, width=7, height=2.6)
        chosen = edges is not None
        message(axes, "no edge was chosen" if chosen else _compared.nothing(adata, wanted, key, _NOTHING))
        return figure if ax is None else axes
    rows = _placed(rows, wanted)
    samples = compare_samples(adata, rows, contrast=[one.name for one in wanted], key=key)
    figure, axes = _canvas(ax, rows)
    dots = _dots_of(rows, samples)
    _frame(axes, rows, wanted, _limit(rows, dots))
    _intervals(axes, rows)
    _patients(axes, dots)
    _words(axes, rows)
    _legend(axes, rows, dots)
    axes.set_title("Differences between organs", loc="left", fontsize=10, pad=8)
    return figure if ax is None else axes


def _placed(rows: pd.DataFrame, wanted: list[Contrast]) -> pd.DataFrame:
    """Rows by comparison, the largest effect on top, with their ``y``; one place is left for each heading."""
    order = {one.name: i for i, one in enumerate(wanted)}
    sorted_rows = rows.assign(group=rows["contrast"].map(order))
    sorted_rows = sorted_rows.sort_values(
        ["group", "log2fc"], ascending=[True, False], na_position="last", kind="stable"
    ).reset_index(drop=True)
    heads = pd.factorize(sorted_rows["group"])[0]
    return sorted_rows.assign(y=np.arange(len(sorted_rows)) + 0.75 * (heads + 1), head=heads)


def _dots_of(rows: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """Patients on either side of every row, with ``y``; those at one place stand side by side."""
    found = samples[samples["side"].astype(str) != ""].astype(
        dict.fromkeys((*EDGE, "contrast", "organ", "patient", "side"), str)
    )
    found = found.merge(rows[[*EDGE, "contrast", "y"]], on=[*EDGE, "contrast"], how="inner")
    found = found[found["log2fc"].notna()].reset_index(drop=True)
    step = found.groupby(["y", "side"], sort=False).cumcount() % 3 - 1
    return found.assign(row=found["y"], y=found["y"] + _LANE + 0.09 * step)


def _limit(rows: pd.DataFrame, dots: pd.DataFrame) -> float:
    """Half width of the axis: every dot and every interval that can be called fits."""
    sure = rows[rows["call"] != _compared.NOT_TESTABLE]
    values = [
        np.abs(part.to_numpy(dtype=float))
        for part in (sure["ci_low"], sure["ci_high"], rows["log2fc"], dots["log2fc"])
    ]
    return 1.08 * float(np.nanmax(np.concatenate([*values, [1.0]])))


def _canvas(ax: Axes | None, rows: pd.DataFrame) -> tuple[Figure, Axes]:
    from niche.pl._figure import SMALL, ShownFigure, figure_of, given_axes, text_width

    if ax is not None:
        given_axes(ax)
        return figure_of(ax), ax
    left = 0.25 + 1.02 * text_width([_compared.edge_label(row) for row in rows.itertuples()], SMALL)
    inner = (float(rows["y"].max()) + 1.0) * _PITCH
    width, height = left + _INNER + _right(rows), inner + 1.85
    figure = ShownFigure(figsize=(width, height))
    return figure, figure.add_axes((left / width, 1.4 / height, _INNER / width, inner / height))


def _right(rows: pd.DataFrame) -> float:
    """Room for the words: a reason takes more than a call."""
    return _RIGHT if (rows["call"] == _compared.NOT_TESTABLE).any() else _RIGHT_CALLED


def _frame(ax: Axes, rows: pd.DataFrame, wanted: list[Contrast], limit: float) -> None:
    from niche.pl._figure import INK, MEDIUM, SMALL, bare

    ax.set_xlim(-limit, limit)
    ax.set_ylim(float(rows["y"].max()) + 0.65, -0.35)
    ax.set_yticks(rows["y"], [_compared.edge_label(row) for row in rows.itertuples()])
    ax.tick_params(labelsize=SMALL)
    ax.set_xlabel("log2 fold change", fontsize=MEDIUM)
    ax.axvline(0, color="#999999", linewidth=0.8, zorder=0)
    ax.grid(axis="x", color="#EEEEEE", linewidth=0.6)
    ax.set_axisbelow(True)
    bare(ax)
    names = {one.name: one for one in wanted}
    for _, part in rows.groupby("head", sort=True):
        one, y = names[part["contrast"].iloc[0]], float(part["y"].min()) - 0.72
        color = (
            palette.organ_colors([part["organ"].dropna().iloc[0]]).popitem()[1]
            if (part["organ"].notna().any())
            else INK
        )
        ax.axhline(y + 0.22, color=color, linewidth=2.5, zorder=1, gid="contrast line")
        style: dict[str, Any] = {"fontsize": MEDIUM, "color": INK, "ha": "left", "va": "bottom"}
        ax.text(
            0.005,
            y + 0.14,
            _compared.contrast_words(one),
            transform=ax.get_yaxis_transform(),
            gid="contrast",
            **style,
        )


def _intervals(ax: Axes, rows: pd.DataFrame) -> None:
    low, high = ax.get_xlim()
    for row in rows.itertuples():
        if np.isnan(row.log2fc):
            ax.axhspan(
                row.y - 0.42,
                row.y + 0.5,
                facecolor="none",
                edgecolor="#DDDDDD",
                hatch="////",
                linewidth=0,
                zorder=0,
                gid="no estimate",
            )
            continue
        style = _compared.CALLS[row.call]
        sure = row.call != _compared.NOT_TESTABLE
        ends = np.array([row.ci_low, row.ci_high])
        if not np.isnan(ends).any():
            ax.plot(
                np.clip(ends, low, high),
                [row.y, row.y],
                color=style["color"],
                linewidth=2.2 if sure else 1.0,
                linestyle="-" if sure else (0, (4, 2)),
                solid_capstyle="butt",
                zorder=3,
                gid="interval",
            )
            for end, edge, marker in ((row.ci_low, low, "<"), (row.ci_high, high, ">")):
                if (end < low) if marker == "<" else (end > high):
                    ax.plot([edge], [row.y], marker=marker, color=style["color"], markersize=4, gid="beyond")
        ax.scatter(
            [row.log2fc],
            [row.y],
            marker=style["marker"] if sure else "o",
            s=max(style["size"], 22.0),
            facecolors=style["color"] if sure else "white",
            edgecolors=style["color"],
            linewidths=1.0,
            zorder=5,
            gid="effect",
        )


def _patients(ax: Axes, dots: pd.DataFrame) -> None:
    colors = palette.organ_colors(sorted(set(dots["organ"])))
    for organ, part in dots.groupby("organ", sort=True):
        ax.scatter(
            part["log2fc"],
            part["y"],
            s=13,
            color=colors[str(organ)],
            edgecolors="white",
            linewidths=0.4,
            zorder=4,
            gid=f"patients {organ}",
        )


def _words(ax: Axes, rows: pd.DataFrame) -> None:
    """Call, q and number of patients right of every row; the reason where there is no call."""
    from niche.pl._figure import FAINT, INK, SMALL

    for row in rows.itertuples():
        sure = row.call != _compared.NOT_TESTABLE
        if sure:
            text = f"{_compared.call_words(row.call)}, q = {_compared.number(row.qval)}"
            text += f"\n{row.n_patients:.0f} patients"
        else:
            text = textwrap.fill(f"not testable: {row.reason}", 50, max_lines=3, placeholder=" \u2026")
        style: dict[str, Any] = {"fontsize": SMALL, "va": "center", "ha": "left", "linespacing": 1.05}
        ax.text(
            1.02,
            row.y,
            text,
            transform=ax.get_yaxis_transform(),
            color=INK if sure else FAINT,
            gid="words",
            **style,
        )


def _legend(ax: Axes, rows: pd.DataFrame, dots: pd.DataFrame) -> None:
    """Organs and calls below the axes."""
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    from niche.pl._figure import SMALL, figure_of, organ_label

    below = ax.transAxes + ScaledTranslation(0, -0.45, figure_of(ax).dpi_scale_trans)
    colors = palette.organ_colors(sorted(set(dots["organ"])))
    calls = [call for call in rows["call"] if call != _compared.NOT_TESTABLE]
    handles = [
        Line2D([], [], linestyle="", marker="o", markersize=4, color=color, label=organ_label(name))
        for name, color in colors.items()
    ] + _compared.call_handles(calls)
    if handles:
        ax.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(0, 0),
            bbox_transform=below,
            borderaxespad=0,
            frameon=False,
            fontsize=SMALL,
            ncols=min(len(handles), 5),
            columnspacing=1.2,
            handletextpad=0.3,
        )
    drop = 0.22 * (1 + (len(handles) - 1) // 5)
    further = below + ScaledTranslation(0, -drop, figure_of(ax).dpi_scale_trans)
    style: dict[str, Any] = {"fontsize": SMALL, "color": "#555555", "va": "top", "ha": "left"}
    ax.text(0, 0, _CAUTION, transform=further, gid="caution", linespacing=1.3, **style)
