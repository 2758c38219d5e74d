"""Who makes a pass, and that it gives the same from every kind of matrix."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import dask
import dask.array as da
import numpy as np
import pytest
from scipy import sparse

from niche._kernels.row_tiles import Held, Work
from niche._kernels.signature_scores import column_sums
from niche._slots import matrix, passes
from niche._slots.matrix import Matrix
from niche.errors import InputValueError

DRAWN = np.random.default_rng(0).random((2, 500, 12))
VALUES = sparse.csr_matrix(np.where(DRAWN[0] < 0.3, DRAWN[1], 0.0))


def sums(values: object) -> np.ndarray:
    return passes.trees(Matrix(values, "X", "lognorm"), [Work(column_sums)], 2)[0].root()


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "TILE_ROWS", 64)
    monkeypatch.setattr(matrix, "BLOCK_ROWS", 128)


def lazily(rows: int) -> da.Array:
    return da.from_array(VALUES, chunks=(rows, 12), asarray=False)


def test_matrices_in_memory_are_worked_on_here_and_dask_arrays_by_dask() -> None:
    assert isinstance(passes.reader(Matrix(VALUES, "X", "lognorm"), 1), Held)
    assert isinstance(passes.reader(Matrix(lazily(50), "X", "lognorm"), 1), passes.Lazy)
    assert not passes.on_cluster()


@pytest.mark.parametrize("scheduler", [None, "synchronous", "threads"])
def test_the_scheduler_that_is_chosen_is_used(scheduler: str | None) -> None:
    with dask.config.set(scheduler=scheduler):
        assert np.array_equal(sums(lazily(70)), sums(VALUES))


def test_values_are_checked_by_the_tasks() -> None:
    with pytest.raises(InputValueError, match="X must be finite and non-negative, found 1 negative"):
        sums(_spoiled())


def _spoiled() -> da.Array:
    broken = VALUES.copy()
    broken.data[3] = -1.0
    return da.from_array(broken, chunks=(70, 12), asarray=False)


def test_some_rows_and_all_rows() -> None:
    data = Matrix(lazily(70), "X", "lognorm")
    assert (passes.reader(data, 1).some(60, 80) != VALUES[60:80]).nnz == 0
    assert passes.totals(data, Work(stored), 1) == VALUES.nnz
    assert sum(passes.rows(data, Work(stored), 1)) == VALUES.nnz


def stored(block: sparse.csr_matrix, first: int, last: int) -> int:
    return int(block.indptr[last] - block.indptr[first])


def test_backed_data_are_opened_again_as_a_lazy_copy(tmp_path: Path) -> None:
    ad.AnnData(VALUES, uns={"a": 1}).write_h5ad(tmp_path / "cells.h5ad")
    backed = ad.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    found = passes.reopened(backed)
    assert not found.isbacked and hasattr(found.X, "dask") and found.uns["a"] == 1
    assert np.array_equal(sums(found.X), sums(VALUES))
    ad.AnnData(VALUES.tocsc()).write_h5ad(tmp_path / "columns.h5ad")
    with pytest.raises(InputValueError, match=r"columns\.h5ad cannot be read row by row"):
        passes.reopened(ad.read_h5ad(tmp_path / "columns.h5ad", backed="r"))
