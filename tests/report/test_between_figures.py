from __future__ import annotations

import anndata as ad
import pytest

from niche import get
from niche.report.between_figures import EDGE, between_figures, called
from niche.report.figures import ReportFigure
from niche.report.findings import Findings


@pytest.fixture(scope="module")
def found(_corridor: ad.AnnData) -> Findings:
    return Findings.of(_corridor)


@pytest.fixture(scope="module")
def drawn(found: Findings) -> dict[str, ReportFigure]:
    return {figure.name: figure for figure in between_figures(found)}


def test_names(drawn: dict[str, ReportFigure]) -> None:
    assert list(drawn)[:4] == ["between_confounding", "between_edges", "between_circle", "between_pathways"]
    assert {"between_volcano_bone", "between_effects_bone", "between_volcano_lung"} <= set(drawn)
    assert not any(name.endswith("brain") for name in drawn), "two patients: nothing can be called"


def test_called_edges_come_with_the_ambient_ones_last(found: Findings) -> None:
    rows = called(found)
    suspect = (rows["ambient_share"] >= 0.5).tolist()
    assert any(suspect)
    assert suspect == sorted(suspect)
    assert suspect == (rows["call"] == "ambient-suspect").tolist()
    assert set(rows["call"].astype(str)) <= {"enriched", "specific", "depleted", "ambient-suspect"}


def test_sources_hold_what_is_drawn(drawn: dict[str, ReportFigure], _corridor: ad.AnnData) -> None:
    edges = drawn["between_edges"].source()
    assert set(edges["contrast"].astype(str)) <= {f"{o}_vs_rest" for o in ("bone", "brain", "liver", "lung")}
    assert len(edges[EDGE].drop_duplicates()) <= 30
    volcano = drawn["between_volcano_bone"].source()
    tested = get.compare_communication(_corridor, contrast="bone_vs_rest")["pval"].notna().sum()
    assert len(volcano) == tested
    patients = drawn["between_effects_bone"].source()
    assert {"patient", "log2fc", "side"} <= set(patients)
    assert set(patients["side"].astype(str)) >= {"plus", "minus"}


def test_they_can_be_drawn(drawn: dict[str, ReportFigure]) -> None:
    for name in ("between_confounding", "between_edges", "between_effects_bone"):
        assert b"<svg" in drawn[name].content("svg")


def test_nothing_is_drawn_from_nothing(demo: ad.AnnData) -> None:
    assert between_figures(Findings.of(demo)) == []
