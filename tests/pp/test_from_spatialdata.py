"""From a SpatialData to pairs across the border, images untouched."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from spatial_study import sections

import niche
from niche.errors import InputTypeError

spatialdata = pytest.importorskip("spatialdata", reason="spatialdata comes with squidpy")


def test_the_whole_way() -> None:
    import geopandas
    import shapely

    expected = sections()
    expected = expected[expected.obs["sample"] == "liver_P1_S1"].copy()
    bare = ad.AnnData(expected.X.copy(), obs=expected.obs.copy(), var=expected.var.copy())
    bare.obs["region"] = pd.Categorical(["spots"] * bare.n_obs)
    bare.obs["spot"] = np.arange(bare.n_obs)
    circles = geopandas.GeoDataFrame(
        {"radius": np.ones(bare.n_obs)}, geometry=[shapely.Point(*p) for p in expected.obsm["spatial"]]
    )
    table = spatialdata.models.TableModel.parse(
        bare, region="spots", region_key="region", instance_key="spot"
    )
    sdata = spatialdata.SpatialData(
        shapes={"spots": spatialdata.models.ShapesModel.parse(circles)}, tables={"cells": table}
    )
    adata = niche.pp.from_spatialdata(sdata)
    pairs = expected.uns["truth"]["pairs"]
    niche.tl.spatial_communication(adata, resource=pairs)
    niche.tl.spatial_communication(expected, resource=pairs)
    assert "spatial_communication" in sdata.tables["cells"].uns
    first, second = (niche.get.spatial_communication(one) for one in (adata, expected))
    pd.testing.assert_frame_equal(first, second)


def test_no_spatialdata() -> None:
    with pytest.raises(InputTypeError, match="SpatialData"):
        niche.pp.from_spatialdata(sections())
