"""Non-negative matrix factorisation of sparse cells x genes: many starts, nothing made dense.

``X ~ W H`` in least squares by cyclic coordinate descent, the updates of scikit-learn's solver ``cd``
(Cichocki & Phan 2009, doi:10.1587/transfun.E92.A.708). Most sweeps run on a sketch ``X ~ Q B`` of low rank,
made once for all numbers of programs and all starts; the last ones run on X itself, until they no longer
gain. A start runs on one thread from first to last, so that threads do not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from scipy import sparse
from threadpoolctl import threadpool_limits

LANES = 8
"""Factors are padded to a multiple of this, so that compiled loops have full vectors."""

SKETCH_RANK = 60
_POWER_PASSES = 3
_SKETCH_SWEEPS, _SKETCH_GAIN = 400, 1e-6
_TILE = 64


@dataclass(frozen=True)
class Input:
    """A non-negative matrix by rows and by columns.

    Attributes
    ----------
    rows, columns
        X (n_cells, n_genes) and its transpose, both csr float32.
    square
        Sum of squares of X.
    basis, coefficients
        Sketch Q (n_cells, rank) with orthonormal columns and B (rank, n_genes); empty where X is so small
        that it is worked on itself from the start.
    """

    rows: sparse.csr_matrix
    columns: sparse.csr_matrix
    square: float
    basis: np.ndarray
    coefficients: np.ndarray

    @property
    def sketched(self) -> bool:
        """Whether there is a sketch."""
        return self.basis.size > 0


@dataclass(frozen=True)
class Factors:
    """One factorisation.

    Attributes
    ----------
    usage
        W (n_cells, k) float32.
    spectra
        H (k, n_genes) float32.
    loss
        ``||X - W H||^2`` (Frobenius).
    sweeps
        On X itself.
    converged
        Whether the last sweep gained less than was asked for.
    """

    usage: np.ndarray
    spectra: np.ndarray
    loss: float
    sweeps: int
    converged: bool


def prepare(x: sparse.csr_matrix, seed: int = 0, rank: int = SKETCH_RANK) -> Input:
    """Sketch X (n_cells, n_genes) by a randomized range finder with power passes (Halko 2011).

    Halko et al., doi:10.1137/090771806. X of fewer than four times ``rank`` rows or columns is not sketched.
    """
    rows = sparse.csr_matrix(x, dtype=np.float32)
    columns = rows.T.tocsr()
    square = float(np.square(rows.data, dtype=np.float64).sum())
    none = np.zeros((0, 0), dtype=np.float32)
    if min(rows.shape) < 4 * rank:
        return Input(rows, columns, square, none, none)
    rank = _padded(rank)
    with threadpool_limits(1, user_api="blas"):
        drawn = np.random.default_rng(seed).standard_normal((rows.shape[1], rank), dtype=np.float32)
        basis = np.linalg.qr(product(rows, drawn))[0]
        for _ in range(_POWER_PASSES):
            basis = np.linalg.qr(product(columns, np.ascontiguousarray(basis)))[0]
            basis = np.linalg.qr(product(rows, np.ascontiguousarray(basis)))[0]
        basis = np.ascontiguousarray(basis, dtype=np.float32)
        coefficients = np.ascontiguousarray(product(columns, basis).T)
    return Input(rows, columns, square, basis, coefficients)


def product(x: sparse.csr_matrix, right: np.ndarray) -> np.ndarray:
    """``X @ right`` for csr float32 and dense float32 whose width is a multiple of :data:`LANES`."""
    out = np.empty((x.shape[0], right.shape[1]), dtype=np.float32)
    _parallel_product(x.indptr, x.indices, x.data, right, out)
    return out


def factorise(
    x: Input,
    k: int,
    seeds: Sequence[np.random.SeedSequence],
    *,
    gain: float = 1e-5,
    most_sweeps: int = 200,
    n_jobs: int = 1,
) -> list[Factors]:
    """Factorise X into ``k`` programs from a random start for every seed.

    Starts are those of scikit-learn's ``init="random"``: absolute normal values scaled by the root of the
    mean over k. Sweeps on X go on until one lowers the loss by less than ``gain`` of itself.
    """
    scale = float(np.sqrt(x.rows.sum(dtype=np.float64) / np.prod(x.rows.shape, dtype=np.float64) / k))

    def one(seed: np.random.SeedSequence) -> Factors:
        return _from_start(x, k, np.random.default_rng(seed), scale, gain, most_sweeps)

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(max(1, n_jobs)) as pool:
        return list(pool.map(one, seeds))


def _from_start(
    x: Input, k: int, rng: np.random.Generator, scale: float, gain: float, most_sweeps: int
) -> Factors:
    (n_cells, n_genes), width = x.rows.shape, _padded(k)
    h, w = np.zeros((n_genes, width), dtype=np.float32), np.zeros((n_cells, width), dtype=np.float32)
    h[:, :k] = np.abs(scale * rng.standard_normal((k, n_genes), dtype=np.float32)).T
    w[:, :k] = np.abs(scale * rng.standard_normal((n_cells, k), dtype=np.float32))
    if x.sketched:
        _on_sketch(x.basis, x.coefficients, w, h, k, _SKETCH_GAIN, _SKETCH_SWEEPS)
    loss, sweeps, converged = _on_matrix(
        x.rows.indptr, x.rows.indices, x.rows.data, x.columns.indptr, x.columns.indices, x.columns.data,
        x.square, w, h, k, gain, most_sweeps,
    )  # fmt: skip
    spectra = np.ascontiguousarray(h[:, :k].T)
    return Factors(np.ascontiguousarray(w[:, :k]), spectra, float(loss), int(sweeps), bool(converged))


def usage_of(
    x: sparse.csr_matrix, spectra: np.ndarray, *, gain: float = 1e-7, most_sweeps: int = 2000,
    parallel: bool = True,
) -> np.ndarray:  # fmt: skip
    """Non-negative least squares usage (n_cells, k) of every row of X with ``spectra`` (k, n_genes) fixed.

    Each cell is solved by itself by coordinate descent until a sweep moves no usage by more than ``gain`` of
    the cell's largest. float64. Without ``parallel`` it runs on one thread, so that several can call it.
    """
    k = spectra.shape[0]
    h = np.zeros((spectra.shape[1], _padded(k)), dtype=np.float64)
    h[:, :k] = spectra.T
    rows = sparse.csr_matrix(x)
    target = np.empty((rows.shape[0], h.shape[1]), dtype=np.float64)
    multiply, solve = (_parallel_product, _non_negative) if parallel else (_product, _non_negative_rows)
    multiply(rows.indptr, rows.indices, rows.data.astype(np.float64, copy=False), h, target)
    out = np.zeros((rows.shape[0], k), dtype=np.float64)
    solve(target[:, :k].copy(), np.ascontiguousarray(h[:, :k].T @ h[:, :k]), gain, most_sweeps, out)
    return out


def squared_error(x: sparse.csr_matrix, usage: np.ndarray, spectra: np.ndarray) -> float:
    """``||X - W H||^2`` without making it dense: ``||X||^2 - 2 <X H', W> + <W'W, H H'>``."""
    w, h = np.asarray(usage, dtype=np.float64), np.asarray(spectra, dtype=np.float64)
    rows = sparse.csr_matrix(x).astype(np.float64)
    cross = float(np.einsum("ij,ij->", rows @ h.T, w))
    return float(np.square(rows.data).sum()) - 2 * cross + float(np.einsum("ij,ij->", w.T @ w, h @ h.T))


def _padded(k: int) -> int:
    return -(-k // LANES) * LANES


@njit(cache=True, nogil=True, fastmath={"contract"})
def _row_product(indptr, indices, data, right, out, i):
    """One row of ``X @ right``, four values at a time.

    The loops over columns become vectors, which loops over values of one column do not; unsigned indices
    spare the test for negative ones.
    """
    width, end = right.shape[1], indptr[i + 1]
    row = out[i]
    row[:] = 0
    fours = end - (end - indptr[i]) % 4
    for p in range(indptr[i], fours, 4):
        a, b, c, d = data[p], data[p + 1], data[p + 2], data[p + 3]
        first, second = right[np.uint32(indices[p])], right[np.uint32(indices[p + 1])]
        third, fourth = right[np.uint32(indices[p + 2])], right[np.uint32(indices[p + 3])]
        for j in range(width):
            row[j] += (a * first[j] + b * second[j]) + (c * third[j] + d * fourth[j])
    for p in range(fours, end):
        value, other = data[p], right[np.uint32(indices[p])]
        for j in range(width):
            row[j] += value * other[j]


@njit(cache=True, nogil=True)
def _product(indptr, indices, data, right, out):
    for i in range(out.shape[0]):
        _row_product(indptr, indices, data, right, out, i)


@njit(cache=True, parallel=True)
def _parallel_product(indptr, indices, data, right, out):
    for i in prange(out.shape[0]):
        _row_product(indptr, indices, data, right, out, i)


@njit(cache=True, nogil=True)
def _descend(factor, target, gram, k):
    """One cyclic sweep over the k columns of every row: min ||target - factor gram|| with factor >= 0.

    Rows are taken in tiles turned on their side, so that a tile is one vector per column.
    """
    n = factor.shape[0]
    own = np.empty((k, _TILE), dtype=np.float32)
    aim = np.empty(_TILE, dtype=np.float32)
    for first in range(0, n, _TILE):
        size = min(_TILE, n - first)
        for t in range(size):
            for j in range(k):
                own[j, t] = factor[first + t, j]
        for j in range(k):
            if gram[j, j] <= 0:
                continue
            for t in range(size):
                aim[t] = target[first + t, j]
            for other in range(k):
                shared = gram[j, other]
                for t in range(_TILE):
                    aim[t] -= shared * own[other, t]
            over = np.float32(1.0) / gram[j, j]
            for t in range(size):
                own[j, t] = max(own[j, t] + aim[t] * over, np.float32(0.0))
        for t in range(size):
            for j in range(k):
                factor[first + t, j] = own[j, t]


@njit(cache=True, nogil=True)
def _inner(a, b):
    """Sum of products of two arrays of rows in double precision, row by row."""
    total = 0.0
    for i in range(a.shape[0]):
        row = a[i, 0] * 0
        for j in range(a.shape[1]):
            row += a[i, j] * b[i, j]
        total += row
    return total


@njit(cache=True, nogil=True)
def _on_sketch(basis, coefficients, w, h, k, gain, most_sweeps):
    """Sweep over the sketch until the loss falls by less than ``gain`` of itself."""
    square = _inner(coefficients, coefficients)
    before = np.inf
    for sweep in range(most_sweeps):
        gram = np.dot(h.T, h)
        _descend(w, np.dot(basis, np.dot(coefficients, h)), gram, k)
        gram = np.dot(w.T, w)
        target = np.dot(coefficients.T, np.dot(basis.T, w))
        _descend(h, target, gram, k)
        if sweep % 5 == 4:
            loss = square - 2 * _inner(target, h) + _inner(gram, np.dot(h.T, h))
            if before - loss < 5 * gain * abs(loss):
                break
            before = loss


@njit(cache=True, nogil=True)
def _on_matrix(indptr, indices, data, t_indptr, t_indices, t_data, square, w, h, k, gain, most_sweeps):
    """Sweep over X itself until the loss falls by less than ``gain`` of itself."""
    for_w, for_h = np.empty_like(w), np.empty_like(h)
    before = np.inf
    loss = np.inf
    for sweep in range(most_sweeps):
        _product(indptr, indices, data, h, for_w)
        _descend(w, for_w, np.dot(h.T, h), k)
        _product(t_indptr, t_indices, t_data, w, for_h)
        gram = np.dot(w.T, w)
        _descend(h, for_h, gram, k)
        loss = square - 2 * _inner(for_h, h) + _inner(gram, np.dot(h.T, h))
        if before - loss < gain * abs(loss):
            return loss, sweep + 1, True
        before = loss
    return loss, most_sweeps, False


@njit(cache=True, nogil=True)
def _non_negative_row(target, gram, gain, most_sweeps, own):
    """Coordinate descent of one cell."""
    k = gram.shape[0]
    for _ in range(most_sweeps):
        moved, largest = 0.0, 0.0
        for j in range(k):
            if gram[j, j] <= 0:
                continue
            step = target[j]
            for other in range(k):
                step -= gram[j, other] * own[other]
            new = max(own[j] + step / gram[j, j], 0.0)
            moved = max(moved, abs(new - own[j]))
            largest = max(largest, new)
            own[j] = new
        if moved <= gain * largest:
            break


@njit(cache=True, nogil=True)
def _non_negative_rows(target, gram, gain, most_sweeps, out):
    for i in range(target.shape[0]):
        _non_negative_row(target[i], gram, gain, most_sweeps, out[i])


@njit(cache=True, parallel=True)
def _non_negative(target, gram, gain, most_sweeps, out):
    for i in prange(target.shape[0]):
        _non_negative_row(target[i], gram, gain, most_sweeps, out[i])
