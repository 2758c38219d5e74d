"""Clusters of cells inside each compartment."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._log import logger
from niche._settings import settings
from niche._slots import fingerprint, keys, matrix, validate, write
from niche.errors import InputValueError
from niche.tl._cluster_group import MINIMUM_CELLS, Clusters, Embedded, Options, embed, leiden, umap

DEFAULT_RESOLUTION = 1.0
"""Used for ``resolution=None``; a choice by stability belongs here."""

NOT_ASSESSED = "not_assessed"


def cluster(
    adata: ad.AnnData,
    *,
    compartment: str | None = None,
    resolution: float | None = None,
    n_top_genes: int = 2000,
    n_pcs: int = 30,
    n_neighbors: int = 15,
    sample_key: str | None = None,
    compartment_key: str | None = None,
    layer: str | None = None,
    embedding: bool = True,
    key_added: str = keys.CLUSTER,
    rng: int | np.random.Generator = 0,
    copy: bool = False,
) -> ad.AnnData | None:
    """Cluster cells with Leiden inside one compartment, or inside each.

    Parameters
    ----------
    adata
        Annotated data with log values: numpy, csr, csc, dask or backed.
    compartment
        Cluster only these cells; the others read ``not_assessed``. ``None`` clusters each compartment
        by itself where the column exists, else all cells together.
    resolution
        Of Leiden, greater than 0; ``None`` is 1.
    n_top_genes, n_pcs, n_neighbors
        Variable genes, principal components and neighbours; reduced, with a remark, for small groups.
    sample_key
        Column of ``obs`` with samples: genes are chosen that vary within samples where two samples have
        50 cells. ``None`` takes ``settings.sample_key`` where it exists.
    compartment_key
        Column with compartments. ``None`` takes ``settings.compartment_key`` where it exists.
    layer
        Layer with log values; ``None`` is X.
    embedding
        Also embed all cells together for :func:`niche.pl.umap`.
    key_added
        Column of ``obs`` and key of ``uns`` for the result.
    rng
        Seed or generator; the same seed gives the same clusters.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        The changed copy with ``copy=True``, else None. Stores ``obs["cluster"]`` (``"tumor 0"``, ``"tumor
        1"``, ... by falling size; ``"0"``, ``"1"``, ... without compartments) and in ``uns["cluster"]``
        ``params`` and ``table`` with one row per compartment: ``compartment, n_cells, n_clusters,
        resolution, n_genes, n_pcs, n_batches, modularity, silhouette, status`` (``clustered`` or
        ``not_assessed``) and ``reason``. With ``embedding``, ``obsm["X_niche_pca"]`` and
        ``obsm["X_niche_umap"]`` of all cells. X is not changed.

    Raises
    ------
    InputTypeError, InputValueError
        Not an AnnData, no cells, counts instead of log values, values that are not finite or negative,
        a compartment without cells, or an option out of range.
    MissingKeyError
        The column of samples or compartments, or the layer, does not exist.

    Notes
    -----
    Groups of fewer than 20 cells are kept as one cluster, and the table says so. Leiden (Traag 2019, DOI
    10.1038/s41598-019-41695-z) maximises modularity at the resolution on the UMAP neighbour graph.
    ``modularity`` is that of the clusters at resolution 1, ``silhouette`` is the mean over (at most
    5,000) cells in the components. Clusters of a compartment hold patients apart where tumors differ:
    they are a description, not cell types.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.cluster(adata, compartment="immune", embedding=False)
    >>> adata.uns["cluster"]["table"]["status"].tolist()
    ['clustered']
    """
    validate.anndata(adata)
    options = _options(resolution, n_top_genes, n_pcs, n_neighbors)
    write.slot_name(key_added)
    validate.flag(embedding, "embedding")
    validate.flag(copy, "copy")
    stream = validate.generator(rng)
    groups, compartment_key = _groups(adata, compartment, compartment_key)
    sample_key, samples = _samples(adata, sample_key)
    values = _log_values(adata, layer)

    seed = int(stream.integers(2**31 - 1))
    labels = np.full(adata.n_obs, NOT_ASSESSED, dtype=object)
    rows = []
    whole: Embedded | None = None
    for name, members in groups.items():
        found, embedded, row = _cluster_group(values, samples, members, options, seed)
        prefix = f"{name} " if name else ""
        labels[members] = [f"{prefix}{code}" for code in found.codes]
        rows.append({"compartment": name or "all cells", **row})
        logger.info(
            "cluster: %s, %d cells, %d clusters", name or "all cells", len(members), row["n_clusters"]
        )
        if len(members) == adata.n_obs:
            whole = embedded
    embeddings = _embeddings(values, samples, options, seed, whole) if embedding else {}

    adata = adata.copy() if copy else adata
    write.obs(adata, {key_added: labels})
    for slot, coordinates in embeddings.items():
        adata.obsm[slot] = coordinates
    columns = [name for name in (sample_key, compartment_key) if name in adata.obs.columns]
    write.result(
        adata,
        key_added,
        params={
            "compartment": compartment,
            "compartment_key": compartment_key,
            "sample_key": sample_key,
            "layer": layer,
            "resolution": options.resolution,
            "n_top_genes": options.n_top_genes,
            "n_pcs": options.n_pcs,
            "n_neighbors": options.n_neighbors,
            "rng": "Generator" if isinstance(rng, np.random.Generator) else int(rng),
        },
        payload={"table": pd.DataFrame(rows)},
        fingerprint=fingerprint.compute(adata, obs=columns, layers=[layer]),
    )
    return adata if copy else None


def _options(resolution: float | None, n_top_genes: int, n_pcs: int, n_neighbors: int) -> Options:
    if resolution is not None:
        validate.number(resolution, "resolution", low=0, high=100, open_low=True)
    validate.number(n_top_genes, "n_top_genes", low=10, high=1e6, integer=True)
    validate.number(n_pcs, "n_pcs", low=2, high=500, integer=True)
    validate.number(n_neighbors, "n_neighbors", low=2, high=500, integer=True)
    chosen = DEFAULT_RESOLUTION if resolution is None else float(resolution)
    return Options(chosen, int(n_top_genes), int(n_pcs), int(n_neighbors))


def _groups(
    adata: ad.AnnData, compartment: str | None, compartment_key: str | None
) -> tuple[dict[str, np.ndarray], str]:
    """Cells of every group to cluster; the empty name is all cells."""
    name = settings.compartment_key if compartment_key is None else compartment_key
    if compartment is None and compartment_key is None and name not in adata.obs.columns:
        return {"": np.arange(adata.n_obs)}, name
    if compartment is not None:
        validate.choice(compartment, "compartment", keys.COMPARTMENTS_ALL)
    labels = validate.compartments(adata, compartment_key, run_first="niche.tl.call_compartments")
    present = [label for label in keys.COMPARTMENTS_ALL if (labels == label).any()]
    if compartment is None:
        return {label: np.flatnonzero(labels == label) for label in present}, name
    if compartment not in present:
        raise InputValueError(
            f"no cell has adata.obs[{name!r}] == {compartment!r}. Found: {validate.shown(present)}."
        )
    return {compartment: np.flatnonzero(labels == compartment)}, name


def _samples(adata: ad.AnnData, sample_key: str | None) -> tuple[str, np.ndarray | None]:
    if sample_key is None and settings.sample_key not in adata.obs.columns:
        return settings.sample_key, None
    factor = validate.factor(adata, sample_key, "sample_key")
    return factor.key, factor.codes


def _log_values(adata: ad.AnnData, layer: str | None) -> sparse.csr_matrix:
    return matrix.resolve(adata, layer, "lognorm").in_memory()


def _cluster_group(
    values: sparse.csr_matrix,
    samples: np.ndarray | None,
    members: np.ndarray,
    options: Options,
    seed: int,
) -> tuple[Clusters, Embedded | None, dict[str, Any]]:
    """Clusters of one group and its row of the table."""
    n_cells = len(members)
    part = values if n_cells == values.shape[0] else values[members]
    n_seen = int((part.getnnz(axis=0) > 0).sum())
    row: dict[str, Any] = {
        "n_cells": n_cells,
        "n_clusters": 1,
        "resolution": options.resolution,
        "n_genes": 0,
        "n_pcs": 0,
        "n_batches": 0,
        "modularity": float("nan"),
        "silhouette": float("nan"),
        "status": NOT_ASSESSED,
        "reason": "",
    }
    if n_cells < MINIMUM_CELLS or n_seen < 3:
        short = (
            f"fewer than {MINIMUM_CELLS} cells" if n_cells < MINIMUM_CELLS else "fewer than 3 expressed genes"
        )
        row["reason"] = f"{short}: kept as one cluster"
        return Clusters(np.zeros(n_cells, dtype=np.int64), np.nan, np.nan), None, row
    embedded = embed(part, None if samples is None else samples[members], options, seed)
    found = leiden(embedded, options.resolution, seed)
    row |= {
        "n_clusters": int(found.codes.max()) + 1,
        "n_genes": embedded.n_genes,
        "n_pcs": embedded.n_pcs,
        "n_batches": embedded.n_batches,
        "modularity": found.modularity,
        "silhouette": found.silhouette,
        "status": "clustered",
        "reason": "; ".join(embedded.remarks),
    }
    return found, embedded, row


def _embeddings(
    values: sparse.csr_matrix,
    samples: np.ndarray | None,
    options: Options,
    seed: int,
    whole: Embedded | None,
) -> dict[str, np.ndarray]:
    """Components and UMAP of all cells; nothing for data too small to embed."""
    if whole is None:
        if values.shape[0] < 5 or int((values.getnnz(axis=0) > 0).sum()) < 3:
            logger.warning("cluster: %d cells are too few to embed", values.shape[0])
            return {}
        whole = embed(values, samples, options, seed)
    return {keys.PCA: np.asarray(whole.pca, dtype=np.float32), keys.UMAP: umap(whole, seed)}
