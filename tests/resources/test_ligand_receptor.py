from __future__ import annotations

import importlib.util
import logging
import time

import pandas as pd
import pytest

from niche import resources
from niche.errors import InputTypeError, InputValueError, NicheWarning
from niche.resources.genes import known_symbols

ROWS = {
    "consensus": 4620,
    "mouseconsensus": 3989,
    "cellphonedb": 1223,
    "cellchatdb": 1912,
    "celltalkdb": 3392,
    "connectomedb2020": 2266,
    "niche": 19,
}
# Not on the reference chromosomes of GENCODE v48 (alternative haplotypes), or no protein-coding biotype
# (immunoglobulin constant regions).
NOT_IN_POSITIONS = {
    "CCL3L1", "CCL4L1", "HLA-DRB3", "HLA-DRB4", "IGHG1", "IGLC1", "KIR2DL2", "KIR2DS1", "KIR3DS1", "LILRA3",
}  # fmt: skip
# Outdated or predicted mouse symbols of LIANA's mouseconsensus.
OLD_MOUSE = {
    "C920025E04Rik", "Cd244", "Ear11", "Ear5", "Gm11127", "Gm13305", "Gm13306", "Gm2002", "Gm2023", "Gm2506",
    "Gm3934", "Gm5506", "Gm7030", "Gp49a", "Gpr44", "H2-Ea-ps", "Il1f5", "Il1f6", "Il1f8", "Il1f9", "Iltifb",
    "LOC100861969", "LOC100861978", "Lilrb4", "Oit1", "Spink3", "Tdgf1",
}  # fmt: skip


def pairs_of(table):
    return set(zip(table["ligand"], table["receptor"], strict=True))


def subunits(table):
    return {unit for side in ("ligand", "receptor") for symbol in table[side] for unit in symbol.split("_")}


@pytest.mark.parametrize("name", ROWS)
def test_bundled_lists(name):
    table = resources.ligand_receptor(name)
    assert list(table) == ["ligand", "receptor", "pathway", "evidence", "source"]
    assert len(table) == ROWS[name]
    assert not table.duplicated(["ligand", "receptor"]).any()
    assert not table.isna().any().any()
    assert (table != "").all().all()
    assert table.equals(table.sort_values(["ligand", "receptor"]).reset_index(drop=True))


@pytest.mark.parametrize("name", [name for name in ROWS if name != "mouseconsensus"])
def test_symbols_are_known(name):
    known = known_symbols("human") | set(resources.symbol_history()["previous_symbol"])
    assert subunits(resources.ligand_receptor(name)) - known <= NOT_IN_POSITIONS


def test_mouse_symbols_are_known():
    table = resources.ligand_receptor("mouseconsensus", organism="mouse")
    assert subunits(table) - known_symbols("mouse") == OLD_MOUSE


@pytest.mark.parametrize("name", ROWS)
def test_attrs(name):
    attrs = resources.ligand_receptor(name).attrs
    assert list(attrs) == [
        "name", "organism", "version", "sha256", "licence", "citation", "n_pairs", "n_lost",
    ]  # fmt: skip
    assert attrs["name"] == name
    assert attrs["organism"] == ("mouse" if name == "mouseconsensus" else "human")
    assert attrs["n_pairs"] == ROWS[name]
    assert attrs["n_lost"] == 0
    assert len(attrs["sha256"]) == 64
    assert all(type(value) in {str, int} for value in attrs.values())


def test_sha256_is_of_the_pairs_alone():
    table = resources.ligand_receptor("niche")
    shuffled = table[["receptor", "ligand"]].sample(frac=1, random_state=0)
    assert resources.ligand_receptor(shuffled).attrs["sha256"] == table.attrs["sha256"]
    assert resources.ligand_receptor(shuffled.iloc[1:]).attrs["sha256"] != table.attrs["sha256"]


def test_complexes_of_the_consensus():
    table = resources.ligand_receptor()
    complexes = table["ligand"].str.contains("_") | table["receptor"].str.contains("_")
    assert int(complexes.sum()) == 1097
    assert ("VCAM1", "ITGA4_ITGB1") in pairs_of(table)


def test_the_niche_list_holds_what_the_consensus_lacks():
    ours = pairs_of(resources.ligand_receptor("niche"))
    assert not ours & pairs_of(resources.ligand_receptor("consensus"))
    assert {
        ("HBEGF", "EGFR"), ("EREG", "EGFR"), ("VEGFC", "FLT4"), ("VEGFD", "FLT4"), ("VEGFA", "FLT1"),
        ("GJA1", "GJA1"),
    } <= ours  # fmt: skip


def test_every_scorable_axis_is_in_one_of_the_two():
    both = pairs_of(resources.ligand_receptor("niche")) | pairs_of(resources.ligand_receptor("consensus"))
    axes = resources.axes()
    assert pairs_of(axes[axes["scorable"]]) <= both


def test_every_pair_of_the_niche_list_is_cited():
    table = resources.ligand_receptor("niche")
    assert table["source"].str.contains(r"\b(?:19|20)\d\d\b").all()
    assert table["evidence"].str.match("axis: |lists: ").all()


def test_the_gene_with_an_underscore_is_no_complex():
    table = resources.ligand_receptor("celltalkdb")
    assert not table["ligand"].str.contains("C4B_2").any()
    assert ("C4B", "CR1") in pairs_of(table)


@pytest.mark.parametrize(
    ("pair", "mapped"),
    [
        (("CXCL12", "CXCR4"), ("Cxcl12", "Cxcr4")),
        (("CCL2", "CCR2"), ("Ccl2", "Ccr2")),
        (("VCAM1", "ITGA4_ITGB1"), ("Vcam1", "Itga4_Itgb1")),
        (("IL11", "IL11RA_IL6ST"), ("Il11", "Il11ra1_Il6st")),
        (("S100A9", "TLR4"), ("S100a9", "Tlr4")),
        (("NODAL", "TDGF1"), ("Nodal", "Cripto")),
    ],
)
def test_mapping_to_mouse_by_hand(pair, mapped):
    assert resources.ligand_receptor(pd.DataFrame([pair], columns=["ligand", "receptor"])).shape == (1, 5)
    table = resources.ligand_receptor(pd.DataFrame([pair], columns=["ligand", "receptor"]), organism="mouse")
    assert pairs_of(table) == {mapped}


def test_consensus_in_mouse_counts_what_is_lost(caplog):
    resources_module = importlib.import_module("niche.resources.ligand_receptor")
    resources_module._bundled.cache_clear()
    with caplog.at_level(logging.INFO, logger="niche"):
        table = resources.ligand_receptor("consensus", organism="mouse")
    assert table.attrs["n_lost"] == 4620 - len(table) == 357
    assert table.attrs["organism"] == "mouse"
    assert "357 of 4620 pairs have no one-to-one mouse ortholog" in caplog.text
    human = subunits(resources.ligand_receptor("consensus"))
    assert "CXCL8" in human
    assert not {symbol for symbol in subunits(table) if symbol.lower() == "cxcl8"}
    assert subunits(table) <= known_symbols("mouse")


def test_mapped_axes_of_metastasis_survive():
    pairs = pairs_of(resources.ligand_receptor("consensus", organism="mouse"))
    assert {
        ("Ccl21a", "Ccr7"),
        ("Pthlh", "Pth1r"),
        ("Tnfsf11", "Tnfrsf11a"),
        ("Spp1", "Itgav_Itgb3"),
    } <= pairs


def test_native_mouse_list_is_never_mapped():
    first = resources.ligand_receptor("mouseconsensus")
    second = resources.ligand_receptor("mouseconsensus", organism="mouse")
    pd.testing.assert_frame_equal(first, second)
    assert first.attrs["sha256"] == second.attrs["sha256"]


def test_user_table():
    mine = pd.DataFrame({"receptor": ["CCR7", "CXCR4"], "ligand": ["CCL21", "CXCL12"], "weight": [1.0, 2.0]})
    table = resources.ligand_receptor(mine)
    assert table.values.tolist() == [
        ["CCL21", "CCR7", "CCL", "user table", "user table"],
        ["CXCL12", "CXCR4", "CXCL", "user table", "user table"],
    ]
    assert table.attrs["organism"] == "human"
    assert table.attrs["citation"] == "supplied by the user"
    assert list(mine) == ["receptor", "ligand", "weight"]


def test_user_columns_are_kept():
    mine = pd.DataFrame(
        {"ligand": ["A", "B"], "receptor": ["C", "D"], "pathway": ["mine", None], "source": ["here", "there"]}
    )
    table = resources.ligand_receptor(mine)
    assert table["pathway"].tolist() == ["mine", ""]
    assert table["source"].tolist() == ["here", "there"]


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize(("name", "separator"), [("mine.csv", ","), ("mine.tsv", "\t")])
def test_user_file(tmp_path, name, separator, as_text):
    path = tmp_path / name
    path.write_text(f"ligand{separator}receptor\nCXCL12{separator}CXCR4\n")
    table = resources.ligand_receptor(str(path) if as_text else path, organism="mouse")
    assert pairs_of(table) == {("Cxcl12", "Cxcr4")}
    assert table.attrs["name"] == name


def test_user_table_in_mouse_symbols_stays():
    mine = pd.DataFrame({"ligand": ["Cxcl12", "Ccl2"], "receptor": ["Cxcr4", "Ccr2"]})
    table = resources.ligand_receptor(mine, organism="mouse")
    assert pairs_of(table) == pairs_of(mine)
    assert (table.attrs["organism"], table.attrs["n_lost"]) == ("mouse", 0)
    with pytest.warns(NicheWarning, match="most symbols are mouse symbols"):
        assert resources.ligand_receptor(mine).attrs["organism"] == "mouse"


def test_user_table_lost_in_mouse():
    mine = pd.DataFrame({"ligand": ["CXCL8", "CXCL12"], "receptor": ["CXCR2", "CXCR4"]})
    assert resources.ligand_receptor(mine, organism="mouse").attrs["n_lost"] == 1
    with pytest.raises(InputValueError, match="No pair of user table could be mapped to mouse"):
        resources.ligand_receptor(mine.iloc[:1], organism="mouse")


def test_duplicates_of_a_user_table_are_dropped_with_a_warning():
    mine = pd.DataFrame({"ligand": ["CXCL12"] * 3, "receptor": ["CXCR4"] * 3})
    with pytest.warns(NicheWarning, match="2 duplicate"):
        assert len(resources.ligand_receptor(mine)) == 1


@pytest.mark.parametrize(
    ("argument", "error", "message"),
    [
        (pd.DataFrame({"source": ["A"], "target": ["B"]}), InputValueError, "Columns found: source, target"),
        (pd.DataFrame({"ligand": [], "receptor": []}), InputValueError, "holds no ligand-receptor pair"),
        ("nowhere.csv", InputValueError, "There is no file nowhere.csv"),
        (5, InputTypeError, "name must be the name of a ligand-receptor list.*Got int"),
        (None, InputTypeError, "Got NoneType"),
    ],
)
def test_bad_input(argument, error, message):
    with pytest.raises(error, match=message):
        resources.ligand_receptor(argument)


def test_bad_organism():
    with pytest.raises(InputValueError, match=r"organism must be 'human' or 'mouse'\. Got 'rat'"):
        resources.ligand_receptor(organism="rat")


def test_unknown_name_without_liana(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputValueError, match=r"'icellnet'. Available: consensus.*when liana is installed"):
        resources.ligand_receptor("icellnet")


def test_case_of_names_does_not_matter():
    assert resources.ligand_receptor("Consensus").attrs["name"] == "consensus"


def test_loading_is_fast():
    resources.ligand_receptor()
    start = time.perf_counter()
    resources.ligand_receptor()
    assert time.perf_counter() - start < 0.05


@pytest.mark.parametrize("name", [name for name in ROWS if name != "niche"])
def test_bundled_lists_are_liana_s_own(name):
    liana = pytest.importorskip("liana", reason="liana is a test extra")
    theirs = liana.resource.select_resource(name).replace({"C4B_2": "C4B"})
    assert pairs_of(resources.ligand_receptor(name)) == pairs_of(theirs)


def test_other_lists_come_from_liana():
    pytest.importorskip("liana", reason="liana is a test extra")
    table = resources.ligand_receptor("icellnet")
    assert len(table) == 738
    assert table.attrs["version"].startswith("LIANA ")
    assert set(table["source"]) == {table.attrs["version"]}
    with pytest.raises(
        InputValueError, match=r"no ligand-receptor list 'nothing'.*installed liana: .*icellnet"
    ):
        resources.ligand_receptor("nothing")
