"""Coordinates of sections, and the graph of neighbouring spots of each."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse
from scipy.spatial import cKDTree

from niche._slots import keys, validate
from niche._slots.lazy import held
from niche._slots.validate import Factor
from niche.errors import InputTypeError, InputValueError, MissingKeyError

Graph = Literal["auto", "grid", "knn", "radius", "delaunay"]
GRAPHS = ("auto", "grid", "knn", "radius", "delaunay")
_ALIKE = 1.25
"""Farther to closer distance of an array. Cells in tissue have 2 and more, random places 4 to 5."""


def coordinates(adata: ad.AnnData, spatial_key: str | None, sections: Factor) -> tuple[str, np.ndarray]:
    """Name and values (n_obs, 2 or 3) of the coordinates; refuse missing and repeated ones."""
    name = keys.SPATIAL if spatial_key is None else spatial_key
    if not isinstance(name, str):
        raise InputTypeError(f"spatial_key must be the name of an obsm entry. Got {name!r}.")
    if name not in adata.obsm:
        raise MissingKeyError(
            f"coordinates {name!r} not found in adata.obsm. Available: "
            f"{validate.shown(adata.obsm) or 'none'}. These data have no places: name yours with "
            "spatial_key=, or take the table of a SpatialData with niche.pp.from_spatialdata(sdata)."
        )
    points = np.asarray(adata.obsm[name], dtype=float)
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise InputValueError(f"adata.obsm[{name!r}] must have two or three columns. Got {points.shape}.")
    bad = int((~np.isfinite(points)).any(axis=1).sum())
    if bad:
        raise InputValueError(
            f"{bad} of {len(points)} spots have no finite coordinates in adata.obsm[{name!r}]. "
            "Leave them out."
        )
    table = pd.DataFrame(points).assign(section=sections.codes)
    twice = np.flatnonzero(table.duplicated().to_numpy())
    if twice.size:
        where = sections.names[sections.codes[twice[0]]]
        raise InputValueError(
            f"{twice.size} spots lie where another of their section lies, for example at "
            f"{points[twice[0]].tolist()} in {sections.key} {where!r}. Give every section its own label in "
            f"adata.obs[{sections.key!r}], or drop the copies."
        )
    return name, points


def stored_graph(adata: ad.AnnData, key: str, sections: Factor) -> sparse.csr_matrix:
    """The weights of ``obsp[key]``; refuse those that join sections or are no weights."""
    if key not in adata.obsp:
        raise MissingKeyError(
            f"graph {key!r} not found in adata.obsp. Available: {validate.shown(adata.obsp) or 'none'}. "
            "Leave connectivity_key out to have one built."
        )
    if "distance" in key.lower():
        raise InputValueError(
            f"adata.obsp[{key!r}] holds distances by its name: far spots would count more than near ones. "
            "Name the weights, such as 'spatial_connectivities', or copy it to another name if it holds them."
        )
    weight = sparse.csr_matrix(held(adata.obsp[key]), dtype=np.float64)
    weight.eliminate_zeros()
    if not np.isfinite(weight.data).all() or (weight.data < 0).any():
        raise InputValueError(
            f"adata.obsp[{key!r}] must hold weights from 0. Found negative or missing ones."
        )
    receiver = np.repeat(np.arange(weight.shape[0]), np.diff(weight.indptr))
    crossing = int((sections.codes[receiver] != sections.codes[weight.indices]).sum())
    if crossing:
        raise InputValueError(
            f"{crossing} of {weight.nnz} edges of adata.obsp[{key!r}] join spots of different sections "
            f"({sections.key}). Build it per section, such as squidpy.gr.spatial_neighbors_knn(adata, "
            f"library_key={sections.key!r}), or leave connectivity_key out."
        )
    return weight


def built_graph(
    points: np.ndarray, graph: Graph, n_neighs: int, radius: float | None, *, on_grid: bool
) -> sparse.csr_matrix:
    """Graph of one section, by squidpy; no edge where there are too few spots for one."""
    n = len(points)
    kind = graph
    if graph == "auto":
        kind = "grid" if on_grid and is_array(points) else "knn"
    if n <= {"radius": 1, "delaunay": points.shape[1] + 1}.get(kind, n_neighs):
        return sparse.csr_matrix((n, n))
    if kind == "delaunay" and np.linalg.matrix_rank(points - points.mean(axis=0)) < points.shape[1]:
        raise InputValueError(
            f"graph='delaunay' cannot be built: all {n} spots of a section lie on one line or plane. Take "
            "graph='knn' or 'radius', or leave coordinates out that do not vary."
        )
    small = ad.AnnData(sparse.csr_matrix((n, 1), dtype=np.float32), obsm={keys.SPATIAL: points})
    found = sparse.csr_matrix(_by_squidpy(small, kind, n_neighs, radius), dtype=np.float64)
    found.eliminate_zeros()
    found.sort_indices()
    return found


def is_array(points: np.ndarray) -> bool:
    """Whether spots lie on a regular array: nearly all have their nearest one equally far away."""
    if len(points) < 3:
        return False
    nearest = cKDTree(points).query(points, k=2)[0][:, 1]
    close, far = np.quantile(nearest, [0.1, 0.9])
    return bool(far <= _ALIKE * close)


def _by_squidpy(adata: ad.AnnData, kind: str, n_neighs: int, radius: float | None) -> sparse.csr_matrix:
    import squidpy

    options: dict[str, object] = {"spatial_key": keys.SPATIAL, "copy": True}
    if kind in ("grid", "knn"):
        options["n_neighs"] = n_neighs
    elif kind == "radius":
        options["radius"] = radius
    with quiet():
        if hasattr(squidpy.gr, "spatial_neighbors_knn"):
            return getattr(squidpy.gr, f"spatial_neighbors_{kind}")(adata, **options)[0]
        options |= {"coord_type": "grid" if kind == "grid" else "generic", "delaunay": kind == "delaunay"}
        return squidpy.gr.spatial_neighbors(adata, **options)[0]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep squidpy's notes and its dependencies' warnings to itself; errors pass."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
