"""Stability of verdicts on edges over other ways to analyse the data, as tables."""

from __future__ import annotations

from typing import Literal

import anndata as ad
import pandas as pd

from niche._slots import keys, parts, read, validate
from niche.get._organ_results import Names, kept_rows

RUN_FIRST = "niche.recipes.multiverse"
STATEMENT = (
    "universes are the same patients analysed again, not replicates: shares are counts of universes, and no "
    "p-value is made of them."
)


def multiverse(
    adata: ad.AnnData,
    *,
    what: Literal["verdicts", "universes", "calls"] = "verdicts",
    contrast: Names = None,
    stability: Names = None,
    key: str = keys.MULTIVERSE,
) -> pd.DataFrame:
    """Return what became of every verdict in the universes of :func:`niche.recipes.multiverse`.

    Parameters
    ----------
    adata
        Result of the recipe.
    what
        ``"verdicts"``: one row per contrast and edge called anywhere. ``"universes"``: one row per way to
        analyse the data. ``"calls"``: one row per verdict and universe.
    contrast
        Keep these contrasts (verdicts, calls).
    stability
        Keep verdicts that are ``"robust"``, ``"sensitive"``, ``"fragile"``, ``"untried"`` or
        ``"not_testable"`` (verdicts, calls).
    key
        Slot of the result.

    Returns
    -------
    DataFrame
        ``verdicts``: ``contrast, source, target, ligand_complex, receptor_complex, call`` (of the base),
        ``stability, worst_factor`` (which explains most of the lost calls; empty where none is lost),
        ``lost_in, turned_in`` (universes in which it is not called, in which the effect has the other sign),
        ``n_universes`` (that can hold the edge), ``n_tested`` (of them), ``n_patients_untried`` (without
        whom it cannot be tested), ``share_same_call,
        share_opposite_sign`` (of the tested), ``share_not_testable`` (of ``n_universes``), ``log2fc`` (base)
        and its range ``log2fc_low, log2fc_high`` over the tested. ``universes``: ``universe, factor,
        resource, level, expr_prop, min_cells, patients, left_out, status`` (``done``, ``not_testable``),
        ``reason, n_tested, n_called`` (edges x contrasts). ``calls``: names of verdict and universe, options,
        ``log2fc`` with its 95 % interval ``ci_low, ci_high``, ``call, agreement`` (``same_call``,
        ``no_call``, ``opposite_sign``, ``not_testable``, ``not_comparable``), ``reason``.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since, or the comparison or the ambient estimate was
        run anew in another way.
    InputValueError
        ``what`` or a name to keep does not exist.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type", null=None)
    >>> niche.tl.compare_communication(adata)
    >>> few = {"resource": [], "level": ["lineage"], "expr_prop": [], "min_cells": [], "patients": []}
    >>> result = niche.recipes.multiverse(adata, {"vary": few | {"leave_out_patients": False}})
    >>> table = niche.get.multiverse(result, contrast="bone_vs_rest")
    >>> set(table["call"]) <= {"specific", "enriched", "depleted", "undetermined", "not_testable"}
    True
    """
    validate.choice(what, "what", ("verdicts", "universes", "calls"))
    stored = read.result(adata, key, run_first=RUN_FIRST)
    parts.check(adata, stored["parts"], RUN_FIRST)
    frame = stored[what].reset_index(drop=True).copy()
    verdicts = stored["verdicts"]
    known = {name: sorted(set(verdicts[name].astype(str))) for name in ("contrast", "stability")}
    if what == "universes":
        frame = frame.drop(columns="digest")
    else:
        if what == "calls":
            n = len(stored["universes"])
            frame["stability"] = verdicts["stability"].to_numpy().repeat(n)
        frame = kept_rows(frame, {"contrast": contrast, "stability": stability}, known, None)
        if what == "calls":
            frame = frame.drop(columns="stability")
    frame.attrs["statement"] = STATEMENT
    return frame
