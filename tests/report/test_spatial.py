from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from report_page import Page, parsed
from spatial_study import analysed, sections

import niche
from niche import get, report, tl
from niche.report import spatial, spatial_tables
from niche.report.findings import Findings


@pytest.fixture(scope="module")
def study() -> ad.AnnData:
    """Sections with everything that is known of them; do not change it."""
    adata = analysed()
    tl.touching(adata, n_perms=20)
    tl.compare_spatial(adata)
    tl.compare_spatial(adata, statistic="tumor_to_host", key_added="compare_spatial_tumor_to_host")
    return adata


@pytest.fixture(scope="module")
def told(study: ad.AnnData, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return parsed(report.html(study, tmp_path_factory.mktemp("spatial") / "report.html"))


def test_sections_and_their_first_pairs_are_told(study: ad.AnnData, told: Page) -> None:
    section = told.sections["spatial"]
    about = get.spatial_communication(study, level="sections")
    assert all(sample in section for sample in about["sample"].astype(str))
    tested = get.spatial_communication(study, status="tested")
    assert f"{len(tested):,} tests over whole sections" in section
    for _, mine in tested.groupby("sample", observed=True):
        best = mine.loc[mine["pval"].idxmin()]
        assert f"{best['ligand_complex']} → {best['receptor_complex']}" in section
    assert "one section is no evidence about patients" in section
    assert "Tumor to host” has the ligand in the tumor" in section


def test_what_was_not_tested_is_counted_by_reason(tmp_path: Path) -> None:
    adata = sections()
    pairs = adata.uns["truth"]["pairs"][["ligand", "receptor"]]
    unknown = pd.DataFrame({"ligand": ["NOGENE1", "NOGENE2"], "receptor": ["NOGENE3", "NOGENE4"]})
    host = (adata.obs["sample"] == "lung_P2_S1") & (adata.obs["compartment"] != "tumor")
    adata = adata[~host].copy()
    tl.spatial_communication(adata, resource=pd.concat([pairs, unknown]), local=None, expr_prop=0.4)
    section = parsed(report.html(adata, tmp_path / "report.html")).sections["spatial"]
    rows = spatial_tables.untested(Findings.of(adata))
    every = get.spatial_communication(adata)
    across = get.spatial_communication(adata, level="interface")
    not_made = (every["status"] != "tested").sum() + (across["status"] != "tested").sum()
    assert rows["n"].sum() == not_made > 0
    assert all(reason in section for reason in rows["reason"])
    assert "section without tumor or without host" in section and "gene not measured" in section
    of_sections = rows[rows["where"] == "whole section"]
    assert set(of_sections["status"]) == {"not_expressed", "not_testable"}
    for row in of_sections.itertuples():
        mine = every[every["reason"] == row.reason]
        assert (row.n, row.n_sections) == (len(mine), mine["sample"].nunique())
        assert row.n_pairs == len(mine[["ligand_complex", "receptor_complex"]].drop_duplicates())


def test_calls_over_patients_are_those_of_the_comparison(study: ad.AnnData, told: Page) -> None:
    section = told.sections["spatial"]
    assert "What became of the pairs over patients: whole section" in section
    assert "What became of the pairs over patients: tumor to host" in section
    found = Findings.of(study)
    for key in ("compare_spatial", "compare_spatial_tumor_to_host"):
        table = get.compare_spatial(study, key=key)
        outcomes = spatial_tables.outcomes(found, key).set_index("contrast")
        for contrast, mine in table.groupby("contrast", observed=True):
            assert outcomes.loc[contrast, "n_tested"] == mine["pval"].notna().sum()
            assert outcomes.loc[contrast, "n_consistent"] == (mine["call"] == "consistent").sum()
        called = spatial_tables.called(found, key)
        kept = table["contrast"].isin(called["contrast"].unique()) & table["call"].isin(spatial_tables.CALLED)
        assert len(called) == kept.sum()
    consistent = spatial_tables.called(found, "compare_spatial").query("call == 'consistent'")
    assert len(consistent) and all(pair in section for pair in consistent["pair"].head(spatial.TOP))
    assert "mean over the patients of liver" in section


def test_contacts_are_told_and_edges_are_set_beside_them(study: ad.AnnData, told: Page) -> None:
    section = told.sections["spatial"]
    table = get.touching(study)
    assert f"Of {len(table):,} pairs of cell types" in section
    assert "Edges of dissociated cells beside" not in section, "no such edges here"
    edges = study.copy()
    few = study.uns["truth"]["pairs"][["ligand", "receptor"]]
    tl.communication(edges, "cell_type", resource=few, null="analytic")
    counts = spatial_tables.edges_by_contact(Findings.of(edges)).set_index("organ")
    flags = get.communication(edges, status="tested", touching=get.touching(edges))
    assert counts.to_numpy().sum() == len(flags)
    assert counts["touching"].sum() == (flags["touching"] == "touching").sum()


def test_the_summary_asks_and_answers(study: ad.AnnData, told: Page) -> None:
    summary = told.sections["summary"]
    assert "which receptors lie where neighbouring spots hold the ligand" in summary
    assert "Sections at a glance" in summary and "Only what the sections below describe" not in summary
    assert "mean over the patients of liver" in summary
    assert "genes that follow the same anatomy do so too" in summary
    alone = analysed()
    findings = Findings.of(alone)
    assert "Run niche.tl.compare_spatial first" in " ".join(niche.report.spatial_summary.cannot(findings))


def test_without_sides_or_comparisons_the_section_says_so(tmp_path: Path) -> None:
    adata = sections()
    del adata.obs["compartment"]
    tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"])
    section = parsed(report.html(adata, tmp_path / "report.html")).sections["spatial"]
    assert "Which spots are tumor was not given" in section
    assert "Run niche.tl.compare_spatial first" in section and "Run niche.tl.touching first" in section


def test_contacts_alone_make_a_section(tmp_path: Path) -> None:
    adata = sections()
    tl.touching(adata, n_perms=10)
    section = parsed(report.html(adata, tmp_path / "report.html")).sections["spatial"]
    assert "Pairs in sections: not assessed. " in section and "Contacts of cell types" in section


def test_an_outdated_result_is_not_shown(study: ad.AnnData, tmp_path: Path) -> None:
    moved = study.copy()
    moved.obsm["spatial"] = moved.obsm["spatial"] + np.arange(moved.n_obs)[:, None] * 1e-3
    page = parsed(report.html(moved, tmp_path / "report.html"))
    assert "outdated and not shown" in page.sections["spatial"]
    assert "obsm spatial changed" in page.sections["spatial"]


def test_other_sections_than_those_compared_are_named(study: ad.AnnData, tmp_path: Path) -> None:
    made = study.copy()
    tl.spatial_communication(made, resource=made.uns["truth"]["pairs"], key_added="mine")
    tl.compare_spatial(made, key="mine")
    section = parsed(report.html(made, tmp_path / "report.html")).sections["spatial"]
    assert "Compared were the sections stored in uns['mine'], not those above" in section


def test_names_are_shown_as_text(study: ad.AnnData, tmp_path: Path) -> None:
    made = sections()
    made.obs["sample"] = made.obs["sample"].cat.rename_categories(lambda name: f"<b>{name}</b>")
    tl.spatial_communication(made, resource=made.uns["truth"]["pairs"].head(2), local=None)
    file = report.html(made, tmp_path / "report.html")
    assert "<b>liver" not in file.read_text(encoding="utf-8")
    assert "<b>liver_P1_S1</b>" in parsed(file).sections["spatial"]


def test_reports_without_sections_have_no_such_section(demo: ad.AnnData, tmp_path: Path) -> None:
    assert not spatial.wanted(Findings.of(demo))
    assert "spatial" not in parsed(report.html(demo, tmp_path / "report.html")).sections
