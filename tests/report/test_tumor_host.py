from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from report_page import Page, parsed

from niche import datasets, get, pp, report, tl
from niche.report import tumor_host
from niche.report.findings import Findings


@pytest.fixture(scope="module")
def called() -> ad.AnnData:
    """Compartments of a simulated study, called without labels; one sample is too small."""
    adata = datasets.simulate_metastases(
        3, organs=("bone", "liver"), patients_per_organ=2, cells=140, n_genes=6000, primaries=0, normals=0
    )
    sample = adata.obs["sample"].astype(str)
    few = np.flatnonzero(sample == "P02_liver")[15:]
    adata = adata[np.setdiff1d(np.arange(adata.n_obs), few)].copy()
    del adata.obs["compartment"], adata.obs["cell_type"]
    pp.normalize(adata)
    tl.call_compartments(adata)
    tl.cluster(adata, resolution=0.5, stability=False)
    return adata


def test_every_sample_has_its_statement(page: Page, _corridor: ad.AnnData) -> None:
    told = page.sections["tumor_host"]
    table = get.compartments(_corridor)
    for state, n in table["copy_number"].value_counts().items():
        assert f"{str(state).replace('_', ' ')} in {n}" in told
    assert "The labels of the authors decide" in told
    for sample in table["sample"]:
        assert sample in told


def test_yes_no_and_not_assessed_are_told_apart(called: ad.AnnData, tmp_path: Path) -> None:
    page = parsed(report.html(called, tmp_path / "report.html"))
    told = page.sections["tumor_host"]
    assert "fewer than 20 cells" in told
    assert "not assessed in 1 of 4 samples" in told
    assert "look like parenchyma of their organ by markers" in told
    assert "Clusters were made at a given resolution, without stability" in told
    assert "The profile along the genome is not drawn" in told
    assert told.count("Not assessed.") >= 3, "stability, names, ambient"
    alts = [str(image["alt"]) for image in page.every("img")]
    assert any("copy-number signal of every cell" in alt for alt in alts)
    assert "from copy number read from expression, not from DNA" in page.sections["summary"]
    assert "cell by cell" in page.sections["cells"]
    assert "Tirosh" in page.sections["methods"]


def test_unresolved_cells_are_counted_by_reason(called: ad.AnnData) -> None:
    rows = tumor_host.unresolved(Findings.of(called))
    assert rows["n_cells"].sum() == (called.obs["compartment"] == "unresolved").sum()
    assert (rows["reason"] != "").all()
    assert rows["share"].between(0, 1).all()


def test_parenchyma_is_counted_once_and_hardly_ever_tumor(called: ad.AnnData) -> None:
    rows = tumor_host.guard(Findings.of(called))
    parts = ["n_parenchymal", "n_other", "n_unresolved", "n_tumor"]
    assert (rows[parts].sum(axis=1) == rows["n_cells"]).all()
    assert "Hepatocyte" in set(rows.loc[rows["organ"] == "liver", "marker_type"])
    assert rows["n_tumor"].sum() <= 0.02 * rows["n_cells"].sum()


def test_given_compartments_are_not_assessed(demo: ad.AnnData, tmp_path: Path) -> None:
    pp.check(demo, "cell_type")
    told = parsed(report.html(demo, tmp_path / "report.html")).sections["tumor_host"]
    assert "Compartments were given with the data, in obs['compartment']" in told


def test_labels_without_a_profile_are_not_assessed(demo: ad.AnnData, tmp_path: Path) -> None:
    tl.call_compartments(demo, labels={"Malignant": "tumor"})
    told = parsed(report.html(demo, tmp_path / "report.html")).sections["tumor_host"]
    assert "Copy number was not assessed" in told
    assert "markers were not looked at" in told


def test_stability_shows_what_is_suggested(_corridor: ad.AnnData) -> None:
    rows = tumor_host.stability(Findings.of(_corridor))
    assert rows["compartment"].is_unique
    assert len(rows)
