"""Who speaks to whom more in one organ than in the others: cell types on a ring."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche._stats.contrasts import Contrast
from niche.get._compare_chosen import comparison_of
from niche.pl import _compared, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN: dict[str, tuple[str, ...]] = {
    "enriched": ("specific", "enriched"),
    "depleted": ("depleted",),
    "tested": _compared.CALLABLE,
}
"""Calls whose edges are drawn."""

_INNER, _RING, _FULL = 0.86, 0.1, 0.9
_PANEL, _HEAD = 2.5, 0.55
_GAP = 0.05
_LINE, _FEW = 22, 16
"""Letters after which a name goes on in another line, where there are so few cell types or fewer."""
_NOTHING = "not testable:\nno edge can be called"


def circle(
    adata: ad.AnnData,
    *,
    contrast: str | Sequence[str] | None = None,
    show: Literal["enriched", "depleted", "tested"] = "enriched",
    width: Literal["number", "strength"] = "number",
    n_columns: int = 3,
    key: str = keys.COMPARE_COMMUNICATION,
) -> Figure:
    """Draw the edges that are higher in each organ as ribbons between cell types.

    One ring per comparison; every cell type has the same place and colour in all of them, tumor cells first.
    A ribbon runs from the sender to the tip at the receiver, in the colour of the sender. Widths share one
    scale. A hatched arc has no edge that could be called there.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.compare_communication` was run.
    contrast
        Rings; each organ against the others by default. The omnibus has no sign.
    show
        ``"enriched"`` (or specific) edges, ``"depleted"`` ones, or all that were ``"tested"`` and could be
        called.
    width
        Ribbons by the ``"number"`` of edges, or by ``"strength"``, the sum of absolute log2 fold changes.
    n_columns
        Rings side by side.
    key
        The ``key_added`` of the run.

    Returns
    -------
    Figure
        One axes per comparison. A ring without ribbons says whether nothing was found or nothing can be
        tested.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputValueError
        A contrast that is not in the run, the omnibus, or an option that does not exist.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> niche.tl.compare_communication(adata)
    >>> figure = niche.pl.circle(adata)
    >>> len(figure.axes)
    4
    """
    validate.choice(show, "show", tuple(SHOWN))
    validate.choice(width, "width", ("number", "strength"))
    validate.number(n_columns, "n_columns", low=1, high=20, integer=True)
    comparison = comparison_of(adata, key)
    wanted = _compared.shown_contrasts(comparison, contrast)
    rows = _compared.table_of(adata, wanted, key, call=_compared.CALLABLE)
    compartments = dict(
        zip(comparison.types, read.strings(comparison.first["cell_types"]["compartment"]), strict=True)
    )
    pairs = comparison.stored["cell_pairs"]
    compared = {comparison.types[int(code)] for end in ("source", "target") for code in pairs[end]}
    able = set(rows["source"]) | set(rows["target"]) or compared
    ring = _Ring.of(sorted(able, key=lambda name: _rank(compartments[name], name)), compartments)
    ribbons = _ribbons(rows[rows["call"].isin(SHOWN[show])], width)
    figure, panels = _canvas(wanted, int(n_columns), ring)
    unit = _unit(ribbons, ring)
    for ax, one in zip(panels, wanted, strict=True):
        mine = rows[rows["contrast"] == one.name]
        _arcs(ax, ring, set(mine["source"]) | set(mine["target"]))
        drawn = ribbons[ribbons["contrast"] == one.name]
        for place in _placed(drawn, ring, unit):
            _ribbon(ax, ring, *place)
        _title(ax, one, mine, int(drawn["n"].sum()), show)
    _caption(figure, show, width)
    return figure


def _rank(compartment: str, name: str) -> tuple[int, str]:
    order = {c: i for i, c in enumerate(keys.COMPARTMENTS_ALL)}
    return order.get(compartment, len(order)), name


@dataclass(frozen=True)
class _Ring:
    """Places of cell types: angles of each arc in radians, clockwise from the top."""

    types: dict[str, tuple[float, float]]
    colors: dict[str, str]
    tumor: frozenset[str]

    @classmethod
    def of(cls, names: list[str], compartments: dict[str, str]) -> _Ring:
        step = 2 * np.pi / max(len(names), 1)
        gap = min(_GAP, step / 6)
        places = {name: (i * step + gap / 2, (i + 1) * step - gap / 2) for i, name in enumerate(names)}
        tumor = frozenset(name for name in names if compartments[name] == "tumor")
        hosts = [name for name in names if name not in tumor]
        colors = palette.category_colors(hosts) | dict.fromkeys(tumor, palette.COMPARTMENTS["tumor"])
        used = set(colors.values())
        spare = [color for color in palette.CATEGORIES if color not in used]
        for name in hosts:  # none looks like a tumor cell
            if colors[name] in ("#5A08BB", "#650854") and spare:
                colors[name] = spare.pop(0)
        return cls(places, colors, tumor)


def _ribbons(rows: pd.DataFrame, width: str) -> pd.DataFrame:
    """Edges between two cell types taken together: ``n`` and ``size``."""
    sized = rows.assign(size=1.0 if width == "number" else rows["log2fc"].abs())
    grouped = sized.groupby(["contrast", "source", "target"], sort=True)
    return grouped.agg(n=("size", "count"), size=("size", "sum")).reset_index()


def _unit(ribbons: pd.DataFrame, ring: _Ring) -> float:
    """Radians per edge (or per log2 fold change): the busiest arc of all rings is full."""
    if ribbons.empty:
        return 0.0
    ends = pd.concat([ribbons.rename(columns={end: "type"}) for end in ("source", "target")])
    busiest = float(ends.groupby(["contrast", "type"])["size"].sum().max())
    start, end = next(iter(ring.types.values()))
    return _FULL * (end - start) / busiest


def _placed(
    drawn: pd.DataFrame, ring: _Ring, unit: float
) -> list[tuple[str, tuple[float, float], tuple[float, float]]]:
    """Sender and the angles of both ends of every ribbon; ends on an arc are sorted so that few cross."""
    ends: list[tuple[str, float, int, str]] = []
    records = drawn.to_dict("records")
    for i, row in enumerate(records):
        for own, other, side in ((row["source"], row["target"], "out"), (row["target"], row["source"], "in")):
            middle = np.mean(ring.types[own])
            ahead = (np.mean(ring.types[other]) - middle) % (2 * np.pi)
            ends.append((own, -float(ahead) + (1e-6 if side == "in" else 0.0), i, side))
    found: dict[tuple[int, str], tuple[float, float]] = {}
    for name, (start, end) in ring.types.items():
        mine = sorted(one for one in ends if one[0] == name)
        total = unit * sum(records[one[2]]["size"] for one in mine)
        at = (start + end - total) / 2
        for _, _, i, side in mine:
            size = unit * records[i]["size"]
            found[i, side] = (at, at + size)
            at += size
    return [(row["source"], found[i, "out"], found[i, "in"]) for i, row in enumerate(records)]


def _at(angle: float, radius: float) -> tuple[float, float]:
    return radius * float(np.sin(angle)), radius * float(np.cos(angle))


def _ribbon(ax: Axes, ring: _Ring, source: str, out: tuple[float, float], into: tuple[float, float]) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    base, neck, tip = _INNER - 0.01, _INNER - 0.1, _INNER - 0.02
    along = [_at(a, base) for a in np.linspace(*out, 8)]
    middle = float(np.mean(into))
    head = [_at(into[0], neck), _at(middle, tip), _at(into[1], neck)]
    vertices = [*along, (0.0, 0.0), *head, (0.0, 0.0), along[0]]
    codes = [Path.MOVETO, *[Path.LINETO] * 7, Path.CURVE3, Path.CURVE3, Path.LINETO, Path.LINETO, Path.CURVE3]
    codes.append(Path.CURVE3)
    ax.add_patch(
        PathPatch(
            Path(vertices, codes),
            facecolor=ring.colors[source],
            edgecolor="white",
            linewidth=0.4,
            alpha=0.75,
            zorder=2,
            gid=f"ribbon {source}",
        )
    )


def _label(name: str, ring: _Ring) -> str:
    """A long name in two lines or more, where the arcs have room for them."""
    return textwrap.fill(name, _LINE) if len(ring.types) <= _FEW else name


def _arcs(ax: Axes, ring: _Ring, able: set[str]) -> None:
    from matplotlib.patches import Wedge

    from niche.pl._figure import FAINT, INK, SMALL

    for name, (start, end) in ring.types.items():
        sure = name in able
        first, last = 90 - np.degrees(end), 90 - np.degrees(start)
        ax.add_patch(
            Wedge(
                (0, 0),
                _INNER + _RING,
                first,
                last,
                width=_RING,
                facecolor=ring.colors[name] if sure else "#F4F4F4",
                edgecolor="none" if sure else "#AAAAAA",
                hatch=None if sure else "//////",
                linewidth=0,
                gid="arc" if sure else "not testable",
            )
        )
        middle = (start + end) / 2
        x, y = _at(middle, _INNER + _RING + 0.05)
        turned = 90 - np.degrees(middle)
        right = middle <= np.pi
        ax.text(
            x,
            y,
            _label(name, ring),
            linespacing=1.0,
            rotation=turned if right else turned + 180,
            rotation_mode="anchor",
            ha="left" if right else "right",
            va="center",
            fontsize=SMALL,
            color=INK if sure else FAINT,
            fontweight="bold" if name in ring.tumor else "normal",
            gid="cell type",
        )


def _title(ax: Axes, one: Contrast, mine: pd.DataFrame, n: int, show: str) -> None:
    from niche.pl._figure import FAINT, INK, MEDIUM, SMALL

    color = palette.organ_colors([_compared.organ_of(one)]).popitem()[1]
    counted = f"\n{n:,} of {len(mine):,} edges" if n and show != "tested" else f"\n{n:,} edges" if n else ""
    title = ax.set_title(_compared.contrast_words(one) + counted, fontsize=MEDIUM, color=INK, pad=8)
    title.set_bbox({"facecolor": "none", "edgecolor": color, "linewidth": 1.8, "boxstyle": "round,pad=0.3"})
    if not n:
        text = f"none of {len(mine):,} edges\nis {show}" if len(mine) else _NOTHING
        ax.text(0, 0, text, fontsize=SMALL, ha="center", va="center", color=FAINT, gid="nothing")


def _canvas(wanted: list[Contrast], n_columns: int, ring: _Ring) -> tuple[Figure, list[Axes]]:
    """Panels in a grid; each has room for its labels, in inches."""
    from niche.pl._figure import SMALL, ShownFigure, text_width

    columns = min(n_columns, len(wanted))
    n_rows = -(-len(wanted) // columns)
    radius = _INNER + _RING
    inch = _PANEL / (2 * radius)
    reach = {
        name: radius + 0.08 + 1.08 * text_width([_label(name, ring)], SMALL) / inch for name in ring.types
    }
    middle = {name: float(np.mean(ends)) for name, ends in ring.types.items()}
    wide = max([radius, *(reach[name] * abs(np.sin(middle[name])) for name in reach)]) + 0.08
    high = max([radius, *(reach[name] * abs(np.cos(middle[name])) for name in reach)]) + 0.08
    sides = max(2 * wide * inch, 2.4), 2 * high * inch
    wide = sides[0] / 2 / inch
    width, height = columns * sides[0], n_rows * (sides[1] + _HEAD) + 0.55
    figure = ShownFigure(figsize=(width, height))
    panels = []
    for i in range(len(wanted)):
        row, column = divmod(i, columns)
        bottom = height - (row + 1) * (sides[1] + _HEAD) + 0.04
        ax = figure.add_axes(
            (column * sides[0] / width, bottom / height, sides[0] / width, sides[1] / height)
        )
        ax.set_xlim(-wide, wide)
        ax.set_ylim(-high, high)
        ax.set_aspect("equal")
        ax.set_axis_off()
        panels.append(ax)
    return figure, panels


def _caption(figure: Figure, show: str, width: str) -> None:
    from niche.pl._figure import SMALL

    what = "number of edges" if width == "number" else "sum of absolute log2 fold changes"
    calls = {
        "enriched": "enriched or specific edges",
        "depleted": "depleted edges",
        "tested": "edges that could be called",
    }
    text = (
        f"ribbons: {calls[show]}, from the sender to the tip at the receiver;\nwidth: {what}, one scale "
        "for all rings. Bold: tumor cells. Hatched: no edge can be called."
    )
    style: dict[str, Any] = {"fontsize": SMALL, "color": "#555555", "va": "bottom", "linespacing": 1.3}
    figure.text(0.1 / figure.get_figwidth(), 0.1 / figure.get_figheight(), text, gid="caution", **style)
