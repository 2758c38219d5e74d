"""Sections with truth: what is planted is there, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

import niche
from niche.errors import InputTypeError, InputValueError


@pytest.fixture(scope="module")
def drawn():
    return niche.datasets.simulate_spatial(3, patients=1, side=20, pairs_per_kind=4, n_genes=150)


def test_shape_and_labels(drawn):
    assert drawn.shape == (800, 150)
    assert set(drawn.obs["organ"]) == {"liver", "lung"}
    assert (drawn.X.data == drawn.X.data.round()).all()
    share = (drawn.obs["compartment"] == "tumor").groupby(drawn.obs["sample"], observed=True).mean()
    assert np.allclose(share, 0.4, atol=0.01)
    first = drawn.obsm["spatial"][:400]
    assert np.allclose(cKDTree(first).query(first, k=2)[0][:, 1], 1)
    pairs = drawn.uns["truth"]["pairs"]
    assert pairs["kind"].value_counts().eq(4).all()
    genes = [*pairs["ligand"], *pairs["receptor"]]
    assert len(set(genes)) == len(genes) and set(genes) <= set(drawn.var_names)


def test_what_is_planted_is_there(drawn):
    liver = drawn[drawn.obs["organ"] == "liver"]
    tumor = (liver.obs["compartment"] == "tumor").to_numpy()
    near = cKDTree(liver.obsm["spatial"]).query_pairs(1.01, output_type="ndarray")
    border = np.zeros(liver.n_obs, dtype=bool)
    border[near[tumor[near[:, 0]] != tumor[near[:, 1]]].ravel()] = True
    mean = lambda gene, rows: liver[rows, gene].X.mean()  # noqa: E731
    for pair in drawn.uns["truth"]["pairs"].itertuples():
        sender = tumor if pair.direction == "tumor_to_host" else ~tumor
        if pair.kind == "compartment":
            assert mean(pair.ligand, sender) > 4 * mean(pair.ligand, ~sender)
            assert mean(pair.receptor, ~sender) > 4 * mean(pair.receptor, sender)
        if pair.kind in ("interface", "organ_interface"):
            assert mean(pair.ligand, sender & border) > 1.5 * mean(pair.ligand, sender & ~border)
            assert mean(pair.receptor, ~sender & border) > 1.5 * mean(pair.receptor, ~sender & ~border)


def test_mixing_and_seed(drawn):
    again = niche.datasets.simulate_spatial(3, patients=1, side=20, pairs_per_kind=4, n_genes=150)
    assert (again.X != drawn.X).nnz == 0
    mixed = niche.datasets.simulate_spatial(
        np.random.default_rng(3), patients=1, side=20, pairs_per_kind=4, n_genes=150, mixing=0.3
    )
    assert set(drawn.obs["tumor_fraction"]) == {0, 1}
    inside = (mixed.obs["tumor_fraction"] > 0) & (mixed.obs["tumor_fraction"] < 1)
    assert 0.1 < inside.mean() < 0.9


def test_bad_options():
    with pytest.raises(InputValueError, match="side must be an integer"):
        niche.datasets.simulate_spatial(side=3)
    with pytest.raises(InputValueError, match="mixing"):
        niche.datasets.simulate_spatial(mixing=2)
    with pytest.raises(InputTypeError, match="rng"):
        niche.datasets.simulate_spatial("a")
