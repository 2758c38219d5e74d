"""Sum the columns of a matrix that belong to one gene, in the space where they can be added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from niche._slots import matrix
from niche._slots.lazy import is_dask
from niche.errors import InputValueError

_LOG_MAXIMUM = 30.0


@dataclass(frozen=True)
class _Seen:
    """What the values of a matrix, or of some of its rows, are like.

    Attributes
    ----------
    largest
        The largest value, -inf where there is none.
    fractions
        Whether any value is no whole number.
    sum_of_values, sum_of_logs
        The largest sum of columns of one gene, were the values plain or logarithms.
    """

    largest: float
    fractions: bool
    sum_of_values: float
    sum_of_logs: float

    @classmethod
    def joined(cls, parts: Sequence[_Seen]) -> _Seen:
        """Of parts that are rows of one matrix."""
        return cls(
            max(part.largest for part in parts),
            any(part.fractions for part in parts),
            max(part.sum_of_values for part in parts),
            max(part.sum_of_logs for part in parts),
        )

    @property
    def is_log(self) -> bool:
        """Whether values are logarithms: fractions, none of them large."""
        return self.fractions and self.largest <= _LOG_MAXIMUM

    def fitting(self, dtype: np.dtype) -> np.dtype:
        """The given type where the sums fit it, else the next that holds them."""
        high = self.sum_of_logs if self.is_log else self.sum_of_values
        if dtype.kind == "b":
            return np.dtype(np.int64)
        if np.issubdtype(dtype, np.integer):
            return dtype if high <= np.iinfo(dtype).max else np.dtype(np.int64)
        return dtype if high <= float(np.finfo(dtype).max) else np.dtype(np.float64)


def sum_genes(values: Any, codes: np.ndarray, name: str) -> Any:
    """Return ``values`` (n_obs, n_vars) with the columns of equal code summed, (n_obs, n_codes).

    ``codes`` count up in order of first appearance. Whole numbers and unlogged values are added, log
    values through expm1. Columns that stand alone keep their bits; the array type is kept (a dask array
    is read once to see its values, and stays lazy), the number type too unless the sums do not fit it.
    """
    if is_dask(values):
        return _sum_lazily(values.rechunk({1: -1}), codes, name)
    if not (isinstance(values, np.ndarray) or sparse.issparse(values)):
        values = sparse.csr_matrix(values[:])
    seen = _see(values, codes, name)
    return _join(values, codes, name, is_log=seen.is_log, stored_as=seen.fitting(values.dtype))


def _sum_lazily(values: Any, codes: np.ndarray, name: str) -> Any:
    import dask
    from dask.array.utils import meta_from_array

    look = dask.delayed(_see, pure=False)
    parts = [look(block, codes, name) for block in values.to_delayed().ravel()]
    seen = _Seen.joined(dask.compute(*parts))
    dtype = seen.fitting(values.dtype)
    dense = isinstance(meta_from_array(values), np.ndarray)
    return values.map_blocks(
        _join, codes, name, is_log=seen.is_log, stored_as=dtype, dtype=dtype,
        chunks=(values.chunks[0], (int(codes.max()) + 1,)),
        meta=np.zeros((0, 0), dtype) if dense else sparse.csr_matrix((0, 0), dtype=dtype),
    )  # fmt: skip


def _see(values: Any, codes: np.ndarray, name: str) -> _Seen:
    data = np.asarray(values.data if sparse.issparse(values) else values).ravel()
    largest = float(data.max()) if data.size else -np.inf
    part, own = _shared(values, codes)
    kinds = [False, True] if largest <= _LOG_MAXIMUM else [False]
    sums = [_sum(part, own, name, is_log=is_log) for is_log in kinds]
    highest = [float(summed.data.max()) if summed.nnz else 0.0 for summed in sums]
    return _Seen(largest, bool((data != np.floor(data)).any()), highest[0], highest[-1])


def _shared(values: Any, codes: np.ndarray) -> tuple[Any, np.ndarray]:
    """The columns that share a code with others, and their codes."""
    columns = np.flatnonzero(np.bincount(codes)[codes] > 1)
    return values[:, columns], codes[columns]


def _join(values: Any, codes: np.ndarray, name: str, *, is_log: bool, stored_as: np.dtype) -> Any:
    """Columns that stand alone beside the sums of others, in order of the codes."""
    alone = np.flatnonzero(np.bincount(codes)[codes] == 1)
    part, own = _shared(values, codes)
    summed = _sum(part, own, name, is_log=is_log)
    kept = values[:, alone]
    order = np.argsort(np.concatenate([codes[alone], np.unique(own)]), kind="stable")
    if isinstance(values, np.ndarray):
        return np.hstack([kept.astype(stored_as, copy=False), summed.toarray().astype(stored_as)])[:, order]
    joined = sparse.hstack([kept.astype(stored_as), summed.astype(stored_as)], format="csc")[:, order]
    return joined.asformat(values.format)


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
