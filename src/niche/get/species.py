"""Species of the cells of a xenograft, sample by sample."""

from __future__ import annotations

from typing import Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche.errors import MissingKeyError
from niche.get.design import with_object_labels

COUNTS = ("counts_human", "counts_mouse")


def species(
    adata: ad.AnnData, *, level: Literal["samples", "cells"] = "samples", key: str = keys.SPECIES
) -> pd.DataFrame:
    """Return the thresholds and calls of :func:`niche.pp.split_species`.

    Parameters
    ----------
    adata
        Annotated data on which it was run, or what :func:`niche.pp.collapse_orthologs` made of them.
    level
        ``"samples"``: one row per sample. ``"cells"``: one row per cell.
    key
        The ``key_added`` it was run with.

    Returns
    -------
    DataFrame
        Per sample ``sample, n_cells, n_human, n_mouse, n_doublet, n_unresolved``; ``low, high`` (shares of
        human counts between which a cell is a doublet; NaN: no such threshold), ``doublet_rate`` (share of
        droplets with two cells, unseen ones of one species included); ``mouse_in_human, human_in_mouse``
        (share of the counts of a clean cell that are of the other species) with ``_low`` and ``_high`` (95 %
        interval over cells); ``ambient_fraction`` and ``soup_human`` (ambient share of the counts, and how
        much of it is human); ``status`` (``assessed``, or ``not_testable`` where a sample was not split),
        ``reason, statement``. They are of the cells it was run on.
        Per cell ``sample, species, counts_human, counts_mouse, share_human``, in the order of the cells.

    Raises
    ------
    MissingKeyError
        :func:`niche.pp.split_species` was not run, or its columns are gone.
    StaleResultError
        The genes have changed since.
    InputValueError
        ``level`` is neither.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_xenograft(1, animals_per_organ=1, cells=60, n_genes=1500)
    >>> niche.pp.split_species(adata)
    >>> table = niche.get.species(adata)
    >>> bool(table["mouse_in_human"].between(0.02, 0.2).all())
    True
    """
    validate.choice(level, "level", ("samples", "cells"))
    stored = read.result(adata, key, run_first="niche.pp.split_species")
    if level == "samples":
        return with_object_labels(pd.DataFrame(stored["table"]).reset_index(drop=True))
    sample = str(stored["params"]["sample_key"])
    missing = [name for name in (sample, keys.SPECIES, *COUNTS) if name not in adata.obs.columns]
    if missing:
        raise MissingKeyError(
            f"column {missing[0]!r} not found in adata.obs. Run niche.pp.split_species again. Available: "
            f"{validate.shown(adata.obs.columns)}."
        )
    human, mouse = (adata.obs[name].to_numpy(dtype=float) for name in COUNTS)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = human / (human + mouse)
    return pd.DataFrame(
        {
            "sample": adata.obs[sample].astype(str).to_numpy(dtype=object),
            "species": adata.obs[keys.SPECIES].astype(str).to_numpy(dtype=object),
            "counts_human": human,
            "counts_mouse": mouse,
            "share_human": share,
        },
        index=adata.obs_names,
    )
