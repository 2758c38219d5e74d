"""Copy-number profiles from expression: references, smoothing along the genome, noise, sparse result.

The expression is never made dense. A value enters a profile through a function that is constant at zero,
f(x) = f(0) + delta(x), so the profile of a cell is that of an empty cell, once per reference, plus the
deltas of its non-zeros. The pyramid weights are linear between knots, so the genes of one stretch between
knots enter every window through two sums only.

Sums over cells are exact (integers, or exactly rounded), and a cell's profile depends on nothing but the
cell: neither blocks, threads nor the order of the cells change a bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from niche._kernels import copy_number_rows as rows
from niche._kernels.copy_number_rows import Windows

TILE_ROWS = 256
"""Rows a thread works on at a time; no part of the numerical contract."""

Blocks = Callable[[], Iterable[tuple[int, sparse.csr_matrix]]]
"""Gives the matrix anew each time it is called: (first row, csr block), in order of the rows."""


def windows_along(columns: list[np.ndarray], n_columns: int, *, window: int, step: int) -> Windows:
    """Lay windows over chromosomes, each given by its columns in the order of the genome.

    A chromosome of at most ``window`` genes gets one flat mean.
    """
    width = math.gcd(math.gcd(window, window // 2), step)
    listed = np.sort(np.concatenate(columns)) if columns else np.zeros(0, dtype=np.int64)
    gene_of_column = np.full(n_columns, -1, dtype=np.int32)
    gene_of_column[listed] = np.arange(listed.size)
    stretch, offset = np.zeros(listed.size, dtype=np.int32), np.zeros(listed.size)
    starts: dict[str, list[int]] = {"stretch": [0], "window": [0]}
    flat, ends = [], []
    for mine in columns:
        genes, place = gene_of_column[mine], np.arange(mine.size)
        flat.append(mine.size <= window)
        n = 1 if flat[-1] else -(-(mine.size - window + 1) // step)
        first = place[:1] if flat[-1] else np.arange(n) * step
        last = place[-1:] if flat[-1] else first + window - 1
        ends.append((genes[first], genes[last]))
        stretch[genes] = starts["stretch"][-1] + (0 if flat[-1] else place // width)
        offset[genes] = 0 if flat[-1] else place % width
        starts["stretch"].append(starts["stretch"][-1] + (1 if flat[-1] else -(-mine.size // width)))
        starts["window"].append(starts["window"][-1] + n)
    return Windows(
        gene_of_column, stretch, offset, starts["stretch"][-1],
        np.array(starts["stretch"][:-1]), np.array(starts["window"][:-1]), np.diff(starts["window"]),
        np.array(flat, dtype=bool), np.array([mine.size for mine in columns]),
        np.concatenate([first for first, _ in ends]), np.concatenate([last for _, last in ends]),
        window, step, width,
    )  # fmt: skip


@dataclass(frozen=True)
class Profile:
    """A copy-number profile per cell.

    Attributes
    ----------
    values
        (n_obs, n_windows) csr float32.
    noise
        Standard deviation over the cells that noise was read from; NaN where none was asked for.
    threshold
        Values below it in size were set to zero.
    """

    values: sparse.csr_matrix
    noise: float
    threshold: float


@dataclass(frozen=True)
class Survey:
    """What one pass over the matrix says about its genes, exactly.

    Attributes
    ----------
    means
        (n_groups, n_genes) mean of each gene in each group of cells.
    detected
        (n_genes,) cells in which the gene is seen.
    """

    means: np.ndarray
    detected: np.ndarray


def survey(
    blocks: Blocks, gene_of_column: np.ndarray, group: np.ndarray, second: np.ndarray, n_groups: int
) -> Survey:
    """Sum genes over groups of cells, and count the cells in which they are seen.

    ``gene_of_column`` (n_vars,) int32 numbers the genes, -1 for columns left out; ``group`` and ``second``
    (n_obs,) int32 are the up to two groups of each cell, -1 for none.
    """
    n_genes = int(gene_of_column.max(initial=-1)) + 1
    sums = np.zeros((n_groups, n_genes), dtype=np.int64)
    detected = np.zeros(n_genes, dtype=np.int64)
    with ThreadPoolExecutor(1) as pool:
        for first, block in blocks():
            counting = pool.submit(rows.count_detected, block.data, block.indices, gene_of_column, detected)
            mine = slice(first, first + block.shape[0])
            rows.add_to_groups(
                block.data, block.indices, block.indptr, group[mine], second[mine], gene_of_column, sums
            )
            counting.result()
    both = np.concatenate([group, second])
    n = np.bincount(both[both >= 0], minlength=n_groups)
    return Survey(sums / rows.FIXED_POINT / np.maximum(n, 1)[:, None], detected)


def infer(
    blocks: Blocks,
    windows: Windows,
    lower: np.ndarray,
    upper: np.ndarray,
    reference_of_cell: np.ndarray,
    *,
    clip: float,
    sds: float | None,
    noise_from: np.ndarray,
    threads: int = 1,
) -> Profile:
    """Smooth, centre and denoise the log fold change of every cell against its reference.

    Parameters
    ----------
    blocks
        The matrix of log values.
    windows
        Where the genes lie.
    lower, upper
        (n_references, n_genes) bounds between which expression is that of the reference.
    reference_of_cell
        (n_obs,) int32: the reference of each cell.
    clip
        Largest log fold change.
    sds
        Values below this number of standard deviations of the noise become zero; ``None`` keeps all.
    noise_from
        (n_obs,) bool: the cells that noise is read from.
    threads
        Tiles worked on at a time.
    """
    smoother = _smoother(windows, lower, upper, clip)
    noise, threshold = math.nan, 0.0
    with ThreadPoolExecutor(threads) as pool:
        if sds is not None:
            noise = _noise(pool, smoother, blocks, np.where(noise_from, reference_of_cell, -1))
            threshold = sds * noise
        parts = list(
            _in_tiles(pool, lambda *tile: _kept(smoother(*tile), threshold), blocks, reference_of_cell)
        )
    return Profile(_joined(parts, windows.total), noise, threshold)


@dataclass(frozen=True)
class _Smoother:
    """Computes the profiles of a tile of rows."""

    windows: Windows
    bounds: np.ndarray
    base: np.ndarray
    clip: float

    def __call__(self, block: sparse.csr_matrix, first: int, reference: np.ndarray) -> np.ndarray:
        """Profiles of rows of a block from ``first`` on, those with reference -1 left out."""
        used = np.flatnonzero(reference >= 0)
        out = np.empty((used.size, self.windows.total))
        rows.profiles(
            block.data, block.indices, block.indptr, first + used, reference[used], self.windows, self.bounds,
            self.clip, self.base, out,
        )  # fmt: skip
        return out


def _smoother(windows: Windows, lower: np.ndarray, upper: np.ndarray, clip: float) -> _Smoother:
    bounds = np.stack([lower, upper], axis=2).astype(np.float64)
    base, deltas = np.empty((len(bounds), windows.total)), np.empty((2, windows.n_stretches))
    for own, out in zip(bounds, base, strict=True):
        rows.empty_cell(own, clip, windows, deltas)
        rows.smooth(deltas, windows, out)
    return _Smoother(windows, bounds, base, clip)


def _in_tiles(
    pool: ThreadPoolExecutor, work: Callable[..., Any], blocks: Blocks, reference: np.ndarray
) -> Iterator[Any]:
    """Results of ``work(block, first row, references of its rows)`` over tiles, in order of the rows."""
    for start, block in blocks():
        tiles = range(0, block.shape[0], TILE_ROWS)
        yield from pool.map(
            lambda first, start=start, block=block: work(
                block, first, reference[start + first : start + min(first + TILE_ROWS, block.shape[0])]
            ),
            tiles,
        )


def _noise(pool: ThreadPoolExecutor, smoother: _Smoother, blocks: Blocks, reference: np.ndarray) -> float:
    """Standard deviation of the values of all cells with a reference, exactly rounded sums of their own."""

    def work(*tile: Any) -> tuple[np.ndarray, np.ndarray]:
        out = smoother(*tile)
        sums, squares = np.empty(len(out)), np.empty(len(out))
        rows.moments(out, sums, squares)
        return sums, squares

    found = list(_in_tiles(pool, work, blocks, reference))
    n = int((reference >= 0).sum()) * smoother.windows.total
    mean = math.fsum(np.concatenate([sums for sums, _ in found]).tolist()) / n
    square = math.fsum(np.concatenate([squares for _, squares in found]).tolist()) / n
    return math.sqrt(max(square - mean**2, 0.0))


def _kept(out: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values that reach the threshold, their windows, and their number per row."""
    n = np.empty(len(out), dtype=np.int64)
    rows.count_kept(out, threshold, n)
    data, indices = np.empty(n.sum(), dtype=np.float32), np.empty(n.sum(), dtype=np.int32)
    rows.keep(out, threshold, data, indices)
    return data, indices, n


def _joined(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], n_windows: int) -> sparse.csr_matrix:
    n = np.concatenate([part[2] for part in parts])
    indptr = np.concatenate([[0], np.cumsum(n)])
    data = np.empty(indptr[-1], dtype=np.float32)
    indices = np.empty(indptr[-1], dtype=np.int32 if indptr[-1] < 2**31 else np.int64)
    at = 0
    for k, (values, places, _) in enumerate(parts):
        data[at : at + values.size], indices[at : at + values.size] = values, places
        at += values.size
        parts[k] = (values[:0], places[:0], parts[k][2])
    if indices.dtype == np.int32:
        indptr = indptr.astype(np.int32)
    return sparse.csr_matrix((data, indices, indptr), shape=(n.size, n_windows))
