from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from niche._slots import fingerprint, read, write
from niche.errors import InputTypeError, InputValueError


@pytest.fixture
def adata():
    return ad.AnnData(
        np.ones((3, 2), dtype=np.float32), obs=pd.DataFrame({"kind": list("aab")}, index=list("xyz"))
    )


def store(adata, key="r", **params):
    write.result(
        adata,
        key,
        params=params,
        payload={"v": np.arange(2)},
        fingerprint=fingerprint.compute(adata, obs=["kind"], layers=[None]),
    )


def test_plain_values_survive_h5ad_and_zarr(adata, tmp_path):
    store(adata, a=None, b=("x", 1), c=Path("p"), d={"e/f": [1.0, 2.0]}, g=np.float32(2), h=[None, "z"])
    adata.write_h5ad(tmp_path / "a.h5ad")
    adata.write_zarr(tmp_path / "a.zarr")
    for back in (ad.read_h5ad(tmp_path / "a.h5ad"), ad.read_zarr(tmp_path / "a.zarr")):
        found = read.result(back, "r", run_first="f")
        assert found["params"]["a"] == "None"
        assert list(found["params"]["b"]) == ["x", "1"]
        assert found["params"]["c"] == "p"
        np.testing.assert_array_equal(found["params"]["d"]["e|f"], [1, 2])
        assert list(found["params"]["h"]) == ["None", "z"]
        assert read.is_current(back, "r", {"a": None, "b": ("x", 1), "h": [None, "z"]})


def test_what_cannot_be_stored_raises_before_anything_is_written(adata):
    with pytest.raises(InputTypeError, match="cannot be stored"):
        store(adata, a=object())
    with pytest.raises(InputValueError, match="without '/'"):
        store(adata, key="a/b")
    assert not adata.uns


def test_obs_columns_are_categories_and_aligned(adata):
    write.obs(adata, {"label": np.array(["u", "v", "u"]), "score": np.arange(3.0)})
    assert isinstance(adata.obs["label"].dtype, pd.CategoricalDtype)
    assert list(adata.obs["label"]) == ["u", "v", "u"]
    write.var(adata, {"n": np.arange(2)})
    assert list(adata.var["n"]) == [0, 1]
