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
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from niche._kernels import copy_number_rows as rows
from niche._kernels.copy_number_rows import Windows
from niche._kernels.row_tiles import Pass, Reader, Work

TILE_ROWS = 256
"""Rows a thread works on at a time; no part of the numerical contract."""

_SURVEY_ROWS = 32_768
"""Rows that are summed at a time, exactly: no part of it either."""

_SLACK, _GUESSED_FROM, _GUESSED_AMONG = 0.8, 400, 8_192
"""Values below this share of the threshold guessed from so many cells are dropped before it is known. A
guess that is too high costs a second pass, and changes nothing."""


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


@dataclass(frozen=True)
class _Sums:
    """Fixed-point sums (n_groups, n_genes) and numbers of cells (n_genes,); they add exactly."""

    sums: np.ndarray
    detected: np.ndarray

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(self.sums + other.sums, self.detected + other.detected)


def survey(
    reader: Reader, gene_of_column: np.ndarray, group: np.ndarray, second: np.ndarray, n_groups: int
) -> Survey:
    """Sum genes over groups of cells, and count the cells in which they are seen.

    ``gene_of_column`` (n_vars,) int32 numbers the genes, -1 for columns left out; ``group`` and ``second``
    (n_obs,) int32 are the up to two groups of each cell, -1 for none.
    """
    work = Work(_summed, (gene_of_column, n_groups), (group, second))
    found = reader.run(Pass(_SURVEY_ROWS, totals=(work,))).totals[0]
    both = np.concatenate([group, second])
    n = np.bincount(both[both >= 0], minlength=n_groups)
    return Survey(found.sums / rows.FIXED_POINT / np.maximum(n, 1)[:, None], found.detected)


def _summed(
    block: sparse.csr_matrix, first: int, last: int, gene_of_column: np.ndarray, n_groups: int,
    group: np.ndarray, second: np.ndarray,
) -> _Sums:  # fmt: skip
    n_genes = int(gene_of_column.max(initial=-1)) + 1
    found = _Sums(np.zeros((n_groups, n_genes), dtype=np.int64), np.zeros(n_genes, dtype=np.int64))
    stored = slice(block.indptr[first], block.indptr[last])
    rows.count_detected(block.data[stored], block.indices[stored], gene_of_column, found.detected)
    starts = block.indptr[first : last + 1]
    rows.add_to_groups(block.data, block.indices, starts, group, second, gene_of_column, found.sums)
    return found


def infer(
    reader: Reader,
    windows: Windows,
    lower: np.ndarray,
    upper: np.ndarray,
    reference_of_cell: np.ndarray,
    *,
    clip: float,
    sds: float | None,
    noise_from: np.ndarray,
) -> Profile:
    """Smooth, centre and denoise the log fold change of every cell against its reference.

    Parameters
    ----------
    reader
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
    """
    work = _Work(reader, _smoother(windows, lower, upper, clip), reference_of_cell, noise_from)
    if sds is None:
        return Profile(_joined(work.tiles(0.0), 0.0, windows.total), math.nan, 0.0)
    # Noise and profiles take one pass: what surely lies below the threshold is dropped at once.
    floor = _SLACK * sds * work.guessed_noise()
    tiles = work.tiles(floor)
    noise = _noise(tiles, windows.total)
    threshold = sds * noise
    if threshold < floor:
        tiles = work.tiles(threshold)
    return Profile(_joined(tiles, threshold, windows.total), noise, threshold)


@dataclass(frozen=True)
class _Smoother:
    """Computes the profiles of a tile of rows."""

    windows: Windows
    bounds: np.ndarray
    base: np.ndarray
    clip: float

    def __call__(self, block: sparse.csr_matrix, chosen: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Profiles of the chosen rows of a block, each against its reference."""
        out = np.empty((chosen.size, self.windows.total))
        rows.profiles(
            block.data, block.indices, block.indptr, chosen, reference, self.windows, self.bounds, self.clip,
            self.base, out,
        )  # fmt: skip
        return out


def _smoother(windows: Windows, lower: np.ndarray, upper: np.ndarray, clip: float) -> _Smoother:
    bounds = np.stack([lower, upper], axis=2).astype(np.float64)
    base, deltas = np.empty((len(bounds), windows.total)), np.empty((2, windows.n_stretches))
    for own, out in zip(bounds, base, strict=True):
        rows.empty_cell(own, clip, windows, deltas)
        rows.smooth(deltas, windows, out)
    return _Smoother(windows, bounds, base, clip)


@dataclass(frozen=True)
class _Tile:
    """Values of some rows: those large enough, their windows, how many a row has; moments of noise rows."""

    data: np.ndarray
    indices: np.ndarray
    n: np.ndarray
    sums: np.ndarray
    squares: np.ndarray


@dataclass(frozen=True)
class _Work:
    """All cells, tile by tile."""

    reader: Reader
    smoother: _Smoother
    reference: np.ndarray
    noise_from: np.ndarray

    def tiles(self, floor: float) -> list[_Tile]:
        """Values of all cells that reach the floor, in order of the rows."""
        work = Work(_tile, (self.smoother, floor), (self.reference, self.noise_from))
        return self.reader.run(Pass(TILE_ROWS, rows=(work,))).rows[0]

    def guessed_noise(self) -> float:
        """Standard deviation of a few of the noise cells that are met first."""
        noisy = np.flatnonzero(self.noise_from)
        if not noisy.size:
            return 0.0
        first = int(noisy[0])
        block = self.reader.some(first, first + _GUESSED_AMONG)
        mine = np.flatnonzero(self.noise_from[first : first + block.shape[0]])
        chosen = mine[np.linspace(0, mine.size - 1, min(mine.size, _GUESSED_FROM)).astype(np.int64)]
        return float(self.smoother(block, chosen, self.reference[first + chosen]).std())


def _tile(
    block: sparse.csr_matrix, first: int, last: int, smoother: _Smoother, floor: float,
    reference: np.ndarray, noise_from: np.ndarray,
) -> _Tile:  # fmt: skip
    """Values of rows ``first..last`` that reach the floor."""
    out = smoother(block, np.arange(first, last), reference)
    noise = np.flatnonzero(noise_from)
    sums, squares = np.empty(noise.size), np.empty(noise.size)
    rows.moments(out, noise, sums, squares)
    n = np.empty(last - first, dtype=np.int64)
    rows.count_kept(out, floor, n)
    data, indices = np.empty(n.sum(), dtype=np.float32), np.empty(n.sum(), dtype=np.int32)
    rows.keep(out, floor, data, indices)
    return _Tile(data, indices, n, sums, squares)


def _noise(tiles: list[_Tile], n_windows: int) -> float:
    """Standard deviation over the noise cells, from exactly rounded sums of theirs."""
    sums, squares = (np.concatenate([getattr(tile, name) for tile in tiles]) for name in ("sums", "squares"))
    n = sums.size * n_windows
    mean, square = math.fsum(sums.tolist()) / n, math.fsum(squares.tolist()) / n
    return math.sqrt(max(square - mean**2, 0.0))


def _joined(tiles: list[_Tile], threshold: float, n_windows: int) -> sparse.csr_matrix:
    """Values of the tiles that reach the threshold; the tiles are used up."""
    kept = [rows.narrow(tile.data, tile.indices, threshold, tile.n) for tile in tiles]
    n = np.concatenate([tile.n for tile in tiles])
    ends = np.cumsum(kept)
    kind = np.int32 if ends[-1] < 2**31 else np.int64
    data, indices = np.empty(ends[-1], dtype=np.float32), np.empty(ends[-1], dtype=kind)
    tiles.reverse()
    for end, size in zip(ends, kept, strict=True):
        tile = tiles.pop()
        data[end - size : end], indices[end - size : end] = tile.data[:size], tile.indices[:size]
    indptr = np.concatenate([[0], np.cumsum(n)]).astype(kind)
    return sparse.csr_matrix((data, indices, indptr), shape=(n.size, n_windows))
