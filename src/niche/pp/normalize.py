"""Keep the counts, put log1p CP10k in X."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._log import logger
from niche._slots import fingerprint, keys, matrix, validate, write
from niche.errors import InputValueError


def normalize(
    adata: ad.AnnData, *, target_sum: float = 1e4, layer: str | None = None, copy: bool = False
) -> ad.AnnData | None:
    r"""Keep raw counts in ``layers["counts"]`` and put log1p of counts per 10,000 in X.

    Parameters
    ----------
    adata
        Annotated data: numpy, csr, csc or dask of either (kept lazy), integers or floats.
    target_sum
        Total of every cell after scaling, greater than 0.
    layer
        Layer that holds the counts. ``None`` takes ``layers["counts"]`` where it exists, so that a
        second run gives the same result, else X.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        The changed copy with ``copy=True``, else None. Stores ``X`` (float32; dense stays dense, sparse
        becomes csr), ``layers["counts"]``, and in ``uns["normalize"]``: ``params``, ``source`` (where the
        counts were), ``n_empty_cells`` and ``median_counts``.

    Raises
    ------
    InputTypeError
        ``adata`` is not an AnnData.
    InputValueError
        X holds log values and no counts are stored, or the counts hold fractions, negatives, NaN or
        infinities, or the data are backed. Nothing is changed then.
    MissingKeyError
        ``layer`` does not exist.

    Notes
    -----
    :math:`x_{ig} = \log(1 + c_{ig}\, s / \sum_g c_{ig})` with :math:`s` = ``target_sum``, computed by
    :func:`scanpy.pp.normalize_total` and :func:`scanpy.pp.log1p`. Cells without counts stay zero.

    Examples
    --------
    >>> import anndata as ad, numpy as np
    >>> import niche
    >>> adata = ad.AnnData(np.array([[1, 3], [0, 2]], dtype="float32"))
    >>> niche.pp.normalize(adata)
    >>> np.expm1(adata.X).round().tolist(), adata.layers["counts"].tolist()
    ([[2500.0, 7500.0], [0.0, 10000.0]], [[1.0, 3.0], [0.0, 2.0]])
    """
    validate.anndata(adata)
    validate.number(target_sum, "target_sum", low=0, open_low=True, high=1e12)
    validate.flag(copy, "copy")
    if adata.isbacked:
        raise InputValueError(
            "adata is backed by a file, whose X cannot be replaced in place. "
            "Load it first: adata = adata.to_memory()."
        )
    source = keys.COUNTS if layer is None and matrix.has_counts(adata) else layer
    counts = _counts(adata, source)
    totals = np.concatenate([np.asarray(block.sum(axis=1)).ravel() for _, block in counts.blocks()])
    values = _log_values(counts.values, totals, float(target_sum))

    adata = adata.copy() if copy else adata
    write.own(adata)
    adata.layers[keys.COUNTS] = _kept(counts.values)
    adata.X = values
    n_empty = int((totals == 0).sum())
    write.result(
        adata,
        keys.NORMALIZE,
        params={"target_sum": float(target_sum), "layer": layer},
        payload={
            "source": counts.name,
            "n_empty_cells": n_empty,
            "median_counts": float(np.median(totals)),
        },
        fingerprint=fingerprint.compute(adata, obs=[], layers=[None, keys.COUNTS]),
    )
    if n_empty:
        logger.warning("normalize: %d of %d cells have no counts; they stay zero", n_empty, len(totals))
    return adata if copy else None


def _counts(adata: ad.AnnData, source: str | None) -> matrix.Matrix:
    """The counts, or an error that says what is there instead."""
    if source is None and matrix.detect_kind(adata) == "lognorm":
        layers = validate.shown(matrix.available_layers(adata)) or "none"
        raise InputValueError(
            "adata.X holds fractions (log, scaled or corrected values), not raw counts, and there is no "
            f"layers['counts'] to start from (layers: {layers}). Name the layer that holds counts with "
            "layer=; without counts skip pp.normalize: log values in X are used as they are."
        )
    return matrix.resolve(adata, source, "counts")


def _log_values(values: Any, totals: np.ndarray, target_sum: float) -> Any:
    """log1p of counts per ``target_sum`` as a new array of the kind given."""
    if matrix.is_dask(values):
        return _scanpy(values.rechunk({1: -1}).astype(np.float32), target_sum)
    csr = matrix.as_csr(values).copy()
    csr.eliminate_zeros()
    scaled = _scanpy(csr[totals > 0].astype(np.float32), target_sum)
    # empty cells hold no entries: the data and indices of the others are those of all
    found = sparse.csr_matrix((scaled.data, csr.indices, csr.indptr), shape=csr.shape)
    return found.toarray() if isinstance(values, np.ndarray) else found


def _scanpy(counts: Any, target_sum: float) -> Any:
    import scanpy as sc

    if counts.shape[0] == 0:
        return counts
    names = pd.RangeIndex(counts.shape[0]).astype(str)
    cells = ad.AnnData(counts, obs=pd.DataFrame(index=names))
    sc.pp.normalize_total(cells, target_sum=target_sum)
    sc.pp.log1p(cells)
    return cells.X


def _kept(values: Any) -> Any:
    """The counts as they are stored: half precision cannot be summed or kept sparse, so it is widened."""
    return values.astype(np.float32) if values.dtype == np.float16 else values
