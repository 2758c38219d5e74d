"""Fingerprint of what a result was computed from, to tell when it no longer belongs to the data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._kernels.row_digests import row_digests
from niche._slots.lazy import computed, held, reading
from niche._slots.matrix import as_csr, layer_name

_STRETCH = 64
_STRETCHES = 64
_SEEN: ContextVar[tuple[ad.AnnData, dict[str, str]] | None] = ContextVar("digests", default=None)
"""Data that nobody changes for the moment, and what was digested of them."""


@contextmanager
def unchanged(adata: ad.AnnData) -> Iterator[None]:
    """Digest each part of ``adata`` once only, for readers of many results that change nothing in between."""
    token = _SEEN.set((adata, {}))
    try:
        yield
    finally:
        _SEEN.reset(token)


def compute(
    adata: ad.AnnData,
    *,
    obs: Iterable[str],
    layers: Iterable[str | None],
    obsm: Iterable[str] = (),
    obsp: Iterable[str] = (),
) -> dict[str, np.ndarray]:
    """Digest the obs columns, the gene names, the matrices, coordinates and graphs a result depends on.

    A matrix is digested whole up to 4,096 cells, beyond that by its shape and 64 evenly spaced
    stretches of 64 cells, and alike whether it is dense, sparse, in memory, on disk or dask. So any
    change of the cells, the genes or the whole matrix is found; in larger data a change of single
    values may not be.
    """
    items = {"genes": _digest(np.asarray(adata.var_names, dtype=str))}
    for column in obs:
        items[f"obs {column}"] = _obs_digest(adata, column)
    for layer in layers:
        label = "X" if layer is None else f"layer {layer}"
        items[label] = _matrix_digest(adata, layer)
    for kind, names in (("obsm", obsm), ("obsp", obsp)):
        for name in names:
            items[f"{kind} {name}"] = _multi_digest(adata, kind, name)
    return of(items)


def of(items: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Digests by name as they are stored."""
    return {
        "names": np.array(list(items), dtype=object),
        "digests": np.array(list(items.values()), dtype=object),
    }


def changed(adata: ad.AnnData, stored: dict[str, Any]) -> list[str]:
    """Names of what differs between the stored fingerprint and the data now."""
    names = [str(name) for name in stored["names"]]
    digests = dict(zip(names, (str(d) for d in stored["digests"]), strict=True))
    found = []
    seen = _SEEN.get()
    known = seen[1] if seen and seen[0] is adata else {}
    for name, then in digests.items():
        if name not in known:
            known[name] = _now(adata, name)
        if known[name] != then:
            found.append(name)
    return found


def _now(adata: ad.AnnData, name: str) -> str:
    if name == "genes":
        return _digest(np.asarray(adata.var_names, dtype=str))
    if name.startswith("obs "):
        return _obs_digest(adata, name.removeprefix("obs "))
    for kind in ("obsm", "obsp"):
        if name.startswith(f"{kind} "):
            return _multi_digest(adata, kind, name.removeprefix(f"{kind} "))
    return _matrix_digest(adata, None if name == "X" else name.removeprefix("layer "))


def _obs_digest(adata: ad.AnnData, column: str) -> str:
    if column not in adata.obs.columns:
        return "absent"
    values = adata.obs[column]
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.cat.remove_unused_categories()
        names = values.cat.categories.astype(str).to_numpy()
        order = np.argsort(names, kind="stable")
        rank = np.empty(len(order) + 1, dtype=np.int64)
        rank[order] = np.arange(len(order))
        rank[-1] = -1
        return _digest(names[order].astype(str), rank[values.cat.codes.to_numpy()])
    codes, names = pd.factorize(values.astype(str), sort=True)
    return _digest(np.asarray(names, dtype=str), codes.astype(np.int64))


def _matrix_digest(adata: ad.AnnData, layer: str | None) -> str:
    if layer is not None and layer not in adata.layers:
        return "absent"
    values = adata.X if layer is None else adata.layers[layer]
    if values is None:
        return "absent"
    n_rows = values.shape[0]
    parts = [np.array([*values.shape], dtype=np.int64)]
    starts = _starts(n_rows)
    if sparse.issparse(values) and values.format == "csr":
        if n_rows > _STRETCH * _STRETCHES:
            values = values[(starts[:, None] + np.arange(_STRETCH)).ravel()]
        found = _row_digests(values)
        parts += [found[i : i + _STRETCH] for i in range(0, len(found), _STRETCH)]
    else:
        with reading(layer_name(layer), values):
            blocks = computed([values[first : min(first + _STRETCH, n_rows)] for first in starts])
        parts += [_row_digests(block) for block in blocks]
    return _digest(*parts)


def _multi_digest(adata: ad.AnnData, kind: str, name: str) -> str:
    """Digest of coordinates, a table or a graph, whole."""
    stored = getattr(adata, kind)
    if name not in stored:
        return "absent"
    values = held(stored[name])
    values = values.to_numpy() if isinstance(values, pd.DataFrame) else values
    return _digest(np.array([*values.shape], dtype=np.int64), _row_digests(values))


def _row_digests(block: Any) -> np.ndarray:
    csr = as_csr(block)
    return row_digests(csr.data.astype(np.float64, copy=False).view(np.uint64), csr.indices, csr.indptr)


def _starts(n_rows: int) -> np.ndarray:
    """First rows of the stretches: all of them up to 4,096 rows, else 64 evenly spaced ones."""
    if n_rows <= _STRETCH * _STRETCHES:
        return np.arange(0, n_rows, _STRETCH)
    return np.linspace(0, n_rows - _STRETCH, _STRETCHES).astype(np.int64)


def _digest(*arrays: np.ndarray) -> str:
    found = hashlib.blake2b(digest_size=16)
    for array in arrays:
        if array.dtype.kind in "UO":
            found.update("\x1f".join(array.tolist()).encode())
        else:
            found.update(np.ascontiguousarray(array).view(np.uint8).data)
        found.update(b"\x1e")
    return found.hexdigest()
