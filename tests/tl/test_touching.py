"""Contacts of cell types: those of the graph, squidpy's z, and the flag on edges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from spatial_study import sections

import niche
from niche.errors import InputValueError, MissingKeyError


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
