"""Tidy tables of expression programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche.errors import InputValueError, MissingKeyError

RUN_FIRST = "niche.tl.programs"
What = Literal["genes", "programs", "annotation", "samples", "curve", "near", "usage", "sample_programs"]
WHAT = ("genes", "programs", "annotation", "samples", "curve", "near", "usage", "sample_programs")
_LARGEST_Q, _LEAST_SHARED = 0.05, 3


def programs(
    adata: ad.AnnData,
    *,
    what: What = "genes",
    program: str | Sequence[str] | None = None,
    key: str = keys.PROGRAMS,
) -> pd.DataFrame:
    """Return what :func:`niche.tl.programs` found.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    what
        ``"genes"``: the genes of every program. ``"programs"``: one row per program. ``"annotation"``: gene
        sets that resemble them. ``"samples"``: which samples were used, which skipped and why. ``"curve"``:
        stability and loss of every number of programs. ``"near"``: whether each program is there at the
        numbers tried next to the one taken. ``"usage"``: mean usage of every program in every
        sample. ``"sample_programs"``: programs of single samples (``mode="per_sample"``).
    program
        Keep these programs (``genes``, ``programs``, ``annotation``, ``near``, ``usage``).
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        ``genes``: ``program, gene, weight`` (rise in standard deviations from usage 0 to 1), ``rank``.
        ``programs``: ``program, kind`` (``program``, ``patient-private``, ``background``, ``unstable``),
        ``mean_usage`` (of patients), ``stability`` (silhouette), ``support`` (share of starts), ``strength``
        (rise of its genes in standard deviations per standard deviation of usage), ``n_patients`` (who have
        it), ``top_patient, top_patient_share, reason``. ``annotation``: ``program, gene_set, n_shared,
        n_measured, pval, qval, genes``. ``samples``: ``sample, patient, n_cells, n_failed_qc`` (left out),
        ``status, reason``. ``curve``: ``k, stability, loss, n_outliers, converged, chosen``. ``near``:
        ``program, k, n_shared`` (genes shared with the most similar program of that number). ``usage``:
        ``sample, patient, program, usage, se`` (standard error over cells), ``n_cells``.
        ``sample_programs``: ``sample, k, robust, metaprogram`` (the program it went into, empty for none).

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``, or the usage of cells is gone from ``obsm``.
    StaleResultError
        Labels or values have changed since.
    InputValueError
        A program does not exist, or ``program=`` does not belong to what is asked for.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.programs(adata, k=6, n_starts=5)
    >>> niche.get.programs(adata, program="P1").shape
    (50, 4)
    """
    validate.choice(what, "what", WHAT)
    stored = read.result(adata, key, run_first=RUN_FIRST)
    names = read.strings(stored["names"])
    frame = {
        "genes": lambda: _genes(adata, stored, names, key),
        "usage": lambda: _usage(adata, stored, names, key),
        "near": lambda: stored["near"].drop(columns="match").reset_index(drop=True),
    }.get(what, lambda: stored[_TABLE.get(what, what)].reset_index(drop=True).copy())()
    if program is None:
        return frame
    if "program" not in frame:
        raise InputValueError(f"program= does not belong to what={what!r}, which has no row per program.")
    listed = [program] if isinstance(program, str) else list(program)
    unknown = [name for name in listed if name not in names]
    if unknown:
        raise InputValueError(
            f"program: {validate.shown(unknown)} not in the result. Available: {validate.shown(names)}."
        )
    return frame[frame["program"].isin(listed)].reset_index(drop=True)


_TABLE = {"programs": "table"}


def _genes(adata: ad.AnnData, stored: Mapping[str, Any], names: list[str], key: str) -> pd.DataFrame:
    top = np.asarray(stored["top_genes"], dtype=object)
    n_programs, n_top = top.shape
    column = adata.var_names.get_indexer(top.ravel())
    if key not in adata.varm:
        raise MissingKeyError(f"adata.varm[{key!r}] not found. Run {RUN_FIRST} again.")
    weight = np.asarray(adata.varm[key])[column, np.repeat(np.arange(n_programs), n_top)]
    return pd.DataFrame(
        {
            "program": np.repeat(np.array(names, dtype=object), n_top),
            "gene": top.ravel(),
            "weight": weight.astype(np.float64),
            "rank": np.tile(np.arange(1, n_top + 1), n_programs),
        }
    )


def _usage(adata: ad.AnnData, stored: Mapping[str, Any], names: list[str], key: str) -> pd.DataFrame:
    usage = cell_usage(adata, key)
    sample = adata.obs[str(stored["params"]["sample_key"])].astype(str).to_numpy()
    samples = stored["samples"]
    used = samples[samples["status"] == "used"]
    rows = []
    for name, patient in zip(used["sample"], used["patient"], strict=True):
        cells = usage[(sample == name) & np.isfinite(usage[:, 0])]
        se = cells.std(axis=0, ddof=1) / np.sqrt(len(cells))
        rows.append(
            pd.DataFrame(
                {"sample": name, "patient": patient, "program": names, "usage": cells.mean(axis=0), "se": se,
                 "n_cells": len(cells)}
            )
        )  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def cell_usage(adata: ad.AnnData, key: str = keys.PROGRAMS) -> np.ndarray:
    """Usage of every cell (n_obs, k) as float64, NaN in cells that were not used."""
    slot = f"X_{key}"
    if slot not in adata.obsm:
        raise MissingKeyError(f"adata.obsm[{slot!r}] not found. Run {RUN_FIRST} again.")
    return np.asarray(adata.obsm[slot], dtype=np.float64)


def resembling(adata: ad.AnnData, key: str) -> dict[str, str]:
    """The gene set that each program resembles most, where one does."""
    known = programs(adata, what="annotation", key=key)
    sure = known[(known["qval"] <= _LARGEST_Q) & (known["n_shared"] >= _LEAST_SHARED)]
    best = sure.sort_values("pval", kind="stable").drop_duplicates("program")
    return {
        str(name): str(found).replace("_", " ")
        for name, found in zip(best["program"], best["gene_set"], strict=True)
    }


def program_labels(adata: ad.AnnData, key: str) -> dict[str, str]:
    """What each program is like: the gene set that resembles it most, else its first three genes."""
    genes = programs(adata, key=key)
    first = genes[genes["rank"] <= 3].groupby("program", sort=False)["gene"].agg(", ".join).to_dict()
    sets = resembling(adata, key)
    return {str(name): sets.get(str(name), text.replace("_", " ")) for name, text in first.items()}
