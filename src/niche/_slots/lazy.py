"""Lazily read data: annotation that is brought into memory, and rows that are read where they are needed."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche.errors import InputValueError, NicheError

PART_TILES = 4
"""Tiles that one task reads and works on, where dask chunks are small enough to choose."""

WIDE_ROWS = PART_TILES * 4_096
"""Rows of the chunks that files are read in: what one task works on."""

_READ_ERRORS = (OSError, EOFError, RuntimeError, ValueError, KeyError)
_DEEP = 8
_CHUNK_READER = ("anndata", "make_dask_chunk")


def is_dask(values: Any) -> bool:
    """Whether values are a dask array."""
    return hasattr(values, "dask") and hasattr(values, "rechunk")


def hold_annotation(adata: ad.AnnData) -> None:
    """Bring labels, tables and results that were read lazily into memory; matrices stay where they are."""
    for name in ("obs", "var"):
        frame = getattr(adata, name)
        if not isinstance(frame, pd.DataFrame):
            setattr(adata, name, frame.to_memory())
    for key, value in list(adata.uns.items()):
        if _is_lazy(value):
            adata.uns[key] = held(value)
    if is_dask(adata.X):
        adata.X = widened(adata.X)
    for key, value in list(adata.layers.items()):
        if key is not None and is_dask(value):
            adata.layers[key] = widened(value)
    for name in ("obsm", "varm"):
        stored = getattr(adata, name)
        for key, value in list(stored.items()):
            if _is_lazy(value) and not is_dask(value):
                stored[key] = held(value)


def _is_lazy(value: Any) -> bool:
    if is_dask(value) or hasattr(value, "to_memory"):
        return True
    return isinstance(value, Mapping) and any(_is_lazy(item) for item in value.values())


def widened(values: Any) -> Any:
    """A matrix that anndata reads, in chunks of several tiles of rows where its own are smaller.

    anndata opens the file and looks up versions for every chunk of 1,000 rows, as long as reading takes.
    Anything else comes back as it is.
    """
    if not is_dask(values) or values.ndim != 2 or max(values.chunks[0]) >= WIDE_ROWS // PART_TILES:
        return values
    task = dict(values.__dask_graph__()).get((values.name, 0, 0))
    reader = _chunk_reader(task)
    if reader is None:
        return values
    import dask.array as da

    ends = [last - first for first, last in _steps(values.shape[0], WIDE_ROWS)]
    return da.map_blocks(
        reader, dtype=values.dtype, chunks=(tuple(ends), (values.shape[1],)), meta=values._meta
    )


def _chunk_reader(task: Any) -> partial[Any] | None:
    """What reads a chunk of sparse rows of a file by its place, None for a task of another kind."""
    try:
        reader, names, info = (node.value for node in task.args)
        package, _, _ = reader.func.__module__.partition(".")
        known = names == ("block_info",) and (package, reader.func.__name__) == _CHUNK_READER
        return reader if known and info[None]["array-location"] else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def computed(parts: list[Any]) -> list[Any]:
    """Parts in memory, those of dask arrays in one go."""
    if not any(is_dask(part) for part in parts):
        return parts
    import dask

    return list(dask.compute(*parts))


def held(value: Any) -> Any:
    """A value with everything lazily read in it brought into memory."""
    if hasattr(value, "to_memory"):
        return value.to_memory()
    if is_dask(value):
        return value.compute()
    return {name: held(item) for name, item in value.items()} if isinstance(value, Mapping) else value


@dataclass(frozen=True)
class Taken:
    """A part of a matrix on disk that was taken into memory.

    Attributes
    ----------
    shape
        Cells and genes.
    n_bytes
        Memory it takes.
    """

    shape: tuple[int, int]
    n_bytes: int


_TAKEN: ContextVar[list[Taken] | None] = ContextVar("taken", default=None)


@contextmanager
def noting() -> Iterator[list[Taken]]:
    """Collect what is taken into memory, of matrices that lie on disk, by what runs inside."""
    found: list[Taken] = []
    token = _TAKEN.set(found)
    try:
        yield found
    finally:
        _TAKEN.reset(token)


def note(values: Any, part: sparse.csr_matrix) -> None:
    """Note a part of ``values`` that is held in memory now, unless ``values`` were there before."""
    found = _TAKEN.get()
    if found is not None and not in_memory(values):
        n_bytes = part.data.nbytes + part.indices.nbytes + part.indptr.nbytes
        found.append(Taken(part.shape, int(n_bytes)))


def in_memory(values: Any) -> bool:
    """Whether a matrix lies in the memory of this process."""
    return isinstance(values, np.ndarray) or sparse.issparse(values)


class Apart:
    """Consecutive chunks of a dask array, read by whoever works on them and not by tasks of their own.

    Parameters
    ----------
    graph
        The tasks of the chunks; none needs another.
    keys
        The chunks in order.
    skipped, n_rows
        Rows of the first chunk that are left out, and rows wanted.
    """

    def __init__(self, graph: dict[Any, Any], keys: list[Any], skipped: int, n_rows: int) -> None:
        self.graph, self.keys, self.skipped, self.n_rows = graph, keys, skipped, n_rows

    def read(self, name: str) -> Any:
        """The rows; ``name`` is what messages call the matrix."""
        from dask.core import get

        with reading(name, self.graph):
            chunks = get(self.graph, self.keys)
        return stacked(chunks)[self.skipped : self.skipped + self.n_rows]


def stacked(chunks: Any) -> Any:
    """Chunks below each other."""
    if len(chunks) == 1:
        return chunks[0]
    return sparse.vstack(chunks, format="csr") if sparse.issparse(chunks[0]) else np.concatenate(chunks)


def parts_of(values: Any, tile_rows: int) -> Iterator[tuple[int, int, Any]]:
    """First and last row of parts that begin at tiles, and how to get each: an :class:`Apart` or a Delayed.

    Chunks smaller than a tile that depend on nothing (as files are read) are put together within a task, so
    that no rows travel between workers. Other chunks are parts themselves, moved to the next tile before:
    at most the rows of one tile are handed on from one task to the next.
    """
    import dask

    values = values.rechunk({1: -1})
    (values,) = dask.optimize(values)
    ends = np.cumsum(values.chunks[0]).tolist()
    small = max(values.chunks[0]) < tile_rows
    graph = dict(values.__dask_graph__())
    keys = [row[0] for row in values.__dask_keys__()]
    if small and set(graph) == set(keys) and not _futures(values):
        starts = [0, *ends[:-1]]
        for first, last in _steps(ends[-1], PART_TILES * tile_rows):
            i, j = bisect.bisect_right(starts, first) - 1, bisect.bisect_left(ends, last) + 1
            mine = keys[i:j]
            yield first, last, Apart({key: graph[key] for key in mine}, mine, first - starts[i], last - first)
        return
    stops = _stops(ends, tile_rows, PART_TILES * tile_rows if small else tile_rows)
    rows = values.rechunk({0: tuple(np.diff([0, *stops]).tolist())})
    for last, first, part in zip(stops, [0, *stops], rows.to_delayed().ravel(), strict=False):
        yield first, last, part


def _steps(n_rows: int, step: int) -> Iterator[tuple[int, int]]:
    for first in range(0, n_rows, step):
        yield first, min(first + step, n_rows)


def _stops(ends: list[int], tile_rows: int, least: int) -> list[int]:
    """Last rows of parts: ends of chunks moved back to a tile, at least so many rows apart."""
    stops = [0]
    for end in ends[:-1]:
        at = end // tile_rows * tile_rows
        if at - stops[-1] >= least and at < ends[-1]:
            stops.append(at)
    return [*stops[1:], ends[-1]]


def _futures(values: Any) -> bool:
    """Whether chunks lie in the memory of workers already."""
    try:
        from distributed import futures_of
    except ImportError:
        return False
    return bool(futures_of(values))


@contextmanager
def reading(name: str, source: Any) -> Iterator[None]:
    """Say which matrix, and which file where that can be told, when ``source`` cannot be read."""
    try:
        yield
    except NicheError:
        raise
    except _READ_ERRORS as error:
        raise unreadable(name, source, error) from error


def unreadable(name: str, source: Any, error: BaseException) -> InputValueError:
    """What is raised where the rows of a matrix cannot be read."""
    file = origin(source)
    where = f"{name} of {file}" if file else name
    told = " ".join(str(error).split())[:200] or type(error).__name__
    return InputValueError(
        f"{where} cannot be read: {told}. The file may be incomplete: copy or write it again. Nothing was "
        "stored."
    )


def origin(thing: Any) -> str:
    """The file that lazily read values come from, empty where it cannot be told."""
    seen: set[int] = set()
    level = [thing]
    for _ in range(_DEEP):
        below: list[Any] = []
        for item in level:
            if id(item) in seen:
                continue
            seen.add(id(item))
            found = _path(item)
            if found:
                return found
            below += _inside(item)
        level = below
    return ""


def _path(item: Any) -> str:
    if isinstance(item, Path):
        return str(item)
    name = getattr(getattr(item, "file", None), "filename", None)
    if isinstance(name, str):
        return name
    root = getattr(getattr(item, "store", None), "root", None)
    return "" if root is None else str(root)


def _inside(item: Any) -> list[Any]:
    if isinstance(item, Mapping):
        return list(item.values())
    if isinstance(item, (list, tuple)):
        return list(item)
    if isinstance(item, partial):
        return [*item.args, *item.keywords.values()]
    if is_dask(item):
        return list(dict(item.__dask_graph__()).values())
    names = ("args", "kwargs", "func", "value", "group")
    return [getattr(item, name) for name in names if getattr(item, name, None) is not None]
