"""Results that another result was joined from: which they were, and whether they are still the same."""

from __future__ import annotations

from collections.abc import Mapping

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import fingerprint, read
from niche.errors import StaleResultError


def table_of(adata: ad.AnnData, parts: Mapping[str, str]) -> pd.DataFrame:
    """The results joined: ``part`` (what it is), ``key`` (its slot) and ``identity``, empty for none."""
    rows = [(part, key, read.identity(adata, key)) for part, key in parts.items()]
    return pd.DataFrame(rows, columns=["part", "key", "identity"])


def fingerprint_of(adata: ad.AnnData, parts: Mapping[str, str]) -> dict[str, np.ndarray]:
    """All that any of the parts was computed from."""
    seen: dict[str, str] = {}
    for key in [key for key in parts.values() if key in adata.uns]:
        one = adata.uns[key]["fingerprint"]
        seen |= dict(zip(read.strings(one["names"]), read.strings(one["digests"]), strict=True))
    return fingerprint.of(seen)


def changed_of(adata: ad.AnnData, parts: pd.DataFrame) -> list[str]:
    """Slots of a table of parts that no longer hold what was joined."""
    return [str(row.key) for row in parts.itertuples() if read.identity(adata, str(row.key)) != row.identity]


def check(adata: ad.AnnData, parts: pd.DataFrame, run_first: str) -> None:
    """Refuse what was joined from results that are gone, new, or were made anew in another way."""
    changed = changed_of(adata, parts)
    if changed:
        names = ", ".join(f"adata.uns[{key!r}]" for key in changed)
        raise StaleResultError(f"{names} changed since {run_first} was run. Run it again.")
