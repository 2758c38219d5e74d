from __future__ import annotations

import pytest

from niche import resources
from niche.errors import InputTypeError, InputValueError, NicheWarning
from niche.resources.genes import known_symbols

# TRAC is a T cell receptor segment and has no protein-coding biotype in GENCODE.


def test_key_and_size():
    table = resources.markers()
    assert len(table) == 502
    assert not table.duplicated(["organ", "cell_type", "gene"]).any()
    assert set(table["compartment"]) == {
        "tumor", "stromal", "endothelial", "immune", "parenchymal", "epithelial_normal",
    }  # fmt: skip
    assert (table["gene"] == table["human_gene"]).all()


def test_symbols_are_known():
    assert set(resources.markers()["gene"]) - known_symbols("human") == {"TRAC"}
    assert set(resources.markers(organism="mouse")["gene"]) - known_symbols("mouse") == {"Trac"}


def test_cell_types_have_one_compartment_and_enough_genes():
    table = resources.markers()
    assert (table.groupby(["organ", "cell_type"])["compartment"].nunique() == 1).all()
    assert (table.groupby(["organ", "cell_type"]).size() >= 4).all()


def test_ontology_ids():
    assert resources.markers()["cell_ontology_id"].str.fullmatch(r"CL:\d{7}|").all()


def test_ontology_ids_name_one_type_each():
    table = resources.markers()[["cell_type", "kind", "cell_ontology_id", "cell_ontology_name"]]
    table = table.drop_duplicates()
    named = table[table["cell_ontology_id"] != ""]
    assert not named["cell_type"].duplicated().any()
    assert not named["cell_ontology_id"].duplicated().any()
    assert (named["cell_ontology_name"] != "").all()
    without = set(table.loc[(table["cell_ontology_id"] == "") & (table["kind"] == "cell_type"), "cell_type"])
    assert without == {"TAM C1QC+/FOLR2+", "TAM SPP1+", "apCAF", "iCAF", "myCAF"}
    known = dict(zip(named["cell_type"], named["cell_ontology_id"], strict=True))
    assert known["Hepatocyte"] == "CL:0000182"
    assert known["Epithelial cell"] == "CL:0000066"


def test_parents_are_shared_types_of_the_same_compartment_or_of_epithelium():
    table = resources.markers()[["organ", "compartment", "cell_type", "parent"]].drop_duplicates()
    shared = table[table["organ"] == "shared"].set_index("cell_type")["compartment"]
    within = table.set_index("cell_type")
    for name, row in within[within["parent"] != ""].iterrows():
        parent = row["parent"]
        assert within.loc[parent, "parent"] == "", f"{name}: {parent} has a parent itself"
        if parent in shared.index:
            assert shared[parent] in (row["compartment"], "epithelial_normal")
        else:
            assert within.loc[parent, "organ"] == row["organ"]


def test_programs_are_told_from_cell_types():
    table = resources.markers()
    programs = set(table.loc[table["kind"] == "program", "cell_type"])
    assert programs == {name for name in table["cell_type"] if name.endswith("program")}
    assert "Cycling program" in programs


def test_organ_comes_with_the_shared_types():
    table = resources.markers("bone")
    assert set(table["organ"]) == {"bone", "shared"}
    assert set(resources.markers("shared")["organ"]) == {"shared"}


def test_unknown_organ_gives_shared_types_and_says_so():
    with pytest.warns(NicheWarning, match="no organ markers for organ 'adrenal'"):
        table = resources.markers("adrenal")
    assert set(table["organ"]) == {"shared"}


@pytest.mark.parametrize(
    ("human", "mouse"),
    [
        ("EPCAM", {"Epcam"}),
        ("CLDN4", {"Cldn4"}),
        ("LYZ", {"Lyz2"}),
        ("BGLAP", {"Bglap", "Bglap2"}),
        ("CCL21", {"Ccl21a"}),
        ("LILRA4", set()),
        ("TRAC", {"Trac"}),
    ],
)
def test_mouse_counterparts_by_hand(human, mouse):
    table = resources.markers(organism="mouse")
    assert set(table.loc[table["human_gene"] == human, "gene"]) == mouse


def test_mouse_key():
    table = resources.markers(organism="mouse")
    assert not table.duplicated(["organ", "cell_type", "gene"]).any()


def test_bad_arguments():
    with pytest.raises(InputValueError):
        resources.markers(organism="zebrafish")
    with pytest.raises(InputTypeError):
        resources.markers(1)
