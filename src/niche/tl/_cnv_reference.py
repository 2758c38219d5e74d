"""What expression without copy-number change looks like: the reference of every cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd

from niche._settings import settings
from niche._slots import validate
from niche._slots.validate import Factor
from niche.errors import InputTypeError, InputValueError, MissingKeyError

MINIMUM_OF_CATEGORY = 10
"""Cells below which a category is no reference: the noise of its mean would look like copy number."""

OWN, MIXED, GLOBAL, ALL_CELLS = "own", "mixed", "global", "all_cells"
"""Whose reference cells a sample is compared with."""


@dataclass(frozen=True)
class Categories:
    """The categories of reference cells.

    Attributes
    ----------
    key
        Column of ``obs``, empty where all cells are the reference.
    names
        Categories.
    codes
        (n_obs,) int32, -1 for cells that are no reference.
    """

    key: str
    names: list[str]
    codes: np.ndarray


@dataclass(frozen=True)
class References:
    """Which groups of cells bound normal expression, for whom.

    Attributes
    ----------
    first, second
        (n_obs,) int32: the groups each cell is averaged into, -1 for none.
    n_groups
        Number of groups.
    bounds
        (n_references, n) groups whose lowest and highest means are the bounds; first those of all samples.
    of_cell
        (n_obs,) int32: the reference that a cell is compared with.
    is_reference
        (n_obs,) bool: cells that references were made from.
    table
        Frame ``sample, n_cells, n_reference_cells, reference, own, of_all_samples``.
    """

    first: np.ndarray
    second: np.ndarray
    n_groups: int
    bounds: np.ndarray
    of_cell: np.ndarray
    is_reference: np.ndarray
    table: pd.DataFrame

    def lower_and_upper(self, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bounds (n_references, n_genes) from the means of the groups."""
        low = np.stack([means[groups].min(axis=0) for groups in self.bounds])
        return low, np.stack([means[groups].max(axis=0) for groups in self.bounds])


def categories_of(
    adata: ad.AnnData, reference_key: str | None, reference: str | Sequence[str] | None
) -> Categories:
    """Reference cells by category; all cells are one category where none is named."""
    if reference is None:
        return Categories("", ["all cells"], np.zeros(adata.n_obs, dtype=np.int32))
    key = settings.groupby if reference_key is None else reference_key
    if not isinstance(key, str):
        raise InputTypeError(f"reference_key must be the name of an obs column. Got {key!r}.")
    if key not in adata.obs.columns:
        raise MissingKeyError(
            f"column {key!r} not found in adata.obs. Available: {validate.shown(adata.obs.columns)}. "
            "Name the column that holds the reference categories with reference_key=."
        )
    listed = [reference] if isinstance(reference, (str, bool, np.bool_)) else list(reference)
    wanted = list(dict.fromkeys(str(name) for name in listed))
    if not wanted:
        raise InputValueError("reference names no category. Give at least one, or None for all cells.")
    labels = adata.obs[key].astype(object).map(str, na_action="ignore")
    present = sorted(set(labels.dropna()))
    absent = [name for name in wanted if name not in present]
    if absent:
        raise InputValueError(
            f"reference: {validate.shown(absent)} not found in adata.obs[{key!r}]. "
            f"Found there: {validate.shown(present)}."
        )
    codes = pd.Categorical(labels, categories=wanted).codes.astype(np.int32)
    return Categories(key, wanted, codes)


def pooled_references(categories: Categories, samples: Factor) -> References:
    """One reference for all cells: bounds over the categories, however few cells they have."""
    n_groups, n_cells = len(categories.names), categories.codes.size
    kind = GLOBAL if categories.key else ALL_CELLS
    whose = [(kind, "", "; ".join(categories.names))] * len(samples.names)
    return References(
        categories.codes,
        np.full(n_cells, -1, dtype=np.int32),
        n_groups,
        np.arange(n_groups)[None],
        np.zeros(n_cells, dtype=np.int32),
        categories.codes >= 0,
        _table(samples, categories, whose),
    )


def references_by_sample(categories: Categories, samples: Factor, min_reference_cells: int) -> References:
    """Bounds per sample: each category by its mean there, where too few cells by its mean in all samples."""
    codes, n_categories = categories.codes, len(categories.names)
    is_reference = codes >= 0
    counts = np.zeros((len(samples.names), n_categories), dtype=np.int64)
    np.add.at(counts, (samples.codes[is_reference], codes[is_reference]), 1)
    kept = np.flatnonzero(counts.sum(axis=0) >= MINIMUM_OF_CATEGORY)
    _enough_cells(counts, kept, categories, min_reference_cells)
    is_reference &= np.isin(codes, kept)
    own = counts >= min_reference_cells
    own[:, np.setdiff1d(np.arange(n_categories), kept)] = False
    number = np.full(counts.shape, -1, dtype=np.int32)
    number[own] = n_categories + np.arange(int(own.sum()))
    with_own = own.any(axis=1)
    of_samples = np.where(own, number, np.arange(n_categories))[with_own][:, kept]
    names = np.array(categories.names, dtype=object)
    return References(
        np.where(is_reference, codes, -1).astype(np.int32),
        np.where(is_reference, number[samples.codes, codes], -1).astype(np.int32),
        n_categories + int(own.sum()),
        np.concatenate([kept[None], of_samples]),
        np.where(with_own, np.cumsum(with_own), 0)[samples.codes].astype(np.int32),
        is_reference,
        _table(samples, categories, [_whose(names[kept], mine[kept]) for mine in own]),
    )


def _enough_cells(
    counts: np.ndarray, kept: np.ndarray, categories: Categories, min_reference_cells: int
) -> None:
    if kept.size and int(counts[:, kept].sum()) >= min_reference_cells:
        return
    listed = ", ".join(f"{name!r} {n}" for name, n in zip(categories.names, counts.sum(axis=0), strict=True))
    raise InputValueError(
        f"at least {min_reference_cells} reference cells are needed, in categories of at least "
        f"{MINIMUM_OF_CATEGORY}. Found: {listed}. Name more categories with reference=, or compare with the "
        "mean of all cells (reference=None)."
    )


def _whose(names: np.ndarray, own: np.ndarray) -> tuple[str, str, str]:
    """Whose reference a sample has, its own categories, and those taken from all samples."""
    kind = OWN if own.all() else MIXED if own.any() else GLOBAL
    return kind, "; ".join(names[own]), "; ".join(names[~own])


def _table(samples: Factor, categories: Categories, whose: list[tuple[str, str, str]]) -> pd.DataFrame:
    n = len(samples.names)
    columns = ("reference", "own", "of_all_samples")
    return pd.DataFrame(
        {
            "sample": np.array(samples.names, dtype=object),
            "n_cells": np.bincount(samples.codes, minlength=n),
            "n_reference_cells": np.bincount(samples.codes[categories.codes >= 0], minlength=n),
            **{name: np.array([row[k] for row in whose], dtype=object) for k, name in enumerate(columns)},
        }
    )
