"""A ligand-receptor pair on its sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
from scipy import sparse

from niche._slots import keys, matrix, read, validate
from niche._slots import spatial_codes as codes
from niche._slots.write import NONE
from niche.errors import InputValueError
from niche.get._organ_results import listed
from niche.get.spatial import LARGEST_Q, RUN_FIRST, kept_maps, section_codes, spot_q
from niche.pl import palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = ("ligand", "receptor", "local", "interface")
_PANEL, _BAR, _LABEL = 2.5, 0.75, 0.5
_TUMOR, _HOST = palette.COMPARTMENTS["tumor"], palette.COMPARTMENTS["stromal"]
_SIDE_COLORS = {
    "tumor": palette.lighter(_TUMOR, 0.65), "tumor at interface": _TUMOR,
    "host": palette.lighter(_HOST, 0.65), "host at interface": _HOST, "neither": palette.MISSING,
}  # fmt: skip
_HOT = "#111111"


def spatial(
    adata: ad.AnnData,
    pair: tuple[str, str] | None = None,
    *,
    sample: str | Sequence[str] | None = None,
    panels: Sequence[str] | None = None,
    image: bool = True,
    spot_size: float | None = None,
    ax: Axes | None = None,
    key: str = keys.SPATIAL_COMMUNICATION,
) -> Axes | Figure:
    """Draw a pair on sections: ligand, receptor, where they meet, and the border of the tumor.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.spatial_communication` was run.
    pair
        ``(ligand, receptor)``; by default the first whose local statistics were kept.
    sample
        Sections, one row each; by default the first four.
    panels
        Out of ``"ligand"``, ``"receptor"``, ``"local"`` (the local statistic, hot spots ringed) and
        ``"interface"`` (sides and border). By default all that are there.
    image
        Draw over the tissue image where ``uns["spatial"]`` holds one of the section, in squidpy's layout. A
        single one that is named after no section is taken for sections that lie apart, as on one slide.
    spot_size
        Diameter of a spot in units of the coordinates; by default the distance to the nearest spot.
    ax
        Axes for one section and one panel; a new figure by default.
    key
        The ``key_added`` of the run.

    Returns
    -------
    Axes or Figure
        The Figure, or ``ax`` when it was given. All sections share one scale per panel.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Coordinates, labels, genes or values have changed since.
    InputValueError
        A pair, section or panel that is not there; several for one ``ax``.
    InputTypeError
        ``adata`` is no AnnData, or ``ax`` no Axes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_spatial(0, patients=1, organs=["liver"], side=12)
    >>> niche.pp.normalize(adata)
    >>> niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"])
    >>> figure = niche.pl.spatial(adata)
    >>> len(figure.axes) >= 4
    True
    """
    from niche.pl._figure import given_axes

    stored = read.result(adata, key, run_first=RUN_FIRST)
    validate.flag(image, "image")
    if spot_size is not None:
        validate.number(spot_size, "spot_size", low=0, open_low=True)
    names = read.strings(stored["sections"]["name"])
    rows = names[:4] if sample is None else listed(sample, "sample", names)
    place = _pair(stored, pair)
    drawn = _panels(adata, stored, panels, place, key)
    section = section_codes(adata, stored)
    points = np.asarray(adata.obsm[str(stored["params"]["spatial_key"])], dtype=float)[:, :2]
    shown = np.isin(section, [names.index(name) for name in rows])
    found = [_layer(adata, stored, panel, place, shown, key) for panel in drawn]
    if ax is not None:
        given_axes(ax)
        if len(rows) != 1 or len(drawn) != 1:
            raise InputValueError(
                f"ax= takes one section and one panel. Got {len(rows)} sections and {len(drawn)} panels; "
                "choose with sample= and panels=, or leave ax out."
            )
        mine = np.flatnonzero(section == names.index(rows[0]))
        picture = _image(adata, names, rows[0], points, section) if image else None
        _draw(ax, points[mine], found[0], mine, picture, spot_size)
        ax.set_title(found[0].name, loc="left", fontsize=10)
        return ax
    return _figure(adata, stored, rows, names, section, points, found, place, spot_size, image=image)


@dataclass(frozen=True)
class _Layer:
    """What a panel shows of all spots: numbers within limits, or sides; and spots to ring."""

    panel: str
    name: str
    values: np.ndarray
    limits: tuple[float, float]
    ringed: np.ndarray
    unit: str


def _pair(stored: Mapping[str, Any], pair: Any) -> int:
    ligands, receptors = (
        read.strings(stored["pairs"][name]) for name in ("ligand_complex", "receptor_complex")
    )
    if pair is None:
        kept = np.asarray(stored["local"]["pair"])
        if not kept.size:
            raise InputValueError("no pair has local statistics in this run. Choose one with pair=.")
        return int(kept[0])
    if isinstance(pair, str) or len(pair) != 2:
        raise InputValueError(f"pair must be (ligand, receptor). Got {pair!r}.")
    wanted = (str(pair[0]), str(pair[1]))
    both = list(zip(ligands, receptors, strict=True))
    if wanted not in both:
        near = [b for a, b in both if a == wanted[0]]
        raise InputValueError(
            f"pair {wanted} is not in the run. Receptors of {wanted[0]!r} there: "
            f"{validate.shown(near) or 'none'}."
        )
    return both.index(wanted)


def _panels(
    adata: ad.AnnData, stored: Mapping[str, Any], panels: Sequence[str] | None, pair: int, key: str
) -> list[str]:
    has = {
        "local": pair in np.asarray(stored["local"]["pair"]),
        "interface": f"{key}_interface" in adata.obs.columns,
    }
    if panels is None:
        return [name for name in PANELS if has.get(name, True)]
    wanted = [panels] if isinstance(panels, str) else list(panels)
    for name in wanted:
        validate.choice(name, "panels", PANELS)
        if not has.get(name, True):
            why = {
                "local": f"this pair was not kept: run {RUN_FIRST} with local=[(ligand, receptor)]",
                "interface": f"no sides were given: run {RUN_FIRST} with interface_key=",
            }[name]
            raise InputValueError(f"panel {name!r} cannot be drawn, {why}.")
    if not wanted:
        raise InputValueError("panels must name at least one panel.")
    return wanted


def _layer(
    adata: ad.AnnData, stored: Mapping[str, Any], panel: str, pair: int, shown: np.ndarray, key: str
) -> _Layer:
    none = np.zeros(adata.n_obs, dtype=bool)
    if panel == "interface":
        sides = adata.obs[f"{key}_interface"].astype(str).to_numpy(dtype=object)
        return _Layer(panel, "side and border", sides, (0.0, 1.0), none, "")
    if panel == "local":
        kept, statistic, p = kept_maps(adata, stored, key)
        k = int(np.flatnonzero(kept == pair)[0])
        values = statistic[:, k]
        reach = (
            float(np.nanquantile(np.abs(values[shown]), 0.99)) if np.isfinite(values[shown]).any() else 1.0
        )
        hot = spot_q(p[:, [k]], section_codes(adata, stored))[:, 0] <= LARGEST_Q
        return _Layer(panel, "local R, hot spots ringed", values, (-(reach or 1.0), reach or 1.0), hot, "R")
    name = read.strings(stored["pairs"][f"{panel}_complex"])[pair].replace("_", "+")
    values = expression(adata, stored, panel, pair)
    if not np.isfinite(values).any():
        return _Layer(panel, f"{panel} {name}, not measured", values, (0.0, 1.0), none, "log1p")
    return _Layer(panel, f"{panel} {name}", values, (0.0, float(values[shown].max()) or 1.0), none, "log1p")


def expression(adata: ad.AnnData, stored: Mapping[str, Any], end: str, pair: int) -> np.ndarray:
    """Lowest of the genes (subunits) of the ``"ligand"`` or ``"receptor"`` of a pair, in every spot.

    NaN where one of them is not measured.
    """
    genes = read.strings(stored["pairs"][f"{end}_genes"])[pair]
    if not genes:
        return np.full(adata.n_obs, np.nan)
    layer = str(stored["params"]["layer"])
    values = matrix.stored_values(adata, None if layer == NONE else layer)
    picked = values[:, adata.var_names.get_indexer(genes.split("_")).tolist()]
    picked = picked.compute() if matrix.is_dask(picked) else picked
    dense = picked.toarray() if sparse.issparse(picked) else np.asarray(picked)
    return dense.min(axis=1).astype(float)


def _image(
    adata: ad.AnnData, names: list[str], sample: str, points: np.ndarray, section: np.ndarray
) -> tuple[np.ndarray, float] | None:
    """Tissue image of a section and its scale, squidpy's layout.

    A single image of another name than a section's serves those that lie apart, as on one slide.
    """
    held = adata.uns.get("spatial")
    if not isinstance(held, Mapping) or not held:
        return None
    library = held.get(sample)
    if len(held) == 1 and not set(held) & set(names) and _apart(points, section == names.index(sample)):
        library = next(iter(held.values()))
    if not isinstance(library, Mapping):
        return None
    images = library.get("images", {})
    for size in ("hires", "lowres"):
        if size in images:
            scale = float(library.get("scalefactors", {}).get(f"tissue_{size}_scalef", 1.0))
            return np.asarray(images[size]), scale
    return None


def _apart(points: np.ndarray, mine: np.ndarray) -> bool:
    """Whether no other spot lies within the bounds of a section."""
    low, high = points[mine].min(axis=0), points[mine].max(axis=0)
    return not ((points >= low) & (points <= high)).all(axis=1)[~mine].any()


def _draw(
    ax: Axes, points: np.ndarray, layer: _Layer, mine: np.ndarray, image: tuple[np.ndarray, float] | None,
    spot_size: float | None,
) -> Any:  # fmt: skip
    """One section, one panel; returns what a colour bar can be made of."""
    from matplotlib.collections import EllipseCollection

    from niche.pl._figure import bare

    xy = points
    if image is not None:
        picture, scale = image
        ax.imshow(picture, alpha=0.7, cmap="gray")
        xy = points * scale
    size = (spot_size * (1 if image is None else image[1])) if spot_size else 0.92 * _spacing(xy)
    style: dict[str, Any] = {"units": "xy", "transOffset": ax.transData, "linewidths": 0}
    values = layer.values[mine]
    widths = np.full(len(xy), size)
    if layer.panel == "interface":
        colors = [_SIDE_COLORS[str(value)] for value in values]
        drawn = EllipseCollection(widths, widths, np.zeros(len(xy)), offsets=xy, facecolors=colors, **style)
    else:
        colormap = palette.DIVERGING if layer.panel == "local" else palette.MAGNITUDE
        drawn = EllipseCollection(widths, widths, np.zeros(len(xy)), offsets=xy, cmap=colormap, **style)
        drawn.set_array(np.ma.masked_invalid(values.astype(float)))
        drawn.set_clim(*layer.limits)
    drawn.set_gid(layer.panel)
    ax.add_collection(drawn)
    hot = layer.ringed[mine]
    if hot.any():
        ring: dict[str, Any] = style | {"linewidths": 0.9, "facecolors": "none", "edgecolors": _HOT}
        rings = EllipseCollection(widths[hot], widths[hot], np.zeros(hot.sum()), offsets=xy[hot], **ring)
        rings.set_gid("hot spots")
        ax.add_collection(rings)
    low, high = xy.min(axis=0) - size, xy.max(axis=0) + size
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(high[1], low[1])  # rows of an image run downwards
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    bare(ax)
    return drawn


def _spacing(points: np.ndarray) -> float:
    from scipy.spatial import cKDTree

    if len(points) < 2:
        return 1.0
    return float(np.median(cKDTree(points).query(points, k=2)[0][:, 1])) or 1.0


def _figure(
    adata: ad.AnnData, stored: Mapping[str, Any], rows: list[str], names: list[str], section: np.ndarray,
    points: np.ndarray, found: list[_Layer], pair: int, spot_size: float | None, *, image: bool,
) -> Figure:  # fmt: skip
    """A row of panels for each section; a colour bar or legend under each column."""
    from matplotlib.lines import Line2D

    from niche.pl._figure import INK, LARGE, MEDIUM, SMALL, ShownFigure, gene_pair

    shapes = [_shape(points[section == names.index(name)]) for name in rows]
    heights = [_PANEL * float(np.clip(shape, 0.4, 1.6)) for shape in shapes]
    gap = 0.42
    width = _LABEL + len(found) * (_PANEL + 0.25)
    height = 0.75 + sum(heights) + gap * len(rows) + _BAR
    figure = ShownFigure(figsize=(width, height))
    top = height - 0.75
    for r, (name, tall) in enumerate(zip(rows, heights, strict=True)):
        mine = np.flatnonzero(section == names.index(name))
        picture = _image(adata, names, name, points, section) if image else None
        for c, layer in enumerate(found):
            left = _LABEL + c * (_PANEL + 0.25)
            ax = figure.add_axes((left / width, (top - tall) / height, _PANEL / width, tall / height))
            drawn = _draw(ax, points[mine], layer, mine, picture, spot_size)
            if r == 0:
                ax.set_title(layer.name, loc="left", fontsize=MEDIUM)
            if c == 0:
                ax.set_ylabel(name, fontsize=MEDIUM, color=INK)
                figure.text(
                    left / width, (top - tall - 0.2) / height, _told(stored, pair, name),
                    fontsize=SMALL, color=INK,
                )  # fmt: skip
            if r == len(rows) - 1 and layer.panel != "interface":
                bar = figure.add_axes((left / width, 0.42 / height, 0.6 * _PANEL / width, 0.09 / height))
                made = figure.colorbar(drawn, cax=bar, orientation="horizontal")
                made.outline.set_visible(False)
                bar.tick_params(labelsize=SMALL)
                bar.set_xlabel(layer.unit, fontsize=SMALL)
            if r == len(rows) - 1 and layer.panel == "interface":
                met = [side for side in codes.SIDES if side in set(layer.values)]
                handles = [
                    Line2D(
                        [], [], marker="o", linestyle="", markersize=5, color=_SIDE_COLORS[side], label=side
                    )
                    for side in met
                ]
                figure.legend(
                    handles=handles, loc="upper left", bbox_to_anchor=(left / width, 0.62 / height), ncols=2,
                    fontsize=SMALL, frameon=False, handletextpad=0.1, columnspacing=0.6, borderaxespad=0.0,
                )  # fmt: skip
        top -= tall + gap
    ligand, receptor = (
        read.strings(stored["pairs"][name])[pair] for name in ("ligand_complex", "receptor_complex")
    )
    figure.text(
        _LABEL / width, 1 - 0.22 / height, gene_pair(ligand, receptor), fontsize=LARGE, color=INK, va="center"
    )
    return figure


def _shape(points: np.ndarray) -> float:
    """Height over width of a section."""
    span = np.ptp(points, axis=0)
    return float(span[1] / span[0]) if span[0] > 0 else 1.0


def _told(stored: Mapping[str, Any], pair: int, sample: str) -> str:
    """What the tests said of the pair in a section, or why there was none."""
    s = read.strings(stored["sections"]["name"]).index(sample)
    reason = int(np.asarray(stored["reasons"])[s, pair])
    if reason:
        return f"section: {codes.REASONS[reason]}"
    found = stored["tests"]
    k = int(np.flatnonzero((np.asarray(found["section"]) == s) & (np.asarray(found["pair"]) == pair))[0])
    text = f"section: R {found['statistic'][k]:.2f}, q {_p(found['qval'][k])}"
    across = stored["interface"]
    mine = np.flatnonzero((np.asarray(across["section"]) == s) & (np.asarray(across["pair"]) == pair))
    for row in mine:
        way = codes.DIRECTIONS[int(across["direction"][row])].replace("_to_", " \u2192 ")
        text += f";  {way}: {across['statistic'][row]:.2f}, q {_p(across['qval'][row])}"
    return text


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 1e-4 else f"{value:.0e}"
