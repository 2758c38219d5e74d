from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import niche
from niche import get, recipes
from niche.errors import InputTypeError, InputValueError, MissingKeyError

QUICK: dict[str, Any] = {
    "recipe": "xenograft",
    "qc": {"min_cells_scrublet": 100_000},
    "cluster": {"run": False},
    "communication": {"resource": "niche", "null": "analytic"},
    "compare": {"n_permutations": 2},
}
STEPS = [
    "split_species", "collapse_orthologs", "harmonize_genes", "qc", "leave out failing cells", "normalize",
    "call_compartments", "cluster", "annotate", "check", "ambient", "communication", "compare_communication",
]  # fmt: skip


@pytest.fixture(scope="module")
def drawn() -> ad.AnnData:
    """Three animals per organ; do not change it."""
    return niche.datasets.simulate_xenograft(3, animals_per_organ=3, cells=130, n_genes=1500)


@pytest.fixture(scope="module")
def done(drawn: ad.AnnData) -> ad.AnnData:
    return recipes.xenograft(drawn, QUICK)


def steps(adata: ad.AnnData) -> pd.DataFrame:
    return adata.uns["recipe"]["steps"].set_index("step")


def test_every_step_is_done(done: ad.AnnData, drawn: ad.AnnData) -> None:
    assert steps(done).index.tolist() == STEPS
    skipped = steps(done)["status"] == "skipped"
    assert steps(done).index[skipped].tolist() == ["harmonize_genes", "cluster", "annotate"]
    assert "species" not in drawn.obs and "counts" not in drawn.layers, "the data are left alone"
    assert done.uns["recipe"]["params"]["input"]["patient"] == "animal"


def test_edges_run_between_species_with_animals_as_replicates(done: ad.AnnData) -> None:
    edges = get.communication(done, status="tested")
    assert len(edges) and (edges["ligand_species"].astype(str) != edges["receptor_species"].astype(str)).all()
    assert edges["n_patients"].max() == 3
    compared = get.compare_communication(done, estimated=True)
    assert compared["pval"].notna().any() and compared["n_patients"].max() >= 4


def test_ambient_is_that_within_a_species(done: ad.AnnData) -> None:
    table = get.ambient(done)
    host = table[table["sample"].str.endswith("(mouse)")]
    assert (host["status"] == "assessed").all() and host["fraction"].between(0.01, 0.3).all()
    graft = table[table["sample"].str.endswith("(human)")]
    assert (graft["status"] == "not_testable").all(), "one cell type: what came from the host was dropped"


def test_a_result_goes_on(done: ad.AnnData, calls: Counter[str]) -> None:
    again = recipes.xenograft(done, QUICK)
    assert set(steps(again)["status"]) <= {"resumed", "skipped"}
    assert calls["communication"] == calls["compare_communication"] == 0
    other = QUICK | {"communication": QUICK["communication"] | {"min_cells": 5}}
    assert steps(recipes.xenograft(done, other)).loc["communication", "status"] == "done"
    with pytest.raises(InputValueError, match="collapsed before, with organism = 'human', not 'mouse'"):
        recipes.xenograft(done, QUICK | {"organism": "mouse"})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"species": {"min_counts": 3000}}, "min_counts = 100, not 3000"),
        ({"species": {"min_cells": 50}}, "min_cells = 10, not 50"),
        ({"species": {"genes": "genome"}}, "species_key = 'None', not 'genome'"),
        ({"species": {"graft": "mouse"}}, "graft_species = 'human', not 'mouse'"),
        ({"input": {"sample": "lot"}}, "sample_key = 'sample', not 'lot'"),
    ],
)
def test_other_settings_of_the_species_are_refused_once_they_are_collapsed(
    done: ad.AnnData, config: dict[str, Any], message: str
) -> None:
    made = done.copy()
    made.obs["lot"] = made.obs["sample"]
    with pytest.raises(InputValueError, match=f"split and collapsed before, with {message}"):
        recipes.xenograft(made, QUICK | config)


def test_pairs_that_do_not_react(done: ad.AnnData, tmp_path: Path, calls: Counter[str]) -> None:
    pairs = get.communication(done)[["ligand_complex", "receptor_complex"]].drop_duplicates().head(2)
    pairs.columns = ["ligand", "receptor"]
    file = tmp_path / "pairs.csv"
    pairs.to_csv(file, index=False)
    config = QUICK | {"communication": QUICK["communication"] | {"no_cross_reaction": str(file)}}
    made = recipes.xenograft(done, config)
    assert calls["communication"] == 1
    mine = get.communication(made)
    mine = mine[
        mine["ligand_complex"].isin(pairs["ligand"]) & mine["receptor_complex"].isin(pairs["receptor"])
    ]
    assert mine["reason"].str.startswith("does not cross-react").any()
    recipes.xenograft(made, config)
    assert calls["communication"] == 1, "the same table is recognised"
    pairs.head(1).to_csv(file, index=False)
    recipes.xenograft(made, config)
    assert calls["communication"] == 2
    with pytest.raises(InputValueError, match="There is no file"):
        recipes.xenograft(done, QUICK | {"communication": {"no_cross_reaction": "nowhere.csv"}})


def test_without_cell_types_the_host_is_named_by_markers(drawn: ad.AnnData) -> None:
    nameless = drawn.copy()
    del nameless.obs["cell_type"]
    made = recipes.xenograft(nameless, QUICK | {"ambient": {"run": False}})
    assert steps(made).loc["annotate", "status"] == "done"
    tumor = made.obs["compartment"].astype(str) == "tumor"
    assert tumor[made.obs["graft"]].mean() > 0.95 and not tumor[~made.obs["graft"]].any()
    assert get.communication(made)["ligand_species"].isin(["human", "mouse"]).all()


def test_a_stopped_run_goes_on(
    drawn: ad.AnnData, done: ad.AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run.h5ad"
    real = niche.tl.communication

    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("niche.recipes.checkpoint._PATIENCE", 0.0)
    monkeypatch.setattr(niche.tl, "communication", stopped)
    with pytest.raises(KeyboardInterrupt):
        recipes.xenograft(drawn, QUICK, checkpoint=file)
    assert file.exists()
    monkeypatch.setattr(niche.tl, "communication", real)
    made = recipes.xenograft(drawn, QUICK, checkpoint=file)
    assert not file.exists() and steps(made).loc["collapse_orthologs", "status"] == "resumed"
    first, second = get.communication(done), get.communication(made)
    assert np.array_equal(first["pval"], second["pval"], equal_nan=True)


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"recipe": "tumor_stroma"}, InputValueError, "not of xenograft"),
        ({"species": {"graft": "rat"}}, InputValueError, "species.graft must be 'human' or 'mouse'"),
        ({"species": {"rate": 1}}, InputValueError, "species.rate is not a field"),
        ({"species": {"genes": "x"}}, MissingKeyError, "column 'x' not found in adata.var"),
        ({"input": {"organ": "x"}}, MissingKeyError, "column 'x' not found"),
    ],
)
def test_bad_settings_are_refused(drawn: ad.AnnData, config, error, message: str) -> None:
    with pytest.raises(error, match=message):
        recipes.xenograft(drawn, config)


def test_bad_data_are_refused(drawn: ad.AnnData, _demo: ad.AnnData) -> None:
    with pytest.raises(InputTypeError, match="adata must be an AnnData"):
        recipes.xenograft("file.h5ad")  # type: ignore[arg-type]
    with pytest.raises(InputValueError, match="all 1900 genes are human"):
        recipes.xenograft(_demo, QUICK)
    human = drawn[drawn.obs["truth_species"] == "human"].copy()
    with pytest.raises(InputValueError, match="no cell is mouse: there is no host"):
        recipes.xenograft(human, QUICK)
