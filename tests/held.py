"""What an AnnData holds, to see that nothing was written."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def held(adata):
    """Names of everything an AnnData holds, and copies of its frames, to see that nothing was written."""
    layers = sorted(name for name in adata.layers if name is not None)
    return {
        "obs": adata.obs.copy(),
        "var": adata.var.copy(),
        "uns": sorted(adata.uns),
        "layers": layers,
        "obsm": sorted(adata.obsm),
        "X": None if adata.X is None else float(np.nansum(_dense(adata.X))),
        "shape": adata.shape,
    }


def _dense(values):
    return values.toarray() if sparse.issparse(values) else np.asarray(values, dtype=float)


def unchanged(adata, before):
    """Whether an AnnData holds what it held."""
    after = held(adata)
    frames = all(after[name].equals(before[name]) for name in ("obs", "var"))
    return frames and all(after[name] == before[name] for name in before if name not in ("obs", "var"))
