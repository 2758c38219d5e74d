"""The figures of a report, each with the numbers it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import anndata as ad
import numpy as np
import pandas as pd

from niche import get, pl
from niche._settings import settings
from niche.get.axes import axes as published_axes
from niche.pl.communication import top_edges
from niche.report import formats, images
from niche.report.blocks import Image
from niche.report.findings import Findings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UMAP = "X_niche_umap"
TOP = 15
"""Edges listed and drawn per organ."""


@dataclass(frozen=True)
class ReportFigure:
    """A figure of the report.

    Attributes
    ----------
    name
        File name without ending.
    draw
        Draws it.
    source
        The numbers it shows.
    alt
        What it shows, for a reader who cannot see it.
    caption
        What stands below it.
    raster
        Whether it is put in the page as pixels, because it has too many points to be drawn.
    """

    name: str
    draw: Callable[[], Axes | Figure]
    source: Callable[[], pd.DataFrame]
    alt: str
    caption: str
    raster: bool = False

    _drawn: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)

    def content(self, kind: str) -> bytes:
        """The figure as a file, ``svg`` or ``png``; drawn once."""
        if kind not in self._drawn:
            with images.style():
                figure = cast("Figure", self.draw())
                self._drawn[kind] = images.png(figure) if kind == "png" else images.svg(figure)
        return self._drawn[kind]

    def image(self) -> Image:
        """The figure as an image inside the page."""
        kind = "png" if self.raster else "svg"
        content = self.content(kind)
        return Image(images.data_uri(content, kind), self.alt, self.caption, images.width(content, kind))


def general_figures(found: Findings) -> list[ReportFigure]:
    """Return the figures of design, cells, edges and axes that can be drawn from what is stored."""
    made = [_design(found), _umap(found, "compartment"), _umap(found, "cell_type"), _umap(found, "organ")]
    made += [_communication(found, organ) for organ in found.organs]
    made.append(_axes(found))
    return [figure for figure in made if figure is not None]


def _design(found: Findings) -> ReportFigure | None:
    if not found.design.there:
        return None
    samples: pd.DataFrame = found.design.value["samples"]
    n_patients, n_organs = samples["patient"].nunique(), samples["organ"].nunique()
    return ReportFigure(
        "design",
        lambda: pl.design(found.adata),
        lambda: samples[["patient", "sample", "organ", "tissue", "n_cells"]],
        f"Grid of {formats.plural(n_patients, 'patient')} by {formats.plural(n_organs, 'organ')}: which "
        "patient gave a sample of which organ and tissue, with the number of cells.",
        "Who gave what. Rows are patients, columns organs and tissues; numbers are cells, joined tiles one "
        "patient.",
    )


def _umap(found: Findings, what: str) -> ReportFigure | None:
    if not found.cluster.there or UMAP not in found.adata.obsm:
        return None
    column = found.column({"cell_type": "groupby"}.get(what, f"{what}_key"), _own_name(what))
    if column is None:
        return None
    labels, own = found.adata.obs[column].astype(str), _own_name(what)
    points = found.adata.obsm[UMAP]
    return ReportFigure(
        f"umap_{what}",
        lambda: pl.umap(_cells(found, {own: labels}), color=own),
        lambda: pd.DataFrame(
            {
                "cell": found.adata.obs_names,
                "umap_1": points[:, 0],
                "umap_2": points[:, 1],
                column: labels.to_numpy(),
            }
        ),
        f"Map (UMAP) of {formats.plural(found.adata.n_obs, 'cell')}, coloured by {formats.readable(what)}: "
        f"{formats.listed(sorted(set(labels)))}.",
        f"Cells by {formats.readable(what)}. Distances between groups of a UMAP have no meaning.",
        raster=True,
    )


def _own_name(what: str) -> str:
    return settings.groupby if what == "cell_type" else str(getattr(settings, f"{what}_key"))


def _cells(found: Findings, labels: dict[str, pd.Series]) -> ad.AnnData:
    """Cells with their place and labels under niche's own column names, which decide the colours."""
    return ad.AnnData(
        np.zeros((found.adata.n_obs, 1), dtype=np.float32),
        obs=pd.DataFrame(labels, index=found.adata.obs_names),
        obsm={UMAP: np.asarray(found.adata.obsm[UMAP])},
    )


def _communication(found: Findings, organ: str) -> ReportFigure | None:
    mine = found.tested[found.tested["organ"] == organ]
    if not len(mine):
        return None
    return ReportFigure(
        f"communication_{file_name(organ)}",
        lambda: pl.communication(found.adata, organ=organ, n_top=TOP),
        lambda: _drawn_edges(found, organ),
        f"Dot plot of the first ligand-receptor edges in {formats.readable(organ)}, by pair of cell types; "
        "the same edges are listed in the table above.",
        f"The first {TOP} edges in {formats.readable(organ)}, for every pair of cell types among them. "
        "Colour is the mean expression of ligand and receptor, size the p-value, an outline q ≤ 0.05.",
    )


def _drawn_edges(found: Findings, organ: str) -> pd.DataFrame:
    """Every edge in the grid of the dot plot: pairs of genes and of cell types among the first edges."""
    top = top_edges(found.tested[found.tested["organ"] == organ], TOP, "lr_means")
    genes = set(zip(top["ligand_complex"], top["receptor_complex"], strict=True))
    cells = set(zip(top["source"], top["target"], strict=True))
    edges = get.communication(
        found.adata, organ=organ, source=sorted({a for a, _ in cells}), target=sorted({b for _, b in cells})
    )
    kept = [
        (ligand, receptor) in genes and (source, target) in cells
        for ligand, receptor, source, target in zip(
            edges["ligand_complex"], edges["receptor_complex"], edges["source"], edges["target"], strict=True
        )
    ]
    return edges[kept]


def _axes(found: Findings) -> ReportFigure | None:
    if not found.axes.there or not (found.axes.value["ligand"] != "").any():
        return None
    counts = found.axes.value["status"].astype(str).value_counts()
    told = formats.listed([f"{n} {status.replace('_', ' ')}" for status, n in counts.items()])
    return ReportFigure(
        "published_axes",
        lambda: pl.axes_heatmap(found.adata),
        lambda: published_axes(found.adata, everywhere=True),
        f"Heatmap of published ligand-receptor axes by organ and what was found: {told}. Every field is "
        "listed in the table of published axes.",
        "Published axes by organ.",
    )


def file_name(organ: str) -> str:
    """Name of an organ as part of a file name."""
    return "".join(letter if letter.isalnum() else "_" for letter in organ).strip("_") or "organ"
