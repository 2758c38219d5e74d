"""The columns of CellChat's subsetCommunication."""

from __future__ import annotations

import pandas as pd
import pytest

from niche import get, resources, tl
from niche.errors import InputValueError

COLUMNS = (
    "source target ligand receptor prob pval interaction_name interaction_name_2 pathway_name annotation evidence"
).split()


def test_columns_and_values(tiny_communication):
    table = get.to_cellchat(tiny_communication, organ="bone")
    assert list(table.columns) == COLUMNS
    edges = get.communication(tiny_communication, organ="bone", status="tested").reset_index(drop=True)
    assert len(table) == len(edges) == table.attrs["n_tested"]
    assert (table["prob"] == edges["lr_probs"]).all() and (table["pval"] == edges["pval"]).all()
    assert (table["pathway_name"] == edges["pathway"].astype(str)).all()
    assert table["prob"].between(0, 1).all() and (table["annotation"] == "not assessed").all()


def test_names_of_interactions_are_spelt_as_in_cellchat(tiny):
    pair = pd.DataFrame({"ligand": ["SPP1"], "receptor": ["ITGAV_ITGB3"]})
    tl.communication(tiny, resource=pair, expr_prop=0.0)
    table = get.to_cellchat(tiny, organ="bone")
    row = table[(table["ligand"] == "SPP1") & (table["receptor"] == "ITGAV_ITGB3")].iloc[0]
    assert row["interaction_name"] == "SPP1_ITGAV_ITGB3"
    assert row["interaction_name_2"] == "SPP1 - (ITGAV+ITGB3)"


def test_evidence_is_that_of_the_bundled_resource(tiny_communication):
    table = get.to_cellchat(tiny_communication, organ="bone")
    known = resources.ligand_receptor("consensus").set_index(["ligand", "receptor"])["evidence"]
    wanted = known.loc[pd.MultiIndex.from_frame(table[["ligand", "receptor"]])]
    assert (table["evidence"].to_numpy() == wanted.to_numpy()).all()


def test_a_table_of_the_user_brings_no_evidence(tiny):
    tl.communication(tiny, resource=pd.DataFrame({"ligand": ["SPP1"], "receptor": ["CD44"]}), expr_prop=0.0)
    table = get.to_cellchat(tiny, organ="bone")
    assert len(table) and set(table["evidence"]) == {"not assessed"}


def test_the_score_must_be_there(tiny):
    tl.communication(tiny, scores=["lr_means"])
    with pytest.raises(InputValueError, match=r"no lr_probs\. Run niche\.tl\.communication with scores"):
        get.to_cellchat(tiny, organ="bone")
