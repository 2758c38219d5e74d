from __future__ import annotations

import anndata as ad
import pandas as pd
import pytest
from held import held, unchanged

import niche
from niche.errors import InputValueError, MissingKeyError, StaleResultError

QUICK = {"embedding": False, "n_pcs": 8, "n_neighbors": 8}


def test_groups(tiny):
    niche.tl.cluster(tiny, **QUICK, resolution=1)
    found = niche.get.cluster(tiny)
    assert found["compartment"].tolist() == ["tumor", "stromal", "immune", "parenchymal"]
    assert found["n_cells"].sum() == tiny.n_obs
    found["n_cells"] = 0
    assert niche.get.cluster(tiny)["n_cells"].sum() == tiny.n_obs


def test_stability(tiny):
    niche.tl.cluster(tiny, **QUICK, compartment="immune")
    found = niche.get.cluster(tiny, what="stability")
    assert set(found["compartment"]) == {"immune"}
    assert found["suggested"].sum() == 1
    chosen = found.loc[found["suggested"], "resolution"].item()
    assert niche.get.cluster(tiny)["resolution"].tolist() == [chosen]


@pytest.mark.parametrize("extension", ["h5ad", "zarr"])
@pytest.mark.parametrize("resolution", [None, 1.0])
def test_equal_after_writing(tiny, tmp_path, extension, resolution):
    niche.tl.cluster(tiny, **QUICK, compartment="immune", resolution=resolution)
    getattr(tiny, f"write_{extension}")(tmp_path / f"a.{extension}")
    again = getattr(ad, f"read_{extension}")(tmp_path / f"a.{extension}")
    for what in ("groups", "stability"):
        expected = niche.get.cluster(tiny, what=what)
        pd.testing.assert_frame_equal(niche.get.cluster(again, what=what), expected)
        assert (len(expected) > 0) == (what == "groups" or resolution is None)


def test_stale(tiny):
    niche.tl.cluster(tiny, **QUICK, compartment="immune", resolution=1)
    tiny.obs["compartment"] = "immune"
    with pytest.raises(StaleResultError, match="obs compartment changed since niche.tl.cluster"):
        niche.get.cluster(tiny)


def test_bad_input_writes_nothing(tiny):
    before = held(tiny)
    with pytest.raises(
        MissingKeyError, match=r"adata.uns\['cluster'\] not found. Run niche.tl.cluster first"
    ):
        niche.get.cluster(tiny)
    with pytest.raises(InputValueError, match="what must be one of 'groups', 'stability'"):
        niche.get.cluster(tiny, what="table")
    assert unchanged(tiny, before)
