"""Recipes on data that are read lazily: the bits of memory, and nothing is held that the docs do not name."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anndata as ad
import pytest
from scipy import sparse
from spatial_study import sections
from test_determinism import differences
from test_scale import TILE, _opened

import niche
from niche._kernels import copy_number
from niche._slots import matrix
from niche._slots.lazy import is_dask
from niche.errors import NicheWarning
from niche.tl import _cluster_stability
from niche.tl._spatial_graph import built_graph

pytestmark = pytest.mark.once

PAGE = Path(__file__).parents[1] / "docs" / "beyond_one_machine.md"
WHOLE = ("integrate", "cluster", "collapse_orthologs")
"""Steps that take all genes of all cells into memory."""
IN_MEMORY = ("xenograft",)
"""Recipes whose result is in memory: both species are brought into one gene space there."""

QUICK: dict[str, Any] = {"qc": {"min_cells_scrublet": 150}, "cluster": {"resolution": 1.0}}
EDGES: dict[str, Any] = {"communication": {"n_perms": 50}, "compare": {"n_permutations": 2}}
PROGRAMS: dict[str, Any] = {"programs": {"k": [4], "n_starts": 2, "min_cells": 5}}
RECIPES: dict[str, dict[str, Any]] = {
    "communication_by_organ": QUICK | EDGES,
    "tumor_stroma": QUICK | {"integrate": {"run": True}},
    "programs_across_sites": {"qc": QUICK["qc"]} | PROGRAMS,
    "organotropism": QUICK | EDGES | PROGRAMS,
    "xenograft": QUICK | EDGES | {"qc": {"min_cells_scrublet": 100_000}},
    "spatial": {"spatial": {"n_perms": 10, "connectivity_key": "near"}},
}


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    """Tiles of so few rows that a thousand cells have several, and clusters judged by few resolutions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrix, "TILE_ROWS", TILE)
        patch.setattr(matrix, "BLOCK_ROWS", 4 * TILE)
        patch.setattr(copy_number, "_GUESSED_AMONG", TILE)
        patch.setattr(_cluster_stability, "RESOLUTIONS", (0.4, 1.0))
        yield


def _data(recipe: str, demo: ad.AnnData) -> ad.AnnData:
    """Raw counts that the recipe can work with, in no order."""
    if recipe == "spatial":
        found = sections()
        found.X = found.layers.pop("counts")
        rows = found.obs.groupby("sample", observed=True, sort=False).indices.values()
        graphs = [built_graph(found.obsm["spatial"][mine], "knn", 4, None, on_grid=False) for mine in rows]
        found.obsp["near"] = sparse.block_diag(graphs, format="csr")
        return found
    if recipe == "xenograft":
        return niche.datasets.simulate_xenograft(1, animals_per_organ=2, cells=90, n_genes=1500)
    study = demo[demo.obs["sample"].isin(["P01_bone", "P02_bone", "P01_lung", "P03_lung"])].copy()
    if recipe == "tumor_stroma":
        study.obs = study.obs[["sample", "patient", "organ", "tissue"]].copy()
    return study


def _taken(adata: ad.AnnData) -> dict[str, tuple[int, int]]:
    """Step -> cells and genes that the notes say were held."""
    notes = [str(note) for note in adata.uns["recipe"]["notes"]]
    found = [re.search(r"; (\w+) held ([\d,]+) cells x ([\d,]+) genes", note) for note in notes]
    return {hit[1]: (int(hit[2].replace(",", "")), int(hit[3].replace(",", ""))) for hit in found if hit}


def _named() -> set[str]:
    """Steps that the docs say hold a part of the matrix."""
    rows = re.findall(r"^\| `(?:pp|tl)\.(\w+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert rows
    return set(rows)


def _told(run: Callable[..., ad.AnnData], adata: ad.AnnData, config: object) -> tuple[ad.AnnData, set[str]]:
    """What a recipe returns, and what it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = run(adata, config)
    return found, {str(one.message) for one in caught if issubclass(one.category, NicheWarning)}


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_lazily_read_data_give_the_same_bits(recipe: str, _demo: ad.AnnData, tmp_path: Path) -> None:
    adata = _data(recipe, _demo)
    adata.uns = {}
    adata.write_h5ad(tmp_path / "study.h5ad")
    run, config = getattr(niche.recipes, recipe), {"recipe": recipe} | RECIPES[recipe]
    held, warned = _told(run, ad.read_h5ad(tmp_path / "study.h5ad"), config)
    lazily = _opened(tmp_path / "study.h5ad")
    found, also = _told(run, lazily, config)
    assert warned <= also and all("cluster.run = false" in text for text in also - warned), "no other warning"
    stay = recipe not in IN_MEMORY
    assert is_dask(found.X) == is_dask(found.layers["counts"]) == stay, "the matrices stay on disk"
    assert is_dask(lazily.X) and not set(lazily.uns), "the data are left alone"

    taken = _taken(found)
    assert not _taken(held), "nothing is noted of data in memory"
    assert set(taken) <= _named(), "the docs do not name what is held"
    largest = (found.n_obs, found.n_vars)
    assert {step for step, shape in taken.items() if shape == largest} <= set(WHOLE)
    assert differences(held, found) == ["uns.recipe.notes"]

    again, _ = _told(run, found, config)
    assert set(again.uns["recipe"]["steps"]["status"]) <= {"resumed", "skipped"}
    found.write_h5ad(tmp_path / "result.h5ad")
    assert differences(found, ad.read_h5ad(tmp_path / "result.h5ad")) == []


def test_clusters_of_lazy_data_are_warned_of(_demo: ad.AnnData, tmp_path: Path) -> None:
    adata = _demo[_demo.obs["sample"].isin(["P01_bone", "P01_lung"])].copy()
    adata.uns = {}
    adata.write_h5ad(tmp_path / "study.h5ad")
    config = {
        "qc": {"min_cells_scrublet": 100_000},
        "communication": {"resource": "niche", "null": "analytic"},
    }
    with pytest.warns(NicheWarning, match="cluster.run = false leaves them out"):
        niche.recipes.communication_by_organ(_opened(tmp_path / "study.h5ad"), config)


def test_every_recipe_is_read_lazily() -> None:
    from niche.recipes.load import MODELS

    assert set(RECIPES) == set(MODELS) - {"multiverse"}, "that one goes on from a result and reads sums"
