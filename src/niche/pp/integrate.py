"""One embedding across batches for host cells; malignant cells keep their own differences."""

from __future__ import annotations

from typing import Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._components import Components, components
from niche._log import logger
from niche._settings import settings
from niche._slots import fingerprint, keys, matrix, validate, write
from niche.errors import InputValueError, MissingKeyError, warn

MINIMUM_CELLS = 20
"""Fewer cells than this cannot be integrated."""

_NOT_INTEGRATED = ("tumor", "unresolved")


def integrate(
    adata: ad.AnnData,
    *,
    batch_key: str | None = None,
    method: Literal["harmony"] = "harmony",
    malignant: bool = False,
    n_top_genes: int = 2000,
    n_pcs: int = 30,
    theta: float = 2.0,
    organ_key: str | None = None,
    compartment_key: str | None = None,
    layer: str | None = None,
    key_added: str = keys.INTEGRATE,
    rng: int | np.random.Generator = 0,
    copy: bool = False,
) -> ad.AnnData | None:
    """Embed cells so that batches overlap: principal components, corrected by Harmony.

    Parameters
    ----------
    adata
        Annotated data with log values: numpy, csr, csc, dask or backed.
    batch_key
        Column of ``obs`` with batches, such as patient, study or assay. ``None`` takes
        ``settings.patient_key``.
    method
        ``"harmony"``.
    malignant
        Integrate malignant and unresolved cells too.
    n_top_genes, n_pcs
        Variable genes and principal components; components are reduced for small data.
    theta
        How strongly Harmony is to mix batches; 0 does not ask for it.
    organ_key
        Column of ``obs`` with organs, to tell batches that lie within one organ. ``None`` takes
        ``settings.organ_key`` where it exists.
    compartment_key
        Column of ``obs`` with compartments. ``None`` takes ``settings.compartment_key``.
    layer
        Layer with log values; ``None`` is X.
    key_added
        Key of ``uns`` for what was done.
    rng
        Seed or generator; the same seed gives the same embedding.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        The changed copy with ``copy=True``, else None. Stores ``obsm["X_integrated"]`` (n_obs, n_pcs) and in
        ``uns["integrate"]`` ``params``, ``n_genes`` and ``table`` with one row per batch: ``batch, n_cells,
        n_integrated, n_organs, organs`` (of the cells integrated). X is not changed.

    Raises
    ------
    InputTypeError, InputValueError
        Not an AnnData, counts instead of log values, values that are not finite or negative, fewer than 20
        cells or two batches to integrate, labels that are missing, or an option out of range.
    MissingKeyError
        A column or the layer does not exist, or there are no compartments and ``malignant`` is False.

    Notes
    -----
    Components are those of the genes that vary within batches, over all cells. Harmony (Korsunsky 2019, DOI
    10.1038/s41592-019-0619-0) is then run by harmonypy on the host cells. Malignant cells differ between
    patients by their genomes; integration would remove that, and would pull them towards the host cells. So
    they, and the cells that may be malignant, keep their principal components, which lie in the same space.

    Integrated coordinates are for clusters and maps (``niche.tl.cluster(adata, use_rep="X_integrated")``),
    never for tests between organs: where every batch lies within one organ, what differs between organs
    goes with the batches, and a warning says so.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.pp.integrate(adata, batch_key="patient")
    >>> adata.obsm["X_integrated"].shape == (adata.n_obs, 30)
    True
    """
    validate.anndata(adata)
    validate.choice(method, "method", ("harmony",))
    validate.flag(malignant, "malignant")
    validate.number(n_top_genes, "n_top_genes", low=10, high=1e6, integer=True)
    validate.number(n_pcs, "n_pcs", low=2, high=500, integer=True)
    validate.number(theta, "theta", low=0, high=100)
    write.slot_name(key_added)
    validate.flag(copy, "copy")
    batches = validate.factor(adata, batch_key, "patient_key" if batch_key is None else "batch_key")
    organs = _organs(adata, organ_key)
    chosen, compartment_column = _chosen(adata, compartment_key, malignant=bool(malignant))
    table = _table(batches, organs, chosen)
    _refuse(table, batches.key)
    seed = int(validate.generator(rng).integers(2**31 - 1))
    values = matrix.resolve(adata, layer, "lognorm").in_memory()
    if int((values.getnnz(axis=0) > 0).sum()) < 3:
        raise InputValueError("fewer than 3 genes are expressed: there is nothing to embed.")

    found = components(values, batches.codes, int(n_top_genes), int(n_pcs), seed)
    corrected = found.pca.astype(np.float32)
    corrected[chosen] = _harmony(found.pca[chosen], batches.labels[chosen], float(theta), seed)
    _report(found, table, batches.key)

    adata = adata.copy() if copy else adata
    write.own(adata)
    adata.obsm[keys.INTEGRATED] = corrected
    used = [name for name in (batches.key, compartment_column) if name is not None]
    write.result(
        adata,
        key_added,
        params={
            "batch_key": batches.key,
            "method": method,
            "malignant": bool(malignant),
            "n_top_genes": int(n_top_genes),
            "n_pcs": found.pca.shape[1],
            "theta": float(theta),
            "compartment_key": compartment_column,
            "layer": layer,
            "rng": "Generator" if isinstance(rng, np.random.Generator) else int(rng),
        },
        payload={"n_genes": len(found.genes), "table": table},
        fingerprint=fingerprint.compute(adata, obs=used, layers=[layer]),
    )
    return adata if copy else None


def _organs(adata: ad.AnnData, organ_key: str | None) -> validate.Factor | None:
    if organ_key is None and settings.organ_key not in adata.obs.columns:
        return None
    return validate.factor(adata, organ_key, "organ_key")


def _chosen(
    adata: ad.AnnData, compartment_key: str | None, *, malignant: bool
) -> tuple[np.ndarray, str | None]:
    """Which cells are integrated, and the column that says so."""
    if malignant:
        return np.ones(adata.n_obs, dtype=bool), None
    name = settings.compartment_key if compartment_key is None else compartment_key
    if name not in adata.obs.columns:
        raise MissingKeyError(
            f"column {name!r} not found in adata.obs, so malignant cells cannot be left out. Run "
            "niche.tl.call_compartments first, name yours with compartment_key=, or integrate all cells with "
            f"malignant=True. Available: {validate.shown(adata.obs.columns)}."
        )
    labels = validate.compartments(adata, compartment_key, run_first="niche.tl.call_compartments")
    return ~np.isin(labels, _NOT_INTEGRATED), name


def _table(batches: validate.Factor, organs: validate.Factor | None, chosen: np.ndarray) -> pd.DataFrame:
    n = len(batches.names)
    names: list[list[str]] = [[] for _ in range(n)]
    if organs is not None:
        for batch, organ in np.unique(np.column_stack([batches.codes, organs.codes])[chosen], axis=0):
            names[batch].append(organs.names[organ])
    return pd.DataFrame(
        {
            "batch": np.array(batches.names, dtype=object),
            "n_cells": np.bincount(batches.codes, minlength=n),
            "n_integrated": np.bincount(batches.codes[chosen], minlength=n),
            "n_organs": np.array([len(listed) for listed in names], dtype=np.int64),
            "organs": np.array([", ".join(listed) for listed in names], dtype=object),
        }
    )


def _refuse(table: pd.DataFrame, batch_key: str) -> None:
    n_cells, n_batches = int(table["n_integrated"].sum()), int((table["n_integrated"] > 0).sum())
    left = int(table["n_cells"].sum()) - n_cells
    aside = f" ({left} malignant or unresolved cells are left out)" if left else ""
    if n_batches < 2:
        raise InputValueError(
            f"nothing to integrate: the cells lie in {n_batches} batch of adata.obs[{batch_key!r}]{aside}. "
            "Name the column that holds batches with batch_key=."
        )
    if n_cells < MINIMUM_CELLS:
        raise InputValueError(f"{n_cells} cells are too few to integrate, {MINIMUM_CELLS} are needed{aside}.")


def _harmony(pca: np.ndarray, batches: np.ndarray, theta: float, seed: int) -> np.ndarray:
    """Corrected components; harmonypy returned components x cells before 0.1, cells x components since."""
    from harmonypy import run_harmony

    found = run_harmony(
        np.asarray(pca, dtype=np.float64),
        pd.DataFrame({"batch": batches.astype(str)}),
        ["batch"],
        theta=theta,
        nclust=int(np.clip(round(len(pca) / 30), 2, 100)),
        random_state=seed,
        verbose=False,
    )
    corrected = np.asarray(found.Z_corr, dtype=np.float32)
    return corrected if corrected.shape == pca.shape else corrected.T


def _report(found: Components, table: pd.DataFrame, batch_key: str) -> None:
    for remark in found.remarks:
        logger.info("integrate: %s", remark)
    left = int((table["n_cells"] - table["n_integrated"]).sum())
    if left:
        logger.info("integrate: %d malignant or unresolved cells keep their principal components", left)
    held = table[table["n_integrated"] > 0]
    if (held["n_organs"] == 1).all() and held["organs"].nunique() > 1:
        warn(
            f"every batch of adata.obs[{batch_key!r}] lies within one organ: integration also removes what "
            "differs between organs. Use the embedding for maps only, or a batch that spans organs."
        )
