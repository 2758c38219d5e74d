"""Keep the counts, put log1p CP10k in X."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
from scipy import sparse

from niche._kernels.cell_totals import log_per, row_sums
from niche._kernels.row_tiles import Work
from niche._log import logger
from niche._settings import settings
from niche._slots import fingerprint, keys, matrix, passes, validate, write
from niche._slots.lazy import is_dask
from niche.errors import InputValueError


def normalize(
    adata: ad.AnnData, *, target_sum: float = 1e4, layer: str | None = None, copy: bool = False
) -> ad.AnnData | None:
    r"""Keep raw counts in ``layers["counts"]`` and put log1p of counts per 10,000 in X.

    Parameters
    ----------
    adata
        Annotated data: numpy, csr, csc or dask of either (kept lazy), integers or floats. Backed data with
        ``copy=True`` only.
    target_sum
        Total of every cell after scaling, greater than 0.
    layer
        Layer that holds the counts. ``None`` takes ``layers["counts"]`` where it exists, so that a
        second run gives the same result, else X.
    copy
        Return a changed copy instead of changing ``adata``. That of backed data reads the file lazily.

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
    :math:`x_{ig} = \log(1 + c_{ig}\, s / \sum_g c_{ig})` with :math:`s` = ``target_sum``, to the last bit
    what :func:`scanpy.pp.normalize_total` and :func:`scanpy.pp.log1p` give. Cells without counts stay zero.
    A dask array is read once to check it; the log values are computed again wherever they are read, and no
    file is written.

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
    if adata.isbacked and not copy:
        raise InputValueError(
            "adata is backed by a file, whose X cannot be replaced in place. Take a copy that reads the file "
            "where it is needed, adata = niche.pp.normalize(adata, copy=True), or load it first: adata = "
            "adata.to_memory()."
        )
    if adata.isbacked:
        adata = passes.reopened(adata)
        normalize(adata, target_sum=target_sum, layer=layer)
        return adata
    source = keys.COUNTS if layer is None and matrix.has_counts(adata) else layer
    counts = _counts(adata, source)
    totals = np.concatenate(passes.rows(counts, Work(_totals), settings.threads(None)))
    values = _log_values(counts.values, float(target_sum))

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


def _totals(block: sparse.csr_matrix, first: int, last: int) -> np.ndarray:
    return row_sums(block[first:last])


def _log_values(values: Any, target_sum: float) -> Any:
    """log1p of counts per ``target_sum`` as a new array of the kind given; a dask array stays lazy."""
    if is_dask(values):
        from dask.array.utils import meta_from_array

        dense = isinstance(meta_from_array(values), np.ndarray)
        meta = np.zeros((0, 0), np.float32) if dense else sparse.csr_matrix((0, 0), dtype=np.float32)
        return values.rechunk({1: -1}).map_blocks(_log_values, target_sum, dtype=np.float32, meta=meta)
    csr = matrix.as_csr(values).copy()
    csr.eliminate_zeros()
    found = log_per(csr, target_sum)
    return found.toarray() if isinstance(values, np.ndarray) else found


def _kept(values: Any) -> Any:
    """The counts as they are stored: half precision cannot be summed or kept sparse, so it is widened."""
    return values.astype(np.float32) if values.dtype == np.float16 else values
