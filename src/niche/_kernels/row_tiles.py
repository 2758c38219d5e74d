"""Run work over row tiles of a cells x genes matrix, so that blocks, threads and workers change no bit.

A tile is a fixed number of rows counted from the first row of the matrix. What a tile gives is combined in
one of three ways: in a fixed binary tree over tile numbers (sums of floating-point values), by plain
addition (exact sums of integers), or in order of the rows (values of cells).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from scipy import sparse

Block = tuple[int, sparse.csr_matrix]
"""First row, and the rows from there on."""


@dataclass
class Tree:
    """Partial sums as complete nodes of the fixed binary tree over tile numbers.

    Trees over disjoint tiles add in any order to the same bits.
    """

    nodes: dict[tuple[int, int], Any] = field(default_factory=dict)

    def add(self, tile: int, sums: Any, level: int = 0) -> None:
        """Put a node in place and merge it upwards while its sibling is there."""
        node = (level, tile)
        while (sibling := (node[0], node[1] ^ 1)) in self.nodes:
            other = self.nodes.pop(sibling)
            sums = other + sums if sibling[1] < node[1] else sums + other
            node = (node[0] + 1, node[1] >> 1)
        self.nodes[node] = sums

    def __add__(self, other: Tree) -> Tree:
        joined = Tree(dict(self.nodes))
        for (level, index), sums in other.nodes.items():
            joined.add(index, sums, level)
        return joined

    def root(self) -> Any:
        """Combine what is left of an incomplete tree, small nodes first from the right."""
        ordered = sorted(self.nodes.items(), key=lambda item: item[0][1] << item[0][0])
        total = ordered[-1][1]
        for _, sums in reversed(ordered[:-1]):
            total = sums + total
        return total


@dataclass(frozen=True)
class Work:
    """What is done with the rows of a tile.

    Attributes
    ----------
    function
        Called as ``function(block, first, last, *shared, *cells)`` on rows ``first..last`` of a csr block.
        A function of a module, so that it can be sent to another process.
    shared
        The same for all tiles.
    cells
        Arrays (n_obs, ...) of what belongs to each cell; the function gets the part of its rows.
    offset
        The cell that the arrays begin with.
    """

    function: Callable[..., Any]
    shared: tuple[Any, ...] = ()
    cells: tuple[np.ndarray, ...] = ()
    offset: int = 0

    def __call__(self, block: sparse.csr_matrix, first: int, last: int, row: int) -> Any:
        """Work on rows ``first..last`` of a block; the first of them is cell ``row``."""
        mine = slice(row - self.offset, row - self.offset + last - first)
        return self.function(block, first, last, *self.shared, *(cells[mine] for cells in self.cells))


@dataclass(frozen=True)
class Pass:
    """What one reading of the matrix is used for.

    Attributes
    ----------
    trees
        Works whose results are added in the fixed tree.
    totals
        Works whose results add exactly, in any order.
    rows
        Works whose results are listed in order of the rows.
    tile_rows
        Rows of a tile; part of the numerical contract where there are ``trees``.
    """

    tile_rows: int
    trees: tuple[Work, ...] = ()
    totals: tuple[Work, ...] = ()
    rows: tuple[Work, ...] = ()

    @property
    def works(self) -> tuple[Work, ...]:
        """All works: those of trees, then totals, then rows."""
        return (*self.trees, *self.totals, *self.rows)

    def cells_of(self, first: int, last: int) -> list[tuple[np.ndarray, ...]]:
        """What belongs to cells ``first..last``, work by work."""
        return [tuple(part[first:last] for part in work.cells) for work in self.works]

    def with_cells(self, cells: list[tuple[np.ndarray, ...]], first: int) -> Pass:
        """The pass over a part that begins with cell ``first``; ``cells`` belong to it, work by work."""
        works = [replace(work, cells=own, offset=first) for work, own in zip(self.works, cells, strict=True)]
        n, m = len(self.trees), len(self.trees) + len(self.totals)
        return Pass(self.tile_rows, tuple(works[:n]), tuple(works[n:m]), tuple(works[m:]))


@dataclass
class Found:
    """What a pass, or a part of it, gave; parts add in order of the rows."""

    trees: list[Tree]
    totals: list[Any]
    rows: list[list[Any]]

    def __add__(self, other: Found) -> Found:
        return Found(
            [a + b for a, b in zip(self.trees, other.trees, strict=True)],
            [a + b for a, b in zip(self.totals, other.totals, strict=True)],
            [a + b for a, b in zip(self.rows, other.rows, strict=True)],
        )


class Reader(Protocol):
    """A matrix that passes are made over."""

    def run(self, wanted: Pass) -> Found:
        """Read the matrix once."""

    def some(self, first: int, last: int) -> sparse.csr_matrix:
        """Read some rows."""


@dataclass(frozen=True)
class Held:
    """Blocks that this process reads, tiles being worked on by its threads.

    Attributes
    ----------
    blocks
        Gives the blocks anew each time it is called, in order of the rows; they begin at multiples of
        whatever tile is asked for.
    threads
        Tiles worked on at a time.
    """

    blocks: Callable[[], Iterable[Block]]
    threads: int = 1

    def run(self, wanted: Pass) -> Found:
        """Read the blocks once."""
        return run(self.blocks(), wanted, self.threads)

    def some(self, first: int, last: int) -> sparse.csr_matrix:
        """Rows ``first..last``, as far as they lie in one block."""
        for start, block in self.blocks():
            if start <= first < start + block.shape[0]:
                return block[first - start : last - start]
        return next(iter(self.blocks()))[1][:0]


def run(blocks: Iterable[Block], wanted: Pass, threads: int) -> Found:
    """Read blocks once and combine what their tiles give."""
    found = Found([Tree() for _ in wanted.trees], [None] * len(wanted.totals), [[] for _ in wanted.rows])

    def results(task: tuple[sparse.csr_matrix, int, int, int]) -> tuple[int, list[Any]]:
        return task[3] // wanted.tile_rows, [work(*task) for work in wanted.works]

    with ThreadPoolExecutor(threads) as pool:
        for start, block in blocks:
            for tile, parts in pool.map(results, _tiles(start, block, wanted.tile_rows)):
                rest = iter(parts)
                for tree in found.trees:
                    tree.add(tile, next(rest))
                for i, before in enumerate(found.totals):
                    part = next(rest)
                    found.totals[i] = part if before is None else before + part
                for listed in found.rows:
                    listed.append(next(rest))
    return found


def _tiles(start: int, block: sparse.csr_matrix, tile_rows: int) -> Iterator[tuple[Any, int, int, int]]:
    for first in range(0, block.shape[0], tile_rows):
        yield block, first, min(first + tile_rows, block.shape[0]), start + first
