from __future__ import annotations

import re

import pytest

from niche import resources


def test_rules_are_well_formed():
    table = resources.pathways()
    assert list(table) == ["side", "pattern", "pathway", "note"]
    assert not table.duplicated(["side", "pattern"]).any()
    assert list(table["side"].unique()) == ["ligand", "receptor"]
    assert table["side"].is_monotonic_increasing
    for pattern in table["pattern"]:
        re.compile(pattern)
    assert not (table["pathway"] == "other").any()


@pytest.mark.parametrize(
    ("ligand", "receptor", "pathway"),
    [
        ("CXCL12", "CXCR4", "CXCL"),
        ("CCL2", "CCR2", "CCL"),
        ("TGFB1", "TGFBR1_TGFBR2", "TGFB"),
        ("JAG1", "NOTCH2", "NOTCH"),
        ("DKK1", "LRP6", "WNT_INHIBITOR"),
        ("HBEGF", "EGFR", "EGF"),
        ("VEGFC", "FLT4", "VEGF"),
        ("SPP1", "ITGAV_ITGB3", "SPP1"),
        ("FN1", "ITGA5_ITGB1", "FN1"),
        ("COL4A1", "ITGA2_ITGB1", "COLLAGEN"),
        ("LAMA4", "ITGA6_ITGB1", "LAMININ"),
        ("IL11", "IL11RA_IL6ST", "IL6"),
        ("TNFSF11", "TNFRSF11A", "TNF"),
        ("IGF1", "IGF1R", "IGF"),
        ("GJA1", "GJA1", "GAP_JUNCTION"),
        ("XYZ", "NOTCH3", "NOTCH"),
        ("XYZ", "XYZR", "other"),
    ],
)
def test_families_by_hand(ligand, receptor, pathway):
    assert resources.assign_pathways([ligand], [receptor]) == [pathway]


def test_mouse_symbols_are_read_in_upper_case():
    assert resources.assign_pathways(["Cxcl12", "Tgfb1"], ["Cxcr4", "Tgfbr1_Tgfbr2"]) == ["CXCL", "TGFB"]


def test_sides_of_unequal_length():
    with pytest.raises(ValueError, match="zip"):
        resources.assign_pathways(["CXCL12"], [])


def test_most_of_the_consensus_has_a_family():
    pathway = resources.ligand_receptor()["pathway"]
    assert (pathway == "other").mean() < 0.07
    assert (pathway != "").all()
