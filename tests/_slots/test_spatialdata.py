"""The table of a SpatialData: the table itself, with places, or a clear word."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from niche._slots.spatialdata import table_of
from niche.errors import InputTypeError, InputValueError, MissingKeyError

spatialdata = pytest.importorskip("spatialdata", reason="spatialdata comes with squidpy")


def make(instances: list[int] | None = None, region: str = "spots", **more: object) -> object:
    import geopandas
    import shapely

    points = [(0.0, 0.0), (3.0, 4.0), (6.0, 1.0)]
    circles = geopandas.GeoDataFrame(
        {"radius": [1.0] * 3}, geometry=[shapely.Point(*p) for p in points], index=[5, 6, 7]
    )
    obs = pd.DataFrame(
        {"region": pd.Categorical([region] * 3), "spot": instances or [7, 5, 6]}, index=list("abc")
    )
    table = spatialdata.models.TableModel.parse(
        ad.AnnData(np.ones((3, 2)), obs=obs), region=region, region_key="region", instance_key="spot"
    )
    shapes = {"spots": spatialdata.models.ShapesModel.parse(circles)}
    return spatialdata.SpatialData(shapes=shapes, tables={"table": table, **more})


def test_centroids_follow_the_instances_and_nothing_is_copied() -> None:
    sdata = make()
    found = table_of(sdata, None, "global")
    assert found is sdata.tables["table"]
    assert found.obsm["spatial"].tolist() == [[6, 1], [0, 0], [3, 4]]
    found.obsm["spatial"][:] = 1
    assert (table_of(sdata, "table", "global").obsm["spatial"] == 1).all(), "what is there is kept"


def test_what_is_not_there() -> None:
    with pytest.raises(InputTypeError, match="must be a SpatialData"):
        table_of(ad.AnnData(np.ones((2, 2))), None, "global")
    with pytest.raises(MissingKeyError, match="'other' not found"):
        table_of(make(), "other", "global")
    with pytest.raises(InputValueError, match="2 tables"):
        table_of(make(second=ad.AnnData(np.ones((1, 1)))), None, "global")
    with pytest.raises(MissingKeyError, match="annotates no region"):
        table_of(make(second=ad.AnnData(np.ones((1, 1)))), "second", "global")
    with pytest.raises(InputValueError, match="name no instance"):
        table_of(make(instances=[5, 6, 99]), None, "global")
