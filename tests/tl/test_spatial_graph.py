"""Graphs of sections: what auto takes for an array of spots."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from niche._slots.validate import Factor
from niche.errors import InputValueError
from niche.tl._spatial_graph import built_graph, is_array, stored_graph


def hexagonal(side: int) -> np.ndarray:
    """An array of spots as Visium has it, in pixels."""
    row, column = np.divmod(np.arange(side * side), side)
    return np.round(np.column_stack([(column + 0.5 * (row % 2)) * 137.0, row * 137.0 * np.sqrt(3) / 2]))


def random_places(n: int) -> np.ndarray:
    return np.random.default_rng(0).random((n, 2)) * 1000.0


def test_arrays_are_told_from_cells():
    whole = hexagonal(20)
    some = whole[np.random.default_rng(1).random(len(whole)) < 0.8]
    assert is_array(whole) and is_array(some), "also with spots left out"
    assert is_array(np.stack(np.meshgrid(range(9), range(9)), -1).reshape(-1, 2).astype(float))
    assert not is_array(random_places(400))
    jittered = whole + np.random.default_rng(2).normal(0.0, 25.0, whole.shape)
    assert not is_array(jittered), "cells that keep apart are no array"


def test_auto_takes_the_grid_of_arrays_only():
    spots = hexagonal(12)
    inner = np.asarray((built_graph(spots, "auto", 6, None, on_grid=True) > 0).sum(axis=1)).ravel()
    assert inner.max() == 6 and inner.min() < 6, "spots at the rim have fewer neighbours"
    cells = random_places(300)
    found = built_graph(cells, "auto", 6, None, on_grid=True)
    assert (found != built_graph(cells, "knn", 6, None, on_grid=True)).nnz == 0
    assert (np.asarray((found > 0).sum(axis=1)).ravel() >= 6).all(), "no cell is left alone"


@pytest.mark.parametrize("n", [1, 2])
def test_a_spot_or_two_are_no_array(n):
    assert not is_array(random_places(n))


def test_distances_are_no_weights():
    far = sparse.csr_matrix(np.array([[0.0, 137.0], [137.0, 0.0]]))
    adata = ad.AnnData(np.ones((2, 1), np.float32), obsp={"spatial_distances": far, "weights": far})
    one = Factor("sample", np.zeros(2, dtype=np.int32), ("S1",))
    with pytest.raises(InputValueError, match="holds distances by its name"):
        stored_graph(adata, "spatial_distances", one)
    assert (stored_graph(adata, "weights", one) != far).nnz == 0
