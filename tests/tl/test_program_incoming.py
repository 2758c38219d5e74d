"""Signals onto the tumor of an organ that stand beside its programs."""

from __future__ import annotations

import anndata as ad
import pytest

import niche
from niche._stats.contrasts import Groups
from niche.tl._program_incoming import incoming_signals

ORGANS = Groups(["bone", "brain", "liver", "lung"], [], [])


@pytest.fixture(scope="module")
def _compared(_demo_result: ad.AnnData) -> ad.AnnData:
    adata = _demo_result.copy()
    niche.tl.compare_communication(adata)
    return adata


def test_planted_signals_come_in(_compared: ad.AnnData) -> None:
    found = incoming_signals(_compared, ORGANS, "tumor")
    assert "Fibroblast CXCL12-CXCR4" in found[0]
    assert "Fibroblast HGF-MET" in found[2]
    table = niche.get.compare_communication(_compared, call=["enriched", "specific"])
    for g, text in found.items():
        mine = table[
            (table["organ"] == ORGANS.name[g]) & table["contrast"].astype(str).str.endswith("_vs_rest")
        ]
        edges = set(mine["source"].astype(str) + " " + mine["ligand_complex"].astype(str) + "-" + mine["receptor_complex"].astype(str))  # fmt: skip
        shown = text.removeprefix("incoming: ").split(", ")
        assert 0 < len(shown) <= 3
        assert set(shown) <= edges


def test_leaked_signals_are_left_out(_compared: ad.AnnData) -> None:
    assert "SPP1-CD44" in incoming_signals(_compared, ORGANS, "tumor")[0]
    adata = _compared.copy()
    niche.pp.ambient(adata, "cell_type")
    table = niche.get.compare_communication(adata, call="ambient-suspect", contrast="bone_vs_rest")
    leaked = table.loc[table["ligand_complex"] == "SPP1", "ambient_share"].astype(float)
    assert len(leaked)
    assert (leaked >= 0.5).all()
    kept = incoming_signals(adata, ORGANS, "tumor")
    assert "SPP1" not in kept[0]
    assert "Fibroblast CXCL12-CXCR4" in kept[0]


def test_without_a_comparison_there_is_nothing(demo: ad.AnnData) -> None:
    assert incoming_signals(demo, ORGANS, "tumor") == {}
