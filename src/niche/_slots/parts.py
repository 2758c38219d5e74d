"""Results that another result was joined from: which they were, and whether they are still the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import fingerprint, read
from niche.errors import StaleResultError


def digest_of(stored: Mapping[str, Any]) -> str:
    """Digest of a result by what it was computed from and how; the same for a run that was repeated."""
    params = [f"{name}={np.atleast_1d(value).tolist()}" for name, value in sorted(stored["params"].items())]
    seen = stored["fingerprint"]
    data = [
        f"{a}={b}" for a, b in zip(read.strings(seen["names"]), read.strings(seen["digests"]), strict=True)
    ]
    text = "\n".join([str(stored["niche_version"]), *params, *data])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def table_of(adata: ad.AnnData, parts: Mapping[str, str]) -> pd.DataFrame:
    """The results joined: ``part`` (what it is), ``key`` (its slot) and ``digest``."""
    rows = [(part, key, digest_of(adata.uns[key])) for part, key in parts.items()]
    return pd.DataFrame(rows, columns=["part", "key", "digest"])


def fingerprint_of(adata: ad.AnnData, parts: Mapping[str, str]) -> dict[str, np.ndarray]:
    """All that any of the parts was computed from."""
    seen: dict[str, str] = {}
    for key in parts.values():
        one = adata.uns[key]["fingerprint"]
        seen |= dict(zip(read.strings(one["names"]), read.strings(one["digests"]), strict=True))
    return fingerprint.of(seen)


def check(adata: ad.AnnData, parts: pd.DataFrame, run_first: str) -> None:
    """Refuse what was joined from results that are gone or were made anew in another way."""
    known = read.ours(adata)
    changed = [
        str(row.key)
        for row in parts.itertuples()
        if row.key not in known or digest_of(adata.uns[row.key]) != row.digest
    ]
    if changed:
        names = ", ".join(f"adata.uns[{key!r}]" for key in changed)
        raise StaleResultError(f"{names} changed since {run_first} was run. Run it again.")
