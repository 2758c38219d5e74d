from __future__ import annotations

import re
from pathlib import Path

import anndata as ad
import pytest
from compared import SAMPLES, make_compared
from report_page import Page, parsed

from niche import get, recipes, report
from niche.report import between_figures, between_organs
from niche.report.findings import Findings

pytestmark = pytest.mark.filterwarnings("ignore:'study' cannot be told apart", "ignore:one organ only")


@pytest.fixture(scope="module")
def study() -> ad.AnnData:
    return make_compared()


def words(adata: ad.AnnData) -> str:
    """Everything the section says, without figures."""
    made = between_organs.section(Findings.of(adata), {})
    parts = []
    for block in made.blocks:
        parts += [getattr(block, name) for name in ("text", "caption", "folded") if hasattr(block, name)]
        parts += list(getattr(block, "items", []))
        for column in getattr(block, "columns", []):
            parts += [column.heading, *column.cells]
    return "\n".join(map(str, parts))


def test_the_axis_of_bone_is_told_with_all_its_numbers(study: ad.AnnData) -> None:
    told = words(study)
    row = get.compare_communication(study, contrast="bone_vs_rest", source="Fibroblast", target="Cancer")
    row = row[(row["ligand_complex"] == "CXCL12") & (row["receptor_complex"] == "CXCR4")].iloc[0]
    assert "CXCL12 → CXCR4" in told
    assert f"{row['ci_low']:.3g} to {row['ci_high']:.3g}" in told
    assert "ligand, host (soil)" in told
    assert "not assessed" in told, "ambient RNA was not looked at"
    assert re.search(
        r"Bone against the other organs: of \d+ edges that can be called, \d+ are stronger here", told
    )


def test_kidney_with_one_patient_is_described_and_not_called(study: ad.AnnData) -> None:
    told = words(study)
    assert re.search(r"Kidney against the other organs: not testable \(.*1 patient in kidney", told)
    n = get.compare_communication(study, contrast="kidney_vs_rest", estimated=True)["log2fc"].notna().sum()
    assert f"The differences of {n} edges were estimated" in told
    assert "estimates only" in told


def test_shared_and_undetermined_are_told_apart(study: ad.AnnData) -> None:
    calls = get.compare_communication(study, contrast="omnibus")["call"].astype(str).value_counts()
    told = words(study)
    assert f"{calls.get('shared', 0)} edge" in told
    assert f"{calls['undetermined']} edges are undetermined" in told
    assert "Not to differ significantly is not to be alike" in told


def test_confounding_stands_in_the_section(study: ad.AnnData) -> None:
    assert "study (not taken out): cannot be told apart from the organ in bone against brain" in words(study)
    adata = make_compared(SAMPLES[:8])
    del adata.obs["study"]
    from niche import tl

    tl.compare_communication(adata)
    assert "Confounding: not assessed" in words(adata)


def test_what_was_not_compared_says_why(study: ad.AnnData, tmp_path: Path) -> None:
    adata = study.copy()
    del adata.uns["compare_communication"]
    told = words(adata)
    assert "Not assessed." in told
    assert "niche.tl.compare_communication" in told
    page = parsed(report.html(adata, tmp_path / "report.html"))
    assert "Differences between organs are not tested in this report" in page.sections["summary"]
    bone = study[study.obs["organ"] == "bone"].copy()
    quick = {
        "qc": {"exclude": [], "min_cells_scrublet": 100_000}, "ambient": {"run": False}, "cluster": {"run": False},
        "communication": {"resource": "niche", "null": "analytic"},
    }  # fmt: skip
    bone = ad.AnnData(bone.layers["counts"].copy(), obs=bone.obs.copy(), var=bone.var[[]].copy())
    done = recipes.communication_by_organ(bone, quick)
    told = words(done)
    assert "'bone' is the only organ" in told, "the reason of the recipe, not what to run"
    assert "no cell type can be exclusive" in told


def test_an_outdated_comparison_is_not_shown(study: ad.AnnData) -> None:
    adata = study.copy()
    adata.obs["cell_type"] = adata.obs["cell_type"].astype(str).replace({"Cancer": "Tumour"}).to_numpy()
    found = Findings.of(adata)
    assert not found.compare.there
    assert not between_figures.between_figures(found)


def test_section_of_the_demo(page: Page, _corridor: ad.AnnData) -> None:
    told = page.sections["between_organs"]
    assert "Brain against the other organs: not testable (a call needs 3 patients on each side" in told
    assert "Hepatocyte" in told
    assert "suspect" in told, "SPP1 of bone leaks into other cells"
    assert "Compared were the edges stored in uns['few_pairs']" in told
    assert "When the organs are exchanged between patients (3 times" in told
    summary = page.sections["summary"]
    assert "Bone against the other organs, over patients" in summary
    assert "that ambient RNA may explain" in summary
    assert "which of them differ between the organs?" in summary
    assert "The section Between organs holds the comparison" in page.sections["design"]
    assert "Van den Berge" in page.sections["methods"]
