"""Lists of pairs as CellChat and CellPhoneDB spell them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche.resources import ligand_receptor
from niche.resources._tool_names import in_subunits


def cellchatdb(**columns) -> pd.DataFrame:
    """Some rows of ``CellChatDB$interaction``."""
    table = {
        "interaction_name": ["TGFB1_TGFBR1_TGFBR2", "CXCL12_CXCR4", "GLU_SLC1A3_GLS_GRM2", "HLA-A_CD8A"],
        "pathway_name": ["TGFb", "CXCL", "Glutamate", "MHC-I"],
        "ligand": ["TGFB1", "CXCL12", "Glu-SLC1A3_GLS", "HLA-A"],
        "receptor": ["TGFbR1_R2", "CXCR4", "GRM2", "CD8A"],
        "evidence": ["KEGG: hsa04350", "KEGG: hsa04060", "PMID: 1", "KEGG: hsa04514"],
        "interaction_name_2": [
            "TGFB1 - (TGFBR1+TGFBR2)", "CXCL12  - CXCR4", "Glu-(SLC1A3+GLS) - GRM2", "HLA-A  - CD8A",
        ],
    }  # fmt: skip
    return pd.DataFrame(table | columns)


EXPECTED = {
    ("TGFB1", "TGFBR1_TGFBR2"), ("CXCL12", "CXCR4"), ("SLC1A3_GLS", "GRM2"), ("HLA-A", "CD8A"),
}  # fmt: skip


def test_subunits_of_cellchat_are_read_from_the_spelt_name():
    pairs = ligand_receptor(cellchatdb())
    assert set(zip(pairs["ligand"], pairs["receptor"], strict=True)) == EXPECTED
    one = pairs.set_index("ligand").loc["TGFB1"]
    assert (one["pathway"], one["evidence"]) == ("TGFb", "KEGG: hsa04350")
    assert pairs.attrs["organism"] == "human"


def test_symbols_come_before_the_spelt_name_and_names_before_nothing():
    table = cellchatdb(
        **{
            "ligand.symbol": ["TGFB1", "", "SLC1A3, GLS", np.nan],
            "receptor.symbol": ["TGFBR2, TGFBR1", "", "GRM2", np.nan],
            "interaction_name_2": [np.nan, "CXCL12  - CXCR4", "Glu-(no+such) - GRM2", np.nan],
        }
    )
    found = in_subunits(table)
    assert found["ligand"].tolist() == ["TGFB1", "CXCL12", "SLC1A3_GLS", "HLA-A"]
    assert found["receptor"].tolist() == ["TGFBR2_TGFBR1", "CXCR4", "GRM2", "CD8A"]
    assert table["ligand"].tolist()[2] == "Glu-SLC1A3_GLS", "the input is not changed"


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("CXCL12-CXCR4", ("CXCL12", "CXCR4")),
        ("FN1-ITGA5+ITGB1", ("FN1", "ITGA5_ITGB1")),
        ("HLA-F-LILRB1", ("HLA-F", "LILRB1")),
        ("KIR3DL1-HLA-C", ("KIR3DL1", "HLA-C")),
        ("SLC18A1+TPH1-HTR1A", ("SLC18A1_TPH1", "HTR1A")),
    ],
)
def test_interactors_of_cellphonedb_are_cut_where_symbols_are_known(name, pair):
    table = pd.DataFrame(
        {"partner_a": ["P1"], "partner_b": ["P2"], "interactors": [name], "classification": ["x"]}
    )
    found = ligand_receptor(table).iloc[0]
    assert (found["ligand"], found["receptor"], found["pathway"]) == (*pair, "x")


def test_rows_of_cellphonedb_without_interactors_are_dropped_and_counted():
    table = pd.DataFrame({"interactors": ["CXCL12-CXCR4", np.nan, "ALONE"]})
    with pytest.warns(match="2 rows without a ligand or a receptor were dropped"):
        assert len(ligand_receptor(table)) == 1


def test_other_tables_stay_as_they_are():
    table = pd.DataFrame({"ligand": ["A"], "receptor": ["B_C"], "pathway_name": ["x"]})
    assert in_subunits(table) is table
    both = table.assign(interactors="X-Y")
    assert in_subunits(both) is both, "a table with our columns says itself what it means"
