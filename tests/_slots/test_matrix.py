"""Every kind of matrix is read alike, and wrong values are named."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from niche._slots import matrix
from niche.errors import InputTypeError, InputValueError, MissingKeyError

VALUES = np.log1p(np.random.default_rng(0).poisson(0.7, (70, 12))).astype(np.float32)


def dask_of(kind):
    da = pytest.importorskip("dask.array")
    if kind == "dense":
        return da.from_array(VALUES, chunks=(17, 12))
    blocks = [
        da.from_array(sparse.csr_matrix(VALUES[i : i + 35]), chunks=(35, 12), asarray=False) for i in (0, 35)
    ]
    return da.concatenate(blocks)


@pytest.mark.parametrize(
    "make",
    [
        lambda: VALUES, lambda: VALUES.astype(np.float64), lambda: sparse.csr_matrix(VALUES),
        lambda: sparse.csc_matrix(VALUES), lambda: sparse.csr_array(VALUES), lambda: dask_of("dense"),
        lambda: dask_of("sparse"), lambda: np.asfortranarray(VALUES),
    ],
)  # fmt: skip
def test_every_kind_reads_as_the_same_csr(make):
    adata = ad.AnnData(make())
    found = matrix.resolve(adata, None, "lognorm").in_memory()
    assert found.format == "csr" and found.dtype in (np.float32, np.float64)
    np.testing.assert_array_equal(found.toarray(), VALUES)


def test_backed_is_read_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(matrix, "BLOCK_ROWS", 32)
    for name, values in (("csr", sparse.csr_matrix(VALUES)), ("dense", VALUES)):
        path = tmp_path / f"{name}.h5ad"
        ad.AnnData(values).write_h5ad(path)
        backed = ad.read_h5ad(path, backed="r")
        blocks = list(matrix.resolve(backed, None, "lognorm").blocks())
        assert [first for first, _ in blocks] == [0, 32, 64]
        np.testing.assert_array_equal(sparse.vstack([b for _, b in blocks]).toarray(), VALUES)


def test_passes_hold_what_lies_in_memory_and_read_the_rest_again(tmp_path):
    held = matrix.resolve(ad.AnnData(VALUES), None, "lognorm").passes()
    assert held() is held()
    path = tmp_path / "backed.h5ad"
    ad.AnnData(sparse.csr_matrix(VALUES)).write_h5ad(path)
    again = matrix.resolve(ad.read_h5ad(path, backed="r"), None, "lognorm").passes()
    assert again() is not again()
    for blocks in (held(), held(), again(), again()):
        np.testing.assert_array_equal(sparse.vstack([block for _, block in blocks]).toarray(), VALUES)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.int64, np.float64), (np.int8, np.float32), (np.float16, np.float32), (bool, np.float32)],
)
def test_other_number_types_are_widened_without_loss(dtype, expected):
    counts = np.array([[0, 1], [1, 0]]).astype(dtype)
    found = matrix.as_csr(counts)
    assert found.dtype == expected
    np.testing.assert_array_equal(found.toarray(), [[0, 1], [1, 0]])


def test_duplicate_entries_are_summed_and_the_input_is_left_alone():
    csr = sparse.csr_matrix((np.array([1.0, 2.0, 3.0]), np.array([1, 1, 0]), np.array([0, 3])), shape=(1, 2))
    found = matrix.as_csr(csr)
    np.testing.assert_array_equal(found.toarray(), [[3, 3]])
    assert csr.nnz == 3


@pytest.mark.parametrize(
    ("bad", "message"),
    [(np.nan, "1 NaN"), (np.inf, "1 infinite"), (-1.0, "1 negative")],
)
def test_values_that_are_not_finite_or_negative_are_counted(bad, message):
    values = VALUES.copy()
    values[40, 3] = bad
    with pytest.raises(InputValueError, match=message):
        list(matrix.resolve(ad.AnnData(values), None, "lognorm").blocks())


def test_counts_and_logs_are_told_apart():
    counts = np.round(np.expm1(VALUES)) * 40
    assert matrix.detect_kind(ad.AnnData(counts)) == "counts"
    assert matrix.detect_kind(ad.AnnData(VALUES)) == "lognorm"
    with pytest.raises(InputValueError, match="must hold raw counts"):
        matrix.resolve(ad.AnnData(VALUES), None, "counts")
    with pytest.raises(InputValueError, match="look like counts or unlogged"):
        matrix.resolve(ad.AnnData(counts), None, "lognorm")


def test_a_missing_layer_names_what_is_there():
    adata = ad.AnnData(VALUES, layers={"log": VALUES})
    with pytest.raises(MissingKeyError, match=r"'logs' not found.*\['log'\]"):
        matrix.resolve(adata, "logs", "lognorm")


def test_text_is_refused():
    with pytest.raises(InputTypeError, match="numeric"):
        matrix.as_csr(np.array([["a"]], dtype=object))
