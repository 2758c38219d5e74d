"""The ambient share of edges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import niche
from niche.errors import StaleResultError
from niche.get._ambient_edges import edge_shares

COLUMNS = ["organ", "source", "target", "ligand_complex", "receptor_complex"]


@pytest.fixture
def planted(demo):
    edges = demo.uns["truth"]["edges"]
    return edges[edges["planted"].astype(bool)].astype(dict.fromkeys([*COLUMNS, "kind"], str))


@pytest.mark.parametrize("effect", [False, True])
def test_planted_edges(demo, planted, effect):
    niche.pp.ambient(demo)
    found = edge_shares(demo, planted, effect=effect)
    assert found.index.equals(planted.index)
    told = found["status"] == "assessed"
    leaked = (planted["kind"] == "leaked") & told
    assert leaked.sum() == 4
    assert (found.loc[leaked, "ambient_share"] >= 0.5).all()
    assert (found.loc[told & ~leaked, "ambient_share"] < 0.25).all()
    assert (found.loc[~told, "reason"] == "no ambient fraction for a cell type of the edge").all()


def test_not_run_is_not_assessed(demo, planted):
    found = edge_shares(demo, planted, effect=True)
    assert set(found["status"]) == {"not_assessed"}
    assert set(found["reason"]) == {"niche.pp.ambient was not run"}
    assert found["ambient_share"].isna().all()


def test_stale_is_refused(demo, planted):
    niche.pp.ambient(demo)
    demo.obs["cell_type"] = demo.obs["cell_type"].astype(str).replace({"Macrophage": "TAM"})
    with pytest.raises(StaleResultError):
        edge_shares(demo, planted, effect=True)


def test_the_sides_by_hand(demo):
    niche.pp.ambient(demo)
    edge = pd.DataFrame([("lung", "Malignant", "Macrophage", "SFTPA1", "IL6R_IL6ST")], columns=COLUMNS)
    genes = niche.get.ambient(demo, level="genes", organ="lung", gene=["SFTPA1", "IL6R", "IL6ST"])
    genes = genes.set_index(["cell_type", "gene"])
    ligand = genes.loc[("Malignant", "SFTPA1")]
    receptor = genes.loc[[("Macrophage", "IL6R"), ("Macrophage", "IL6ST")]]
    assert edge_shares(demo, edge, effect=False)["ambient_share"].iloc[0] == max(
        ligand["share"], receptor["share"].max()
    )
    lowest = receptor.iloc[int(receptor["observed"].argmin())]
    weight = np.abs([ligand["log2fc"], lowest["log2fc"]])
    expected = (weight * [ligand["effect_share"], lowest["effect_share"]]).sum() / weight.sum()
    assert edge_shares(demo, edge, effect=True)["ambient_share"].iloc[0] == pytest.approx(expected)


def test_what_cannot_be_told(demo):
    niche.pp.ambient(demo)
    edges = pd.DataFrame(
        [
            ("lung", "Malignant", "Macrophage", "NO_SUCH", "IL6R"),
            ("lung", "Malignant", "Hepatocyte", "SPP1", "IL6R"),
            ("kidney", "Malignant", "Macrophage", "SPP1", "IL6R"),
        ],
        columns=COLUMNS,
    )
    found = edge_shares(demo, edges, effect=False)
    assert set(found["status"]) == {"not_testable"}
    assert (
        found["reason"].tolist()
        == ["gene not measured"] + ["no ambient fraction for a cell type of the edge"] * 2
    )
    assert len(edge_shares(demo, edges.iloc[:0], effect=True)) == 0
