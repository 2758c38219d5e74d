"""Copy-number profiles of all cells along the genome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._settings import settings
from niche._slots import keys, validate
from niche.get.cnv import CopyNumber, profile_of
from niche.pl import palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = "RdBu_r"
"""Diverging map that colour-blind readers can tell apart: losses blue, gains red."""

_ROWS, _LEAST = 700, 3
_ROOM_OF_NAME = 0.8
"""Least rows of a sample as a share of the average, so that names do not overlap."""

_WIDTH, _STRIP = 8.2, 0.14
_SHARE = 0.99
_ALL_CELLS = "all cells"


@dataclass(frozen=True)
class Rows:
    """Rows of the image from top to bottom.

    Attributes
    ----------
    cell
        The cell each row shows.
    sample, group
        Codes of its sample and group.
    samples, groups
        Names.
    n_cells
        Cells of each sample.
    """

    cell: np.ndarray
    sample: np.ndarray
    group: np.ndarray
    samples: tuple[str, ...]
    groups: tuple[str, ...]
    n_cells: np.ndarray


def cnv(
    adata: ad.AnnData,
    *,
    groupby: str | None = None,
    sample_key: str | None = None,
    key: str = keys.CNV,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw the copy-number profile of the cells along the genome, by sample and compartment.

    Columns are windows in the order of the genome, chromosomes marked off; rows are cells, by sample and
    within it by compartment, which a strip of colour names. Within a group cells are sorted by how far
    they follow the mean of their group. Samples with many cells get more rows, though not in proportion:
    their number stands beside the name. Where there are more cells than rows, evenly spaced ones are
    shown; where there are fewer, a cell takes several rows.

    Parameters
    ----------
    adata
        Annotated data on which :func:`niche.tl.infer_cnv` was run.
    groupby
        Column of ``obs`` of the strip. ``None`` takes ``settings.compartment_key``, else
        ``settings.groupby``, where they exist.
    sample_key
        Column of ``obs`` with samples. ``None`` takes ``settings.sample_key`` where it exists.
    key
        The ``key_added`` of the run.
    ax
        Axes to draw into; a new figure by default.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``, or a column does not exist.
    StaleResultError
        Labels, genes or values have changed since.
    InputValueError
        Cells without a label in a column.
    InputTypeError
        ``adata`` is no AnnData, or ``ax`` no Axes.

    Notes
    -----
    Colours end at the 99th percentile of the sizes of the values that are not zero; larger ones look alike.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.infer_cnv(adata, reference=["Fibroblast", "T cell"])
    >>> figure = niche.pl.cnv(adata)
    >>> figure.axes[0].get_xlabel()
    'chromosome'
    """
    from niche.pl._figure import ShownFigure, given_axes

    found = profile_of(adata, key)
    rows, kind = _rows(adata, found, groupby, sample_key)
    if ax is not None:
        given_axes(ax)
        _draw(ax, found, rows, kind)
        return ax
    figure = ShownFigure()
    left, right = _left(rows), 1.9
    height = float(np.clip(len(rows.samples) * 0.19, 2.6, 40))
    size = (left + _WIDTH + right, height + 1.3)
    figure.set_size_inches(size)
    axes = figure.add_axes((left / size[0], 0.75 / size[1], _WIDTH / size[0], height / size[1]))
    _draw(axes, found, rows, kind)
    return figure


def _rows(
    adata: ad.AnnData, found: CopyNumber, groupby: str | None, sample_key: str | None
) -> tuple[Rows, str]:
    """Rows of the image, and what kind of labels the groups are."""
    samples = _factor(adata, sample_key, "sample_key", (settings.sample_key,))
    groups = _factor(adata, groupby, "groupby", (settings.compartment_key, settings.groupby))
    kind = "compartment" if set(groups.names) <= set(keys.COMPARTMENTS_ALL) else "category"
    order = _order(groups.names, kind)
    n_cells = np.bincount(samples.codes, minlength=len(samples.names))
    share = np.sqrt(n_cells) / np.sqrt(n_cells).sum()
    share = np.maximum(share, _ROOM_OF_NAME / len(samples.names))
    cells, sample, group = [], [], []
    for s, n_rows in enumerate(np.round(_ROWS * share).astype(int)):
        for g in order:
            mine = np.flatnonzero((samples.codes == s) & (groups.codes == g))
            if not mine.size:
                continue
            n = max(_LEAST, round(n_rows * mine.size / n_cells[s]))
            shown = mine[np.unique(np.linspace(0, mine.size - 1, n).round().astype(int))]
            shown = shown[_by_agreement(found, shown)]
            cells.append(shown[np.linspace(0, shown.size - 1, n).round().astype(int)])
            sample.append(np.full(n, s))
            group.append(np.full(n, g))
    return Rows(
        np.concatenate(cells),
        np.concatenate(sample),
        np.concatenate(group),
        samples.names,
        groups.names,
        n_cells,
    ), kind


def _factor(adata: ad.AnnData, key: str | None, setting: str, defaults: tuple[str, ...]) -> validate.Factor:
    if key is None:
        usual = [name for name in defaults if name in adata.obs.columns]
        if not usual:
            return validate.Factor("", np.zeros(adata.n_obs, dtype=np.int32), (_ALL_CELLS,))
        key = usual[0]
    return validate.factor(adata, key, setting)


def _order(names: tuple[str, ...], kind: str) -> list[int]:
    """Codes of the groups from top to bottom: tumor first, else as they are sorted."""
    if kind != "compartment":
        return list(range(len(names)))
    return sorted(range(len(names)), key=lambda code: keys.COMPARTMENTS_ALL.index(names[code]))


def _by_agreement(found: CopyNumber, cells: np.ndarray) -> np.ndarray:
    """Places of these cells by falling agreement with their mean."""
    values = found.values[cells]
    return np.argsort(-(values @ np.asarray(values.mean(axis=0)).ravel()), kind="stable")


def _left(rows: Rows) -> float:
    """Inches that names of samples and the strip take."""
    from niche.pl._figure import SMALL, text_width

    return 1.05 * text_width(_sample_labels(rows), SMALL) + _STRIP + 0.45


def _sample_labels(rows: Rows) -> list[str]:
    return [f"{name} ({n:,})" for name, n in zip(rows.samples, rows.n_cells, strict=True)]


def _draw(ax: Axes, found: CopyNumber, rows: Rows, kind: str) -> None:
    from niche.pl._figure import FAINT, INK, LARGE, MEDIUM, SMALL

    image = found.values[rows.cell].toarray()
    sizes = np.abs(found.values.data)
    limit = float(np.quantile(sizes, _SHARE)) if sizes.size else 1.0
    drawn = ax.imshow(
        image, cmap=COLORS, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest", gid="profile"
    )
    _chromosomes(ax, found.windows["chromosome"].astype(str))
    ends = np.flatnonzero(np.diff(rows.sample)) + 0.5
    ax.hlines(ends, -0.5, image.shape[1] - 0.5, color=INK, linewidth=0.5, gid="sample border")
    middle = [float(np.flatnonzero(rows.sample == s).mean()) for s in range(len(rows.samples))]
    ax.set_yticks([])
    for label, y in zip(_sample_labels(rows), middle, strict=True):
        ax.annotate(
            label, (0, y), xycoords=("axes fraction", "data"), xytext=(-72 * (_STRIP + 0.12), 0),
            textcoords="offset points", ha="right", va="center", fontsize=SMALL, color=INK, gid="sample",
        )  # fmt: skip
    ax.set_title("Copy number from expression", loc="left", fontsize=LARGE)
    ax.set_xlabel("chromosome", fontsize=MEDIUM)
    words = f"compared with {found.statement}"
    ax.annotate(
        _wrapped(words, 150), (0, 0), xycoords="axes fraction", xytext=(0, -40), textcoords="offset points",
        ha="left", va="top", fontsize=SMALL, color=FAINT, gid="reference",
    )  # fmt: skip
    _strip(ax, rows, kind)
    _bar(ax, drawn)


def _wrapped(words: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(words, width))


def _chromosomes(ax: Axes, chromosome: pd.Series) -> None:
    """Borders and names of the chromosomes, every second name a line lower."""
    from niche.pl._figure import INK, SMALL

    codes, names = pd.factorize(chromosome)
    first = np.flatnonzero(np.diff(codes, prepend=-1))
    last = np.append(first[1:], codes.size)
    for border in first[1:]:
        ax.axvline(border - 0.5, color=INK, linewidth=0.5, gid="chromosome border")
    labels = [name.removeprefix("chr") for name in names]
    ax.set_xticks((first + last - 1) / 2, ["\n" * (i % 2) + name for i, name in enumerate(labels)])
    ax.tick_params(axis="x", length=0, labelsize=SMALL, pad=2)


def _strip(ax: Axes, rows: Rows, kind: str) -> None:
    """Colours of the groups beside the rows, and what they mean."""
    from matplotlib.colors import to_rgb
    from matplotlib.lines import Line2D

    from niche.pl._figure import MEDIUM, SMALL, bare, inches_right

    if len(rows.groups) == 1 and rows.groups[0] == _ALL_CELLS:
        return
    colors = palette.category_colors(rows.groups, kind)
    strip = _axes_left(ax)
    shades = np.array([to_rgb(colors[name]) for name in rows.groups])
    strip.imshow(shades[rows.group][:, None], aspect="auto", interpolation="nearest", gid="groups")
    strip.set_ylim(ax.get_ylim())
    strip.set_xticks([])
    strip.set_yticks([])
    bare(strip)
    handles = [
        Line2D(
            [], [], marker="s", linestyle="", markersize=6, color=colors[name], label=name.replace("_", " ")
        )
        for name in (rows.groups[code] for code in _order(rows.groups, kind))
    ]
    ax.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0,
        bbox_transform=inches_right(ax, 0.1, 1.35), frameon=False, fontsize=SMALL,
        title=kind if kind == "compartment" else None, title_fontsize=MEDIUM, alignment="left",
        handletextpad=0.2, labelspacing=0.35,
    )  # fmt: skip


def _axes_left(ax: Axes) -> Axes:
    """Axes of a fixed width left of another, as high as it, however it is resized."""
    from matplotlib.transforms import Bbox

    from niche.pl._figure import figure_of

    figure = figure_of(ax)
    strip = ax.inset_axes((-0.02, 0.0, 0.02, 1.0))

    def locate(_: Any, __: Any) -> Bbox:
        box, inch = ax.get_window_extent(), figure.dpi
        place = Bbox.from_bounds(box.x0 - (_STRIP + 0.05) * inch, box.y0, _STRIP * inch, box.height)
        return place.transformed(figure.transFigure.inverted())

    strip.set_axes_locator(locate)
    return strip


def _bar(ax: Axes, drawn: Any) -> None:
    from niche.pl._figure import MEDIUM, SMALL, bar_beside, figure_of

    bar = figure_of(ax).colorbar(drawn, cax=bar_beside(ax, right=0.15, width=0.12, height=1.1))
    bar.set_label("log fold change\nagainst reference", fontsize=MEDIUM)
    bar.ax.tick_params(labelsize=SMALL)
    bar.outline.set_visible(False)
