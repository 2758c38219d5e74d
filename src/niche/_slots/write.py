"""The only writer of results: everything stored is small, plain and survives h5ad and zarr."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys
from niche._version import __version__
from niche.errors import InputTypeError, InputValueError

NONE = "None"
"""How a parameter that was ``None`` is stored."""


def slot_name(key: Any, name: str = "key_added") -> None:
    """Refuse a slot name that cannot be stored."""
    if not isinstance(key, str) or not key or "/" in key:
        raise InputValueError(f"{name} must be a non-empty string without '/'. Got {key!r}.")


def free_slot(adata: ad.AnnData, key: Any, *, obsm: Sequence[str] = ()) -> None:
    """Refuse a slot name under which, or under ``obsm`` beside it, something of others lies."""
    slot_name(key)
    if is_ours(adata.uns.get(key)):
        return
    taken = [f"uns[{key!r}]"] if key in adata.uns else []
    taken += [f"obsm[{name!r}]" for name in obsm if name in adata.obsm]
    if taken:
        raise InputValueError(
            f"key_added={key!r} would overwrite adata.{taken[0]}, which niche did not write. Choose another "
            "name."
        )


def is_ours(value: Any) -> bool:
    """Whether an entry of ``uns`` is a result of niche."""
    return isinstance(value, Mapping) and "niche_version" in value and "fingerprint" in value


def own(adata: ad.AnnData) -> None:
    """Give a view its own data, so that storing in it neither fails nor warns."""
    if adata.is_view:
        adata._inplace_subset_obs(slice(None))


def result(
    adata: ad.AnnData,
    key: str,
    *,
    params: Mapping[str, Any],
    payload: Mapping[str, Any],
    fingerprint: Mapping[str, np.ndarray],
) -> None:
    """Store a result with its parameters, version and fingerprint in ``uns[key]``.

    Everything is made plain first, so that a value which cannot be written raises before the
    AnnData is touched.
    """
    slot_name(key)
    stored = {
        "params": {name: plain(value) for name, value in params.items()},
        "niche_version": __version__,
        "schema_version": keys.SCHEMA_VERSION,
        "fingerprint": dict(fingerprint),
        **{name: plain(value) for name, value in payload.items()},
    }
    own(adata)
    adata.uns[key] = stored


def obs(adata: ad.AnnData, columns: Mapping[str, Any]) -> None:
    """Store per-cell columns; labels become categories."""
    ready = {}
    for name, values in columns.items():
        slot_name(name, "obs column")
        array = np.asarray(values)
        labels = array.dtype.kind in "OU"
        ready[name] = pd.Series(pd.Categorical(array.astype(str)) if labels else array, index=adata.obs_names)
    own(adata)
    for name, series in ready.items():
        adata.obs[name] = series


def var(adata: ad.AnnData, columns: Mapping[str, Any]) -> None:
    """Store per-gene columns."""
    ready = {name: pd.Series(np.asarray(values), index=adata.var_names) for name, values in columns.items()}
    for name in ready:
        slot_name(name, "var column")
    own(adata)
    for name, series in ready.items():
        adata.var[name] = series


def plain(value: Any) -> Any:
    """Return a value as h5ad and zarr can store it: no None, tuple, list, Path or numpy scalar."""
    if value is None:
        return NONE
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.astype(object) if value.dtype.kind == "U" else value
    if isinstance(value, Mapping):
        return {str(name).replace("/", "|"): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else list(value)
        return _plain_list(items)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, pd.DataFrame):
        return value
    raise InputTypeError(f"a value of type {type(value).__name__} cannot be stored.")


def _plain_list(items: list[Any]) -> np.ndarray:
    if items and all(isinstance(item, (bool, int, float, np.number)) for item in items):
        return np.asarray(items)
    return np.array([NONE if item is None else str(item) for item in items], dtype=object)
