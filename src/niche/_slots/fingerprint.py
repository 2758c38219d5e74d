"""Fingerprint of what a result was computed from, to tell when it no longer belongs to the data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._slots.matrix import is_dask

_WHOLE_BYTES = 1 << 27
_PARTS = 64


def compute(adata: ad.AnnData, *, obs: Iterable[str], layers: Iterable[str | None]) -> dict[str, np.ndarray]:
    """Digest the obs columns, the gene names and the matrices a result depends on.

    Matrices of up to 128 MB of stored values are digested whole; larger, dask or backed ones by
    their shape, dtype, the row pointers in memory, and 64 evenly spaced stretches of values. Any
    change of the cells, the genes or the whole matrix is found; in those large matrices a change of
    single values may not be.
    """
    items = {"genes": _digest(np.asarray(adata.var_names, dtype=str))}
    for column in obs:
        items[f"obs {column}"] = _obs_digest(adata, column)
    for layer in layers:
        label = "X" if layer is None else f"layer {layer}"
        items[label] = _matrix_digest(adata, layer)
    return {
        "names": np.array(list(items), dtype=object),
        "digests": np.array(list(items.values()), dtype=object),
    }


def changed(adata: ad.AnnData, stored: dict[str, Any]) -> list[str]:
    """Names of what differs between the stored fingerprint and the data now."""
    names = [str(name) for name in stored["names"]]
    digests = dict(zip(names, (str(d) for d in stored["digests"]), strict=True))
    found = []
    for name, then in digests.items():
        if _now(adata, name) != then:
            found.append(name)
    return found


def _now(adata: ad.AnnData, name: str) -> str:
    if name == "genes":
        return _digest(np.asarray(adata.var_names, dtype=str))
    if name.startswith("obs "):
        return _obs_digest(adata, name.removeprefix("obs "))
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
    head = np.array([*values.shape], dtype=np.int64)
    if sparse.issparse(values):
        return _digest(head, values.indptr.astype(np.int64), _stretches(values.indices), _stretches(values.data))
    if isinstance(values, np.ndarray):
        return _digest(head, _stretches(np.ascontiguousarray(values).ravel()))
    return _digest(head, *_row_samples(values))


def _row_samples(values: Any) -> list[np.ndarray]:
    """A few rows of a dask or backed matrix."""
    found = []
    for row in np.unique(np.linspace(0, values.shape[0] - 1, _PARTS // 4).astype(int)):
        part = values[int(row) : int(row) + 1]
        part = part.compute() if is_dask(part) else part
        found.append(np.asarray(part.todense() if sparse.issparse(part) else part))
    return found


def _stretches(values: np.ndarray) -> np.ndarray:
    if values.nbytes <= _WHOLE_BYTES:
        return values
    length = _WHOLE_BYTES // (_PARTS * values.itemsize)
    starts = np.linspace(0, values.size - length, _PARTS).astype(np.int64)
    return np.concatenate([values[start : start + length] for start in starts])


def _digest(*arrays: np.ndarray) -> str:
    found = hashlib.blake2b(digest_size=16)
    for array in arrays:
        if array.dtype.kind in "UO":
            found.update("\x1f".join(array.tolist()).encode())
        else:
            found.update(np.ascontiguousarray(array).view(np.uint8).data)
        found.update(b"\x1e")
    return found.hexdigest()
