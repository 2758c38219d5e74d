"""Tidy tables of cell-type composition and its differences between organs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche.errors import InputValueError
from niche.get._organ_results import Names, contrast_table, kept_rows, sample_labels

RUN_FIRST = "niche.tl.composition"

CAUTION = (
    "shares are relative: when one cell type expands the shares of the others fall, and dissociation loses "
    "some types more than others; a difference is one of the proportion to the other cell types, not of "
    "cells per tissue"
)
COLUMNS = (
    "cell_type", "compartment", "contrast", "organ", "effect", "ci_low", "ci_high", "statistic", "pval",
    "qval", "share", "share_other", "call", "status", "reason", "n_samples", "n_patients", "sign_stability",
    "min_detectable_effect",
)  # fmt: skip


def composition(
    adata: ad.AnnData,
    *,
    contrast: Names = None,
    organ: Names = None,
    cell_type: Names = None,
    qval: float | None = None,
    level: Literal["organ", "sample"] = "organ",
    key: str = keys.COMPOSITION,
) -> pd.DataFrame:
    """Return the differences in composition of :func:`niche.tl.composition`, or the shares of every sample.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    contrast
        Keep these contrasts: ``"omnibus"``, ``"<organ>_vs_rest"``, ``"<a>_vs_<b>"``,
        ``"<organ>_vs_primary"``, ``"<organ>_vs_normal"``. Not at level ``"sample"``.
    organ
        Keep contrasts that raise these organs; at level ``"sample"`` samples of these organs.
    cell_type
        Keep these cell types.
    qval
        Keep rows with a q-value up to this. Not at level ``"sample"``.
    level
        ``"organ"``: one row per cell type and contrast. ``"sample"``: one per sample and cell type.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        Level ``"organ"``: ``cell_type, compartment, contrast, organ`` (the one that a positive effect
        raises; empty for omnibus), ``effect`` (difference in log2 odds against the other cell types of the
        compartment that all organs have) with its 95 % interval ``ci_low, ci_high``, ``statistic`` (t, F for
        omnibus), ``pval, qval, share, share_other`` (mean share of both sides against the same types; of all
        organs for omnibus), ``call`` (``enriched``, ``depleted``: q <= 0.1, an effect of at least 0.5, 3
        patients on both sides; ``differs``: omnibus; ``undetermined``; ``not_testable``), ``status``
        (``tested``; ``absent``: an organ of the contrast has none of these cells, which is no share of zero;
        ``not_testable``), ``reason, n_samples, n_patients, sign_stability`` (share of left-out patients
        without whom the sign holds), ``min_detectable_effect`` (80 % power at 0.05). ``attrs["statement"]``
        holds the caution about shares.

        Level ``"sample"``: ``sample, patient, organ, tissue, cell_type, compartment, n_cells, n_whole,
        share, status``. ``n_whole`` counts all cells of the compartment, also of types that other organs
        lack. The share is NaN where the organ has none of these cells (``absent``) or the sample none of the
        compartment (``no_cells``), else ``observed``.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels or covariates have changed since.
    InputValueError
        A name to keep does not exist, or an option does not belong to the level.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.tl.composition(adata, "cell_type")
    >>> table = niche.get.composition(adata, organ="bone")
    >>> bool((table.loc[table["status"] == "tested", "n_patients"] > 1).all())
    True
    >>> shares = niche.get.composition(adata, level="sample")
    >>> bool(shares.loc[shares["status"] == "absent", "share"].isna().all())
    True
    """
    validate.choice(level, "level", ("organ", "sample"))
    if qval is not None:
        validate.number(qval, "qval", low=0, high=1)
    if level == "sample" and (contrast is not None or qval is not None):
        raise InputValueError("contrast= and qval= belong to level='organ'. Got level='sample'.")
    stored = read.result(adata, key, run_first=RUN_FIRST)
    frame = _samples(stored) if level == "sample" else _contrasts(stored)
    wanted = {"contrast": contrast, "organ": organ, "cell_type": cell_type}
    known = {
        "contrast": read.strings(stored["contrasts"]["name"]),
        "organ": read.strings(stored["groups"]["name"]),
        "cell_type": read.strings(stored["cell_types"]["name"]),
    }
    frame = kept_rows(frame, wanted, known, qval)
    frame.attrs["statement"] = CAUTION
    return frame


def _contrasts(stored: Mapping[str, Any]) -> pd.DataFrame:
    return contrast_table(stored, _labels(stored["cell_types"]))[list(COLUMNS)]


def _labels(types: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {
        column: np.array(read.strings(types[name]), dtype=object)
        for column, name in (("cell_type", "name"), ("compartment", "whole"))
    }


def _samples(stored: Mapping[str, Any]) -> pd.DataFrame:
    """One row per sample that took part and cell type."""
    samples, counts = stored["samples"], np.asarray(stored["counts"])
    organ = np.asarray(samples["organ_code"])
    used = np.flatnonzero(organ >= 0)
    whole = pd.factorize(np.array(read.strings(stored["cell_types"]["whole"]), dtype=object))[0]
    member = whole[:, None] == whole[None, :]
    n_whole = counts @ member.T
    in_organ = np.zeros((len(stored["groups"]["name"]), counts.shape[1]), dtype=np.int64)
    np.add.at(in_organ, organ[used], counts[used])
    row, column = (a.ravel() for a in np.meshgrid(used, np.arange(counts.shape[1]), indexing="ij"))
    n, total = counts[row, column], n_whole[row, column]
    status = np.select([in_organ[organ[row], column] == 0, total == 0], [1, 2], 0)
    out: dict[str, Any] = {**sample_labels(stored, row)}
    out |= {name: pd.Categorical(labels)[column] for name, labels in _labels(stored["cell_types"]).items()}
    out["n_cells"], out["n_whole"] = n, total
    out["share"] = np.where(status == 0, n / np.maximum(total, 1), np.nan)
    out["status"] = pd.Categorical.from_codes(status, ["observed", "absent", "no_cells"])
    return pd.DataFrame(out)
