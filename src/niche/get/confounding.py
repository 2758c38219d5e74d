"""Which columns of the study cannot be told apart from its organs."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read
from niche.get.compare_communication import RUN_FIRST


def confounding(adata: ad.AnnData, *, key: str = keys.COMPARE_COMMUNICATION) -> pd.DataFrame:
    """Return which comparisons of organs a column of the study hides.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.compare_communication` was run.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        One row per column and pair of organs: ``term`` (the column: every covariate, and ``study``,
        ``assay``, ``subtype``, ``primary_type`` where they exist with one value per sample), ``contrast``,
        ``confounded`` (the difference could not be estimated with this column as a covariate), ``covariate``
        (whether it was one). Empty where the study has none of these columns.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> niche.tl.compare_communication(adata)
    >>> table = niche.get.confounding(adata)
    >>> sorted(set(table["term"]))
    ['assay', 'study', 'subtype']
    """
    stored = read.result(adata, key, run_first=RUN_FIRST)
    table = pd.DataFrame(stored["confounding"]).reset_index(drop=True)
    terms, contrasts = (read.strings(table[name]) if len(table) else [] for name in ("term", "contrast"))
    used = stored["params"]["covariates"]
    covariates = read.strings(used) if len(used) else []
    return pd.DataFrame(
        {
            "term": pd.Categorical(terms),
            "contrast": pd.Categorical(contrasts),
            "confounded": np.asarray(table["confounded"], dtype=bool),
            "covariate": np.isin(np.array(terms, dtype=object), covariates),
        }
    )
