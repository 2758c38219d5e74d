from __future__ import annotations

import pytest

from niche import resources
from niche.errors import InputTypeError, NicheWarning
from niche.resources.genes import known_symbols

NOT_A_GENE = {"MIR122"}  # a microRNA: kept, never scored
ORGANS = {"bone", "brain", "liver", "lung", "lymph_node"}


def subunits(symbols):
    return {subunit for symbol in symbols for subunit in symbol.split("_") if subunit}


def test_mediators_key_and_size():
    table = resources.mediators()
    assert len(table) == 150
    assert not table.duplicated(["gene_symbol", "partner_symbol", "organ", "side", "citation"]).any()
    assert set(table["organ"]) == ORGANS | {"general"}
    assert set(table["status"]) == {"ok", "contested", "other-cancer", "retracted"}
    assert set(table["effect"]) == {"promoter", "suppressor"}


def test_retracted_mediators_are_kept_and_never_scored():
    table = resources.mediators()
    retracted = table[table["status"] == "retracted"]
    assert sorted(retracted["gene_symbol"]) == ["LOX", "LOX"]
    assert not retracted["scored"].any()
    assert (retracted["not_scored_reason"] == "retracted").all()
    marked = table["citation"].str.contains("RETRACTED") | table["note"].str.startswith("RETRACTED")
    assert not table.loc[marked, "scored"].any()


def test_what_is_not_scored_says_why():
    table = resources.mediators()
    assert ((table["not_scored_reason"] == "") == table["scored"]).all()
    assert int((~table["scored"]).sum()) == 4
    assert set(table.loc[~table["scored"], "gene_symbol"]) == {"LOX", "MIR122"}


def test_mediators_are_known_genes():
    table = resources.mediators()
    assert (
        subunits(table["gene_symbol"]) | subunits(table["partner_symbol"])
        <= known_symbols("human") | NOT_A_GENE
    )
    assert set(table.loc[table["scored"], "gene_symbol"]) <= known_symbols("human")


def test_dkk1_promotes_bone_and_suppresses_lung():
    effect = resources.mediators().query("gene_symbol == 'DKK1'").set_index("organ")["effect"]
    assert effect.to_dict() == {"bone": "promoter", "lung": "suppressor"}


def test_ccl2_is_not_reported_for_bone():
    table = resources.mediators()
    assert set(table.loc[table["gene_symbol"] == "CCL2", "organ"]) == {"brain", "lung"}


def test_axes_key_and_classes():
    table = resources.axes()
    assert len(table) == 46
    assert not table.duplicated(
        ["organ", "ligand", "receptor", "sender_cell_type", "receiver_cell_type"]
    ).any()
    assert set(table["organ"]) == ORGANS
    assert set(table["direction_class"]) == {
        "tumor->host",
        "host->tumor",
        "host->host",
        "autocrine",
        "bidirectional",
    }


def test_axes_are_known_genes_but_for_the_metabolite():
    table = resources.axes()
    scorable = table[table["scorable"]]
    assert subunits(scorable["ligand"]) | subunits(scorable["receptor"]) <= known_symbols("human")
    rest = table[~table["scorable"]]
    assert list(rest["ligand"]) == ["glutamate(SLC17A7)"]
    assert rest["not_scorable_reason"].str.contains("metabolite").all()
    assert (scorable["not_scorable_reason"] == "").all()


def test_axes_agree_with_the_lists_about_the_consensus():
    consensus = resources.ligand_receptor("consensus")
    pairs = set(zip(consensus["ligand"], consensus["receptor"], strict=True))
    for axis in resources.axes().itertuples():
        exact = (axis.ligand, axis.receptor) in pairs
        assert exact == (axis.in_liana_consensus == "exact"), axis
        if axis.in_liana_consensus.startswith("variant:"):
            assert (axis.ligand, axis.in_liana_consensus.removeprefix("variant:")) in pairs, axis


@pytest.mark.parametrize(
    "reader",
    [
        resources.mediators,
        resources.axes,
        resources.signatures,
        resources.subtype_site_rates,
        resources.markers,
    ],
    ids=lambda reader: reader.__name__,
)
def test_every_row_is_cited(reader):
    table = reader()
    assert (table["citation"].str.len() > 10).all()
    assert not table["citation"].str.contains("from memory").any()


@pytest.mark.parametrize("reader", [resources.mediators, resources.axes], ids=lambda reader: reader.__name__)
def test_identifiers_are_well_formed(reader):
    table = reader()
    assert table["pmid"].str.fullmatch(r"\d{7,8}|").all()
    assert table["doi"].str.fullmatch(r"10\.\d{4,}/\S+|").all()
    assert table["pmcid"].str.fullmatch(r"PMC\d+|").all()


def test_one_organ():
    table = resources.axes("Lymph node")
    assert set(table["organ"]) == {"lymph_node"}
    assert list(table.index) == list(range(len(table)))


@pytest.mark.parametrize("reader", [resources.mediators, resources.axes], ids=lambda reader: reader.__name__)
def test_unknown_organ_is_allowed_and_said(reader):
    with pytest.warns(NicheWarning, match="for organ 'adrenal'"):
        assert len(reader("adrenal")) == 0
    with pytest.raises(InputTypeError):
        reader(5)


def test_signatures():
    table = resources.signatures()
    assert len(table) == 23
    assert not table.duplicated(["signature", "gene"]).any()
    assert set(table["gene"]) <= known_symbols("human")
    assert (table["completeness"] != "").all()


def test_subtype_site_rates():
    table = resources.subtype_site_rates()
    assert len(table) == 16
    assert not table.duplicated(["subtype", "organ"]).any()
    assert table["percent"].between(0, 100).all()
    assert table.drop_duplicates("subtype")["n_relapsed"].sum() == 1350


def test_signature_notes_count_what_they_say():
    table = resources.signature_notes()
    assert table["signature"].is_unique and (table["n_shared"] <= table["n_genes"]).all()
    assert (table["n_shared"] / table["n_genes"] > 0.5).all(), "mostly"
    assert (table[["citation", "doi", "source"]] != "").all(axis=None)
