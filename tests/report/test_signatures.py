from __future__ import annotations

import anndata as ad
import pytest

import niche
from niche import pp, tl
from niche.report import signatures
from niche.report.blocks import Callout, Table, Text
from niche.report.findings import Findings


def test_called_signatures_stand_before_all(demo: ad.AnnData) -> None:
    pp.normalize(demo)
    bone = demo.obs["organ"].astype(str) == "bone"
    rise = demo[bone.to_numpy()].X.mean(axis=0) - demo[~bone.to_numpy()].X.mean(axis=0)
    order = rise.A1.argsort()[::-1] if hasattr(rise, "A1") else rise.ravel().argsort()[::-1]
    tl.score_signatures(demo, {"of_bone": demo.var_names[order[:30]].tolist()}, compartment=None)
    made = signatures.blocks(Findings.of(demo))
    tables = [block for block in made if isinstance(block, Table)]
    assert [bool(table.folded) for table in tables] == [False, True]
    assert tables[0].columns[0].cells[0] == "of_bone"
    assert "enriched" in tables[0].columns[6].cells
    assert "compared in all cells" in next(block.text for block in made if isinstance(block, Text))


BONE_UP = "SMID_BREAST_CANCER_RELAPSE_IN_BONE_UP"


@pytest.fixture(scope="module")
def normal(_demo: ad.AnnData) -> ad.AnnData:
    return niche.pp.normalize(_demo, copy=True)


def words(adata: ad.AnnData) -> str:
    parts = []
    for block in signatures.blocks(Findings.of(adata)):
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


@pytest.mark.filterwarnings("ignore:one organ only")
def test_one_organ_is_scored_and_not_compared(demo: ad.AnnData) -> None:
    bone = demo[(demo.obs["organ"] == "bone").to_numpy()].copy()
    pp.normalize(bone)
    tl.score_signatures(bone, {"mine": bone.var_names[:20].tolist()})
    told = [block.text for block in signatures.blocks(Findings.of(bone)) if isinstance(block, Callout)]
    assert told == [
        "Whether signatures differ between subtypes: not assessed: organs are not compared.",
        "Organs were not compared: there is one organ only.",
    ]


def test_not_run(demo: ad.AnnData) -> None:
    told = [block.text for block in signatures.blocks(Findings.of(demo)) if isinstance(block, Callout)]
    assert len(told) == 1
    assert told[0].startswith("Not assessed.")
