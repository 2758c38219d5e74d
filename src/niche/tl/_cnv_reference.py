"""What expression without copy-number change looks like: the reference of every cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd

from niche._kernels.copy_number import Blocks, Windows, group_means
from niche._settings import settings
from niche._slots import validate
from niche._slots.validate import Factor
from niche.errors import InputTypeError, InputValueError, MissingKeyError

MINIMUM_OF_CATEGORY = 10
"""Cells below which a category is no reference: the noise of its mean would look like copy number."""

OWN, GLOBAL, ALL_CELLS = "own", "global", "all_cells"


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
    """Bounds of normal expression.

    Attributes
    ----------
    lower, upper
        (n_references, n_genes).
    of_cell
        (n_obs,) int32: which bounds hold for a cell.
    is_reference
        (n_obs,) bool: cells the bounds were made from.
    table
        Frame ``sample, n_cells, n_reference_cells, reference, categories, reason``.
    """

    lower: np.ndarray
    upper: np.ndarray
    of_cell: np.ndarray
    is_reference: np.ndarray
    table: pd.DataFrame


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


def pooled_references(
    blocks: Blocks, windows: Windows, categories: Categories, samples: Factor
) -> References:
    """One reference for all cells: bounds over the categories, however few cells they have."""
    none = np.full(categories.codes.size, -1, dtype=np.int32)
    means, _ = group_means(blocks, windows, categories.codes, none, len(categories.names))
    kind = GLOBAL if categories.key else ALL_CELLS
    used = np.array([kind] * len(samples.names), dtype=object)
    table = _table(samples, categories, used, [categories.names] * len(used), [""] * len(used))
    return References(
        means.min(axis=0, keepdims=True),
        means.max(axis=0, keepdims=True),
        np.zeros(categories.codes.size, dtype=np.int32),
        categories.codes >= 0,
        table,
    )


def references_by_sample(
    blocks: Blocks, windows: Windows, categories: Categories, samples: Factor, min_reference_cells: int
) -> References:
    """Own bounds for samples with enough reference cells, those of all samples for the others."""
    n_categories, n_samples = len(categories.names), len(samples.names)
    is_reference = categories.codes >= 0
    counts = np.zeros((n_samples, n_categories), dtype=np.int64)
    np.add.at(counts, (samples.codes[is_reference], categories.codes[is_reference]), 1)
    enough = counts.sum(axis=0) >= MINIMUM_OF_CATEGORY
    _enough_cells(counts, enough, categories, min_reference_cells)
    usable = counts >= MINIMUM_OF_CATEGORY
    own = (counts * usable).sum(axis=1) >= min_reference_cells
    number = np.full((n_samples, n_categories), -1, dtype=np.int32)
    mine = usable & own[:, None]
    number[mine] = n_categories + np.arange(int(mine.sum()))
    second = np.where(is_reference, number[samples.codes, categories.codes], -1).astype(np.int32)
    means, _ = group_means(blocks, windows, categories.codes, second, n_categories + int(mine.sum()))

    groups = [np.flatnonzero(enough), *(number[s][mine[s]] for s in np.flatnonzero(own))]
    set_of_sample = np.where(own, np.cumsum(own), 0)
    names = np.array(categories.names, dtype=object)
    table = _table(
        samples,
        categories,
        np.where(own, OWN, GLOBAL).astype(object),
        [names[mine[s] if own[s] else enough].tolist() for s in range(n_samples)],
        ["" if own[s] else _why_global(counts[s], usable[s], min_reference_cells) for s in range(n_samples)],
    )
    return References(
        np.stack([means[group].min(axis=0) for group in groups]),
        np.stack([means[group].max(axis=0) for group in groups]),
        set_of_sample[samples.codes].astype(np.int32),
        is_reference & enough[categories.codes],
        table,
    )


def _enough_cells(
    counts: np.ndarray, enough: np.ndarray, categories: Categories, min_reference_cells: int
) -> None:
    found = int(counts[:, enough].sum())
    if found >= min_reference_cells:
        return
    listed = ", ".join(f"{name!r} {n}" for name, n in zip(categories.names, counts.sum(axis=0), strict=True))
    raise InputValueError(
        f"at least {min_reference_cells} reference cells are needed, in categories of at least "
        f"{MINIMUM_OF_CATEGORY}. Found: {listed}. Name more categories with reference=, or lower "
        "min_reference_cells."
    )


def _why_global(counts: np.ndarray, usable: np.ndarray, min_reference_cells: int) -> str:
    if counts.sum() == 0:
        return "no reference cell in this sample"
    return (
        f"{int((counts * usable).sum())} reference cells in categories of at least {MINIMUM_OF_CATEGORY}, "
        f"fewer than {min_reference_cells}"
    )


def _table(
    samples: Factor, categories: Categories, used: np.ndarray, names: list[list[str]], reasons: list[str]
) -> pd.DataFrame:
    n = len(samples.names)
    return pd.DataFrame(
        {
            "sample": np.array(samples.names, dtype=object),
            "n_cells": np.bincount(samples.codes, minlength=n),
            "n_reference_cells": np.bincount(samples.codes[categories.codes >= 0], minlength=n),
            "reference": used,
            "categories": np.array(["; ".join(listed) for listed in names], dtype=object),
            "reason": np.array(reasons, dtype=object),
        }
    )
