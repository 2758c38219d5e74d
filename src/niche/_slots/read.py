"""The only raw reader of results: finds them, and refuses those that no longer fit the data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np

from niche._slots import fingerprint, keys, validate, write
from niche.errors import InputValueError, MissingKeyError, StaleResultError


def result(adata: ad.AnnData, key: str, *, run_first: str) -> Mapping[str, Any]:
    """Return ``uns[key]`` after checking that it is ours, current, and of this schema.

    Raises
    ------
    MissingKeyError
        Nothing is stored under the key; the message names the function that stores it.
    StaleResultError
        The labels, genes or values it was computed from have changed since.
    """
    validate.anndata(adata)
    if key not in adata.uns:
        raise MissingKeyError(
            f"adata.uns[{key!r}] not found. Run {run_first} first. "
            f"Results of niche stored here: {validate.shown(ours(adata)) or 'none'}."
        )
    stored = adata.uns[key]
    if not isinstance(stored, Mapping) or "niche_version" not in stored:
        raise InputValueError(
            f"adata.uns[{key!r}] was not written by niche. Give the key_added that {run_first} was run with."
        )
    if int(stored["schema_version"]) != keys.SCHEMA_VERSION:
        raise StaleResultError(
            f"adata.uns[{key!r}] was written by niche {stored['niche_version']} in another layout "
            f"(schema {stored['schema_version']}, this version reads {keys.SCHEMA_VERSION}). "
            f"Run {run_first} again."
        )
    changed = fingerprint.changed(adata, stored["fingerprint"])
    if changed:
        raise StaleResultError(
            f"adata.uns[{key!r}] no longer fits the data: {', '.join(changed)} changed since {run_first} was "
            "run. Run it again."
        )
    return stored


def is_current(adata: ad.AnnData, key: str, params: Mapping[str, Any]) -> bool:
    """Whether ``uns[key]`` is there, fits the data, and was made with these parameters."""
    if key not in ours(adata):
        return False
    stored = adata.uns[key]
    if int(stored["schema_version"]) != keys.SCHEMA_VERSION or fingerprint.changed(
        adata, stored["fingerprint"]
    ):
        return False
    return all(
        name in stored["params"] and _same(stored["params"][name], value) for name, value in params.items()
    )


def ours(adata: ad.AnnData) -> list[str]:
    """Keys of ``uns`` that hold a result of niche."""
    return [key for key, value in adata.uns.items() if write.is_ours(value)]


def identity(adata: ad.AnnData, key: str) -> str:
    """A digest of how ``uns[key]`` was made: parameters, version and data, and those of the run it rests on.

    Empty where nothing of niche is stored there. Two results of one identity are equal.
    """
    if key not in ours(adata):
        return ""
    stored = adata.uns[key]
    params = {name: np.asarray(value).tolist() for name, value in sorted(stored["params"].items())}
    source = str(params.get("key", key))
    data = strings(stored["fingerprint"]["digests"])
    told = f"{stored['niche_version']} {params} {data} {identity(adata, source) if source != key else ''}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def passed_quality(adata: ad.AnnData) -> np.ndarray | None:
    """Which cells (n_obs,) passed :func:`niche.pp.qc`, also where the column was read back as text."""
    if keys.QC_PASS not in adata.obs.columns:
        return None
    return np.asarray(adata.obs[keys.QC_PASS].astype(str).str.lower().isin(("true", "1", "1.0")))


def strings(values: Any) -> list[str]:
    """A stored list of strings."""
    return [str(value) for value in np.atleast_1d(np.asarray(values, dtype=object))]


def _same(stored: Any, wanted: Any) -> bool:
    ready = write.plain(wanted)
    if isinstance(ready, np.ndarray) or isinstance(stored, np.ndarray):
        return np.array_equal(np.asarray(stored), np.asarray(ready))
    return bool(stored == ready)
