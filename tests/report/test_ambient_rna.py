from __future__ import annotations

import anndata as ad
from report_page import Page

from niche import get
from niche.report import ambient_rna
from niche.report.findings import Findings


def test_fractions_and_leaked_genes_are_those_of_the_result(page: Page, _corridor: ad.AnnData) -> None:
    told = page.sections["tumor_host"]
    found = Findings.of(_corridor)
    rows = get.ambient(_corridor)
    assert f"{(rows['status'] == 'assessed').sum()} of {len(rows)} samples" in told
    genes = ambient_rna.leaked(found)
    assert set(genes["cell_type"]) == {"Malignant"} == set(ambient_rna.tumor_types(found))
    assert (genes.groupby("organ").size() <= ambient_rna.TOP).all()
    for gene in genes["gene"]:
        assert gene in told
    flags = get.ambient(_corridor, level="genes", cell_type="Malignant").astype({"organ": str, "gene": str})
    merged = genes.merge(flags, on=["organ", "gene"])
    assert (merged["flag_y"] == "ambient").all()


def test_the_recipe_says_why_it_was_skipped(demo: ad.AnnData) -> None:
    from niche import pp, recipes

    pp.normalize(demo)
    del demo.layers["counts"], demo.uns["normalize"]
    quick = {"cluster": {"run": False}, "qc": {"min_cells_scrublet": 100_000}}
    done = recipes.tumor_stroma(demo, quick)
    block = ambient_rna.blocks(Findings.of(done), {})[-1]
    assert "The data hold log values and no raw counts" in str(block)
