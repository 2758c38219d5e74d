"""The table of a SpatialData as an AnnData with places."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche.errors import InputTypeError, InputValueError, MissingKeyError

ATTRS = "spatialdata_attrs"


def table_of(sdata: Any, table: str | None, coordinate_system: str) -> ad.AnnData:
    """The table itself, with the centroids of the elements it annotates where it has no coordinates."""
    if not hasattr(sdata, "tables") or not hasattr(sdata, "shapes"):
        raise InputTypeError(
            f"sdata must be a SpatialData. Got {type(sdata).__module__}.{type(sdata).__name__}. "
            "An AnnData needs no door: give it to niche.tl.spatial_communication."
        )
    names = list(sdata.tables)
    if table is None and len(names) != 1:
        raise InputValueError(
            f"sdata has {len(names)} tables: {validate.shown(names) or 'none'}. Choose with table=."
        )
    name = names[0] if table is None else table
    if name not in names:
        raise MissingKeyError(
            f"table {name!r} not found in sdata.tables. Available: {validate.shown(names)}."
        )
    adata = sdata.tables[name]
    if keys.SPATIAL not in adata.obsm:
        adata.obsm[keys.SPATIAL] = _centroids(sdata, adata, name, coordinate_system)
    return adata


def _centroids(sdata: Any, adata: ad.AnnData, name: str, system: str) -> np.ndarray:
    """Centres of the elements that the rows of a table belong to, in one coordinate system."""
    import spatialdata

    about = adata.uns.get(ATTRS)
    if not about or about.get("region") is None:
        raise MissingKeyError(
            f"table {name!r} annotates no region (uns[{ATTRS!r}]), and has no obsm['spatial']: its rows "
            "have no places. Set the region with spatialdata.models.TableModel.parse."
        )
    regions = about["region"] if isinstance(about["region"], (list, tuple, np.ndarray)) else [about["region"]]
    region, instance = adata.obs[about["region_key"]].astype(str), adata.obs[about["instance_key"]]
    out = np.full((adata.n_obs, 2), np.nan)
    for one in map(str, regions):
        rows = np.flatnonzero((region == one).to_numpy())
        if not rows.size:
            continue
        if one not in sdata:
            raise MissingKeyError(f"table {name!r} annotates {one!r}, which is not in sdata.")
        centres = spatialdata.get_centroids(sdata[one], coordinate_system=system).compute()
        place = pd.Index(centres.index).get_indexer(instance.iloc[rows])
        if (place < 0).any():
            raise InputValueError(
                f"{int((place < 0).sum())} of {rows.size} rows of table {name!r} name no instance of "
                f"{one!r}, for example {instance.iloc[rows[place < 0][0]]!r}."
            )
        out[rows] = centres[["x", "y"]].to_numpy(float)[place]
    return out
