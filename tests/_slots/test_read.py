from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from niche._slots import fingerprint, read, write
from niche.errors import InputValueError, MissingKeyError, StaleResultError


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


def test_reading_says_what_to_run_and_what_is_there(adata):
    store(adata)
    with pytest.raises(MissingKeyError, match=r"'q'.*Run niche.tl.f first.*'r'"):
        read.result(adata, "q", run_first="niche.tl.f")
    adata.uns["foreign"] = {"a": 1}
    with pytest.raises(InputValueError, match="not written by niche"):
        read.result(adata, "foreign", run_first="niche.tl.f")
    assert read.ours(adata) == ["r"]


def test_a_stale_result_names_what_changed(adata):
    store(adata)
    adata.obs["kind"] = list("abb")
    with pytest.raises(StaleResultError, match="obs kind changed"):
        read.result(adata, "r", run_first="niche.tl.f")
    assert not read.is_current(adata, "r", {})


def test_another_schema_is_stale(adata):
    store(adata)
    adata.uns["r"]["schema_version"] = 0
    with pytest.raises(StaleResultError, match="another layout"):
        read.result(adata, "r", run_first="niche.tl.f")


def test_other_parameters_are_not_current(adata):
    store(adata, a=1)
    assert read.is_current(adata, "r", {"a": 1})
    assert not read.is_current(adata, "r", {"a": 2})
    assert not read.is_current(adata, "r", {"b": 1})


def test_strings_come_back_as_a_list_however_they_were_stored():
    assert read.strings(np.array(["a", "b"], dtype=object)) == ["a", "b"]
    assert read.strings("a") == ["a"]
    assert read.strings(np.array([], dtype=object)) == []


def rest_on_base(adata, *, flag):
    digest = fingerprint.compute(adata, obs=["kind"], layers=[None])
    params = {"key": "base", "flag": flag, "covariates": []}
    write.result(adata, "r", params=params, payload={"v": np.arange(2)}, fingerprint=digest)


def test_identity_is_that_of_parameters_and_of_the_run_below(adata, tmp_path):
    assert read.identity(adata, "r") == ""
    store(adata, "base", k=[3, 4], name=None, rate=0.5)
    rest_on_base(adata, flag=True)
    first = read.identity(adata, "r")
    assert first
    assert first != read.identity(adata, "base")
    adata.write_h5ad(tmp_path / "a.h5ad")
    assert read.identity(ad.read_h5ad(tmp_path / "a.h5ad"), "r") == first
    store(adata, "base", k=[3, 5], name=None, rate=0.5)
    assert read.identity(adata, "r") != first, "it rests on another run"
    store(adata, "base", k=[3, 4], name=None, rate=0.5)
    assert read.identity(adata, "r") == first
    rest_on_base(adata, flag=False)
    assert read.identity(adata, "r") != first
