"""What is published on the genes of an edge."""

from __future__ import annotations

from niche import resources
from niche._explain.published import COLUMNS, of_organ, published


def test_axes_of_the_pair_and_mediators_of_its_genes() -> None:
    table = published("CXCL12", "CXCR4", "human")
    assert tuple(table) == COLUMNS
    axes, mediators = resources.axes(), resources.mediators()
    pair = axes[(axes["ligand"] == "CXCL12") & (axes["receptor"] == "CXCR4")]
    genes = mediators[mediators["gene_symbol"].isin(["CXCL12", "CXCR4"])]
    assert (table["kind"] == "axis").sum() == len(pair) > 2
    assert (table["kind"] == "mediator").sum() == len(genes) > 2
    assert set(table["citation"]) == {*pair["citation"], *genes["citation"]}
    assert set(of_organ(table, "Lymph node")["organ"]) == {"lymph_node"}


def test_retracted_work_is_marked() -> None:
    mediators = resources.mediators()
    gene = mediators.loc[mediators["status"] == "retracted", "gene_symbol"].iloc[0]
    assert "retracted" in set(published(gene, "NOTHING", "human")["status"])


def test_subunits_in_any_order_and_mouse_genes() -> None:
    axis = resources.axes()
    axis = axis[axis["receptor"].str.contains("_")].iloc[0]
    turned = "_".join(reversed(axis["receptor"].split("_")))
    assert "axis" in set(published(axis["ligand"], turned, "human")["kind"])
    human, mouse = published("CXCL12", "CXCR4", "human"), published("Cxcl12", "Cxcr4", "mouse")
    assert mouse.equals(human)


def test_nothing_published() -> None:
    assert published("ACTB", "GAPDH", "human").empty
