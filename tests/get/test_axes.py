"""Published axes: every status with its reason, directions, mouse, every organ."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from metastases import PAIRS, make_study

from niche import get, resources, tl
from niche.errors import InputTypeError, InputValueError, MissingKeyError, StaleResultError

COLUMNS = (
    "organ ligand receptor sender_cell_type receiver_cell_type direction direction_class source target status "
    "reason n_tested lr_means pval qval citation rna_detectability note"
).split()
STATUSES = {"found", "tested_not_significant", "not_expressed", "not_testable", "not_assessed"}


def analysed(adata: ad.AnnData | None = None, **options: object) -> ad.AnnData:
    adata = make_study() if adata is None else adata
    tl.communication(adata, "cell_type", **({"resource": PAIRS} | options))
    return adata


@pytest.fixture(scope="module")
def study() -> ad.AnnData:
    return analysed()


def row(table: pd.DataFrame, ligand: str, receptor: str, **more: str) -> pd.Series:
    chosen = (table["ligand"] == ligand) & (table["receptor"] == receptor)
    for name, value in more.items():
        chosen &= table[name] == value
    assert chosen.sum() == 1
    return table[chosen].iloc[0]


def test_every_axis_of_every_organ_has_one_row(study: ad.AnnData) -> None:
    table = get.axes(study)
    assert list(table.columns) == COLUMNS
    assert set(table["status"]) <= STATUSES
    for organ in ("bone", "brain"):
        wanted = resources.axes(organ)
        mine = table[table["organ"] == organ]
        assert mine[["ligand", "receptor", "direction"]].to_numpy().tolist() == (
            wanted[["ligand", "receptor", "direction"]].to_numpy().tolist()
        )
    assert "no evidence about patients" in table.attrs["statement"]


def test_found_shows_the_best_edge_in_the_published_direction(study: ad.AnnData) -> None:
    axis = row(get.axes(study, organ="bone"), "CXCL12", "CXCR4")
    assert (axis["status"], axis["reason"]) == ("found", "")
    assert (axis["source"], axis["target"]) == ("Fibroblast", "Cancer")
    edges = get.communication(study, organ="bone", target="Cancer", status="tested")
    edges = edges[(edges["ligand_complex"] == "CXCL12") & (edges["receptor_complex"] == "CXCR4")]
    best = edges.sort_values("qval").iloc[0]
    assert axis["n_tested"] == len(edges)
    for name in ("lr_means", "pval", "qval"):
        assert axis[name] == pytest.approx(best[name])
    assert axis["qval"] <= 0.05


def test_the_other_direction_does_not_count(study: ad.AnnData) -> None:
    """JAG1 is fibroblast-made here: the axis published from tumor to host must not be found by it."""
    bone = row(get.axes(study, organ="bone"), "JAG1", "NOTCH2")
    assert bone["direction_class"] == "tumor->host" and bone["status"] != "found"
    brain = row(get.axes(study, organ="brain"), "JAG1", "NOTCH1")
    assert brain["direction_class"] == "host->tumor" and brain["status"] == "found"


def test_silence_is_not_expressed_where_the_gene_can_be_seen(study: ad.AnnData) -> None:
    table = get.axes(study, organ="brain", everywhere=True)
    axis = row(table, "CXCL12", "CXCR4", published_organ="lymph_node")
    assert axis["status"] == "not_expressed"
    assert axis["reason"] == "measured and not expressed: ligand"
    assert np.isnan(axis["qval"]) and axis["n_tested"] == 0 and axis["source"] == ""


@pytest.mark.parametrize(
    ("detectability", "silent", "status"),
    [
        ("good", "ligand", "not_expressed"),
        ("ligand sparse", "ligand", "not_testable"),
        ("ligand sparse", "receptor", "not_expressed"),
        ("ligand sparse", "ligand and receptor", "not_expressed"),
        ("receptor weak", "receptor", "not_testable"),
        ("sparse", "ligand and receptor", "not_testable"),
        ("neutrophils often lost", "receptor", "not_testable"),
    ],
)
def test_silence_says_nothing_where_the_rna_is_hardly_seen(
    detectability: str, silent: str, status: str
) -> None:
    from niche._slots import communication_codes as codes
    from niche.get.axes import _untested

    code = codes.REASONS.index(f"measured and not expressed: {silent}")
    found = _untested(np.array([[code]], dtype=np.uint8), detectability)
    assert found["status"] == status
    assert found["reason"].startswith(f"measured and not expressed: {silent}")
    assert (detectability in found["reason"]) == (status == "not_testable")


def test_too_few_cells_pair_missing_and_metabolite_are_not_testable(study: ad.AnnData) -> None:
    kidney = get.axes(study, organ="kidney", everywhere=True)
    few = row(kidney, "CXCL12", "CXCR4", published_organ="bone")
    assert few["status"] == "not_testable" and few["reason"].startswith("cell type present but too few cells")
    brain = get.axes(study, organ="brain")
    assert row(brain, "BDNF", "NTRK2")["reason"] == "pair not in the resource"
    glutamate = brain[brain["ligand"].str.startswith("glutamate")].iloc[0]
    assert glutamate["status"] == "not_testable" and "not a gene product" in glutamate["reason"]


def test_a_pair_listed_only_in_a_larger_complex_is_named() -> None:
    pairs = pd.concat([PAIRS, pd.DataFrame({"ligand": ["HBEGF"], "receptor": ["EGFR_ERBB2"]})])
    axis = row(get.axes(analysed(resource=pairs), organ="brain"), "HBEGF", "EGFR")
    assert axis["status"] == "not_testable"
    assert axis["reason"] == "pair not in the resource, which lists HBEGF -> EGFR_ERBB2"


def test_subunits_in_another_order_are_the_same_complex() -> None:
    pairs = pd.DataFrame({"ligand": ["LIF", "CXCL12"], "receptor": ["LIFR_IL6ST", "CXCR4"]})
    axis = row(get.axes(analysed(resource=pairs), organ="bone"), "LIF", "IL6ST_LIFR")
    assert axis["reason"].startswith("gene not measured")


def test_host_to_host_is_not_assessed_until_asked_for(study: ad.AnnData) -> None:
    def axis(adata: ad.AnnData) -> pd.Series:
        table = get.axes(adata, organ="bone", everywhere=True)
        return row(table, "CXCL12", "CXCR4", published_organ="liver", direction_class="host->host")

    assert axis(study)["status"] == "not_assessed"
    assert "senders='host', receivers='host'" in axis(study)["reason"]
    assert axis(analysed(senders="host", receivers="host"))["status"] in STATUSES - {"not_assessed"}


def test_without_tumor_cells_the_reason_says_so() -> None:
    adata = make_study()
    adata.obs["compartment"] = "stromal"
    table = get.axes(analysed(adata, senders="all", receivers="all"), organ="bone")
    axis = row(table, "CXCL12", "CXCR4")
    assert (axis["status"], axis["reason"]) == ("not_assessed", "no tumor cells in the run")


def test_without_compartments_nothing_is_assessed() -> None:
    adata = make_study()
    del adata.obs["compartment"]
    axis = row(get.axes(analysed(adata, senders="all", receivers="all"), organ="bone"), "CXCL12", "CXCR4")
    assert axis["status"] == "not_assessed" and "compartments unknown" in axis["reason"]


def test_without_a_null_expression_is_shown_and_not_judged() -> None:
    axis = row(get.axes(analysed(null=None), organ="bone"), "CXCL12", "CXCR4")
    assert axis["status"] == "not_assessed" and "null=None" in axis["reason"]
    assert axis["lr_means"] > 0 and np.isnan(axis["qval"])


def test_an_organ_without_published_axes_says_so() -> None:
    table = get.axes(analysed(tissues=("metastasis", "primary")))
    assert len(table[table["organ"] == "kidney"]) == 1
    kidney = table[table["organ"] == "kidney"].iloc[0]
    assert kidney["status"] == "not_assessed" and "no published axis" in kidney["reason"]
    assert kidney["ligand"] == ""
    primary = table[table["organ"] == "breast (primary)"].iloc[0]
    assert primary["reason"] == "published axes are about metastases, and this is primary tissue"


def test_everywhere_holds_every_axis_in_every_organ(study: ad.AnnData) -> None:
    table = get.axes(study, everywhere=True)
    assert list(table.columns) == ["published_organ", *COLUMNS]
    published, organs = resources.axes(), ["bone", "brain", "kidney"]
    assert table["organ"].tolist() == organs * len(published)
    assert table["ligand"].tolist() == published["ligand"].repeat(3).tolist()
    assert table["published_organ"].tolist() == published["organ"].repeat(3).tolist()
    own = table[table["organ"] == table["published_organ"]].drop(columns="published_organ")
    own = own.sort_values("organ", kind="stable").reset_index(drop=True)
    plain = get.axes(study, organ=["bone", "brain"])
    pd.testing.assert_frame_equal(own, plain)


def test_an_organ_may_be_written_as_people_write_it() -> None:
    adata = make_study()
    adata.obs["organ"] = adata.obs["organ"].cat.rename_categories({"brain": "Lymph Node"})
    table = get.axes(analysed(adata), organ="Lymph Node")
    assert table["ligand"].tolist() == resources.axes("lymph_node")["ligand"].tolist()


def test_mouse_genes_are_found_by_ortholog() -> None:
    adata = make_study()
    adata.var_names = [name.capitalize() for name in adata.var_names]
    mouse = PAIRS.map(str.capitalize)
    table = get.axes(analysed(adata, resource=mouse, organism="mouse"), organ="bone")
    assert row(table, "CXCL12", "CXCR4")["status"] == "found"


def test_bad_input(study: ad.AnnData) -> None:
    with pytest.raises(InputValueError, match="'spleen' not in the result.*'bone', 'brain', 'kidney'"):
        get.axes(study, organ="spleen")
    with pytest.raises(MissingKeyError, match="Run niche.tl.communication first"):
        get.axes(make_study())
    with pytest.raises(InputTypeError, match="everywhere must be True or False"):
        get.axes(study, everywhere="yes")  # type: ignore[arg-type]
    changed = study.copy()
    changed.obs["cell_type"] = changed.obs["cell_type"].cat.rename_categories({"Cancer": "Carcinoma"})
    with pytest.raises(StaleResultError):
        get.axes(changed)
