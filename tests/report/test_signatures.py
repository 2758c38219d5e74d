from __future__ import annotations

import anndata as ad
import pytest
from report_page import Page

import niche
from niche.report import signatures
from niche.report.findings import Findings

BONE_UP = "SMID_BREAST_CANCER_RELAPSE_IN_BONE_UP"


@pytest.fixture(scope="module")
def normal(_demo: ad.AnnData) -> ad.AnnData:
    return niche.pp.normalize(_demo, copy=True)


def words(adata: ad.AnnData) -> str:
    parts = []
    for block in signatures.section(Findings.of(adata)).blocks:
        parts += [getattr(block, name) for name in ("text", "caption") if hasattr(block, name)]
        parts += list(getattr(block, "items", []))
        for column in getattr(block, "columns", []):
            parts += [column.heading, *column.cells]
    return "\n".join(map(str, parts))


def test_sets_of_subtypes_are_warned_of(normal: ad.AnnData) -> None:
    genes = [str(gene) for gene in normal.var_names]
    sets = {BONE_UP: genes[:20], "other": genes[20:40], "short": genes[:3]}
    told = words(niche.tl.score_signatures(normal, sets, copy=True))
    assert "can be signatures of subtypes" in told
    assert f"{BONE_UP}: 90 of 98 genes are in SMID_BREAST_CANCER_BASAL_DN" in told
    assert "too few genes measured: 3 of 3, 10 needed" in told
    told = words(niche.tl.score_signatures(normal, sets, covariates=["subtype"], copy=True))
    assert "adjusted for 'subtype'" in told and "not adjusted" not in told


def test_what_was_not_assessed_is_said(normal: ad.AnnData) -> None:
    bare = normal[:, :].copy()
    del bare.obs["subtype"]
    niche.tl.score_signatures(bare, {"a": [str(gene) for gene in bare.var_names[:20]]})
    told = words(bare)
    assert "not assessed: no column 'subtype'" in told and "can be signatures of subtypes" not in told
    assert "Not assessed." in words(normal)


def test_section_of_the_demo(page: Page) -> None:
    told = page.sections["signatures"]
    assert "too few genes measured: 1 of 1, 10 needed" in told and "q between subtypes" in told
