"""Blocks, threads and parts change nothing: not sums in the tree, not totals, not the order of rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from niche._kernels import row_tiles
from niche._kernels.row_tiles import Held, Pass, Work

N_ROWS, TILE = 300, 16


def sums(block: sparse.csr_matrix, first: int, last: int, factor: float, weight: np.ndarray) -> np.ndarray:
    return factor * (weight @ block[first:last])


def positions(block: sparse.csr_matrix, first: int, last: int, cell: np.ndarray) -> np.ndarray:
    return cell


def stored(block: sparse.csr_matrix, first: int, last: int) -> int:
    return int(block.indptr[last] - block.indptr[first])


@pytest.fixture
def values() -> sparse.csr_matrix:
    return sparse.random(N_ROWS, 8, 0.4, "csr", rng=np.random.default_rng(0))


@pytest.fixture
def wanted() -> Pass:
    weight = np.random.default_rng(1).random(N_ROWS)
    return Pass(
        TILE,
        trees=(Work(sums, (0.1,), (weight,)),),
        totals=(Work(stored),),
        rows=(Work(positions, (), (np.arange(N_ROWS),)),),
    )


def blocks(values: sparse.csr_matrix, size: int) -> list[row_tiles.Block]:
    return [(first, values[first : first + size]) for first in range(0, N_ROWS, size)]


@pytest.mark.parametrize("size", [TILE, 3 * TILE, 1000])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_pass(values: sparse.csr_matrix, wanted: Pass, size: int, threads: int) -> None:
    whole = Held(lambda: [(0, values)]).run(wanted)
    found = Held(lambda: blocks(values, size), threads).run(wanted)
    assert np.array_equal(found.trees[0].root(), whole.trees[0].root())
    np.testing.assert_allclose(whole.trees[0].root(), 0.1 * (wanted.trees[0].cells[0] @ values))
    assert found.totals == [values.nnz]
    assert np.array_equal(np.concatenate(found.rows[0]), np.arange(N_ROWS))


def test_parts_with_their_own_cells_add_to_the_whole(values: sparse.csr_matrix, wanted: Pass) -> None:
    whole = row_tiles.run([(0, values)], wanted, 1)
    bare = wanted.with_cells([()] * 3, 0)
    parts = [
        row_tiles.run(
            [(first, block)], bare.with_cells(wanted.cells_of(first, first + block.shape[0]), first), 1
        )
        for first, block in blocks(values, 2 * TILE)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    assert np.array_equal(total.trees[0].root(), whole.trees[0].root())
    assert total.totals == whole.totals
    assert np.array_equal(np.concatenate(total.rows[0]), np.arange(N_ROWS))


def test_some_rows(values: sparse.csr_matrix) -> None:
    found = Held(lambda: blocks(values, 48)).some(50, 60)
    assert (found != values[50:60]).nnz == 0
