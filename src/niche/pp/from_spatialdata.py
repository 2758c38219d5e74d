"""The door for SpatialData objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from niche._slots.spatialdata import table_of

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData


def from_spatialdata(
    sdata: SpatialData, table: str | None = None, *, coordinate_system: str = "global"
) -> AnnData:
    """Return the table of a SpatialData, ready for :func:`niche.tl.spatial_communication`.

    It is the table itself and no copy: what niche stores in it is written with the SpatialData. Images,
    labels and shapes stay where they are and are not read, but for the centres of the annotated elements.

    Parameters
    ----------
    sdata
        A SpatialData.
    table
        Name of the table; not needed where there is one.
    coordinate_system
        Coordinate system of the centres.

    Returns
    -------
    AnnData
        The table. Where it lacks ``obsm["spatial"]`` that is added (n_obs x 2): the centroids of the shapes
        or labels which its rows annotate.

    Raises
    ------
    MissingKeyError
        No such table, or it annotates no region that is there.
    InputValueError
        Several tables and none chosen, or rows that name no instance of their region.
    InputTypeError
        ``sdata`` is no SpatialData.

    Examples
    --------
    >>> import geopandas, pandas as pd, shapely, spatialdata
    >>> import anndata, numpy as np, niche
    >>> circles = geopandas.GeoDataFrame(
    ...     {"radius": [1.0, 1.0]}, geometry=[shapely.Point(0, 0), shapely.Point(3, 4)]
    ... )
    >>> obs = pd.DataFrame({"region": ["spots"] * 2, "spot": [0, 1]}, index=["a", "b"])
    >>> obs["region"] = obs["region"].astype("category")
    >>> table = spatialdata.models.TableModel.parse(
    ...     anndata.AnnData(np.ones((2, 1)), obs=obs),
    ...     region="spots", region_key="region", instance_key="spot",
    ... )
    >>> shapes = spatialdata.models.ShapesModel.parse(circles)
    >>> sdata = spatialdata.SpatialData(shapes={"spots": shapes}, tables={"table": table})
    >>> niche.pp.from_spatialdata(sdata).obsm["spatial"].tolist()
    [[0.0, 0.0], [3.0, 4.0]]
    """
    return table_of(sdata, table, coordinate_system)
