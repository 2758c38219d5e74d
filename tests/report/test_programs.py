"""The section on programs and signatures, from the corridor and from parts of it."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import pytest
from report_page import OWN_SCRIPTS, Page, parsed

from niche import get, pp, report, tl
from niche.report import programs
from niche.report.findings import Findings

EVIL = '<b>T & "x" <script>alert(1)</script></b>'


@pytest.fixture(scope="module")
def found(_corridor: ad.AnnData) -> Findings:
    return Findings.of(_corridor)


def test_every_program_has_its_verdict_and_reason(page: Page, _corridor: ad.AnnData) -> None:
    told = page.sections["programs"]
    verdicts = get.compare_programs(_corridor, what="verdicts")
    for verdict, reason in zip(verdicts["verdict"].astype(str), verdicts["reason"], strict=True):
        assert verdict.replace("_", " ") in told
        assert reason in told
    genes = get.programs(_corridor, program="P2")["gene"]
    assert ", ".join(genes[:8]) in told
    assert genes[8] not in told.split("How alike")[0].split("P2", 1)[1].split("P3", 1)[0]


def test_effects_come_with_their_interval(page: Page, _corridor: ad.AnnData) -> None:
    told = page.sections["programs"]
    table = get.compare_programs(_corridor, organ="bone")
    row = table[(table["contrast"] == "bone_vs_rest") & table["effect"].notna()].iloc[0]
    assert f"{row['ci_low']:.3g} to {row['ci_high']:.3g}" in told
    assert "Between patients of an organ" in told
    assert "Does it depend on how pure the cells are" in told


def test_an_association_is_not_sold_as_a_cause(page: Page) -> None:
    assert programs.ASSOCIATION in page.sections["programs"]
    assert "That an organ induces a program" in page.sections["summary"]
    assert "which merely leaked into its cells?" in page.sections["summary"]


def test_figures_stand_in_the_section(page: Page) -> None:
    alts = [str(image["alt"]) for image in page.every("img")]
    for part in ("likeness of", "usage of programs", "variance of usage", "every program in every organ"):
        assert sum(part in alt for alt in alts) == 1, part


def test_signatures_are_told_with_what_was_not_scored(page: Page) -> None:
    told = page.sections["programs"]
    assert "1 of 2 signatures could be scored" in told
    assert "too few genes measured: 1 of 1, 10 needed" in told
    assert "All 4 differences" in told or "All 8 differences" in told


def test_what_was_not_run_is_said(demo: ad.AnnData, tmp_path: Path) -> None:
    section = parsed(report.html(demo, tmp_path / "none.html")).sections["programs"]
    assert "Not assessed." in section
    assert "Run niche.tl.programs first" in section
    pp.normalize(demo)
    tl.programs(demo, k=5, n_starts=3)
    page = parsed(report.html(demo, tmp_path / "found.html"))
    told = page.sections["programs"]
    assert "Run niche.tl.compare_programs first" in told
    assert "Run niche.tl.score_signatures first" in told
    assert "They were not compared between organs" in page.sections["summary"]
    tl.compare_programs(demo)
    assert programs.NO_AMBIENT in parsed(report.html(demo, tmp_path / "both.html")).sections["programs"]


def test_programs_found_anew_are_not_taken_for_those_compared(corridor: ad.AnnData) -> None:
    assert Findings.of(corridor).compare_programs.there
    tl.programs(corridor, k=5, n_starts=2)
    now = Findings.of(corridor)
    assert not now.compare_programs.there
    assert "compares other programs" in now.compare_programs.reason
    assert now.programs.there


def test_names_are_escaped(demo: ad.AnnData, tmp_path: Path) -> None:
    genes = demo.var_names.to_series()
    demo.obs["organ"] = demo.obs["organ"].astype(str).replace({"bone": EVIL}).to_numpy()
    demo.obs["patient"] = demo.obs["patient"].astype(str).replace({"P05": EVIL}).to_numpy()
    pp.normalize(demo)
    tl.programs(demo, k=6, n_starts=3, gene_sets={EVIL: genes[:400].tolist()})
    top = get.programs(demo, program="P2")["gene"]
    tl.programs(demo, k=6, n_starts=3, gene_sets={EVIL: top.tolist()})
    tl.compare_programs(demo)
    open_tag = EVIL.split("/", 1)[0]  # a signature is stored as a column and has no slash
    tl.score_signatures(demo, {open_tag: genes[:40].tolist(), f"{open_tag} few": genes[:2].tolist()})
    page = parsed(report.html(demo, tmp_path / "evil.html"))
    assert not {"b", "i", "u"} & {tag for tag, _ in page.tags}
    assert page.scripts == OWN_SCRIPTS
    assert page.sections["programs"].count(EVIL) > 5
    assert f"{open_tag} few" in page.sections["programs"]
    assert page.unclosed == []
