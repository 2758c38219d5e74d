"""Lazily read data: what is brought into memory, how rows are parted, and what is said of broken files."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import dask.array as da
import h5py
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import sparse

import niche
from niche._slots import lazy, matrix, passes
from niche.errors import InputValueError

N_ROWS, N_GENES, TILE = 700, 20, 64


@pytest.fixture(scope="module")
def values() -> sparse.csr_matrix:
    rng = np.random.default_rng(0)
    return sparse.csr_matrix(rng.poisson(0.5, (N_ROWS, N_GENES)).astype(np.float32))


@pytest.fixture
def stored(values: sparse.csr_matrix, tmp_path: Path) -> Path:
    labels = pd.Categorical(np.where(np.arange(N_ROWS) % 2, "a", "b"))
    obs = pd.DataFrame({"sample": labels}, index=pd.RangeIndex(N_ROWS).astype(str))
    adata = ad.AnnData(values, obs=obs, uns={"own": {"table": pd.DataFrame({"x": [1, 2]}), "text": "t"}})
    adata.write_h5ad(tmp_path / "cells.h5ad")
    adata.write_zarr(tmp_path / "cells.zarr", chunks=None)
    return tmp_path


def opened(path: Path, rows: int) -> da.Array:
    return ad.experimental.read_elem_lazy(h5py.File(path)["X"], chunks=(rows, N_GENES))


def rows_of(part: object) -> sparse.csr_matrix:
    return part.read("X") if isinstance(part, lazy.Apart) else part.compute()


@pytest.mark.parametrize("rows", [7, 50, 64, 100, 128, 333, 700])
@pytest.mark.parametrize("from_file", [True, False])
def test_parts_begin_at_tiles_and_hold_all_rows(
    values: sparse.csr_matrix, stored: Path, rows: int, *, from_file: bool
) -> None:
    array = opened(stored / "cells.h5ad", rows)
    if not from_file:
        array = da.from_array(values, chunks=(rows, N_GENES), asarray=False)
    parts = list(lazy.parts_of(array, TILE))
    assert [first % TILE for first, _, _ in parts] == [0] * len(parts)
    assert [first for first, _, _ in parts[1:]] == [last for _, last, _ in parts[:-1]] and parts[-1][
        1
    ] == N_ROWS
    found = sparse.vstack([rows_of(part) for _, _, part in parts])
    assert (found != values).nnz == 0
    if rows < TILE:
        assert all(isinstance(part, lazy.Apart) for _, _, part in parts) == from_file, (
            "files are read by the tasks"
        )
        assert len(parts) <= N_ROWS // (lazy.PART_TILES * TILE) + 1, "small chunks are put together"


@pytest.mark.parametrize("file", ["cells.h5ad", "cells.zarr"])
def test_small_chunks_of_a_file_are_read_together(
    values: sparse.csr_matrix, stored: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lazy, "WIDE_ROWS", 256)
    group = h5py.File(stored / file)["X"] if file.endswith("h5ad") else zarr.open(stored / file)["X"]
    small = ad.experimental.read_elem_lazy(group, chunks=(16, N_GENES))
    wide = lazy.widened(small)
    assert wide.chunks[0] == (256, 256, 188)
    assert (wide.compute() != values).nnz == 0 and wide.dtype == values.dtype
    assert lazy.widened(wide) is wide, "nothing is left to do"
    adata = ad.AnnData(small, layers={"counts": small})
    lazy.hold_annotation(adata)
    assert adata.X.chunks[0] == adata.layers["counts"].chunks[0] == (256, 256, 188)


def test_other_small_chunks_stay_as_they_are(values: sparse.csr_matrix, stored: Path) -> None:
    array = opened(stored / "cells.h5ad", 16)
    dense = np.zeros((40, 3))
    for other in (array + array, array[3:], da.from_array(dense, chunks=(7, 3)), dense, values):
        assert lazy.widened(other) is other


def test_chunks_in_the_memory_of_one_array_are_not_copied_into_tasks(values: sparse.csr_matrix) -> None:
    array = da.from_array(values, chunks=(7, N_GENES), asarray=False)
    assert not any(isinstance(part, lazy.Apart) for _, _, part in lazy.parts_of(array, TILE))


def test_columns_in_several_chunks() -> None:
    dense = np.arange(200.0).reshape(20, 10)
    parts = list(lazy.parts_of(da.from_array(dense, chunks=(3, 4)), 8))
    assert np.array_equal(np.concatenate([rows_of(part) for _, _, part in parts]), dense)


@pytest.mark.parametrize("name", ["cells.h5ad", "cells.zarr"])
def test_annotation_is_held_and_matrices_are_not(stored: Path, name: str) -> None:
    adata = ad.experimental.read_lazy(stored / name)
    lazy.hold_annotation(adata)
    assert isinstance(adata.obs, pd.DataFrame) and isinstance(adata.var, pd.DataFrame)
    assert adata.obs["sample"].cat.categories.tolist() == ["a", "b"]
    assert isinstance(adata.uns["own"]["table"], pd.DataFrame) and adata.uns["own"]["text"] == "t"
    assert lazy.is_dask(adata.X)
    copy = adata.copy()
    lazy.hold_annotation(copy)
    assert lazy.is_dask(copy.X)


@pytest.mark.parametrize("rows", [7, 100])
def test_a_file_that_ends_early_is_named_and_nothing_stored(stored: Path, rows: int) -> None:
    path = stored / "cells.h5ad"
    adata = ad.experimental.read_lazy(path)
    lazy.hold_annotation(adata)
    adata.X = opened(path, rows)
    before = set(adata.uns)
    cut_off(path)
    with pytest.raises(InputValueError, match=r"X of .*cells\.h5ad cannot be read.*may be incomplete"):
        niche.pp.qc(adata, min_cells_scrublet=10**6)
    assert set(adata.uns) == before and list(adata.obs.columns) == ["sample"]


def test_a_zarr_chunk_that_is_cut_off_is_named(stored: Path) -> None:
    adata = ad.experimental.read_lazy(stored / "cells.zarr")
    lazy.hold_annotation(adata)
    files = [path for path in (stored / "cells.zarr" / "X" / "data").rglob("*") if path.is_file()]
    chunk = max(files, key=lambda file: file.stat().st_size)
    chunk.write_bytes(chunk.read_bytes()[: chunk.stat().st_size // 2])
    with pytest.raises(InputValueError, match=r"X of .*cells\.zarr.* cannot be read"):
        niche.pp.qc(adata, min_cells_scrublet=10**6)


def test_a_backed_file_that_cannot_be_read_is_named(stored: Path) -> None:
    class Broken:
        shape = (10, 3)
        dtype = np.dtype(np.float32)
        file = type("File", (), {"filename": "broken.h5ad"})

        def __getitem__(self, rows: slice) -> np.ndarray:
            raise OSError("Can't read data (file read failed)")

    with pytest.raises(InputValueError, match=r"X of broken\.h5ad cannot be read"):
        list(matrix.Matrix(Broken(), "X", "counts").blocks())


def test_chosen_rows_and_columns(values: sparse.csr_matrix, stored: Path) -> None:
    cells = np.arange(N_ROWS) % 5 == 2
    columns = np.array([3, 1, 9])
    for given in (values, values.toarray(), opened(stored / "cells.h5ad", 50)):
        data = matrix.Matrix(given, "X", "counts")
        found = passes.chosen(data, cells, columns, 2)
        assert (found != values[cells][:, columns]).nnz == 0
        assert (passes.picker(data, 2)(cells) != values[cells]).nnz == 0


def test_what_is_taken_into_memory_is_noted(values: sparse.csr_matrix, stored: Path) -> None:
    cells = np.arange(N_ROWS) % 5 == 2
    with lazy.noting() as parts:
        passes.chosen(matrix.Matrix(values, "X", "counts"), cells, None, 1)
        assert not parts, "that was in memory before"
        data = matrix.Matrix(opened(stored / "cells.h5ad", 50), "X", "counts")
        found = passes.chosen(data, cells, np.array([3, 1]), 1)
        whole = data.in_memory()
        with lazy.noting() as inside:
            data.in_memory()
    assert [part.shape for part in parts] == [(cells.sum(), 2), values.shape]
    for part, held in zip(parts, (found, whole), strict=True):
        assert part.n_bytes == held.data.nbytes + held.indices.nbytes + held.indptr.nbytes
    assert len(inside) == 1
    data.in_memory()
    assert len(parts) == 2, "nothing is noted outside"


def cut_off(path: Path) -> None:
    """Leave the first half of a file."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
