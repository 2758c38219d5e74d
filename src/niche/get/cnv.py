"""The stored copy-number profile: its windows, references and genes as tidy tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._slots import keys, read, validate
from niche.errors import MissingKeyError, StaleResultError
from niche.get.design import with_object_labels

RUN_FIRST = "niche.tl.infer_cnv"
_TABLES = ("windows", "references", "placed")


@dataclass(frozen=True)
class CopyNumber:
    """A stored profile with what it is made of.

    Attributes
    ----------
    values
        (n_obs, n_windows) csr float32.
    windows
        Frame ``chromosome, start, end, n_genes``.
    threshold
        Values below it in size were set to zero.
    statement
        What the cells were compared with.
    convention
        ``niche`` or ``infercnvpy``.
    """

    values: sparse.csr_matrix
    windows: pd.DataFrame
    threshold: float
    statement: str
    convention: str


def cnv(
    adata: ad.AnnData,
    *,
    what: Literal["windows", "references", "placed"] = "windows",
    key: str = keys.CNV,
) -> pd.DataFrame:
    """Return a table of the copy-number profile that :func:`niche.tl.infer_cnv` stored.

    The profile itself is ``adata.obsm["X_cnv"]``: one row per cell, one column per window.

    Parameters
    ----------
    adata
        Annotated data on which :func:`niche.tl.infer_cnv` was run.
    what
        ``"windows"``: one row per column of the profile, ``chromosome, start, end, n_genes``.
        ``"references"``: one row per sample, ``sample, n_cells, n_reference_cells, reference`` (``own``,
        ``mixed``, ``global`` or ``all_cells``) and the categories, ``own, of_all_samples``.
        ``"placed"``: ``how, n_genes``, how the genes were placed on the genome, or why they were not used.
    key
        The ``key_added`` it was run with.

    Returns
    -------
    DataFrame
        A new data frame.

    Raises
    ------
    MissingKeyError
        :func:`niche.tl.infer_cnv` was not run.
    StaleResultError
        The labels, genes or values have changed since.
    InputValueError
        ``what`` is none of the tables.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.infer_cnv(adata, reference="Fibroblast")
    >>> windows = niche.get.cnv(adata)
    >>> adata.obsm["X_cnv"][:, (windows["chromosome"] == "chr8").to_numpy()].shape[0] == adata.n_obs
    True
    """
    validate.choice(what, "what", _TABLES)
    stored = read.result(adata, key, run_first=RUN_FIRST)
    return with_object_labels(pd.DataFrame(stored[what]).reset_index(drop=True))


def profile_of(adata: ad.AnnData, key: str) -> CopyNumber:
    """Return the stored profile, refusing one that does not fit its windows."""
    windows = cnv(adata, key=key)
    stored, slot = read.result(adata, key, run_first=RUN_FIRST), f"X_{key}"
    if slot not in adata.obsm:
        raise MissingKeyError(f"adata.obsm[{slot!r}] not found. Run {RUN_FIRST} again.")
    values = sparse.csr_matrix(adata.obsm[slot])
    if values.shape[1] != len(windows):
        raise StaleResultError(
            f"adata.obsm[{slot!r}] has {values.shape[1]} columns, adata.uns[{key!r}] describes "
            f"{len(windows)} windows. Run {RUN_FIRST} again."
        )
    return CopyNumber(
        values,
        windows,
        float(np.asarray(stored["threshold"])),
        str(stored["reference_statement"]),
        str(stored["params"]["convention"]),
    )
