"""Tables of ligand activities: columns, filters, edges, round trips, staleness."""

from __future__ import annotations

import anndata as ad
import pandas as pd
import pytest
from same_tables import assert_same_table

import niche
from niche import get, tl
from niche.errors import InputValueError, MissingKeyError, NicheWarning, StaleResultError

pytest.importorskip("decoupler", reason="decoupler is not installed (extra: activity)")

COLUMNS = (
    "ligand receiver contrast organ effect ci_low ci_high statistic pval qval call status reason n_targets n_samples "
    "n_patients sign_stability min_detectable_effect"
).split()


LIGAND = "WNT11"


@pytest.fixture(scope="module")
def _active(_demo_result):
    adata = _demo_result.copy()
    table = adata.uns["truth"]["program_genes"].astype({"program": str, "gene": str})
    names = {"organ_lung": LIGAND, "organ_liver": "ITGAV_ITGB1"}
    table = table[table["program"].isin(list(names))]
    tl.ligand_activity(
        adata,
        pd.DataFrame(
            {"ligand": table["program"].map(names), "target": table["gene"], "weight": table["weight"]}
        ),
    )
    return adata


@pytest.fixture
def active(_active):
    return _active.copy()


def test_columns_and_one_row_per_ligand_receiver_and_contrast(active):
    table = get.ligand_activity(active)
    assert list(table) == COLUMNS and not table.duplicated(["ligand", "receiver", "contrast"]).any()
    assert len(table) == 2 * active.obs["cell_type"].nunique() * table["contrast"].nunique()
    tested = (table["status"] == "tested").to_numpy()
    assert tested.any() and table.loc[tested, "pval"].notna().all()
    assert table.loc[~tested, "pval"].isna().all() and (table.loc[~tested, "reason"] != "").all()


def test_samples(active):
    table = get.ligand_activity(active, level="sample", receiver="Malignant", ligand=LIGAND)
    assert (
        list(table) == "sample patient organ tissue receiver ligand activity n_targets n_cells status".split()
    )
    sizes = active.obs.loc[active.obs["cell_type"] == "Malignant", "sample"].value_counts()
    assert table.set_index("sample")["n_cells"].to_dict() == {s: sizes[s] for s in table["sample"]}
    whole = get.ligand_activity(active, level="sample")
    assert (whole["activity"].isna() == (whole["status"] == "not_testable")).all()


def test_filters(active):
    one = get.ligand_activity(active, contrast="lung_vs_rest", receiver="Malignant", ligand=LIGAND)
    assert len(one) == 1 and one["organ"].item() == "lung"
    assert len(get.ligand_activity(active, qval=0.1)) == (get.ligand_activity(active)["qval"] <= 0.1).sum()
    for options, message in (
        ({"ligand": "SPP1"}, "ligand: 'SPP1' not in the result"),
        ({"receiver": "Mast cell"}, "receiver: 'Mast cell' not in the result"),
        ({"level": "patient"}, "level must be one of"),
        ({"level": "sample", "edges": True}, "belong to level='organ'"),
        ({"edges": True, "contrast": "bone_vs_rest"}, "no contrast="),
    ):
        with pytest.raises(InputValueError, match=message):
            get.ligand_activity(active, **options)


def test_every_edge_has_the_activity_of_its_ligand(active):
    edges = get.communication(active)
    table = get.ligand_activity(active, edges=True)
    assert len(table) == len(edges)
    assert_same_table(table[["receptor_complex"]], edges[["receptor_complex"]])
    tested = table["edge_status"] == "tested"
    own = table["ligand_complex"] == LIGAND
    assert set(table.loc[~own & table["ligand"].isna(), "support"]) == {"not_assessed"}
    assert (
        table.loc[~own & table["ligand"].isna(), "reason"] == "the ligand has no targets in the network"
    ).all()
    assert set(table.loc[~tested, "support"]) == {"not_assessed"}, "what is no edge is not supported"
    mine = table[tested & own & (table["target"] == "Malignant")]
    organ = get.ligand_activity(active, ligand=LIGAND, receiver="Malignant").set_index("contrast")
    for line in mine.itertuples():
        found = organ.loc[f"{line.organ}_vs_rest"]
        assert line.effect == found["effect"] and line.qval == found["qval"]
    assert set(mine.loc[mine["organ"] == "lung", "support"]) == {"supported"}
    assert set(mine.loc[mine["organ"] == "brain", "support"]) == {"not_testable"}
    samples = get.ligand_activity(active, level="sample", ligand=LIGAND, receiver="Malignant", organ="lung")
    lung = mine[mine["organ"] == "lung"]
    assert lung["activity"].iloc[0] == pytest.approx(samples["activity"].mean())
    assert set(get.ligand_activity(active, edges=True, organ="lung", receiver="Malignant")["target"]) == {
        "Malignant"
    }


def test_edges_of_another_run(active):
    options = {"tissues": ["primary"], "null": None, "scores": ["lr_means"]}
    with pytest.warns(NicheWarning, match="one organ only"):
        tl.communication(active, "cell_type", **options, key_added="primary")
    table = get.ligand_activity(active, edges=True, communication="primary")
    own = table[(table["ligand_complex"] == LIGAND) & (table["edge_status"] == "tested")]
    assert set(own["reason"]) == {"the organ was not assessed"} and set(own["support"]) == {"not_assessed"}
    with pytest.raises(MissingKeyError, match="Run niche.tl.communication first"):
        get.ligand_activity(active, edges=True, communication="none")


def test_survives_h5ad_and_zarr(active, tmp_path):
    active.uns.pop("truth", None)  # of the simulator, whose own tests write it
    active.write_h5ad(tmp_path / "a.h5ad")
    active.write_zarr(tmp_path / "a.zarr")
    back = ad.read_h5ad(tmp_path / "a.h5ad"), ad.read_zarr(tmp_path / "a.zarr")
    for options in ({}, {"level": "sample"}, {"edges": True, "organ": "lung", "receiver": "Malignant"}):
        expected = get.ligand_activity(active, **options)
        for again in back:
            assert_same_table(get.ligand_activity(again, **options), expected)


def test_missing_and_stale(demo, active):
    with pytest.raises(MissingKeyError, match="Run niche.tl.ligand_activity first"):
        get.ligand_activity(demo)
    active.obs["cell_type"] = active.obs["cell_type"].astype(str).replace("T cell", "T lymphocyte")
    with pytest.raises(StaleResultError, match="obs cell_type changed"):
        get.ligand_activity(active)
    assert niche.settings.groupby == "cell_type"
