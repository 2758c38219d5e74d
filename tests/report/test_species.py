from __future__ import annotations

from pathlib import Path

import anndata as ad
import pytest
from report_page import parsed

import niche
from niche import pp, report, tl
from niche.report import species
from niche.report.exports import tables
from niche.report.findings import Findings
from niche.report.gallery import figures


@pytest.fixture(scope="module")
def both() -> ad.AnnData:
    """A xenograft in one gene space; one sample holds human cells only."""
    adata = niche.datasets.simulate_xenograft(3, animals_per_organ=2, cells=120, n_genes=1500)
    alone = (adata.obs["sample"] == "A04_lung") & (adata.obs["truth_species"] == "mouse")
    adata = adata[~alone].copy()
    pp.split_species(adata)
    made = pp.collapse_orthologs(adata)
    pp.normalize(made)
    tl.call_compartments(made, groupby="cell_type")
    tl.communication(made, "cell_type", resource="niche", null="analytic", patient_key="animal")
    return made


def test_section_tells_thresholds_leaks_and_what_was_dropped(both: ad.AnnData, tmp_path: Path) -> None:
    page = parsed(report.html(both, tmp_path / "report.html"))
    told = page.sections["species"]
    table = niche.get.species(both)
    for sample in table["sample"]:
        assert sample in told
    assert "1 sample of 4 could not be split (A04_lung)" in told and "one species only, human" in told
    first = table.iloc[0]
    assert f"{100 * first['mouse_in_human']:.1f} % ({100 * first['mouse_in_human_low']:.1f} to" in told
    assert "No one-to-one ortholog" in told and "not seen in RNA" in told
    assert any("mouse against human counts" in str(image["alt"]) for image in page.every("img"))
    assert "combined reference of the human and mouse genome" in page.sections["methods"]
    assert "Macosko" in page.sections["methods"] and "orthologs" in page.sections["methods"]
    assert "human tumor and mouse host cells" in page.sections["summary"]


def test_pairs_that_do_not_react_are_listed(both: ad.AnnData, tmp_path: Path) -> None:
    made = both.copy()
    pair = niche.resources.ligand_receptor("niche")[["ligand", "receptor"]].head(1)
    tl.communication(
        made, "cell_type", resource="niche", null="analytic", patient_key="animal",
        no_cross_reaction=pair,
    )  # fmt: skip
    told = parsed(report.html(made, tmp_path / "report.html")).sections["species"]
    assert "named as not reacting" in told and pair["ligand"].iloc[0] in told and "either" in told
    edges = niche.get.communication(made)
    n = int(edges["reason"].str.startswith("does not cross-react").sum())
    assert n and f"{n:,} edges read not testable" in told


def test_tables_and_figure_come_along(both: ad.AnnData) -> None:
    found = Findings.of(both)
    made = tables(found)
    assert {"species", "orthologs_samples", "orthologs_species", "orthologs_dropped"} <= set(made)
    assert made["orthologs_species"]["share_kept"].between(0.5, 1).all()
    figure = figures(found)["species"]
    assert len(figure.source()) == both.n_obs and figure.raster
    assert (species.samples(found)["band"] == "").sum() == 1


def test_other_reports_have_no_such_section(page) -> None:
    assert "species" not in page.sections
