"""Tidy tables of compatibility: organs, patients, and the pairs behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche.errors import InputValueError
from niche.get._organ_results import Names, kept_rows

RUN_FIRST = "niche.tl.compatibility"
LEVELS = ("organ", "patient", "pairs")
STATUSES = ("tested", "not_testable")
VALUES = ("offer", "expected", "effect", "null_low", "null_high", "pval", "qval")


def compatibility(
    adata: ad.AnnData,
    *,
    organ: Names = None,
    direction: Names = None,
    qval: float | None = None,
    level: Literal["organ", "patient", "pairs"] = "organ",
    key: str = keys.COMPATIBILITY,
) -> pd.DataFrame:
    """Return what :func:`niche.tl.compatibility` found: compatibility, not prediction.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    organ
        Keep these organs.
    direction
        Keep these directions: ``"tumor->host"`` (ligands of the tumor), ``"host->tumor"`` (its receptors),
        ``"both"``. Pairs have one of the first two.
    qval
        Keep rows with a q-value up to this. Not at level ``"pairs"``.
    level
        ``"organ"``: one row per organ and direction, patients averaged. ``"patient"``: one per patient as
        well. ``"pairs"``: one per organ and gene that a tumor expresses, with its best partner there.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        ``attrs["statement"]`` says what the table does not.

        Level ``"organ"``: ``organ, direction, n_genes`` (ligands and receptors expressed by any patient),
        ``offer`` (mean log1p level of the best partners, less the mean of the organs), ``expected`` (its mean
        over random sets of like abundance), ``effect`` (offer less expected), ``null_low, null_high`` (95 %
        of random sets), ``pval, qval`` (upper-sided: more than random sets), ``status`` (``tested``,
        ``not_testable``), ``reason, n_patients`` (primary tumors that count), ``n_niche_patients,
        n_cell_types`` (patients and host cell types behind the organ), ``tissue`` (of the niche).

        Level ``"patient"``: the same after ``patient``, with ``n_malignant`` (cells) for ``n_patients``.

        Level ``"pairs"``: ``organ, direction, ligand_complex, receptor_complex, cell_type`` (host type in
        which the partner is highest), ``level`` (log1p units), ``difference`` (from the mean of the organs),
        ``contribution`` (to the offer of the organ in this direction; they add up to it), ``fraction`` (mean
        over patients of malignant cells that express the gene), ``n_patients`` (that express it), the largest
        contribution of every organ first. Organs that are not testable have no pair.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes or values have changed since.
    InputValueError
        A name to keep does not exist, or an option does not belong to the level.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.compatibility(adata, "cell_type", n_sets=99)
    >>> table = niche.get.compatibility(adata, level="pairs", organ="bone", direction="host->tumor")
    >>> table.attrs["statement"].split(":")[0]
    'Compatibility, not prediction'
    """
    validate.choice(level, "level", LEVELS)
    if qval is not None:
        validate.number(qval, "qval", low=0, high=1)
        if level == "pairs":
            raise InputValueError("qval= belongs to level='organ' and level='patient'. Got level='pairs'.")
    stored = read.result(adata, key, run_first=RUN_FIRST)
    organs, directions = read.strings(stored["organs"]["name"]), read.strings(stored["directions"])
    if level == "pairs":
        frame, directions = _pairs(stored, organs, directions), directions[:2]
    else:
        frame = _tests(stored, organs, directions, by_patient=level == "patient")
    wanted, known = {"organ": organ, "direction": direction}, {"organ": organs, "direction": directions}
    out = kept_rows(frame, wanted, known, qval)
    out.attrs["statement"] = str(stored["statement"])
    return out


def _tests(
    stored: Mapping[str, Any], organs: list[str], directions: list[str], *, by_patient: bool
) -> pd.DataFrame:
    """One row per (patient,) organ and direction."""
    values = {name: np.asarray(value) for name, value in stored["values"].items()}
    values["effect"] = values["offer"] - values["expected"]
    patients = read.strings(stored["patients"]["name"])
    rows = np.arange(len(patients) - 1) if by_patient else np.array([len(patients) - 1])
    places = np.meshgrid(rows, np.arange(len(organs)), np.arange(len(directions)), indexing="ij")
    row, o, d = (place.ravel() for place in places)
    out: dict[str, Any] = {}
    if by_patient:
        out["patient"] = pd.Categorical.from_codes(row, patients[:-1])
    out["organ"] = pd.Categorical.from_codes(o, organs)
    out["direction"] = pd.Categorical.from_codes(d, directions)
    out["n_genes"] = np.asarray(stored["n_genes"])[d, row]
    out |= {name: values[name][d, row, o] for name in VALUES}
    out["status"] = pd.Categorical.from_codes(np.isnan(out["pval"]).astype(np.int64), STATUSES)
    out["reason"] = pd.Categorical.from_codes(
        np.asarray(stored["reason"])[d, row, o], read.strings(stored["reason_names"])
    )
    if by_patient:
        out["n_malignant"] = np.asarray(stored["patients"]["n_cells"])[row]
    else:
        out["n_patients"] = np.asarray(stored["counted"]).sum(axis=1)[d]
    out["n_niche_patients"] = np.asarray(stored["organs"]["n_patients"])[o]
    out["n_cell_types"] = np.asarray(stored["organs"]["n_cell_types"])[o]
    out["tissue"] = pd.Categorical(np.array(read.strings(stored["organs"]["tissue"]), dtype=object)[o])
    return pd.DataFrame(out)


def _pairs(stored: Mapping[str, Any], organs: list[str], directions: list[str]) -> pd.DataFrame:
    """One row per organ and gene of a tumor, with the best partner there."""
    units = np.array(read.strings(stored["units"]), dtype=object)
    types = read.strings(stored["cell_types"])
    unit, role = (np.asarray(stored["entries"][name]) for name in ("unit", "role"))
    value, partner, cell_type = (
        np.asarray(stored["offers"][name]) for name in ("value", "partner", "cell_type")
    )
    fraction = np.asarray(stored["fraction"])
    counted = np.asarray(stored["counted"])[role].T
    with np.errstate(invalid="ignore"):
        expressed = (fraction >= float(stored["params"]["expr_prop"])) & counted
    size = np.asarray(stored["n_genes"])[role, :-1].T
    n = counted.sum(axis=0)
    weight = (expressed / np.maximum(size, 1)).sum(axis=0) / np.maximum(n, 1)
    there = ~np.isnan(value).all(axis=1) & (np.asarray(stored["organs"]["n_cell_types"]) > 0)
    difference = value - value[there].mean(axis=0)
    o, e = np.nonzero(there[:, None] & expressed.any(axis=0) & (there.sum() > 1))
    own, other = units[unit[e]], units[partner[o, e]]
    is_ligand = role[e] == 0
    frame = pd.DataFrame(
        {
            "organ": pd.Categorical.from_codes(o, organs),
            "direction": pd.Categorical.from_codes(role[e], directions[:2]),
            "ligand_complex": np.where(is_ligand, own, other),
            "receptor_complex": np.where(is_ligand, other, own),
            "cell_type": pd.Categorical.from_codes(cell_type[o, e], types),
            "level": value[o, e], "difference": difference[o, e],
            "contribution": difference[o, e] * weight[e],
            "fraction": np.nanmean(fraction[:, e], axis=0), "n_patients": expressed.sum(axis=0)[e],
        }
    )  # fmt: skip
    keys_of_rows = [frame["organ"].cat.codes, -frame["contribution"]]
    order = np.lexsort([np.arange(len(frame)), *[k.to_numpy() for k in reversed(keys_of_rows)]])
    return frame.iloc[order].reset_index(drop=True)
