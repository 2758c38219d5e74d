from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from niche.errors import InputValueError
from niche.pp.gene_sums import sum_genes

CODES = np.array([0, 1, 0, 2])
COUNTS = np.array([[1, 2, 3, 4], [0, 5, 6, 0]])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_counts_are_added_and_types_kept(kind, dtype):
    values = kind(COUNTS.astype(dtype))
    found = sum_genes(values, CODES, "X")
    assert type(found) is type(values)
    assert found.dtype == dtype
    dense = found.toarray() if sparse.issparse(found) else found
    assert dense.tolist() == [[4, 2, 4], [6, 5, 0]]


def test_half_precision():
    found = sum_genes(COUNTS.astype(np.float16), CODES, "X")
    assert found.dtype == np.float16
    assert found.tolist() == [[4, 2, 4], [6, 5, 0]]


def test_a_type_that_does_not_hold_the_sum_is_widened():
    values = np.array([[200, 1, 100, 0]], dtype=np.uint8)
    assert sum_genes(values, CODES, "X").tolist() == [[300, 1, 0]]
    half = np.array([[6e4, 1, 6e4, 0]], dtype=np.float16)
    assert sum_genes(half, CODES, "X")[0, 0] > 1e5


def test_log_values_are_added_before_the_logarithm():
    found = sum_genes(np.log1p(COUNTS * 1.5), CODES, "X")
    assert np.allclose(found, np.log1p(1.5 * np.array([[4, 2, 4], [6, 5, 0]])))


def test_values_that_are_not_logarithms_are_added():
    values = COUNTS * 1.5
    values[0, 3] = 900.5
    assert np.allclose(sum_genes(values, CODES, "X"), [[6, 3, 900.5], [9, 7.5, 0]])


def test_columns_alone_keep_their_bits():
    rng = np.random.default_rng(0)
    values = rng.random((7, 4)).astype(np.float32)
    assert np.array_equal(sum_genes(values, CODES, "X")[:, 1:], values[:, [1, 3]])


def test_dask_stays_lazy():
    dask = pytest.importorskip("dask.array")
    found = sum_genes(dask.from_array(COUNTS.astype("float32"), chunks=(1, 2)), CODES, "X")
    assert found.dask and found.dtype == "float32"
    assert found.compute().tolist() == [[4, 2, 4], [6, 5, 0]]


def test_chunks_of_a_dask_array_are_judged_together():
    """Fractions in one chunk say that those of another, whole numbers by chance, are logarithms too."""
    dask = pytest.importorskip("dask.array")
    values = np.log1p(COUNTS * np.array([[1.0], [0.0]])).astype("float32")
    found = sum_genes(dask.from_array(values, chunks=(1, 2)), CODES, "X").compute()
    assert np.array_equal(found, sum_genes(values, CODES, "X"))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_unusable_values_are_refused_by_name(bad):
    values = COUNTS.astype(float)
    values[0, 2] = bad
    with pytest.raises(InputValueError, match=r"layers\['scaled'\] has genes to sum"):
        sum_genes(values, CODES, "layers['scaled']")
