from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from spatial_study import sections

import niche
from niche import get, recipes, tl
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.tl._spatial_graph import built_graph

STEPS = [
    "harmonize_genes", "qc", "leave out failing cells", "normalize", "call_compartments", "check", "touching",
    "spatial_communication", "compare_spatial", "compare_spatial_tumor_to_host",
    "compare_spatial_host_to_tumor",
]  # fmt: skip


@pytest.fixture(scope="module")
def drawn() -> ad.AnnData:
    """Raw counts of the sections; do not change them."""
    adata = sections()
    return ad.AnnData(adata.layers["counts"], obs=adata.obs, var=adata.var[[]], obsm=dict(adata.obsm))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings with the planted pairs as the resource."""
    file = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    sections().uns["truth"]["pairs"][["ligand", "receptor"]].to_csv(file, index=False)
    return {"recipe": "spatial", "spatial": {"resource": str(file), "n_perms": 20}}


@pytest.fixture(scope="module")
def done(drawn: ad.AnnData, config: dict[str, Any]) -> ad.AnnData:
    return recipes.spatial(drawn, config)


def steps(adata: ad.AnnData) -> pd.DataFrame:
    return adata.uns["recipe"]["steps"].set_index("step")


def changed(config: dict[str, Any], **sections_: dict[str, Any]) -> dict[str, Any]:
    """The settings with some of their fields replaced."""
    return config | {name: config.get(name, {}) | part for name, part in sections_.items()}


def test_every_step_is_done(done: ad.AnnData, drawn: ad.AnnData) -> None:
    assert steps(done).index.tolist() == STEPS
    skipped = steps(done)["status"] == "skipped"
    assert steps(done).index[skipped].tolist() == ["leave out failing cells", "call_compartments"]
    assert "qc_pass" not in drawn.obs and "counts" not in drawn.layers, "the data are left alone"
    assert (done.uns["qc"]["table"]["scrublet"].astype(str).str.startswith("skipped")).all()


def test_results_are_those_of_the_tools(done: ad.AnnData, drawn: ad.AnnData, config: dict[str, Any]) -> None:
    by_hand = drawn.copy()
    niche.pp.harmonize_genes(by_hand)
    niche.pp.normalize(by_hand)
    tl.spatial_communication(by_hand, "cell_type", resource=config["spatial"]["resource"])
    tl.compare_spatial(by_hand, statistic="tumor_to_host")
    for level in ("section", "interface"):
        first, second = (get.spatial_communication(data, level=level) for data in (done, by_hand))
        assert np.array_equal(first["pval"], second["pval"], equal_nan=True)
    key = "compare_spatial_tumor_to_host"
    pd.testing.assert_frame_equal(get.compare_spatial(done, key=key), get.compare_spatial(by_hand))


def test_planted_pairs_are_found(done: ad.AnnData) -> None:
    truth = sections().uns["truth"]["pairs"].set_index("ligand")
    for way in ("tumor_to_host", "host_to_tumor"):
        table = get.compare_spatial(done, key=f"compare_spatial_{way}", contrast="mean_in_liver")
        called = truth.loc[table.loc[table["call"] == "consistent", "ligand_complex"].astype(str)]
        meets = called["kind"].isin(["interface", "organ_interface"])
        assert meets.sum() >= 2 and (called.loc[meets, "direction"] == way).all()
        assert set(called["kind"]) <= {"interface", "organ_interface", "focal"}, "a compartment is no contact"


def test_a_result_goes_on(done: ad.AnnData, config: dict[str, Any]) -> None:
    again = recipes.spatial(done, config)
    assert set(steps(again)["status"]) == {"resumed", "skipped"}
    other = recipes.spatial(done, changed(config, spatial={"expr_prop": 0.2}))
    now = steps(other)["status"]
    assert now["touching"] == "resumed"
    assert set(now[STEPS[7:]]) == {"done"}, "comparisons rest on the run"
    compared = recipes.spatial(done, changed(config, compare={"patients": "consensus"}))
    assert steps(compared).loc["spatial_communication", "status"] == "resumed"
    assert steps(compared).loc["compare_spatial", "status"] == "done"
    less = recipes.spatial(done, changed(config, compare={"statistics": ["section"]}))
    assert "compare_spatial_tumor_to_host" not in less.uns
    assert "does not name tumor_to_host" in steps(less).loc["compare_spatial_tumor_to_host", "reason"]


def test_another_resource_is_noticed(done: ad.AnnData, config: dict[str, Any], tmp_path: Path) -> None:
    pairs = pd.read_csv(config["spatial"]["resource"]).head(3)
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    made = recipes.spatial(done, changed(config, spatial={"resource": str(tmp_path / "pairs.csv")}))
    assert steps(made).loc["spatial_communication", "status"] == "done"
    assert len(get.spatial_communication(made, sample="liver_P1_S1")) == 3


def test_spots_without_cell_types_take_shares_of_tumor(drawn: ad.AnnData, config: dict[str, Any]) -> None:
    spots = drawn.copy()
    spots.obs = spots.obs[["sample", "patient", "organ", "tissue"]].copy()
    tumor = drawn.obs["tumor_fraction"].to_numpy(float)
    spots.obsm["proportions"] = pd.DataFrame({"Melanoma": tumor, "Host": 1 - tumor}, index=spots.obs_names)
    made = recipes.spatial(
        spots, changed(config, spatial={"interface_key": "proportions", "tumor": ["Melanoma"]})
    )
    told = steps(made)["reason"]
    assert told["call_compartments"] == "sides of the border are those of 'proportions'"
    assert told["touching"] == "there are no cell types"
    assert get.spatial_communication(made, level="interface", status="tested")["sample"].nunique() == 6
    bare = recipes.spatial(spots, config)
    assert "nothing says which spots are tumor" in steps(bare).loc["compare_spatial_tumor_to_host", "reason"]
    assert get.compare_spatial(bare)["pval"].notna().any()


def test_compartments_are_called_from_cell_types(drawn: ad.AnnData, config: dict[str, Any]) -> None:
    cells = drawn.copy()
    del cells.obs["compartment"]
    made = recipes.spatial(cells, config)
    assert steps(made).loc["call_compartments", "status"] == "done"
    assert (made.obs["compartment"].astype(str) == drawn.obs["compartment"].astype(str)).all()
    assert set(steps(recipes.spatial(made, config))["status"]) == {"resumed", "skipped"}


def test_a_graph_that_is_given_is_used(drawn: ad.AnnData, config: dict[str, Any]) -> None:
    one = drawn[drawn.obs["sample"] == "liver_P1_S1"].copy()
    one.obsp["near"] = built_graph(one.obsm["spatial"], "knn", 4, None, on_grid=False)
    made = recipes.spatial(one, changed(config, spatial={"connectivity_key": "near"}))
    about = get.spatial_communication(made, level="sections")
    assert about["n_edges"].tolist() == [(one.obsp["near"] + one.obsp["near"].T).nnz // 2]
    assert "1 patient in liver" in set(get.compare_spatial(made)["reason"].astype(str))


def test_a_stopped_run_goes_on(
    drawn: ad.AnnData, done: ad.AnnData, config: dict[str, Any], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file = tmp_path / "run.h5ad"

    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("niche.recipes.checkpoint._PATIENCE", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(tl, "spatial_communication", stopped)
        with pytest.raises(KeyboardInterrupt):
            recipes.spatial(drawn, config, checkpoint=file)
    assert file.exists()
    made = recipes.spatial(drawn, config, checkpoint=file)
    assert not file.exists() and steps(made).loc["touching", "status"] == "resumed"
    first, second = (get.compare_spatial(data) for data in (done, made))
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize(
    ("part", "error", "message"),
    [
        ({"spatial": {"spatial_key": "places"}}, MissingKeyError, "coordinates 'places' not found"),
        ({"spatial": {"connectivity_key": "x"}}, MissingKeyError, "graph 'x' not found"),
        ({"spatial": {"interface_key": "x"}}, MissingKeyError, "interface_key 'x' found neither"),
        ({"spatial": {"interface_key": "cell_type"}}, InputValueError, "Say which labels are tumor"),
        ({"spatial": {"graph": "hexagon"}}, InputValueError, "spatial.graph must be"),
        ({"spatial": {"resource": "nowhere.csv"}}, InputValueError, "nowhere.csv"),
        ({"spatial": {"speed": 1}}, InputValueError, "spatial.speed is not a field"),
        ({"compare": {"covariates": ["x"]}}, MissingKeyError, "column 'x' not found"),
        ({"recipe": "xenograft"}, InputValueError, "not of spatial"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_computed(
    drawn: ad.AnnData, part: dict[str, Any], error: type[Exception], message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(niche.pp, "harmonize_genes", lambda *_, **__: pytest.fail("a step was run"))
    with pytest.raises(error, match=message):
        recipes.spatial(drawn, part)


def test_data_without_places_are_refused(drawn: ad.AnnData) -> None:
    with pytest.raises(InputTypeError, match="adata must be an AnnData"):
        recipes.spatial("file.h5ad")  # type: ignore[arg-type]
    bare = drawn.copy()
    del bare.obsm["spatial"]
    with pytest.raises(MissingKeyError, match="These data have no places"):
        recipes.spatial(bare)
    twice = drawn.copy()
    twice.obsm["spatial"][1] = twice.obsm["spatial"][0]
    with pytest.raises(InputValueError, match="lie where another of their section lies"):
        recipes.plan(twice, {"recipe": "spatial"})
