"""The communication run that a comparison of organs was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np

from niche._slots import read
from niche.errors import InputValueError

COMPARED = (
    "groupby", "level", "resource", "senders", "receivers", "expr_prop", "min_cells", "convention",
    "organism", "tissues", "layer", "sample_key", "patient_key", "organ_key", "tissue_key", "compartment_key",
)  # fmt: skip
"""Parameters of the run on which a comparison depends; scores and null are not among them."""


def run_digest(first: Mapping[str, Any]) -> str:
    """Digest of what a comparison depends on in the parameters of a communication result."""
    params = first["params"]
    values = [f"{name}={[str(item) for item in np.atleast_1d(params[name])]}" for name in COMPARED]
    return hashlib.sha256("\n".join(values).encode()).hexdigest()[:16]


def compared_run(adata: ad.AnnData, stored: Mapping[str, Any], run_first: str) -> Mapping[str, Any]:
    """Read the communication result behind a comparison; refuse one that was made anew in another way."""
    key = str(stored["params"]["key"])
    first = read.result(adata, key, run_first="niche.tl.communication")
    if run_digest(first) != str(stored["params"]["run"]):
        raise InputValueError(
            f"adata.uns[{key!r}] is not the run that was compared: it was made anew with other parameters. "
            f"Run {run_first} again."
        )
    return first
