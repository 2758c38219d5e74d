from __future__ import annotations

import anndata as ad
import pytest

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


@pytest.mark.filterwarnings("ignore:one organ only")
def test_one_organ_is_scored_and_not_compared(demo: ad.AnnData) -> None:
    bone = demo[(demo.obs["organ"] == "bone").to_numpy()].copy()
    pp.normalize(bone)
    tl.score_signatures(bone, {"mine": bone.var_names[:20].tolist()})
    told = [block.text for block in signatures.blocks(Findings.of(bone)) if isinstance(block, Callout)]
    assert told == ["Organs were not compared: there is one organ only."]


def test_not_run(demo: ad.AnnData) -> None:
    told = [block.text for block in signatures.blocks(Findings.of(demo)) if isinstance(block, Callout)]
    assert len(told) == 1
    assert told[0].startswith("Not assessed.")
