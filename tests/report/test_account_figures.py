"""Figures of the account: an organ each, and the mediators."""

from __future__ import annotations

import anndata as ad
import pytest
from accounts import make_account

from niche import get
from niche.report.account_figures import account_figures
from niche.report.figures import ReportFigure
from niche.report.findings import Findings


@pytest.fixture(scope="module")
def study() -> ad.AnnData:
    return make_account()


@pytest.fixture(scope="module")
def drawn(study: ad.AnnData) -> dict[str, ReportFigure]:
    return {figure.name: figure for figure in account_figures(Findings.of(study))}


def test_names(drawn: dict[str, ReportFigure]) -> None:
    organs = [f"account_{organ}" for organ in ("bone", "brain", "kidney", "lung")]
    assert list(drawn) == [*organs, "account_mediators"]


def test_sources_hold_what_is_drawn(drawn: dict[str, ReportFigure], study: ad.AnnData) -> None:
    bone = drawn["account_bone"].source()
    assert set(bone["organ"]) == {"bone"} and set(bone["account"]) == {"seed", "soil"}
    assert len(drawn["account_mediators"].source()) == len(get.tropism(study, kind="mediator"))
    assert "3 found" in drawn["account_mediators"].alt


def test_they_can_be_drawn(drawn: dict[str, ReportFigure]) -> None:
    for figure in drawn.values():
        assert b"<svg" in figure.content("svg")


def test_nothing_is_drawn_from_nothing(demo: ad.AnnData) -> None:
    assert account_figures(Findings.of(demo)) == []
