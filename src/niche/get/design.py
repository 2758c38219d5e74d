"""The stored design report as tidy tables."""

from __future__ import annotations

from typing import Literal

import anndata as ad
import pandas as pd

from niche._slots import keys, read, validate

_TABLES = ("samples", "organs", "cell_types", "issues")


def design(
    adata: ad.AnnData,
    *,
    key: str = keys.DESIGN,
    what: Literal["samples", "organs", "cell_types", "issues"] = "samples",
) -> pd.DataFrame:
    """Return a table of the design report that :func:`niche.pp.check` stored.

    Parameters
    ----------
    adata
        Annotated data on which :func:`niche.pp.check` was run.
    key
        The ``key_added`` it was run with.
    what
        ``"samples"`` (one row per sample), ``"organs"`` (one row per organ and tissue),
        ``"cell_types"`` (one row per cell type, organ and tissue) or ``"issues"``.

    Returns
    -------
    DataFrame
        A new data frame, with the columns listed at :class:`niche.pp.design_report.DesignReport`.

    Raises
    ------
    MissingKeyError
        :func:`niche.pp.check` was not run.
    StaleResultError
        The labels or genes have changed since.
    InputValueError
        ``what`` is none of the tables.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> report = niche.pp.check(adata, "cell_type")
    >>> niche.get.design(adata, what="organs").equals(report.organs)
    True
    """
    validate.choice(what, "what", _TABLES)
    stored = read.result(adata, key, run_first="niche.pp.check")
    return with_object_labels(pd.DataFrame(stored[what]).reset_index(drop=True))


def with_object_labels(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy whose labels are Python strings, whatever the pandas version or file made of them."""
    labels = [
        name
        for name in frame.columns
        if not (pd.api.types.is_numeric_dtype(frame[name]) or pd.api.types.is_bool_dtype(frame[name]))
    ]
    return frame.astype(dict.fromkeys(labels, object))
