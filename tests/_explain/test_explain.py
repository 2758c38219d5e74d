"""One edge, from the verdict to the patients."""

from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from compared import AXIS, make_compared

import niche
from niche.errors import InputValueError, MissingKeyError, NicheWarning, StaleResultError

TEXT = "Fibroblast -> Cancer: CXCL12 - CXCR4"


@pytest.fixture(scope="module")
def study() -> ad.AnnData:
    return make_compared()


@pytest.fixture(scope="module")
def found(study: ad.AnnData) -> niche._explain.EdgeExplanation:
    return niche.explain(study, TEXT)


def test_tables_are_those_of_get(study: ad.AnnData, found: niche._explain.EdgeExplanation) -> None:
    pd.testing.assert_frame_equal(found.table, niche.get.compare_samples(study, [AXIS]))
    whole = niche.get.compare_communication(study)
    mine = whole[(whole[["source", "target", "ligand_complex", "receptor_complex"]] == AXIS).all(axis=1)]
    assert list(found.tests["contrast"]) == list(mine["contrast"])
    np.testing.assert_array_equal(found.tests["pval"], mine["pval"])
    within = niche.get.communication(study)
    within = within[(within[["source", "target", "ligand_complex", "receptor_complex"]] == AXIS).all(axis=1)]
    np.testing.assert_array_equal(found.communication["qval"], within["qval"])
    assert set(found.communication["ambient_share"]) == {"not_assessed"}


def test_verdicts_say_what_was_planted(found: niche._explain.EdgeExplanation) -> None:
    """Eight times as much ligand in fibroblasts of bone: log2 3 of the ligand, half of it of the mean."""
    assert list(found.verdicts) == ["bone", "brain", "kidney", "lung"]
    bone = found.verdicts["bone"]
    assert bone.startswith("bone: enriched.")
    assert "The ligand drives it" in bone
    assert "the host side, the soil" in bone
    assert "4 patients of 4 with a sample of bone enter, 9 patients on both sides." in bone
    assert "Zhang XH-F, Cell 2013" in bone
    row = found.tests.set_index("contrast").loc["bone_vs_rest"]
    assert f"log2 {row['log2fc']:+.2f}" in bone
    kidney = found.verdicts["kidney"]
    assert kidney.startswith("kidney: not testable (1 patient in kidney")
    assert "The estimate alone is" in kidney


def test_pairs_are_turned_to_the_organ(found: niche._explain.EdgeExplanation) -> None:
    effect = found.tests.set_index("contrast")["log2fc"]
    assert f"lung {effect['bone_vs_lung']:+.2f}" in found.verdicts["bone"]
    assert f"bone {-effect['bone_vs_lung']:+.2f}" in found.verdicts["lung"]


def test_every_form_gives_the_same(study: ad.AnnData, found: niche._explain.EdgeExplanation) -> None:
    row = niche.get.compare_communication(study, call="enriched", contrast="bone_vs_rest").iloc[0]
    for what in (AXIS, list(AXIS), row, row.to_frame().T):
        again = niche.explain(study, what)
        assert again.edge == found.edge == TEXT
        assert dict(again.verdicts) == dict(found.verdicts)


def test_params_name_runs_and_versions(found: niche._explain.EdgeExplanation) -> None:
    params = found.params.set_index(["run", "parameter"])["value"]
    assert params["communication", "niche_version"] == niche.__version__
    assert params["compare_communication", "patients"] == "averaged"
    assert params["communication", "min_cells"] == "10"


@pytest.mark.parametrize(
    ("edge", "why", "used"),
    [
        ("Macrophage -> Cancer: CCL2 - CCR2", "depth in all organs", 0),
        ("Fibroblast -> Cancer: CXCL12 - ACKR3", "gene not measured", 0),
        ("Macrophage -> Cancer: SPP1 - CD44", "cell type absent in kidney: source", 11),
    ],
)
def test_what_cannot_be_tested_is_explained_as_fully(
    study: ad.AnnData, edge: str, why: str, used: int
) -> None:
    found = niche.explain(study, edge)
    text = repr(found)
    assert why in text
    assert found.table["used"].sum() == used
    assert len(found.table) == 13
    assert len(found.communication) == 4
    for verdict in found.verdicts.values():
        assert "It does not say" in verdict
        assert "What would change it:" in verdict or "Another organ" in verdict


def test_text_and_html(found: niche._explain.EdgeExplanation) -> None:
    text, html = repr(found), found._repr_html_()
    for part in (TEXT, *found.verdicts.values(), "Every patient", "Between organs", "Published", "P9"):
        assert part in text
    assert "<h3>Fibroblast -&gt; Cancer: CXCL12 - CXCR4</h3>" in html
    assert html.count("<table") == text.count("\n\nEvery patient") + 4
    assert html.count("<details") == html.count("</details>")


def test_against_primary_tumors_where_there_is_one_organ_only() -> None:
    adata = make_compared()
    adata.obs["tissue"] = np.where(adata.obs["organ"] == "lung", "primary", "metastasis")
    adata = adata[adata.obs["organ"].isin(["bone", "lung"])].copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NicheWarning)
        niche.tl.communication(
            adata, resource=niche.resources.ligand_receptor().iloc[:4000], tissues=["metastasis", "primary"]
        )
        niche.tl.compare_communication(adata)
    found = niche.explain(adata, TEXT)
    assert list(found.verdicts) == ["bone"]
    assert "in bone than in the primary tumors" in found.verdicts["bone"]


def test_ambient_shares(study: ad.AnnData) -> None:
    study = study.copy()
    niche.pp.ambient(study)
    found = niche.explain(study, TEXT)
    assert found.communication["ambient_share"].dtype.kind == "f"
    assert "mbient RNA" in found.verdicts["bone"]
    assert "not assessed" not in found.verdicts["bone"]


def test_bad_input(study: ad.AnnData) -> None:
    with pytest.raises(InputValueError, match="Near: 'Fibroblast'"):
        niche.explain(study, "Fibroblasts -> Cancer: CXCL12 - CXCR4")
    with pytest.raises(MissingKeyError, match="Run niche.tl.compare_communication first"):
        niche.explain(study, TEXT, key="nothing")
    changed = study.copy()
    changed.obs["organ"] = "moon"
    with pytest.raises(StaleResultError, match="obs organ"):
        niche.explain(changed, TEXT)
