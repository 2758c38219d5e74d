from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

from niche import get, pp, tl
from niche.report.figures import ReportFigure
from niche.report.findings import Findings
from niche.report.program_figures import cosines, program_figures


@pytest.fixture(scope="module")
def drawn(_corridor: ad.AnnData) -> dict[str, ReportFigure]:
    return {figure.name: figure for figure in program_figures(Findings.of(_corridor))}


def test_names_and_content(drawn: dict[str, ReportFigure]) -> None:
    assert list(drawn) == ["programs", "program_usage", "program_variance", "program_ambient"]
    for figure in drawn.values():
        assert b"<svg" in figure.content("svg")
        assert len(figure.alt) > 60


def test_sources_hold_what_is_drawn(drawn: dict[str, ReportFigure], _corridor: ad.AnnData) -> None:
    assert len(drawn["program_usage"].source()) == len(get.compare_programs(_corridor, what="units"))
    assert {"var_within", "var_patient", "var_organ"} <= set(drawn["program_variance"].source())
    assert {"program", "organ", "effect", "ambient_share"} <= set(drawn["program_ambient"].source())


def test_likeness_is_the_cosine(_corridor: ad.AnnData) -> None:
    table = cosines(Findings.of(_corridor)).set_index("program")
    weights = _corridor.varm["programs"].astype(float)
    a, b = weights[:, 0], weights[:, 3]
    assert table.loc["P1", "P4"] == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)))
    assert np.allclose(np.diag(table), 1)


def test_without_a_comparison_only_likeness_is_drawn(demo: ad.AnnData) -> None:
    assert program_figures(Findings.of(demo)) == []
    pp.normalize(demo)
    tl.programs(demo, k=5, n_starts=3)
    assert [figure.name for figure in program_figures(Findings.of(demo))] == ["programs"]
