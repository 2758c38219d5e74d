"""Contacts of cell types: those of the graph, squidpy's z, and the flag on edges."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from spatial_study import sections

import niche
from niche.errors import InputValueError, MissingKeyError, NicheWarning


@pytest.fixture(scope="module")
def counted():
    adata = sections()
    niche.tl.touching(adata, n_perms=50, graph="radius", radius=1.01)
    return adata


def test_contacts_are_counted(counted):
    from scipy.spatial import cKDTree

    table = niche.get.touching(counted, level="section")
    one = counted[counted.obs["sample"] == "liver_P1_S1"]
    near = cKDTree(one.obsm["spatial"]).query_pairs(1.01, output_type="ndarray")
    types = one.obs["cell_type"].astype(str).to_numpy()
    both = np.concatenate([near, near[:, ::-1]])
    expected = pd.crosstab(types[both[:, 0]], types[both[:, 1]])
    found = table[table["sample"] == "liver_P1_S1"].pivot(index="source", columns="target", values="contacts")
    assert np.array_equal(found.to_numpy(), expected.loc[found.index, found.columns].to_numpy())


def test_islands_keep_to_themselves(counted):
    table = niche.get.touching(counted).set_index(["organ", "source", "target"])
    assert table.loc[("liver", "Malignant", "Malignant"), "zscore"] > 5
    assert table.loc[("liver", "Malignant", "Fibroblast"), "zscore"] < -2
    assert (table["n_patients"] == 3).all() and table["touching"].all()


def test_bad_input():
    adata = sections()
    with pytest.raises(MissingKeyError, match="'no' not found"):
        niche.tl.touching(adata, "no")
    adata.obs["cell_type"] = "all"
    with pytest.raises(InputValueError, match="one cell type"):
        niche.tl.touching(adata)


def tissue(points: np.ndarray, types: list[str]) -> ad.AnnData:
    obs = pd.DataFrame({"cell_type": types, "sample": "s", "patient": "p", "organ": "liver"})
    obs.index = obs.index.astype(str)
    return ad.AnnData(np.ones((len(points), 1), np.float32), obs=obs, obsm={"spatial": points})


def test_contact_is_mutual_where_neighbours_are_not():
    """A cell far out has nearest neighbours, but is nobody's."""
    rng = np.random.default_rng(0)
    adata = tissue(np.r_[rng.uniform(0, 9, (60, 2)), [[30.0, 30.0]]], ["Tumor"] * 60 + ["T cell"])
    niche.tl.touching(adata, graph="knn", n_perms=10)
    table = niche.get.touching(adata).set_index(["source", "target"])
    assert table.loc[("T cell", "Tumor"), "contacts"] == table.loc[("Tumor", "T cell"), "contacts"] == 6


def test_sections_without_a_graph_are_not_assessed():
    adata = tissue(np.random.default_rng(0).uniform(0, 9, (6, 2)), ["Tumor", "T cell"] * 3)
    with pytest.warns(NicheWarning, match="no cell has a neighbour in 1 of 1 sections"):
        niche.tl.touching(adata, graph="knn", n_neighs=6, n_perms=10)
    assert not len(niche.get.touching(adata)) and not len(niche.get.touching(adata, level="section"))
    niche.tl.touching(adata, graph="radius", radius=20.0, n_perms=10)
    assert niche.get.touching(adata)["contacts"].sum() == 30


def test_images_are_not_overwritten():
    adata = sections()
    adata.uns["spatial"] = {"liver_P1_S1": {}}
    with pytest.raises(InputValueError, match="would overwrite"):
        niche.tl.touching(adata, key_added="spatial")
