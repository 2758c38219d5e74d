"""Which cell types touch in tissue sections."""

from __future__ import annotations

from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._settings import settings
from niche._slots import fingerprint, keys, validate, write
from niche._slots.organ_names import organ_name
from niche.errors import InputValueError, warn
from niche.tl._spatial_graph import GRAPHS, built_graph, coordinates, quiet, stored_graph


def touching(
    adata: ad.AnnData,
    groupby: str | None = None,
    *,
    connectivity_key: str | None = None,
    graph: Literal["auto", "grid", "knn", "radius", "delaunay"] = "auto",
    n_neighs: int = 6,
    radius: float | None = None,
    n_perms: int = 1000,
    spatial_key: str | None = None,
    sample_key: str | None = None,
    patient_key: str | None = None,
    organ_key: str | None = None,
    tissue_key: str | None = None,
    key_added: str = keys.TOUCHING,
    rng: int | np.random.Generator = 0,
    copy: bool = False,
) -> ad.AnnData | None:
    """Count the contacts of cell types in every section, and how far they are from chance.

    Its table flags edges of dissociated cells whose sender and receiver never touch:
    ``niche.get.communication(adata, touching=niche.get.touching(sections))``.

    Parameters
    ----------
    adata
        Cells with places and types, and columns of sample (section), patient and organ.
    groupby
        Column of cell types; default ``niche.settings.groupby``.
    connectivity_key, graph, n_neighs, radius
        The graph, as in :func:`niche.tl.spatial_communication`.
    n_perms
        Permutations of the types over the cells of a section.
    spatial_key
        Coordinates in ``obsm``; default ``"spatial"``.
    sample_key, patient_key, organ_key, tissue_key
        Columns of ``obs``; defaults in ``niche.settings``.
    key_added
        Where the result goes.
    rng
        Seed or generator.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        Stored in ``uns[key_added]``, read by :func:`niche.get.touching`: ``contacts`` (n_sections x n_types x
        n_types edges of the graph, both directions counted), ``zscore`` (NaN where a section lacks a type),
        ``n_cells`` (n_sections x n_types), ``sections``, ``cell_types``, ``params``, ``fingerprint``. Warns
        of sections without a graph, such as those of too few cells.

    Raises
    ------
    MissingKeyError
        Coordinates, graph or column are not there.
    InputValueError
        Coordinates that are missing or repeated, a graph that joins sections, a single cell type, or a
        ``key_added`` that holds something else.
    InputTypeError
        ``adata`` is no AnnData.

    Notes
    -----
    Contacts and z are those of squidpy's neighbourhood enrichment (Palla et al. 2022,
    doi:10.1038/s41592-021-01358-2): the count against its mean and standard deviation when the types are
    permuted over the cells of the section. Two cells touch where either is a neighbour of the other, also in
    a graph that has one of both only (``"knn"``), so contacts are symmetric. The z grows with the number of
    cells and says nothing about patients.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_spatial(0, patients=1, organs=["liver"], side=10)
    >>> niche.tl.touching(adata, n_perms=50)
    >>> niche.get.touching(adata)["contacts"].sum() > 0
    np.True_
    """
    validate.anndata(adata)
    validate.choice(graph, "graph", GRAPHS)
    validate.number(n_neighs, "n_neighs", low=1, high=1000, integer=True)
    validate.number(n_perms, "n_perms", low=2, integer=True)
    if graph == "radius" or radius is not None:
        validate.number(radius, "radius", low=0, open_low=True)
    validate.flag(copy, "copy")
    write.free_slot(adata, key_added)
    seed = int(validate.generator(rng).integers(2**31))
    samples = validate.samples(adata, sample_key, patient_key, organ_key, tissue_key)
    types = validate.factor(adata, groupby, "groupby")
    if len(types.names) < 2:
        raise InputValueError(f"adata.obs[{types.key!r}] holds one cell type: {types.names[0]!r}.")
    place, points = coordinates(adata, spatial_key, samples.cells)
    weight = None if connectivity_key is None else stored_graph(adata, connectivity_key, samples.cells)
    shape = (len(samples.cells.names), len(types.names), len(types.names))
    contacts, z = np.zeros(shape, dtype=np.int64), np.full(shape, np.nan)
    n_cells, n_edges = np.zeros(shape[:2], dtype=np.int64), np.zeros(shape[0], dtype=np.int64)
    for s in range(shape[0]):
        rows = np.flatnonzero(samples.cells.codes == s)
        near = (
            built_graph(points[rows], graph, n_neighs, radius, on_grid="spatial" in adata.uns)
            if weight is None
            else weight[rows][:, rows]
        )
        own = _either_way(near)
        n_cells[s], n_edges[s] = np.bincount(types.codes[rows], minlength=shape[1]), own.nnz // 2
        if own.nnz:
            met = np.flatnonzero(n_cells[s])
            where = np.ix_(np.array([s]), met, met)
            contacts[where], z[where] = _enrichment(own, types.codes[rows], n_perms, seed + s)
    bare = [name for name, n in zip(samples.cells.names, n_edges, strict=True) if n == 0]
    if bare:
        warn(
            f"no cell has a neighbour in {len(bare)} of {shape[0]} sections, for example {bare[0]!r}: "
            "contacts there are not known, and not 0."
        )
    params: dict[str, Any] = {
        "groupby": types.key, "connectivity_key": connectivity_key, "graph": graph, "n_neighs": int(n_neighs),
        "radius": radius, "n_perms": int(n_perms), "spatial_key": place, "sample_key": samples.cells.key,
        "patient_key": patient_key or settings.patient_key, "organ_key": organ_key or settings.organ_key,
        "tissue_key": tissue_key or settings.tissue_key, "rng": seed,
    }  # fmt: skip
    payload = {
        "sections": {
            "name": list(samples.cells.names), "patient": list(samples.patient),
            "organ": [organ_name(o, t) for o, t in zip(samples.organ, samples.tissue, strict=True)],
            "n_edges": n_edges,
        },
        "cell_types": list(types.names), "contacts": contacts, "zscore": z, "n_cells": n_cells,
    }  # fmt: skip
    columns = [params[name] for name in ("groupby", "sample_key", "patient_key", "organ_key")]
    columns += [params["tissue_key"]] if params["tissue_key"] in adata.obs.columns else []
    digest = fingerprint.compute(
        adata, obs=dict.fromkeys(columns), layers=[], obsm=[place],
        obsp=[] if connectivity_key is None else [connectivity_key],
    )  # fmt: skip
    target = adata.copy() if copy else adata
    write.result(target, key_added, params=params, payload=payload, fingerprint=digest)
    return target if copy else None


def _either_way(weight: sparse.csr_matrix) -> sparse.csr_matrix:
    """The edges of a graph both ways, and none from a cell to itself."""
    both = (weight + weight.T).tocoo()
    apart = both.row != both.col
    return sparse.csr_matrix((both.data[apart], (both.row[apart], both.col[apart])), shape=both.shape)


def _enrichment(
    weight: sparse.csr_matrix, codes: np.ndarray, n_perms: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Contacts and z of the types met in one section, by squidpy; z is NaN where it has no spread."""
    import squidpy

    met, own = np.unique(codes, return_inverse=True)
    if met.size < 2:
        only = np.full((1, 1), float(weight.nnz))
        return only.astype(np.int64), np.full((1, 1), np.nan)
    small = ad.AnnData(
        sparse.csr_matrix((codes.size, 1), dtype=np.float32),
        obs=pd.DataFrame(
            {"type": pd.Categorical.from_codes(own, [f"{k:06d}" for k in range(met.size)])},
            index=[str(i) for i in range(codes.size)],
        ),
        obsp={"near_connectivities": weight},
    )
    with quiet(), np.errstate(invalid="ignore", divide="ignore"):
        found = squidpy.gr.nhood_enrichment(
            small, "type", connectivity_key="near", n_perms=n_perms, seed=seed, copy=True, n_jobs=1,
            show_progress_bar=False,
        )  # fmt: skip
    z, count = np.asarray(found[0], dtype=float), np.asarray(found[1], dtype=np.int64)
    return count, np.where(np.isfinite(z), z, np.nan)
