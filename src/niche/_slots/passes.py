"""Passes over a matrix of any kind: by this process, by dask's threads, or by the workers of a cluster.

A numpy array, a sparse matrix and a file that is read in this process are worked on here. A dask array goes
through dask's own scheduler: an active ``dask.distributed.Client`` where there is one, else threads. Every
task reads its own rows and hands on sums, which are added in a tree of tasks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import anndata as ad
import numpy as np
from scipy import sparse

from niche._kernels import row_tiles
from niche._kernels.row_tiles import Found, Held, Pass, Reader, Work
from niche._slots import matrix
from niche._slots.lazy import WIDE_ROWS, Apart, in_memory, is_dask, note, parts_of, unreadable
from niche._slots.matrix import Kind, Matrix
from niche.errors import InputValueError

_FAN_IN = 4
_PATIENCE = 2.0
"""Seconds after which a bar is shown."""

_LARGE_GRAPH = "distributed.admin.large-graph-warning-threshold"


def reader(values: Matrix, threads: int) -> Reader:
    """What passes over a matrix are made with; the results have the same bits for any kind."""
    if is_dask(values.values):
        return Lazy(values, threads)
    if on_cluster():
        lazily = _opened_by_workers(values.values)
        if lazily is not None:
            return Lazy(Matrix(lazily, values.name, values.kind), threads)
    return Held(values.passes(), threads)


def trees(values: Matrix, works: list[Work], threads: int) -> list[row_tiles.Tree]:
    """Read a matrix once and add what the works give in the fixed tree."""
    return reader(values, threads).run(Pass(matrix.TILE_ROWS, trees=tuple(works))).trees


def totals(values: Matrix, work: Work, threads: int) -> Any:
    """Read a matrix once and add what a work gives, in any order: exact sums."""
    return reader(values, threads).run(Pass(matrix.BLOCK_ROWS, totals=(work,))).totals[0]


def rows(values: Matrix, work: Work, threads: int, *, tile_rows: int = matrix.TILE_ROWS) -> list[Any]:
    """Read a matrix once and list what a work gives for its tiles, in order of the rows."""
    return reader(values, threads).run(Pass(tile_rows, rows=(work,))).rows[0]


def chosen(values: Matrix, cells: np.ndarray, columns: np.ndarray | None, threads: int) -> sparse.csr_matrix:
    """Read the rows of a mask ``cells`` (n_obs,) and some columns (all for None) into memory.

    Of a dask array only the stretch from the first to the last of them is read.
    """
    there = np.flatnonzero(cells)
    if is_dask(values.values) and there.size:
        stretch = slice(there[0], there[-1] + 1)
        values, cells = Matrix(values.values[stretch], values.name, values.kind), cells[stretch]
    found = rows(values, Work(_chosen, (columns,), (cells,)), threads, tile_rows=matrix.BLOCK_ROWS)
    part = found[0] if len(found) == 1 else sparse.vstack(found, format="csr")
    note(values.values, part)
    return part


def picker(values: Matrix, threads: int) -> Callable[[np.ndarray], sparse.csr_matrix]:
    """What returns the rows of a mask (n_obs,), again and again; a matrix in memory is converted once."""
    if in_memory(values.values):
        held = values.in_memory()
        return lambda cells: held[cells]
    return lambda cells: chosen(values, cells, None, threads)


def _chosen(
    block: sparse.csr_matrix, first: int, last: int, columns: np.ndarray | None, cells: np.ndarray
) -> sparse.csr_matrix:
    whole = cells.all() and first == 0 and last == block.shape[0]
    part = block if whole else block[first + np.flatnonzero(cells)]
    return part if columns is None else part[:, columns]


def on_cluster() -> bool:
    """Whether dask would send work to a ``dask.distributed.Client``."""
    if "distributed" not in sys.modules:
        return False
    from dask.base import get_scheduler

    return hasattr(getattr(get_scheduler(), "__self__", None), "scheduler_info")


@dataclass(frozen=True)
class Lazy:
    """A dask array.

    Attributes
    ----------
    values
        The matrix.
    threads
        Threads where no scheduler is active.
    """

    values: Matrix
    threads: int

    def run(self, wanted: Pass) -> Found:
        """Read the array once."""
        import dask

        shared = dask.delayed(wanted.with_cells([()] * len(wanted.works), 0), pure=False, traverse=False)
        work, sums_of, rows_of = (dask.delayed(f, pure=False) for f in (read_part, add_parts, rows_of_part))
        parts = [
            work(source, self.values.name, self.values.kind, shared, wanted.cells_of(first, last), first)
            for first, last, source in parts_of(self.values.values, matrix.TILE_ROWS)
        ]
        listed = [rows_of(part) for part in parts] if wanted.rows else []
        sums = [sums_of(parts[i : i + _FAN_IN]) for i in range(0, len(parts), _FAN_IN)]
        while len(sums) > 1:
            sums = [sums_of(sums[i : i + _FAN_IN]) for i in range(0, len(sums), _FAN_IN)]
        try:
            with _scheduled(self.threads) as options:
                total, *of_rows = dask.compute(sums[0], *listed, **options)
        except (OSError, EOFError, RuntimeError) as error:
            raise unreadable(self.values.name, self.values.values, error) from error
        joined = [[tile for part in of_rows for tile in part[i]] for i in range(len(wanted.rows))]
        return Found(total.trees, total.totals, joined)

    def some(self, first: int, last: int) -> sparse.csr_matrix:
        """Rows ``first..last``."""
        part = Matrix(self.values.values[first:last], self.values.name, self.values.kind)
        return part.in_memory()


def read_part(
    source: Any, name: str, kind: Kind, shared: Pass, cells: list[tuple[np.ndarray, ...]], first: int
) -> Found:
    """Read a part that begins with cell ``first`` and work on it: one task."""
    raw = source.read(name) if isinstance(source, Apart) else source
    block = matrix.as_csr(raw)
    matrix.check_values(block.data, kind, name)
    return row_tiles.run([(first, block)], shared.with_cells(cells, first), 1)


def rows_of_part(part: Found) -> list[list[Any]]:
    """What a part gave for its rows."""
    return part.rows


def add_parts(parts: list[Found]) -> Found:
    """The sums of some parts, without what they gave for their rows."""
    return reduce(add, [Found(part.trees, part.totals, []) for part in parts])


@contextmanager
def _scheduled(threads: int) -> Iterator[dict[str, Any]]:
    """Options of ``dask.compute``: the active scheduler, else threads with dask's bar in a terminal."""
    import dask
    from dask.base import get_scheduler
    from dask.callbacks import Callback
    from dask.diagnostics import ProgressBar

    if get_scheduler() is not None:
        with dask.config.set({_LARGE_GRAPH: "1 GB"}):  # the labels of the cells are sent with their parts
            yield {}
        return
    shown = sys.stderr is not None and sys.stderr.isatty() and not Callback.active
    with ProgressBar(minimum=_PATIENCE, out=sys.stderr) if shown else nullcontext():
        yield {"scheduler": "threads", "num_workers": threads}


def reopened(adata: ad.AnnData) -> ad.AnnData:
    """A copy of backed data whose X is a dask array that reads the file."""
    values = _opened_by_workers(adata.X)
    if values is None:
        raise InputValueError(
            f"{adata.filename} cannot be read row by row while it is open here: it must be opened with "
            "backed='r' and hold a dense or csr matrix. Load it: adata = adata.to_memory()."
        )
    parts = {name: dict(getattr(adata, name)) for name in ("obsm", "varm", "obsp", "varp")}
    layers = {name: values for name, values in adata.layers.items() if name is not None}
    return ad.AnnData(
        values, obs=adata.obs.copy(), var=adata.var.copy(), uns=dict(adata.uns), layers=layers, **parts
    )


def _opened_by_workers(values: Any) -> Any:
    """A file that this process has open, as a dask array whose tasks open it themselves; else None."""
    source = values if hasattr(values, "file") else getattr(values, "group", None)
    if getattr(getattr(source, "file", None), "mode", "") != "r" or getattr(values, "format", "csr") != "csr":
        return None
    from anndata.experimental import read_elem_lazy

    return read_elem_lazy(source, chunks=(WIDE_ROWS, values.shape[1]))
