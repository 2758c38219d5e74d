from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from held import held, unchanged

import niche
from niche._slots import read
from niche.errors import InputTypeError, InputValueError, MissingKeyError


def cells(types, **columns):
    obs = pd.DataFrame({"cell_type": types, **columns}, index=[f"c{i}" for i in range(len(types))])
    return ad.AnnData(np.ones((len(types), 1), dtype=np.float32), obs=obs, var=pd.DataFrame(index=["ACTB"]))


def called(adata, **options):
    """Compartments by labels, also where none of the options that imply them is given."""
    niche.tl.call_compartments(adata, evidence="labels", **options)
    return adata.obs["compartment"].astype(str).tolist()


def test_given_then_name_then_unresolved():
    adata = cells(["Odd 1", "Fibroblast", "T cell", "Odd 2", "Endothelial cell"])
    assert called(adata, labels={"Odd 1": "tumor", "T cell": "stromal"}) == [
        "tumor",
        "stromal",
        "stromal",
        "unresolved",
        "endothelial",
    ]
    table = adata.uns["compartments"]["table"].set_index("cell_type")
    assert list(adata.uns["compartments"]["table"].columns) == [
        "cell_type",
        "compartment",
        "n_cells",
        "source",
        "reason",
    ]
    assert table["source"].to_dict() == {
        "Endothelial cell": "recognised by name",
        "Fibroblast": "recognised by name",
        "Odd 1": "given",
        "Odd 2": "not recognised",
        "T cell": "given",
    }
    assert table.loc["Odd 2", "reason"] == "the name says nothing: give its compartment with labels"
    assert adata.uns["compartments"]["copy_number"] == "not_assessed"
    assert "malignant_probability" not in adata.obs


def test_malignant_cells_are_tumor_whatever_their_type():
    adata = cells(["Epithelial cell"] * 2 + ["Fibroblast"] * 2, malignant=[True, False] * 2)
    assert called(adata, malignant_key="malignant") == ["tumor", "epithelial_normal", "tumor", "stromal"]
    table = adata.uns["compartments"]["table"]
    assert table[["cell_type", "compartment", "n_cells"]].to_numpy().tolist() == [
        ["Epithelial cell", "epithelial_normal", 1],
        ["Epithelial cell", "tumor", 1],
        ["Fibroblast", "stromal", 1],
        ["Fibroblast", "tumor", 1],
    ]


def test_a_tumor_type_that_is_not_malignant_is_unresolved():
    adata = cells(["Cancer", "Cancer", "Mine"], malignant=[True, False, False])
    assert called(adata, malignant_key="malignant", labels={"Mine": "tumor"}) == [
        "tumor",
        "unresolved",
        "unresolved",
    ]
    reasons = set(adata.uns["compartments"]["table"]["reason"])
    assert reasons == {"", "a tumor type, but not malignant by malignant_key"}


def test_epithelium_is_not_decided_by_its_name():
    adata = cells(["Epithelial", "Hepatocyte"])
    assert called(adata) == ["unresolved", "parenchymal"]
    row = adata.uns["compartments"]["table"].set_index("cell_type").loc["Epithelial"]
    assert row["reason"].startswith("epithelial cells may be malignant")
    assert called(cells(["Epithelial"]), labels={"Epithelial": "epithelial_normal"}) == ["epithelial_normal"]


@pytest.mark.parametrize(
    "values",
    [
        [True, False],
        [1, 0],
        [1.0, 0.0],
        ["True", "False"],
        pd.Categorical(["true", "false"]),
        pd.array([True, False], dtype="boolean"),
    ],
)
def test_how_files_hold_booleans(values):
    adata = cells(["Fibroblast", "Fibroblast"])
    adata.obs["malignant"] = values
    assert called(adata, malignant_key="malignant") == ["tumor", "stromal"]


def test_statement_per_sample():
    adata = cells(["Cancer", "T cell", "T cell"], sample=["s1", "s1", "s2"])
    called(adata)
    table = niche.get.compartments(adata).set_index("sample")
    assert table["n_tumor"].tolist() == [1, 0]
    assert table["n_immune"].tolist() == [1, 1]
    assert table["statement"].tolist() == [
        "author labels; copy number not assessed",
        "author labels; copy number not assessed; no tumor cell",
    ]
    alone = cells(["Cancer"])
    called(alone)
    assert niche.get.compartments(alone)["sample"].tolist() == ["all cells"]


def test_names_of_columns(monkeypatch):
    adata = cells(["Cancer", "T cell"])
    adata.obs = adata.obs.rename(columns={"cell_type": "label"})
    niche.tl.call_compartments(adata, groupby="label", compartment_key="side", key_added="sides")
    assert adata.obs["side"].tolist() == ["tumor", "immune"]
    assert adata.uns["sides"]["params"]["compartment_key"] == "side"
    monkeypatch.setattr(niche.settings, "groupby", "label")
    monkeypatch.setattr(niche.settings, "compartment_key", "part")
    niche.tl.call_compartments(adata, evidence="labels")
    assert adata.obs["part"].tolist() == ["tumor", "immune"]


def test_running_twice_is_the_same(tiny):
    called(tiny)
    first = tiny.obs["compartment"].copy()
    called(tiny)
    assert tiny.obs["compartment"].equals(first)
    assert read.is_current(tiny, "compartments", {"groupby": "cell_type"})
    tiny.obs["cell_type"] = "Fibroblast"
    assert not read.is_current(tiny, "compartments", {"groupby": "cell_type"})


def test_what_communication_needs(tiny):
    expected = tiny.obs["compartment"].astype(str).tolist()
    del tiny.obs["compartment"]
    assert called(tiny) == expected


def test_copy_and_view(recwarn):
    adata = cells(["Cancer", "T cell"])
    before = held(adata)
    assert niche.tl.call_compartments(adata, groupby="cell_type", copy=True).obs["compartment"].tolist() == [
        "tumor",
        "immune",
    ]
    niche.tl.call_compartments(adata[:1], groupby="cell_type")
    assert unchanged(adata, before)
    assert not [w for w in recwarn if "view" in str(w.message)]


def test_log_says_what_is_missing(caplog):
    with caplog.at_level("WARNING", logger="niche"):
        called(cells(["T cell", "Odd"]))
    assert "no cell is tumor; give labels or malignant_key" in caplog.text
    assert "1 of 2 cells are unresolved" in caplog.text


@pytest.mark.parametrize("extension", ["h5ad", "zarr"])
def test_round_trip(tmp_path, extension):
    adata = cells(["Cancer", "T cell", "Odd"], sample=["a", "a", "b"])
    niche.tl.call_compartments(adata, labels={"Odd": "stromal"})
    getattr(adata, f"write_{extension}")(tmp_path / f"a.{extension}")
    again = getattr(ad, f"read_{extension}")(tmp_path / f"a.{extension}")
    stored = read.result(again, "compartments", run_first="niche.tl.call_compartments")
    assert read.strings(stored["params"]["label_types"]) == ["Odd"]
    assert stored["table"]["source"].tolist() == adata.uns["compartments"]["table"]["source"].tolist()
    assert again.obs["compartment"].tolist() == ["tumor", "immune", "stromal"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"labels": {"Kancer": "tumor"}},
            InputValueError,
            r"labels names cell types .*'Kancer'. Found there: 'Cancer', 'T",
        ),
        (
            {"labels": {"Cancer": "cancer"}},
            InputValueError,
            r"labels\['Cancer'\] must be one of 'tumor'.* Got 'cancer'",
        ),
        (
            {"labels": ["Cancer"]},
            InputTypeError,
            r"labels must map cell types to compartments.*Got \['Cancer'\]",
        ),
        (
            {"malignant_key": "bad"},
            MissingKeyError,
            "column 'bad' not found in adata.obs. Available: 'cell_type'",
        ),
        ({"malignant_key": "cell_type"}, InputTypeError, "must hold True or False. Found 'Cancer', 'T cell'"),
        ({"malignant_key": "holes"}, InputValueError, r"1 of 2 cells have no value in adata.obs\['holes'\]"),
        ({"groupby": "label"}, MissingKeyError, "column 'label' not found.*groupby="),
        ({"sample_key": "biopsy"}, MissingKeyError, "column 'biopsy' not found"),
        ({"key_added": "a/b"}, InputValueError, "key_added must be a non-empty string without '/'"),
        (
            {"compartment_key": "a/b"},
            InputValueError,
            "compartment_key must be a non-empty string without '/'",
        ),
    ],
)
def test_bad_options_write_nothing(options, error, message):
    adata = cells(["Cancer", "T cell"], holes=[True, None])
    before = held(adata)
    with pytest.raises(error, match=message):
        called(adata, **options)
    assert unchanged(adata, before)


def test_missing_labels_write_nothing():
    adata = cells(["Cancer", None])
    before = held(adata)
    with pytest.raises(InputValueError, match=r"1 of 2 cells have no label in adata.obs\['cell_type'\]"):
        called(adata)
    assert unchanged(adata, before)


def test_not_an_anndata():
    with pytest.raises(InputTypeError, match="adata must be an AnnData. Got builtins.dict"):
        niche.tl.call_compartments({})


def test_real_names(shared_data):
    adata = ad.read_h5ad(shared_data / "maynard2020_nsclc_mets_3k.h5ad")
    niche.tl.call_compartments(adata, malignant_key="malignant_putative")
    counts = adata.obs["compartment"].value_counts()
    assert counts["tumor"] == adata.obs["malignant_putative"].sum() == 485
    unresolved = adata.obs.loc[adata.obs["compartment"] == "unresolved", "cell_type"]
    assert set(unresolved) == {"other"}
