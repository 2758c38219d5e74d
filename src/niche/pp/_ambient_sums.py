"""Counts of every sample and cell type, and of its empty droplets, in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd

from niche._kernels import aggregate
from niche._slots import keys, matrix, passes, validate
from niche._slots.matrix import Matrix
from niche._slots.validate import Factor, Samples
from niche.errors import InputTypeError, InputValueError

_LEAST_SHARED = 0.5


@dataclass(frozen=True)
class Cells:
    """The labelled cells, apart from droplets named empty by a column.

    Attributes
    ----------
    samples, types
        Design and cell types of the labelled cells.
    labelled
        (n_obs,) whether a row is a cell.
    """

    samples: Samples
    types: Factor
    labelled: np.ndarray


@dataclass(frozen=True)
class Bulk:
    """Summed counts.

    Attributes
    ----------
    sample, cell_type, n_cells
        (n_groups,) what each group is.
    counts
        (n_groups, n_genes).
    empty
        (n_samples, n_genes) counts of empty droplets, None where none were given.
    """

    sample: np.ndarray
    cell_type: np.ndarray
    n_cells: np.ndarray
    counts: np.ndarray
    empty: np.ndarray | None


def counts_of(adata: ad.AnnData, layer: str | None) -> tuple[Matrix, str | None]:
    """Return the raw counts and their layer; refuse data that have none, with the consequence."""
    source = keys.COUNTS if layer is None and matrix.has_counts(adata) else layer
    if matrix.detect_kind(adata, source) != "counts":
        raise InputValueError(
            f"niche.pp.ambient needs raw counts, and {matrix.layer_name(source)} holds none (fractions were "
            "found). Give their layer with layer=. Without counts it cannot be run: what asks for the "
            "ambient share then reads not_assessed."
        )
    return matrix.resolve(adata, source, "counts"), source


def cells_of(
    adata: ad.AnnData,
    groupby: str | None,
    empty: ad.AnnData | str | None,
    sample_key: str | None,
    patient_key: str | None,
    organ_key: str | None,
    tissue_key: str | None,
) -> Cells:
    """Check the labels of the cells; rows that the column ``empty`` marks need none."""
    labelled = np.ones(adata.n_obs, dtype=bool)
    if isinstance(empty, str):
        labelled = ~_marked(adata, empty)
        if not labelled.any():
            raise InputValueError(f"adata.obs[{empty!r}] marks every row as an empty droplet.")
    elif empty is not None and not isinstance(empty, ad.AnnData):
        raise InputTypeError(
            "empty must be an AnnData, the name of a boolean obs column, or None. "
            f"Got {type(empty).__name__}."
        )
    known = ad.AnnData(obs=adata.obs.loc[labelled])
    samples = validate.samples(known, sample_key, patient_key, organ_key, tissue_key)
    return Cells(samples, validate.factor(known, groupby, "groupby"), labelled)


def _marked(adata: ad.AnnData, column: str) -> np.ndarray:
    values = adata.obs[validate.obs_key(adata, column, "empty")]
    if not pd.api.types.is_bool_dtype(values.dtype) or values.isna().any():
        raise InputTypeError(f"adata.obs[{column!r}] must hold True or False. Got dtype {values.dtype}.")
    return values.to_numpy(dtype=bool)


def bulk_of(
    adata: ad.AnnData, counts: Matrix, cells: Cells, empty: ad.AnnData | str | None, threads: int
) -> Bulk:
    """Sum the counts."""
    n_types, n_samples = len(cells.types.names), len(cells.samples.cells.names)
    key = cells.samples.cells.codes.astype(np.int64) * n_types + cells.types.codes
    met, place = np.unique(key, return_inverse=True)
    group = np.full(adata.n_obs, -1, dtype=np.int32)
    group[cells.labelled] = place
    soup = None
    if isinstance(empty, str):
        sample = _sample_of_droplets(adata, cells.samples.cells)
        kept = ~cells.labelled & (sample >= 0)
        group[kept] = met.size + sample[kept]
        summed = _sums(counts, group, met.size + n_samples, threads)
        summed, soup = summed[: met.size], summed[met.size :]
    else:
        summed = _sums(counts, group, met.size, threads)
        if empty is not None:
            soup = _droplets(adata, empty, cells.samples.cells, threads)
    if soup is not None and not soup.any():
        raise InputValueError("the empty droplets hold no counts of any gene and sample of the cells.")
    return Bulk(met // n_types, met % n_types, np.bincount(place, minlength=met.size), summed, soup)


def _sums(counts: Matrix, group: np.ndarray, n_groups: int, threads: int) -> np.ndarray:
    n_genes = counts.shape[1]
    none = np.zeros(0, dtype=np.int64)
    layout = aggregate.Layout(
        group, group, n_groups, n_groups, np.arange(n_genes, dtype=np.int32), n_genes, none, none
    )
    work = aggregate.linear_work(layout, exponentiate=False)
    root = passes.trees(counts, [work], threads)[0].root()
    out = np.zeros((n_groups, n_genes))
    out[root.groups] = root.values["linear"]
    return out


def _droplets(adata: ad.AnnData, empty: ad.AnnData, samples: Factor, threads: int) -> np.ndarray:
    """Counts of the droplets of another AnnData, in the genes of this one."""
    validate.anndata(empty)
    place = adata.var_names.get_indexer(empty.var_names)
    shared = int((place >= 0).sum())
    if shared < _LEAST_SHARED * adata.n_vars:
        raise InputValueError(
            f"empty must have the genes of adata: {shared} of {adata.n_vars} were found in empty.var_names. "
            "Use the same gene names in both."
        )
    summed = _sums(
        counts_of(empty, None)[0], _sample_of_droplets(empty, samples), len(samples.names), threads
    )
    out = np.zeros((len(samples.names), adata.n_vars))
    out[:, place[place >= 0]] = summed[:, place >= 0]
    return out


def _sample_of_droplets(adata: ad.AnnData, samples: Factor) -> np.ndarray:
    """Sample code of every row, -1 for samples without cells; one sample needs no column."""
    if samples.key not in adata.obs.columns and len(samples.names) == 1:
        return np.zeros(adata.n_obs, dtype=np.int32)
    labels = adata.obs[validate.obs_key(adata, samples.key, "sample_key")].astype(str)
    return pd.Index(samples.names).get_indexer(labels.to_numpy(dtype=object)).astype(np.int32)
