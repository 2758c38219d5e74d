"""What the matrices of a data set hold: counts or log values, on which scale, and where."""

from __future__ import annotations

from dataclasses import dataclass, field

import anndata as ad
import numpy as np
from scipy import sparse

from niche._kernels.row_tiles import Pass, Work
from niche._settings import settings
from niche._slots import keys, matrix, passes
from niche.errors import InputValueError

_COMMON_TARGETS = ((1e4, "CP10k"), (1e6, "CPM"))
_CLOSE = 0.1
_EVEN = 0.05
"""Largest relative spread (MAD over median) of row totals that were scaled to one target."""


@dataclass(frozen=True)
class Values:
    """What one layer holds.

    Attributes
    ----------
    layer
        None for X.
    kind
        ``counts``, ``lognorm`` or ``unusable``.
    scale
        In words, for example ``log1p CP10k``.
    problem
        Why it is unusable, else empty.
    target_sum
        Median total of a cell after undoing the logarithm; NaN unless log values on one target.
    totals
        (n_obs,) total of each cell: counts, or unlogged values.
    expressed
        (n_vars,) number of cells in which each gene is above zero.
    """

    layer: str | None
    kind: str
    scale: str
    problem: str = ""
    target_sum: float = float("nan")
    totals: np.ndarray = field(default_factory=lambda: np.empty(0))
    expressed: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def name(self) -> str:
        """How messages call the layer."""
        return matrix.layer_name(self.layer)


def describe(adata: ad.AnnData, layer: str | None) -> list[Values]:
    """Read the matrix a study works on, and the stored counts beside it, once and completely.

    With ``layer=None`` these are X and ``layers["counts"]``; a matrix that cannot be used raises unless
    the other one can stand in for it.
    """
    if layer is not None:
        return [_read(adata, layer)]
    found: list[Values] = []
    for name in [None, keys.COUNTS] if matrix.has_counts(adata) else [None]:
        if name is None and adata.X is None and matrix.has_counts(adata):
            continue
        try:
            found.append(_read(adata, name))
        except InputValueError as error:
            if not matrix.has_counts(adata):
                raise
            found.append(Values(name, "unusable", "not usable", problem=str(error)))
    if all(values.kind == "unusable" for values in found):
        raise InputValueError(found[-1].problem)
    return found


def _read(adata: ad.AnnData, layer: str | None) -> Values:
    kind = matrix.detect_kind(adata, layer)
    expected: matrix.Kind = "counts" if layer == keys.COUNTS else kind
    values = matrix.resolve(adata, layer, expected)
    wanted = Pass(matrix.TILE_ROWS, totals=(Work(_expressed),), rows=(Work(_totals, (kind,)),))
    found = passes.reader(values, settings.threads(None)).run(wanted)
    expressed, (totals, totals_two) = found.totals[0], np.concatenate(found.rows[0], axis=1)
    if kind == "counts":
        return Values(layer, kind, "raw counts", totals=totals, expressed=expressed)
    scale, target = _scale(totals, totals_two)
    return Values(layer, kind, scale, target_sum=target, totals=totals, expressed=expressed)


def _expressed(block: sparse.csr_matrix, first: int, last: int) -> np.ndarray:
    """Cells in which each gene is above zero, (n_vars,)."""
    part = slice(block.indptr[first], block.indptr[last])
    return np.bincount(block.indices[part][block.data[part] > 0], minlength=block.shape[1])


def _totals(block: sparse.csr_matrix, first: int, last: int, kind: str) -> np.ndarray:
    """Totals of cells (2, last - first): counts; or values of which they are logarithms, base e and 2."""
    wide = block[first:last].astype(np.float64)
    if kind == "counts":
        totals = np.asarray(wide.sum(axis=1)).ravel()
        return np.stack([totals, totals])
    totals = np.asarray(wide.expm1().sum(axis=1)).ravel()
    wide.data = np.exp2(wide.data) - 1
    return np.stack([totals, np.asarray(wide.sum(axis=1)).ravel()])


def _scale(totals: np.ndarray, totals_two: np.ndarray) -> tuple[str, float]:
    """Name the scale of log values from the cell totals under base e and base 2."""
    spread, spread_two = _spread(totals), _spread(totals_two)
    median = float(np.median(totals))
    if min(spread, spread_two) > _EVEN:
        return "log values whose cell totals differ", float("nan")
    if spread_two < spread:
        return f"log2(x + 1) with cell totals of {np.median(totals_two):,.0f}", float("nan")
    for target, name in _COMMON_TARGETS:
        if abs(median / target - 1) <= _CLOSE:
            return f"log1p {name}", median
    return f"log1p of values with cell totals of {median:,.0f}", median


def _spread(totals: np.ndarray) -> float:
    filled = totals[totals > 0]
    if not len(filled) or not np.isfinite(filled).all():
        return float("inf")
    middle = float(np.median(filled))
    return float(np.median(np.abs(filled - middle))) / middle
