from __future__ import annotations

import anndata as ad
import matplotlib as mpl
import pytest

from niche import get
from niche.report.figures import ReportFigure, file_name, general_figures
from niche.report.findings import Findings


@pytest.fixture(scope="module")
def drawn(_corridor: ad.AnnData) -> dict[str, ReportFigure]:
    return {figure.name: figure for figure in general_figures(Findings.of(_corridor))}


def test_names(drawn: dict[str, ReportFigure]) -> None:
    maps = ["umap_compartment", "umap_cell_type", "umap_organ"]
    organs = [f"communication_{organ}" for organ in ("bone", "brain", "liver", "lung")]
    assert list(drawn) == ["design", *maps, *organs, "published_axes"]
    assert file_name("lymph node (primary)/é") == "lymph_node__primary__é"


def test_every_dot_is_in_the_source(drawn: dict[str, ReportFigure]) -> None:
    figure = drawn["communication_bone"]
    source = figure.source()
    axes = figure.draw().axes[0]  # type: ignore[union-attr]
    dots = {dot.get_gid(): len(dot.get_offsets()) for dot in axes.collections}
    counts = source["status"].astype(str).value_counts()
    assert dots["edges"] == counts["tested"]
    assert dots["not_testable"] == counts.get("not_testable", 0)


def test_sources_have_every_cell_and_sample(drawn: dict[str, ReportFigure], _corridor: ad.AnnData) -> None:
    assert len(drawn["umap_organ"].source()) == _corridor.n_obs
    assert drawn["design"].source()["n_cells"].sum() == _corridor.n_obs
    assert len(drawn["published_axes"].source()) == len(get.axes(_corridor, everywhere=True))


def test_a_figure_is_drawn_once_and_leaves_matplotlib_alone(drawn: dict[str, ReportFigure]) -> None:
    before = dict(mpl.rcParams)
    first = drawn["design"].content("svg")
    assert drawn["design"].content("svg") is first
    assert dict(mpl.rcParams) == before
    assert b"<dc:date>" not in first


def test_nothing_is_drawn_from_nothing(demo: ad.AnnData) -> None:
    assert general_figures(Findings.of(demo)) == []
