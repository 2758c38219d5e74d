from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from compared import make_compared

from niche import get, pp
from niche.report import tumor_figures as figures_of_tumors
from niche.report.figures import ReportFigure
from niche.report.findings import Findings
from niche.report.tumor_figures import mean_profiles, tumor_figures


@pytest.fixture(scope="module")
def drawn(_corridor: ad.AnnData) -> dict[str, ReportFigure]:
    return {figure.name: figure for figure in tumor_figures(Findings.of(_corridor))}


def test_names(drawn: dict[str, ReportFigure]) -> None:
    assert list(drawn) == ["cnv", "malignant_evidence", "stability", "ambient_fractions", "ambient_genes"]


def test_mean_profiles_are_means_of_the_profile(_corridor: ad.AnnData) -> None:
    table = mean_profiles(Findings.of(_corridor))
    group = table.columns[-1]
    sample, compartment = group.split(", ")
    obs = _corridor.obs.astype({"sample": str, "compartment": str})
    rows = ((obs["sample"] == sample) & (obs["compartment"] == compartment)).to_numpy()
    expected = np.asarray(_corridor.obsm["X_cnv"][rows].mean(axis=0)).ravel()
    np.testing.assert_allclose(table[group], expected, rtol=1e-5)
    assert len(table) == len(get.cnv(_corridor))


def test_sources_hold_what_is_drawn(drawn: dict[str, ReportFigure], _corridor: ad.AnnData) -> None:
    assert len(drawn["malignant_evidence"].source()) == _corridor.n_obs
    assert set(drawn["ambient_genes"].source()["cell_type"].astype(str)) == {"Malignant"}
    assert len(drawn["ambient_fractions"].source()) == len(get.ambient(_corridor, level="cell_types"))


def test_every_figure_can_be_drawn_and_read(drawn: dict[str, ReportFigure]) -> None:
    for figure in drawn.values():
        image = figure.image()
        assert len(image.alt) > 60
        assert image.width > 200


def test_nothing_is_drawn_from_nothing(demo: ad.AnnData) -> None:
    assert tumor_figures(Findings.of(demo)) == []


def test_no_ambient_fraction_is_not_drawn() -> None:
    adata = make_compared()
    adata.obs["cell_type"], adata.obs["compartment"] = "Cancer", "tumor"
    pp.ambient(adata, "cell_type")
    found = Findings.of(adata)
    assert found.ambient.there
    assert figures_of_tumors._ambient(found) == [], "with one cell type no sample has a fraction"
