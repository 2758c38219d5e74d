from __future__ import annotations

from itertools import product

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from held import held, unchanged
from scipy import sparse

import niche
from niche._slots import read
from niche.errors import InputTypeError, InputValueError, MissingKeyError

COUNTS = np.array([[1, 3, 0], [0, 2, 2], [5, 0, 0], [0, 1, 7]])


def data(values=COUNTS):
    obs = pd.DataFrame(index=[f"c{i}" for i in range(values.shape[0])])
    return ad.AnnData(values, obs=obs, var=pd.DataFrame(index=["CXCR4", "ACTB", "B2M"]))


def dense(values):
    values = values.compute() if hasattr(values, "compute") else values
    return values.toarray() if sparse.issparse(values) else np.asarray(values)


EXPECTED = np.log1p(COUNTS / COUNTS.sum(axis=1, keepdims=True) * 1e4)


KINDS = [np.asarray, sparse.csr_matrix, sparse.csc_matrix]
TYPES = ["float32", "float64", "int32", "int64", "uint8", "uint16"]


# scipy.sparse does not hold half precision
@pytest.mark.parametrize(("kind", "dtype"), [*product(KINDS, TYPES), (np.asarray, "float16")])
def test_every_kind_of_matrix(kind, dtype):
    adata = data(kind(COUNTS.astype(dtype)))
    niche.pp.normalize(adata)
    assert np.allclose(dense(adata.X), EXPECTED, rtol=1e-5)
    assert adata.X.dtype == np.float32
    assert sparse.issparse(adata.X) == (kind is not np.asarray)
    assert dense(adata.layers["counts"]).tolist() == COUNTS.tolist()


def test_dask_stays_lazy():
    dask = pytest.importorskip("dask.array")
    adata = data(dask.from_array(COUNTS.astype("int32"), chunks=(2, 2)))
    niche.pp.normalize(adata)
    assert hasattr(adata.X, "compute")
    assert np.allclose(dense(adata.X), EXPECTED, rtol=1e-5)


def test_same_as_scanpy():
    import scanpy as sc

    rng = np.random.default_rng(0)
    values = sparse.csr_matrix(rng.poisson(1, (40, 3)).astype(np.float32))
    values = values[values.getnnz(axis=1) > 0]
    adata, other = data(values.copy()), data(values.copy())
    niche.pp.normalize(adata, target_sum=500)
    sc.pp.normalize_total(other, target_sum=500)
    sc.pp.log1p(other)
    assert np.array_equal(dense(adata.X), dense(other.X))


def test_twice_is_the_same():
    adata = data(sparse.csr_matrix(COUNTS.astype(np.float32)))
    niche.pp.normalize(adata)
    once = dense(adata.X).copy()
    niche.pp.normalize(adata)
    assert np.array_equal(dense(adata.X), once)
    assert dense(adata.layers["counts"]).tolist() == COUNTS.tolist()


def test_counts_and_x_share_no_memory():
    adata = data(sparse.csr_matrix(COUNTS.astype(np.float32)))
    niche.pp.normalize(adata)
    for name in ("data", "indices", "indptr"):
        assert not np.shares_memory(getattr(adata.X, name), getattr(adata.layers["counts"], name))


def test_log_values_with_stored_counts_start_from_them():
    adata = data(np.log1p(COUNTS * 1.7))
    adata.layers["counts"] = COUNTS
    niche.pp.normalize(adata)
    assert np.allclose(adata.X, EXPECTED, rtol=1e-5)
    assert adata.uns["normalize"]["source"] == "layers['counts']"


def test_layer_names_the_counts():
    adata = data(np.zeros((4, 3)))
    adata.layers["raw"] = COUNTS
    niche.pp.normalize(adata, layer="raw")
    assert adata.uns["normalize"]["source"] == "layers['raw']"
    assert adata.layers["counts"].tolist() == COUNTS.tolist()


def test_cells_without_counts_stay_zero():
    values = COUNTS.copy()
    values[1] = 0
    for kind in (np.asarray, sparse.csr_matrix):
        adata = data(kind(values.astype(np.float32)))
        niche.pp.normalize(adata)
        assert dense(adata.X)[1].tolist() == [0, 0, 0]
        assert np.allclose(dense(adata.X)[[0, 2, 3]], EXPECTED[[0, 2, 3]], rtol=1e-5)
        assert adata.uns["normalize"]["n_empty_cells"] == 1


def test_stored_zeros_do_not_matter():
    values = sparse.csr_matrix(COUNTS.astype(np.float32))
    values.data[values.data == 3] = 0
    adata = data(values)
    niche.pp.normalize(adata)
    assert dense(adata.X)[0, 1] == 0


def test_view_leaves_its_parent_and_does_not_warn(recwarn):
    parent = data(sparse.csr_matrix(COUNTS.astype(np.float32)))
    before = held(parent)
    view = parent[[0, 2]]
    niche.pp.normalize(view)
    assert np.allclose(dense(view.X), EXPECTED[[0, 2]], rtol=1e-5)
    assert unchanged(parent, before)
    assert not [w for w in recwarn if "view" in str(w.message)]


def test_copy():
    adata = data()
    before = held(adata)
    changed = niche.pp.normalize(adata, copy=True)
    assert unchanged(adata, before)
    assert np.allclose(changed.X, EXPECTED, rtol=1e-5)


def test_is_current_until_the_matrix_changes():
    adata = data()
    niche.pp.normalize(adata)
    assert read.is_current(adata, "normalize", {"target_sum": 1e4})
    assert not read.is_current(adata, "normalize", {"target_sum": 1e3})
    adata.X = adata.X * 2
    assert not read.is_current(adata, "normalize", {"target_sum": 1e4})


@pytest.mark.parametrize("extension", ["h5ad", "zarr"])
def test_round_trip(tmp_path, extension):
    adata = data()
    niche.pp.normalize(adata)
    getattr(adata, f"write_{extension}")(tmp_path / f"a.{extension}")
    again = getattr(ad, f"read_{extension}")(tmp_path / f"a.{extension}")
    assert read.is_current(again, "normalize", {"target_sum": 1e4, "layer": None})
    assert again.uns["normalize"]["median_counts"] == 4.5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.log1p(COUNTS * 1.7), r"X holds fractions.*no layers\['counts'\].*layers: none.*layer="),
        (COUNTS - 1.5, "X must be finite and non-negative, found .* negative"),
        (np.where(COUNTS == 5, np.nan, COUNTS), "found 1 NaN"),
        (np.where(COUNTS == 5, np.inf, COUNTS), "found 1 infinite"),
    ],
)
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_unusable_values(kind, values, message):
    adata = data(kind(values.astype(np.float32)))
    before = held(adata)
    with pytest.raises(InputValueError, match=message):
        niche.pp.normalize(adata)
    assert unchanged(adata, before)


def test_unusable_values_deep_inside_are_found():
    values = np.ones((5000, 3), dtype=np.float32)
    values[1234, 1] = np.nan
    adata = data(values)
    before = held(adata)
    with pytest.raises(InputValueError, match="1 NaN"):
        niche.pp.normalize(adata)
    assert unchanged(adata, before)


def test_other_bad_input(tmp_path):
    with pytest.raises(InputTypeError, match="adata must be an AnnData. Got numpy"):
        niche.pp.normalize(COUNTS)
    with pytest.raises(MissingKeyError, match=r"layer 'raw' not found in adata.layers. Available: none"):
        niche.pp.normalize(data(), layer="raw")
    for bad in (0, -1, np.nan, "1e4", True):
        with pytest.raises(InputValueError, match="target_sum must be a number in"):
            niche.pp.normalize(data(), target_sum=bad)
    adata = data(np.log1p(COUNTS * 1.7))
    adata.layers["counts"] = COUNTS + 0.5
    with pytest.raises(InputValueError, match=r"layers\['counts'\] must hold raw counts.*found fractions"):
        niche.pp.normalize(adata)
    twice = data()
    twice.var_names = ["CXCR4", "CXCR4", "B2M"]
    with pytest.raises(InputValueError, match=r"more than once.*'CXCR4'.*harmonize_genes"):
        niche.pp.normalize(twice)
    data().write_h5ad(tmp_path / "a.h5ad")
    backed = ad.read_h5ad(tmp_path / "a.h5ad", backed="r")
    with pytest.raises(InputValueError, match=r"backed by a file.*to_memory\(\)"):
        niche.pp.normalize(backed)
    backed.file.close()
