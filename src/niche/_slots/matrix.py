"""Read a cells x genes matrix of any kind in fixed row tiles, checking the values as they pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import anndata as ad
import numpy as np
from scipy import sparse

from niche._slots import keys
from niche._slots.lazy import computed, in_memory, is_dask, note, reading
from niche.errors import InputTypeError, InputValueError, MissingKeyError

Kind = Literal["counts", "lognorm"]

TILE_ROWS = 4096
"""Rows of a tile. Part of the numerical contract: changing it changes the last bits of sums."""

BLOCK_ROWS = 8 * TILE_ROWS
"""Rows read at a time from disk or dask."""

_LOG_MAXIMUM = 30.0
_SAMPLE = 200_000


@dataclass(frozen=True)
class Matrix:
    """A layer of an AnnData, resolved at the door and read lazily.

    Attributes
    ----------
    values
        numpy array, csr, csc, dask array of either, or a backed dataset; (n_obs, n_vars).
    name
        How messages call it: ``X`` or ``layers['counts']``.
    kind
        ``counts`` or ``lognorm``: what every block must look like.
    """

    values: Any
    name: str
    kind: Kind

    @property
    def shape(self) -> tuple[int, int]:
        """(n_obs, n_vars)."""
        return self.values.shape

    def blocks(self) -> Iterator[tuple[int, sparse.csr_matrix]]:
        """Yield ``(first_row, csr block)``; blocks start at multiples of :data:`TILE_ROWS`."""
        for first, block in _raw_blocks(self.values, self.name):
            csr = as_csr(block)
            check_values(csr.data, self.kind, self.name)
            yield first, csr

    def passes(self) -> Callable[[], Iterable[tuple[int, sparse.csr_matrix]]]:
        """The blocks once for every pass: held where they lie in memory, else read again each time."""
        if in_memory(self.values):
            held = list(self.blocks())
            return lambda: held
        return self.blocks

    def in_memory(self) -> sparse.csr_matrix:
        """Return the whole matrix as csr."""
        parts = [block for _, block in self.blocks()]
        whole = parts[0] if len(parts) == 1 else sparse.vstack(parts, format="csr")
        note(self.values, whole)
        return whole


def resolve(adata: ad.AnnData, layer: str | None, kind: Kind) -> Matrix:
    """Return the matrix a function works on, after a first look at its values."""
    name = layer_name(layer)
    values = stored_values(adata, layer)
    seen = _peek(values, name)
    check_values(seen, kind, name)
    if kind == "lognorm" and seen.any() and _integral(seen):
        raise InputValueError(
            f"{name} must hold log1p-normalised values, found whole numbers only: these look like counts. "
            "Run niche.pp.normalize(adata) first, which keeps them in layers['counts']."
        )
    return Matrix(values, name, kind)


def stored_values(adata: ad.AnnData, layer: str | None) -> Any:
    """Return X or a layer as it is stored; refuse one that is not there."""
    if layer is None:
        if adata.X is None:
            raise MissingKeyError(
                f"adata.X is empty. Give layer=; available layers: {available_layers(adata)}."
            )
        return adata.X
    if layer in available_layers(adata):
        return adata.layers[layer]
    raise MissingKeyError(
        f"layer {layer!r} not found in adata.layers. Available: {available_layers(adata) or 'none'}."
    )


def available_layers(adata: ad.AnnData) -> list[str]:
    """Names of the layers (anndata 0.13 also lists ``None``, which is X)."""
    return [name for name in adata.layers if name is not None]


def layer_name(layer: str | None) -> str:
    """How messages call a layer."""
    return "X" if layer is None else f"layers[{layer!r}]"


def has_counts(adata: ad.AnnData) -> bool:
    """Whether raw counts are stored where niche keeps them."""
    return keys.COUNTS in available_layers(adata)


def detect_kind(adata: ad.AnnData, layer: str | None = None) -> Kind:
    """Say whether a layer holds counts or log values, from a sample of its rows."""
    data = _peek(stored_values(adata, layer), layer_name(layer))
    check_finite(data, layer_name(layer))
    return "counts" if _integral(data) else "lognorm"


def as_csr(block: Any) -> sparse.csr_matrix:
    """Return any block as canonical csr of float32 or float64; no copy when it is one already."""
    if sparse.issparse(block):
        data_type = block.dtype
        csr = block.astype(_float_type(data_type)).tocsr() if data_type not in _FLOATS else block.tocsr()
    else:
        dense = np.asarray(block)
        csr = sparse.csr_matrix(dense.astype(_float_type(dense.dtype), copy=False))
    if not csr.has_canonical_format:
        csr = csr.copy()
        csr.sum_duplicates()
    return csr


def check_values(data: np.ndarray, kind: Kind, name: str) -> None:
    """Refuse values that are not finite, negative, or of the other kind."""
    largest = check_finite(data, name)
    if data.size == 0:
        return
    if kind == "counts" and not _integral(data):
        raise InputValueError(
            f"{name} must hold raw counts (whole numbers), found fractions such as "
            f"{_first_fraction(data):.4g}. Give the layer of counts. Data without counts can still be "
            "used from niche.tl.communication on, with log1p-normalised values in X."
        )
    if kind == "lognorm" and largest > _LOG_MAXIMUM:
        raise InputValueError(
            f"{name} must hold log1p-normalised values, found {largest:.6g}: these look like "
            "counts or unlogged values. Run niche.pp.normalize(adata) first."
        )


def check_finite(data: np.ndarray, name: str) -> float:
    """Refuse NaN, infinities and negative values, saying how many there are; return the largest value."""
    if data.size == 0:
        return 0.0
    if not np.issubdtype(data.dtype, np.number) and data.dtype != bool:
        raise InputTypeError(f"{name} must be numeric. Got dtype {data.dtype}.")
    low, high = data.min(), data.max()
    if np.isfinite(low) and np.isfinite(high) and low >= 0:
        return float(high)
    n_nan, n_inf = int(np.isnan(data).sum()), int(np.isinf(data).sum())
    n_negative = int((data < 0).sum())
    found = [
        text
        for n, text in (
            (n_nan, f"{n_nan} NaN"),
            (n_inf, f"{n_inf} infinite"),
            (n_negative, f"{n_negative} negative"),
        )
        if n
    ]
    raise InputValueError(
        f"{name} must be finite and non-negative, found {', '.join(found)} values in the part read. "
        "Scaled or batch-corrected matrices cannot be used: give counts or log1p-normalised values."
    )


_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def _float_type(dtype: np.dtype) -> type:
    """float32 holds float16 and small integers exactly; wider integers need float64."""
    if dtype in _FLOATS:
        return dtype.type
    if dtype.kind not in "biuf":
        raise InputTypeError(f"the matrix must be numeric. Got dtype {dtype}.")
    return np.float32 if dtype.itemsize <= 2 else np.float64


def _raw_blocks(values: Any, name: str) -> Iterator[tuple[int, Any]]:
    if in_memory(values):
        yield 0, values
        return
    rows = values.rechunk({0: BLOCK_ROWS, 1: -1}) if is_dask(values) else values
    for first in range(0, values.shape[0], BLOCK_ROWS):
        with reading(name, values):
            block = rows[first : first + BLOCK_ROWS]
            block = block.compute() if is_dask(block) else block
        yield first, block


def _peek(values: Any, name: str) -> np.ndarray:
    """Stored values of a few rows: the first, the middle and the last."""
    n, rows = values.shape[0], 64
    starts = [0, n // 2, n - rows] if n > 4 * rows else range(0, n, rows)
    with reading(name, values):
        parts = computed([values[first : first + rows] for first in starts])
    found = [np.asarray(part.data if sparse.issparse(part) else part).ravel()[:_SAMPLE] for part in parts]
    data = np.concatenate(found)
    if data.dtype == object:
        raise InputTypeError("the matrix must be numeric. Got dtype object.")
    return data


def _integral(data: np.ndarray) -> bool:
    return bool(np.issubdtype(data.dtype, np.integer) or data.dtype == bool or (data == np.floor(data)).all())


def _first_fraction(data: np.ndarray) -> float:
    return float(data[data != np.floor(data)][0])
