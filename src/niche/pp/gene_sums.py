"""Sum the columns of a matrix that belong to one gene, in the space where they can be added."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from niche._slots import matrix
from niche._slots.lazy import is_dask
from niche.errors import InputValueError

_LOG_MAXIMUM = 30.0


def sum_genes(values: Any, codes: np.ndarray, name: str) -> Any:
    """Return ``values`` (n_obs, n_vars) with the columns of equal code summed, (n_obs, n_codes).

    ``codes`` count up in order of first appearance. Whole numbers and unlogged values are added, log
    values through expm1. Columns that stand alone keep their bits; the array type is kept (dask
    becomes csr), the number type too unless the sums do not fit it.
    """
    if is_dask(values):
        values = values.compute()
    if not (isinstance(values, np.ndarray) or sparse.issparse(values)):
        values = sparse.csr_matrix(values[:])
    sizes = np.bincount(codes)
    alone = np.flatnonzero(sizes[codes] == 1)
    shared = np.flatnonzero(sizes[codes] > 1)
    summed = _sum(values[:, shared], codes[shared], name, is_log=_is_log(values))
    kept = values[:, alone]
    order = np.argsort(np.concatenate([codes[alone], np.unique(codes[shared])]), kind="stable")
    if isinstance(values, np.ndarray):
        dtype = _fitting(values.dtype, summed)
        return np.hstack([kept.astype(dtype, copy=False), summed.toarray().astype(dtype)])[:, order]
    dtype = _fitting(values.dtype, summed)
    joined = sparse.hstack([kept.astype(dtype), summed.astype(dtype)], format="csc")[:, order]
    return joined.asformat(values.format)


def _is_log(values: Any) -> bool:
    """Whether values are logarithms: fractions, none of them large."""
    data = np.asarray(values.data if sparse.issparse(values) else values).ravel()
    return bool(data.size and data.max() <= _LOG_MAXIMUM and (data != np.floor(data)).any())


def _sum(part: Any, codes: np.ndarray, name: str, *, is_log: bool) -> sparse.csr_matrix:
    """Sum the columns of each code; returns (n_obs, n distinct codes) in order of the codes."""
    csr = sparse.csr_matrix(part, dtype=np.float64)
    try:
        matrix.check_finite(csr.data, name)
    except InputValueError as error:
        raise InputValueError(
            f"{error} {name} has genes to sum; remove it before, or normalise again after."
        ) from error
    column = np.unique(codes, return_inverse=True)[1]
    gather = sparse.csr_matrix((np.ones(len(column)), (np.arange(len(column)), column)))
    if is_log:
        return sparse.csr_matrix((csr.expm1() @ gather).log1p())
    return sparse.csr_matrix(csr @ gather)


def _fitting(dtype: np.dtype, summed: sparse.csr_matrix) -> np.dtype:
    """The given type where the sums fit it, else the next that holds them."""
    high = float(summed.data.max()) if summed.nnz else 0.0
    if dtype.kind == "b":
        return np.dtype(np.int64)
    if np.issubdtype(dtype, np.integer):
        return dtype if high <= np.iinfo(dtype).max else np.dtype(np.int64)
    return dtype if high <= float(np.finfo(dtype).max) else np.dtype(np.float64)
