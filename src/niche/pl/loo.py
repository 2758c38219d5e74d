"""Whether a difference between organs hangs on one patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche._stats.contrasts import Contrast
from niche.get._compare_chosen import EDGE, Edges, comparison_of
from niche.get.leave_one_out import leave_one_out
from niche.pl import _compared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PITCH, _INNER, _RIGHT = 0.43, 3.6, 2.6
_KEPT, _LOST = "#3B6FB6", "#C4400A"
_CAUTION = (
    "band: effect and 95 % interval with all patients. A dot: without one patient; right: the one whose\n"
    "absence moves the effect most. Triangle: the sign turns. \u00d7: without this patient nothing can\n"
    "be estimated."
)


def loo(
    adata: ad.AnnData,
    edges: Edges | None = None,
    *,
    contrast: str | Sequence[str] | None = None,
    n_top: int = 12,
    key: str = keys.COMPARE_COMMUNICATION,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw the effect of edges without each of the patients, before the effect with all of them.

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
    >>> figure = niche.pl.loo(adata, n_top=3)
    >>> figure.axes[0].get_xlabel()
    'log2 fold change without one patient'
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
        words = "no edge can be called"
        message(axes, "no edge was chosen" if chosen else _compared.nothing(adata, wanted, key, words))
        return figure if ax is None else axes
    rows = rows.assign(y=np.arange(len(rows), dtype=float))
    found = leave_one_out(adata, rows, contrast=sorted(set(rows["contrast"])), key=key)
    found = found.astype(dict.fromkeys((*EDGE, "contrast", "left_out", "reason"), str))
    found = rows[[*EDGE, "contrast", "y"]].merge(found, on=[*EDGE, "contrast"], how="inner")
    figure, axes = _canvas(ax, rows, wanted)
    _frame(axes, rows, found, wanted)
    for row in rows.itertuples():
        _row(axes, row, found[found["y"] == row.y])
    _below(axes)
    axes.set_title("Effects without one patient", loc="left", fontsize=10, pad=8)
    return figure if ax is None else axes


def _label(row: Any, names: dict[str, Contrast]) -> str:
    return f"{_compared.edge_label(row)}, {_compared.contrast_words(names[row.contrast])}"


def _canvas(ax: Axes | None, rows: pd.DataFrame, wanted: list[Contrast]) -> tuple[Figure, Axes]:
    from niche.pl._figure import SMALL, ShownFigure, figure_of, given_axes, text_width

    if ax is not None:
        given_axes(ax)
        return figure_of(ax), ax
    names = {one.name: one for one in wanted}
    left = 0.25 + 1.02 * text_width([_label(row, names) for row in rows.itertuples()], SMALL)
    inner = len(rows) * _PITCH + 0.2
    width, height = left + _INNER + _RIGHT, inner + 1.4
    figure = ShownFigure(figsize=(width, height))
    return figure, figure.add_axes((left / width, 1.0 / height, _INNER / width, inner / height))


def _frame(ax: Axes, rows: pd.DataFrame, found: pd.DataFrame, wanted: list[Contrast]) -> None:
    from niche.pl._figure import MEDIUM, SMALL, bare

    whole = found[found["left_out"] == ""]
    sure = whole[whole["pval"].notna()]
    ends = np.concatenate([found["log2fc"], sure["ci_low"], sure["ci_high"], [0.0, 1.0]])
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    ax.set_xlim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    ax.set_ylim(len(rows) - 0.4, -0.6)
    names = {one.name: one for one in wanted}
    ax.set_yticks(rows["y"], [_label(row, names) for row in rows.itertuples()])
    ax.tick_params(labelsize=SMALL)
    ax.set_xlabel("log2 fold change without one patient", fontsize=MEDIUM)
    ax.axvline(0, color="#999999", linewidth=0.8, zorder=0)
    ax.grid(axis="x", color="#EEEEEE", linewidth=0.6)
    ax.set_axisbelow(True)
    bare(ax)


def _row(ax: Axes, row: Any, mine: pd.DataFrame) -> None:
    """One edge: band, a dot per patient left out, and what is to be said."""
    from niche.pl._figure import FAINT, INK, SMALL

    whole, parts = mine[mine["left_out"] == ""], mine[mine["left_out"] != ""]
    effect = float(whole["log2fc"].iloc[0]) if len(whole) else np.nan
    style: dict[str, Any] = {"fontsize": SMALL, "va": "center", "ha": "left", "linespacing": 1.05}
    beside = ax.get_yaxis_transform()
    if np.isnan(effect):
        ax.axhspan(
            row.y - 0.4,
            row.y + 0.4,
            facecolor="none",
            edgecolor="#DDDDDD",
            hatch="////",
            linewidth=0,
            zorder=0,
            gid="no estimate",
        )
        ax.text(1.02, row.y, _why(row), transform=beside, color=FAINT, gid="words", **style)
        return
    low, high = ax.get_xlim()
    ends = np.clip(whole[["ci_low", "ci_high"]].to_numpy()[0], low, high)
    if not np.isnan(ends).any():
        ax.barh(
            row.y, ends[1] - ends[0], left=ends[0], height=0.72, color="#E3E3E3", zorder=1, gid="interval"
        )
    ax.plot([effect, effect], [row.y - 0.36, row.y + 0.36], color=INK, linewidth=1.4, zorder=2, gid="effect")
    known = parts[parts["log2fc"].notna()].sort_values("log2fc", kind="stable")
    turned = np.sign(known["log2fc"].to_numpy()) != np.sign(effect)
    y = row.y + np.linspace(-0.26, 0.26, len(known)) if len(known) > 1 else np.full(len(known), row.y)
    for mask, marker, color, gid in ((~turned, "o", _KEPT, "same sign"), (turned, "^", _LOST, "sign turns")):
        ax.scatter(
            known["log2fc"].to_numpy()[mask],
            y[mask],
            s=18,
            marker=marker,
            color=color,
            edgecolors="white",
            linewidths=0.4,
            zorder=3,
            gid=gid,
        )
    lost = parts[parts["log2fc"].isna()]
    words = []
    if row.call == _compared.NOT_TESTABLE:
        words.append(_why(row))
    elif len(known):
        words.append(f"sign holds without {int((~turned).sum())} of {len(known)} patients")
    if len(known):
        most = known.iloc[int(np.argmax(np.abs(known["log2fc"].to_numpy() - effect)))]
        words.append(f"{most['left_out']} moves it most, to {most['log2fc']:.2f}")
    if len(lost):
        more = " \u2026" if len(lost) > 3 else ""
        words.append(f"\u00d7 not without {', '.join(lost['left_out'].head(3))}{more}")
    color = FAINT if row.call == _compared.NOT_TESTABLE else INK
    ax.text(1.02, row.y, "\n".join(words[:3]), transform=beside, color=color, gid="words", **style)


def _why(row: Any) -> str:
    return f"not testable: {_compared.kind_of_reason(str(row.reason))}"


def _below(ax: Axes) -> None:
    from matplotlib.transforms import ScaledTranslation

    from niche.pl._figure import SMALL, figure_of

    below = ax.transAxes + ScaledTranslation(0, -0.48, figure_of(ax).dpi_scale_trans)
    style: dict[str, Any] = {"fontsize": SMALL, "color": "#555555", "va": "top", "linespacing": 1.3}
    ax.text(0, 0, _CAUTION, transform=below, gid="caution", **style)
