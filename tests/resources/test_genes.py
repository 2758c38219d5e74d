from __future__ import annotations

import pytest

from niche import resources
from niche.errors import InputValueError
from niche.resources.genes import human_to_mouse, known_symbols


@pytest.mark.parametrize(
    ("organism", "rows", "prefix", "autosomes"),
    [("human", 54978, "ENSG", 22), ("mouse", 54651, "ENSMUSG", 19)],
)
def test_positions(organism, rows, prefix, autosomes):
    table = resources.gene_positions(organism)
    assert list(table) == ["symbol", "ensembl_id", "chromosome", "start", "end", "strand", "biotype"]
    assert len(table) == rows
    assert table["ensembl_id"].is_unique
    assert table["ensembl_id"].str.fullmatch(prefix + r"\d{11}").all()
    order = [f"chr{name}" for name in [*range(1, autosomes + 1), "X", "Y", "M"]]
    assert list(table["chromosome"].unique()) == order
    assert (table["start"] <= table["end"]).all()
    assert set(table["strand"]) == {"+", "-"}
    assert set(table["biotype"]) == {"protein_coding", "lncRNA"}


def test_positions_by_hand():
    human = resources.gene_positions().drop_duplicates("symbol").set_index("symbol")
    assert human.loc["CXCR4", ["ensembl_id", "chromosome", "strand"]].tolist() == [
        "ENSG00000121966",
        "chr2",
        "-",
    ]
    assert human.loc["ERBB2", "chromosome"] == "chr17"
    mouse = resources.gene_positions("mouse").drop_duplicates("symbol").set_index("symbol")
    assert mouse.loc["Cxcl12", "chromosome"] == "chr6"


def test_positions_of_another_organism():
    with pytest.raises(InputValueError, match="'human' or 'mouse'"):
        resources.gene_positions("rat")


def test_orthologs_are_one_to_one_where_they_say_so():
    table = resources.orthologs()
    assert list(table) == ["human_symbol", "mouse_symbol", "one_to_one", "source"]
    assert len(table) == 25507
    assert not table.duplicated(["human_symbol", "mouse_symbol"]).any()
    unique = table[table["one_to_one"]]
    assert unique["human_symbol"].is_unique
    assert unique["mouse_symbol"].is_unique
    assert set(table["source"]) == {
        "Ensembl 105",
        "same approved symbol",
        "representative of a mouse paralog group",
    }


def test_revised_orthologs_name_known_genes():
    table = resources.orthologs()
    revised = table[table["source"] != "Ensembl 105"]
    assert set(revised["human_symbol"]) <= known_symbols("human")
    assert set(revised["mouse_symbol"]) <= known_symbols("mouse")


@pytest.mark.parametrize(
    ("human", "mouse"),
    [
        ("CXCL12", "Cxcl12"),
        ("CCL2", "Ccl2"),
        ("S100A9", "S100a9"),
        ("IL11RA", "Il11ra1"),
        ("CCL21", "Ccl21a"),
        ("ABCG2", "Abcg2"),
        ("TDGF1", "Cripto"),
        ("CTGF", "Ccn2"),
        ("PTHLH", "Pthlh"),
    ],
)
def test_mapping_by_hand(human, mouse):
    assert human_to_mouse()[human] == mouse


@pytest.mark.parametrize("human", ["CXCL8", "KIR2DL1", "ANOS1"])
def test_genes_without_a_mouse_counterpart(human):
    assert human not in human_to_mouse()


def test_symbol_history():
    table = resources.symbol_history()
    assert list(table) == ["previous_symbol", "ensembl_id", "current_symbol", "source"]
    assert len(table) == 9320
    assert table["previous_symbol"].is_unique
    positions = resources.gene_positions()
    assert not set(table["previous_symbol"]) & set(positions["symbol"])
    current = dict(zip(positions["ensembl_id"], positions["symbol"], strict=True))
    assert (table["ensembl_id"].map(current) == table["current_symbol"]).all()


@pytest.mark.parametrize(
    ("previous", "current"),
    [("CTGF", "CCN2"), ("TMEM173", "STING1"), ("RARRES3", "PLAAT4"), ("TDGF1", "CRIPTO"), ("IL8", "CXCL8")],
)
def test_symbol_history_by_hand(previous, current):
    table = resources.symbol_history().set_index("previous_symbol")
    assert table.loc[previous, "current_symbol"] == current
