"""Clusters of cells inside each compartment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._log import logger
from niche._settings import settings
from niche._slots import fingerprint, keys, matrix, validate, write
from niche.errors import InputValueError, MissingKeyError
from niche.tl._cluster_group import (
    MINIMUM_CELLS,
    Clusters,
    Embedded,
    Options,
    embed,
    leiden,
    neighbours,
    umap,
)
from niche.tl._cluster_stability import COLUMNS, MAXIMUM_CELLS
from niche.tl._cluster_stability import stability as assess

DEFAULT_RESOLUTION = 1.0
"""Where stability is not assessed and no resolution is given."""

NOT_ASSESSED = "not_assessed"

UNRESOLVED = "unresolved"
_NO_COMPARTMENT = "unresolved cells are no compartment: clusters of what was not decided"


def cluster(
    adata: ad.AnnData,
    *,
    compartment: str | None = None,
    resolution: float | None = None,
    stability: bool | None = None,
    use_rep: str | None = None,
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
    r"""Cluster cells with Leiden inside one compartment, or inside each.

    Parameters
    ----------
    adata
        Annotated data with log values: numpy, csr, csc, dask or backed.
    compartment
        Cluster only these cells; the others read ``not_assessed``. ``None`` clusters each compartment
        by itself where the column exists, else all cells together.
    resolution
        Of Leiden, greater than 0; ``None`` takes the one that stability suggests for each group.
    stability
        Compare seeds and subsamples at eight resolutions. ``None`` does so where the resolution is to be
        chosen; without, ``resolution=None`` is 1.
    use_rep
        Coordinates in ``obsm`` to cluster in, for example ``"X_integrated"`` of
        :func:`niche.pp.integrate`. ``None`` computes components of the variable genes of each group.
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
        what :func:`niche.get.cluster` reads: one row per compartment, and the stability of each
        resolution. With ``embedding``, ``obsm["X_niche_pca"]`` and ``obsm["X_niche_umap"]`` of all cells
        (with ``use_rep`` the UMAP alone). X is not changed.

    Raises
    ------
    InputTypeError, InputValueError
        Not an AnnData, no cells, counts instead of log values, values that are not finite or negative,
        a compartment without cells, coordinates that are not finite, or an option out of range.
    MissingKeyError
        The column of samples or compartments, the layer, or the coordinates do not exist.

    Notes
    -----
    Groups of fewer than 20 cells are kept as one cluster, and the table says so. Leiden (Traag 2019, DOI
    10.1038/s41598-019-41695-z) runs in leidenalg for 2 iterations and maximises modularity at resolution
    :math:`\gamma`, :math:`\sum_{ij} (A_{ij} - \gamma k_i k_j / 2m)\, \delta(c_i, c_j)`, on the UMAP
    neighbour graph :math:`A` with degrees :math:`k` and total weight :math:`m`: the partition of
    ``scanpy.tl.leiden(flavor="leidenalg", n_iterations=2)``. Clusters of a compartment hold patients apart
    where tumors differ: they are a description, not cell types. Cells of the compartment ``unresolved``
    are no compartment; their clusters only describe what was not decided, and the table says so.

    Stability at a resolution is the adjusted Rand index (Hubert 1985, DOI 10.1007/BF01908075) between
    partitions from 3 seeds, and between the first of them and those of 5 subsamples of 80 % of the cells,
    whose neighbours are found anew in the same components; the mean of the two means counts. Suggested is
    the highest resolution with a mean of at least 0.8 whose silhouette (Rousseeuw 1987, DOI
    10.1016/0377-0427(87)90125-7) is at least three quarters of the best, among resolutions with clusters
    of 10 cells and more on average, for of fewer even noise agrees. Where no split reaches 0.8 the lowest
    resolution within 0.05 of the highest mean is taken, or where that is below 0.65 (cells without structure
    reach 0.60) the lowest of all, and the reason says ``not stable``. Groups of more than 3,000 cells are
    judged on 3,000 of them; more cells give more clusters at the same resolution. Stable clusters are not
    therefore real: structure that samples bring along is stable too. ``docs/validation/clusters.md`` holds
    the numbers behind this.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.cluster(adata, compartment="endothelial", embedding=False)
    >>> adata.uns["cluster"]["table"]["status"].tolist()
    ['clustered']
    """
    validate.anndata(adata)
    options = _options(resolution, n_top_genes, n_pcs, n_neighbors)
    assessed = _assessed(stability, resolution)
    write.slot_name(key_added)
    validate.flag(embedding, "embedding")
    validate.flag(copy, "copy")
    stream = validate.generator(rng)
    groups, compartment_key = _groups(adata, compartment, compartment_key)
    sample_key, samples = _samples(adata, sample_key)
    seed = int(stream.integers(2**31 - 1))
    cells = _Cells(_values(adata, layer, use_rep), samples, options, seed)

    labels = np.full(adata.n_obs, NOT_ASSESSED, dtype=object)
    rows, stabilities = [], [pd.DataFrame(columns=["compartment", *COLUMNS])]
    whole: Embedded | None = None
    for name, members in groups.items():
        shown = name or "all cells"
        found, embedded, row, stable = _cluster_group(cells, members, resolution, assessed=assessed)
        if name == UNRESOLVED:
            row["reason"] = "; ".join(filter(None, [_NO_COMPARTMENT, row["reason"]]))
        labels[members] = [f"{name} {code}".strip() for code in found.codes]
        rows.append({"compartment": shown, **row})
        if stable is not None:
            stabilities.append(stable.assign(compartment=shown))
        logger.info("cluster: %s, %d cells, %d clusters", shown, len(members), row["n_clusters"])
        whole = embedded if len(members) == adata.n_obs else whole
    embeddings = _embeddings(cells, whole) if embedding else {}

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
            "use_rep": use_rep,
            "resolution": resolution,
            "stability": assessed,
            "n_top_genes": options.n_top_genes,
            "n_pcs": options.n_pcs,
            "n_neighbors": options.n_neighbors,
            "rng": "Generator" if isinstance(rng, np.random.Generator) else int(rng),
        },
        payload={"table": pd.DataFrame(rows), "stability": _joined(stabilities)},
        fingerprint=fingerprint.compute(adata, obs=columns, layers=[layer]),
    )
    return adata if copy else None


@dataclass(frozen=True)
class _Cells:
    """All cells: log values or given coordinates, and what they are clustered with."""

    values: sparse.csr_matrix | np.ndarray
    samples: np.ndarray | None
    options: Options
    seed: int

    @property
    def given(self) -> bool:
        """Whether the values are coordinates."""
        return isinstance(self.values, np.ndarray)

    def too_few_genes(self, members: np.ndarray) -> bool:
        """Whether a group expresses too few genes to be embedded."""
        return not self.given and int((self.values[members].getnnz(axis=0) > 0).sum()) < 3

    def embed(self, members: np.ndarray) -> Embedded:
        """A group in its components, or in the given coordinates, with its neighbours."""
        if self.given:
            return neighbours(self.values[members], self.options.n_neighbors, self.seed)
        samples = None if self.samples is None else self.samples[members]
        part = self.values if len(members) == self.values.shape[0] else self.values[members]
        return embed(part, samples, self.options, self.seed)


def _options(resolution: float | None, n_top_genes: int, n_pcs: int, n_neighbors: int) -> Options:
    if resolution is not None:
        validate.number(resolution, "resolution", low=0, high=100, open_low=True)
    validate.number(n_top_genes, "n_top_genes", low=10, high=1e6, integer=True)
    validate.number(n_pcs, "n_pcs", low=2, high=500, integer=True)
    validate.number(n_neighbors, "n_neighbors", low=2, high=500, integer=True)
    return Options(int(n_top_genes), int(n_pcs), int(n_neighbors))


def _assessed(stability: Any, resolution: float | None) -> bool:
    if stability is None:
        return resolution is None
    validate.flag(stability, "stability")
    return bool(stability)


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Stability of all groups; the first table holds the columns and no row."""
    columns = list(tables[0].columns)
    return pd.concat(tables[1:], ignore_index=True)[columns] if len(tables) > 1 else tables[0]


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


def _values(adata: ad.AnnData, layer: str | None, use_rep: str | None) -> sparse.csr_matrix | np.ndarray:
    """Log values, or the coordinates that take their place."""
    if use_rep is None:
        return matrix.resolve(adata, layer, "lognorm").in_memory()
    if use_rep not in adata.obsm:
        raise MissingKeyError(
            f"coordinates {use_rep!r} not found in adata.obsm. Available: "
            f"{validate.shown(adata.obsm) or 'none'}. Run niche.pp.integrate first, or leave use_rep out."
        )
    stored = adata.obsm[use_rep]
    found = np.asarray(stored.toarray() if sparse.issparse(stored) else stored, dtype=np.float32)
    n_bad = int((~np.isfinite(found).all(axis=1)).sum())
    if found.ndim != 2 or n_bad:
        raise InputValueError(
            f"adata.obsm[{use_rep!r}] must hold finite coordinates of every cell: {n_bad} cells have none."
        )
    return found


def _cluster_group(
    cells: _Cells, members: np.ndarray, resolution: float | None, *, assessed: bool
) -> tuple[Clusters, Embedded | None, dict[str, Any], pd.DataFrame | None]:
    """Clusters of one group, its row of the table, and its stability."""
    n_cells = len(members)
    row: dict[str, Any] = {
        "n_cells": n_cells,
        "n_clusters": 1,
        "resolution": DEFAULT_RESOLUTION if resolution is None else float(resolution),
        "n_genes": 0,
        "n_pcs": 0,
        "n_batches": 0,
        "modularity": float("nan"),
        "silhouette": float("nan"),
        "status": NOT_ASSESSED,
        "reason": "",
    }
    few = n_cells < MINIMUM_CELLS
    if few or cells.too_few_genes(members):
        short = f"fewer than {MINIMUM_CELLS} cells" if few else "fewer than 3 expressed genes"
        row["reason"] = f"{short}: kept as one cluster"
        return Clusters(np.zeros(n_cells, dtype=np.int64), np.nan, np.nan), None, row, None
    embedded = cells.embed(members)
    remarks = list(embedded.remarks)
    stable = None
    if assessed:
        stable = assess(embedded, cells.options.n_neighbors, np.random.default_rng(cells.seed))
        remarks += [f"stability judged on {MAXIMUM_CELLS:,} cells"] if n_cells > MAXIMUM_CELLS else []
        suggested = stable.loc[stable["suggested"]].iloc[0]
        if resolution is None:
            row["resolution"] = float(suggested["resolution"])
            remarks += [suggested["reason"]] if suggested["reason"].startswith("no") else []
    found = leiden(embedded, row["resolution"], cells.seed)
    row |= {
        "n_clusters": int(found.codes.max()) + 1,
        "n_genes": embedded.n_genes,
        "n_pcs": embedded.n_pcs,
        "n_batches": embedded.n_batches,
        "modularity": found.modularity,
        "silhouette": found.silhouette,
        "status": "clustered",
        "reason": "; ".join(remarks),
    }
    return found, embedded, row, stable


def _embeddings(cells: _Cells, whole: Embedded | None) -> dict[str, np.ndarray]:
    """Components and UMAP of all cells; nothing for data too small to embed."""
    everything = np.arange(cells.values.shape[0])
    if whole is None:
        if len(everything) < 5 or cells.too_few_genes(everything):
            logger.warning("cluster: %d cells are too few to embed", len(everything))
            return {}
        whole = cells.embed(everything)
    found = {keys.UMAP: umap(whole, cells.seed)}
    return found if cells.given else {keys.PCA: np.asarray(whole.pca, dtype=np.float32), **found}
