"""One pass over a cells x genes matrix: every sum that scores, tests and null moments need.

Sums run over row tiles of fixed size and are combined in a fixed binary tree over the tile number, so
blocks, chunks, workers and their order never change a bit of the result.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import sparse

from niche._kernels import row_tiles, tile_sums
from niche._kernels.row_tiles import Block, Tree, Work

PER_GROUP = ("sums", "nonzero", "total", "linear", "linear_total")
_ROWS_AT_A_TIME = 1024
PER_STRATUM = ("square", "cube", "fourth", "xy", "xxy", "xyy")


@dataclass(frozen=True)
class Layout:
    """What a pass sums over.

    Attributes
    ----------
    group
        (n_obs,) int32: the (sample, cell type) of each cell, -1 for cells left out.
    stratum
        (n_obs,) int32: the sample of each cell, -1 for cells left out.
    n_groups, n_strata
        Numbers of groups and strata.
    gene_of_column
        (n_vars,) int32: the kept gene of each column, -1 for the others.
    n_genes
        Number of kept genes.
    first, second
        (n_products,) int32: pairs of kept genes whose products are summed, sorted by ``first``.
    """

    group: np.ndarray
    stratum: np.ndarray
    n_groups: int
    n_strata: int
    gene_of_column: np.ndarray
    n_genes: int
    first: np.ndarray
    second: np.ndarray


@dataclass
class Sums:
    """Sums of some tiles: rows for the groups and strata met there, in rising order of code."""

    groups: np.ndarray
    strata: np.ndarray
    values: dict[str, np.ndarray]
    largest: float

    def __add__(self, other: Sums) -> Sums:
        groups = np.union1d(self.groups, other.groups)
        strata = np.union1d(self.strata, other.strata)
        values = {}
        for name, mine in self.values.items():
            whole, own, new = (
                (groups, self.groups, other.groups)
                if name in PER_GROUP
                else (strata, self.strata, other.strata)
            )
            if whole.size == own.size == new.size:
                values[name] = mine + other.values[name]
                continue
            joined = np.zeros((whole.size, *mine.shape[1:]), dtype=mine.dtype)
            joined[np.searchsorted(whole, own)] = mine
            joined[np.searchsorted(whole, new)] += other.values[name]
            values[name] = joined
        return Sums(groups, strata, values, max(self.largest, other.largest))


@dataclass(frozen=True)
class Aggregate:
    """The sums of one pass.

    Attributes
    ----------
    n
        (n_groups,) cells.
    sums, nonzero
        (n_groups, n_genes) sum of values and number of non-zeros.
    total
        (n_groups,) sum over all columns, kept or not.
    linear, linear_total
        As ``sums`` and ``total`` for counts or expm1 values; empty when not asked for.
    n_stratum
        (n_strata,) cells.
    square, cube, fourth
        (n_strata, n_genes) sums of the second, third and fourth powers.
    xy, xxy, xyy
        (n_strata, n_products) sums of products of the gene pairs of the layout.
    largest
        The largest value of the cells that were summed.
    """

    n: np.ndarray
    sums: np.ndarray
    nonzero: np.ndarray
    total: np.ndarray
    linear: np.ndarray
    linear_total: np.ndarray
    n_stratum: np.ndarray
    square: np.ndarray
    cube: np.ndarray
    fourth: np.ndarray
    xy: np.ndarray
    xxy: np.ndarray
    xyy: np.ndarray
    largest: float


class Scratch:
    """Arrays one thread reuses for what it keeps of a few rows."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[str, np.dtype], np.ndarray] = {}

    def take(self, name: str, size: int, dtype: np.dtype) -> np.ndarray:
        """Return an array of at least ``size`` entries of any content."""
        found = self._arrays.get((name, dtype))
        if found is None or found.size < size:
            found = self._arrays[name, dtype] = np.empty(size + size // 4, dtype=dtype)
        return found


def tile_of_values(
    block: sparse.csr_matrix, first: int, last: int, layout: Layout, group: np.ndarray, stratum: np.ndarray
) -> Sums:
    """Sum rows ``first..last`` of a block; ``group`` and ``stratum`` (last - first,) are theirs."""
    groups, group = _local(group, layout.n_groups)
    strata, stratum = _local(stratum, layout.n_strata)
    shape, stratum_shape = (groups.size, layout.n_genes), (strata.size, layout.n_genes)
    values = {
        "sums": np.zeros(shape),
        "nonzero": np.zeros(shape, dtype=np.int64),
        "total": np.zeros(groups.size),
        "square": np.zeros(stratum_shape),
        "cube": np.zeros(stratum_shape),
        "fourth": np.zeros(stratum_shape),
    }
    if layout.first.size:
        values |= {name: np.zeros((strata.size, layout.first.size)) for name in ("xy", "xxy", "xyy")}
    largest, scratch = 0.0, _scratch()
    for start in range(first, last, _ROWS_AT_A_TIME):
        part = slice(start - first, start - first + _ROWS_AT_A_TIME)
        end = min(start + _ROWS_AT_A_TIME, last)
        seen = _add_rows(block, start, end, group[part], stratum[part], layout, values, scratch)
        largest = max(largest, seen)
    return Sums(groups, strata, values, largest)


def _add_rows(
    block: sparse.csr_matrix, first: int, last: int, group: np.ndarray, stratum: np.ndarray, layout: Layout,
    values: dict[str, np.ndarray], scratch: Scratch,
) -> float:  # fmt: skip
    """Add rows ``first..last``, few enough to stay in the cache, to the sums of a tile."""
    stored, number = int(block.indptr[last] - block.indptr[first]) + 1, np.dtype(np.int32)
    gene, value = scratch.take("gene", stored, number), scratch.take("value", stored, block.dtype)
    row_start, entries = np.empty(last - first + 1, dtype=np.int64), np.zeros(layout.n_genes, dtype=np.int64)
    largest = tile_sums.add_values(
        block.data, block.indices, block.indptr, first, last, group, stratum, layout.gene_of_column,
        gene, value, row_start, entries, values["sums"], values["nonzero"], values["square"], values["cube"],
        values["fourth"], values["total"],
    )  # fmt: skip
    if layout.first.size:
        order = np.argsort(stratum, kind="stable")
        order = order[np.searchsorted(stratum[order], 0) :]
        bounds = np.searchsorted(stratum[order], np.arange(values["xy"].shape[0] + 1))
        side_by_side = np.dtype([("column", block.dtype), ("cell", np.uint16)], align=True)
        entry = scratch.take("entry", stored, side_by_side)  # one line of the cache takes both
        cell, column = entry["cell"], entry["column"]
        start = tile_sums.columns_of_rows(gene, value, row_start, order, entries, cell, column)
        tile_sums.add_products(
            start, cell, column, bounds, layout.first, layout.second, values["xy"], values["xxy"],
            values["xyy"],
        )  # fmt: skip
    return largest


def tile_of_linear(
    block: sparse.csr_matrix, first: int, last: int, layout: Layout, group: np.ndarray, *, exponentiate: bool
) -> Sums:
    """Sum the counts (or the expm1 values) of rows ``first..last`` of a block per group."""
    groups, group = _local(group, layout.n_groups)
    values = {"linear": np.zeros((groups.size, layout.n_genes)), "linear_total": np.zeros(groups.size)}
    tile_sums.add_linear(
        block.data, block.indices, block.indptr, first, last, group, layout.gene_of_column, exponentiate,
        values["linear"], values["linear_total"],
    )  # fmt: skip
    return Sums(groups, np.zeros(0, dtype=np.int32), values, 0.0)


def tree_of(
    blocks: Iterable[Block], layout: Layout, tile_rows: int, threads: int,
    *, linear: bool = False, exponentiate: bool = False,
) -> Tree:  # fmt: skip
    """Sum blocks that begin at multiples of ``tile_rows`` into one tree, tiles in parallel."""
    work = linear_work(layout, exponentiate=exponentiate) if linear else values_work(layout)
    return row_tiles.run(blocks, row_tiles.Pass(tile_rows, trees=(work,)), threads).trees[0]


def values_work(layout: Layout) -> Work:
    """What sums the values of a tile and their powers and products."""
    return Work(tile_of_values, (_shared(layout),), (layout.group, layout.stratum))


def linear_work(layout: Layout, *, exponentiate: bool) -> Work:
    """What sums the counts of a tile, or the expm1 values."""
    return Work(partial(tile_of_linear, exponentiate=exponentiate), (_shared(layout),), (layout.group,))


def _shared(layout: Layout) -> Layout:
    """The layout without what belongs to single cells."""
    return replace(layout, group=layout.group[:0], stratum=layout.stratum[:0])


_threads = threading.local()


def _scratch() -> Scratch:
    """The arrays of this thread."""
    if not hasattr(_threads, "scratch"):
        _threads.scratch = Scratch()
    return _threads.scratch


def finish(layout: Layout, values: Tree, linear: Tree | None = None) -> Aggregate:
    """Spread the sums over all groups and strata."""
    root = values.root()
    whole = {
        name: _spread(root, name, layout.n_groups if name in PER_GROUP else layout.n_strata)
        for name in root.values
    }
    if linear is None:
        whole["linear"], whole["linear_total"] = np.zeros((0, layout.n_genes)), np.zeros(0)
    else:
        linear_root = linear.root()
        whole |= {name: _spread(linear_root, name, layout.n_groups) for name in linear_root.values}
    for name in ("xy", "xxy", "xyy"):
        whole.setdefault(name, np.zeros((layout.n_strata, 0)))
    return Aggregate(
        n=np.bincount(layout.group[layout.group >= 0], minlength=layout.n_groups),
        n_stratum=np.bincount(layout.stratum[layout.stratum >= 0], minlength=layout.n_strata),
        largest=float(root.largest),
        **whole,
    )


def _spread(sums: Sums, name: str, n_rows: int) -> np.ndarray:
    part = sums.values[name]
    whole = np.zeros((n_rows, *part.shape[1:]), dtype=part.dtype)
    whole[sums.groups if name in PER_GROUP else sums.strata] = part
    return whole


def _local(codes: np.ndarray, n_codes: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes met in a tile and each row's place among them, -1 for rows left out."""
    met = np.flatnonzero(np.bincount(codes[codes >= 0], minlength=n_codes))
    place = np.full(n_codes + 1, -1, dtype=np.int32)
    place[met] = np.arange(met.size)
    return met, place[codes]
