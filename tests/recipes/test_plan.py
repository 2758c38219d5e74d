from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import niche
from niche.errors import InputValueError, MissingKeyError
from niche.recipes.plan import SEQUENCES, STEPS

FAST = {
    "qc": {"min_cells_scrublet": 100_000},
    "cluster": {"run": False},
    "communication": {"null": "analytic"},
    "compare": {"n_permutations": 0},
    "programs": {"k": [6], "n_starts": 3},
}
SECTIONS = {
    "communication_by_organ": ("qc", "cluster", "communication", "compare"),
    "tumor_stroma": ("qc", "cluster"),
    "programs_across_sites": ("qc", "programs"),
    "organotropism": tuple(FAST),
}


@pytest.mark.parametrize("recipe", SECTIONS)
@pytest.mark.parametrize("given", [True, False], ids=["compartments", "labels"])
def test_the_plan_is_what_happens(demo: ad.AnnData, recipe: str, given: bool) -> None:
    """Same steps in the same order, and what is skipped is skipped for the reason that was foretold."""
    if not given:
        del demo.obs["compartment"]
    config = {"recipe": recipe} | {name: FAST[name] for name in SECTIONS[recipe]}
    foretold = niche.recipes.plan(demo, config)
    before = demo.copy()
    done = getattr(niche.recipes, recipe)(demo, config).uns["recipe"]["steps"]
    assert foretold["step"].tolist() == done["step"].tolist()
    skipped = foretold[foretold["state"] == "skipped"].set_index("step")["reason"]
    happened = done.set_index("step")
    assert happened.loc[skipped.index, "reason"].tolist() == skipped.tolist()
    run = foretold.loc[foretold["state"] == "run", "step"]
    assert set(happened.loc[run, "status"]) == {"done"}
    pd.testing.assert_frame_equal(demo.obs, before.obs)
    assert set(demo.uns) == set(before.uns), "nothing is written to the data"


def test_log_values_and_stored_results_are_told(demo: ad.AnnData) -> None:
    niche.pp.normalize(demo)
    niche.pp.check(demo, "cell_type")
    states = niche.recipes.plan(demo, None).set_index("step")
    assert states.loc[["normalize", "check"], "state"].tolist() == ["kept where it fits"] * 2
    del demo.layers["counts"]
    del demo.uns["normalize"]
    bare = niche.recipes.plan(demo).set_index("step")
    assert bare.loc[["normalize", "ambient"], "state"].tolist() == ["skipped"] * 2
    assert "no raw counts" in bare.loc["ambient", "reason"]
    assert (bare.loc[bare["state"] == "skipped", "seconds"] == 0).all()


def test_time_grows_with_the_cells(demo: ad.AnnData) -> None:
    twice = ad.concat([demo, demo], index_unique="-")
    once, more = (niche.recipes.plan(data)["seconds"].sum() for data in (demo, twice))
    assert once < more < 2 * once


def test_what_cannot_be_planned_is_refused(demo: ad.AnnData) -> None:
    with pytest.raises(InputValueError, match="multiverse goes on from a result"):
        niche.recipes.plan(demo, {"recipe": "multiverse"})
    with pytest.raises(MissingKeyError, match="site"):
        niche.recipes.plan(demo, {"input": {"organ": "site"}})


def test_every_step_says_what_it_does() -> None:
    assert set(STEPS) == {name for names in SEQUENCES.values() for name in names}
    assert all(step.does and step.base >= 0 and step.per_cell >= 0 for step in STEPS.values())


def test_the_plan_of_xenografts_is_what_happens() -> None:
    two = niche.datasets.simulate_xenograft(1, animals_per_organ=2, cells=90, n_genes=1500)
    config = {"recipe": "xenograft"} | {name: FAST[name] for name in ("qc", "cluster", "communication")}
    foretold = niche.recipes.plan(two, config)
    done = niche.recipes.xenograft(two, config).uns["recipe"]["steps"]
    assert foretold["step"].tolist() == done["step"].tolist()
    skipped = foretold["state"] == "skipped"
    assert foretold.loc[skipped, "reason"].tolist() == done.loc[skipped, "reason"].tolist()
    assert set(done.loc[foretold["state"] == "run", "status"]) == {"done"}


@pytest.mark.parametrize("typed", [True, False], ids=["cell types", "bare spots"])
def test_the_plan_of_sections_is_what_happens(typed: bool) -> None:
    spots = niche.datasets.simulate_spatial(1, patients=2, side=10, n_genes=150, pairs_per_kind=2)
    spots.X = sparse.vstack([sparse.csr_matrix((1, 150), dtype=np.float32), spots.X[1:]], format="csr")
    if not typed:
        spots.obs = spots.obs[["sample", "patient", "organ"]].copy()
    config = {"recipe": "spatial", "spatial": {"n_perms": 10}}
    foretold = niche.recipes.plan(spots, config)
    done = niche.recipes.spatial(spots, config).uns["recipe"]["steps"]
    assert foretold["step"].tolist() == done["step"].tolist()
    skipped = foretold["state"] == "skipped"
    assert foretold.loc[skipped, "reason"].tolist() == done.loc[skipped, "reason"].tolist()
    assert skipped.sum() == (1 if typed else 4)
    assert set(done.loc[foretold["state"] == "run", "status"]) == {"done"}
