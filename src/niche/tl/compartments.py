"""Tumor, stroma, endothelium, immune cells, parenchyma: the compartment of every cell."""

from __future__ import annotations

from collections.abc import Mapping

import anndata as ad
import numpy as np
import pandas as pd

from niche import resources
from niche._log import logger
from niche._settings import settings
from niche._slots import fingerprint, keys, validate, write
from niche.errors import InputTypeError, InputValueError

GIVEN, MALIGNANT, BY_NAME, UNKNOWN = "given", "malignant_key", "recognised by name", "not recognised"
"""Where a compartment comes from."""

_OPEN_NAMES = ("epithel",)


def call_compartments(
    adata: ad.AnnData,
    *,
    labels: Mapping[str, str] | None = None,
    malignant_key: str | None = None,
    groupby: str | None = None,
    sample_key: str | None = None,
    compartment_key: str | None = None,
    key_added: str = keys.COMPARTMENTS,
    copy: bool = False,
) -> ad.AnnData | None:
    """Give every cell a compartment, from the labels its authors gave it.

    Parameters
    ----------
    adata
        Annotated data; the matrix is not read.
    labels
        Compartment of cell types, for example ``{"Cancer": "tumor", "Hepatocyte": "parenchymal"}``.
    malignant_key
        Boolean column of ``obs``. Cells with True are tumor whatever their type; a cell with False is
        never tumor.
    groupby
        Column of ``obs`` with cell types. ``None`` takes ``settings.groupby``.
    sample_key
        Column of ``obs`` with samples, for the statement per sample. ``None`` takes
        ``settings.sample_key`` where it exists.
    compartment_key
        Column of ``obs`` to write. ``None`` takes ``settings.compartment_key``.
    key_added
        Where in ``uns`` the evidence is stored.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        The changed copy with ``copy=True``, else None. Stores ``obs["compartment"]`` and in
        ``uns["compartments"]`` ``params``, ``table`` with one row per cell type and compartment
        (``cell_type, compartment, n_cells, source, reason``; source is ``given``, ``malignant_key``,
        ``recognised by name`` or ``not recognised``), ``samples`` with one row per sample (``sample,
        n_cells, n_tumor, n_stromal, ..., statement``) and ``copy_number``, which reads ``not_assessed``.

    Raises
    ------
    InputTypeError
        ``adata`` is not an AnnData, ``labels`` no mapping, or the malignant column not boolean.
    InputValueError
        Cell types or malignant values are missing, ``labels`` names an unknown cell type or compartment.
    MissingKeyError
        A column does not exist.

    Notes
    -----
    In this order: ``malignant_key`` True; ``labels``; the name of the type
    (:func:`niche.resources.classify_cell_type`); else ``unresolved``. A name that says epithelial
    without more could be tumor or normal epithelium: such cells are ``unresolved`` unless
    ``malignant_key`` says that they are not malignant. Cells of a tumor type with ``malignant_key``
    False are ``unresolved`` too. Copy number is not looked at, so ``malignant_probability`` is not
    assessed and not written.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.tl.call_compartments(adata, labels={"Malignant": "tumor"})
    >>> "tumor" in set(adata.obs["compartment"])
    True
    """
    validate.anndata(adata)
    write.slot_name(key_added)
    validate.flag(copy, "copy")
    types = validate.factor(adata, groupby, "groupby")
    given = _given(labels, types)
    malignant = _malignant(adata, malignant_key)
    column = settings.compartment_key if compartment_key is None else compartment_key
    write.slot_name(column, "compartment_key")
    sample_name = settings.sample_key if sample_key is None else sample_key
    with_samples = sample_key is not None or sample_name in adata.obs.columns
    samples = validate.factor(adata, sample_key, "sample_key") if with_samples else None

    cells = _call(types, given, malignant)
    table = (
        cells.groupby(["cell_type", "compartment", "source", "reason"], sort=True)
        .size()
        .rename("n_cells")
        .reset_index()[["cell_type", "compartment", "n_cells", "source", "reason"]]
    )
    per_sample = pd.DataFrame() if samples is None else _samples(cells["compartment"].to_numpy(), samples)
    used = [types.key, *([malignant_key] if malignant_key else []), *([samples.key] if samples else [])]

    adata = adata.copy() if copy else adata
    digest = fingerprint.compute(adata, obs=[name for name in used if name != column], layers=[])
    write.obs(adata, {column: cells["compartment"].to_numpy(dtype=object)})
    write.result(
        adata,
        key_added,
        params={
            "groupby": types.key,
            "malignant_key": malignant_key,
            "sample_key": sample_name,
            "compartment_key": column,
            "label_types": list(given),
            "label_compartments": list(given.values()),
        },
        payload={
            "table": table,
            "copy_number": "not_assessed",
            **({} if samples is None else {"samples": per_sample}),
        },
        fingerprint=digest,
    )
    _log(cells["compartment"])
    return adata if copy else None


def _given(labels: Mapping[str, str] | None, types: validate.Factor) -> dict[str, str]:
    if labels is None:
        return {}
    if not isinstance(labels, Mapping):
        raise InputTypeError(
            f"labels must map cell types to compartments, for example {{'Cancer': 'tumor'}}. Got {labels!r}."
        )
    given = {str(name): compartment for name, compartment in labels.items()}
    unknown = [name for name in given if name not in types.names]
    if unknown:
        raise InputValueError(
            f"labels names cell types that are not in adata.obs[{types.key!r}]: {validate.shown(unknown)}. "
            f"Found there: {validate.shown(types.names)}."
        )
    for name, compartment in given.items():
        validate.choice(compartment, f"labels[{name!r}]", keys.COMPARTMENTS_ALL)
    return given


def _malignant(adata: ad.AnnData, malignant_key: str | None) -> np.ndarray | None:
    if malignant_key is None:
        return None
    name = validate.obs_key(adata, malignant_key, "malignant_key")
    values = adata.obs[name]
    n_missing = int(values.isna().sum())
    if n_missing:
        raise InputValueError(
            f"{n_missing} of {len(values)} cells have no value in adata.obs[{name!r}]. "
            "Fill them with True or False."
        )
    words = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
    found = values.astype(str).str.lower().map(words)
    if found.isna().any():
        odd = sorted(set(values[found.isna()].astype(str)))
        raise InputTypeError(
            f"adata.obs[{name!r}] must hold True or False. Found {validate.shown(odd)}. "
            "Give the malignant types by labels= instead."
        )
    return found.to_numpy(dtype=bool)


def _call(types: validate.Factor, given: dict[str, str], malignant: np.ndarray | None) -> pd.DataFrame:
    """Per cell: cell_type, compartment, source, reason."""
    by_type = [_of_type(name, given) for name in types.names]
    frame = pd.DataFrame(by_type, columns=["compartment", "source", "reason"], dtype=object)
    cells = frame.iloc[types.codes].reset_index(drop=True)
    cells.insert(0, "cell_type", types.labels)
    if malignant is None:
        undecided = (cells["compartment"] == "epithelial_normal") & (cells["source"] == BY_NAME)
        undecided &= cells["cell_type"].str.lower().str.contains("|".join(_OPEN_NAMES))
        cells.loc[undecided, ["compartment", "source", "reason"]] = [
            "unresolved",
            UNKNOWN,
            "epithelial cells may be malignant: say which with labels or malignant_key",
        ]
        return cells
    contradicted = (cells["compartment"] == "tumor").to_numpy() & ~malignant
    cells.loc[contradicted, ["compartment", "source", "reason"]] = [
        "unresolved",
        MALIGNANT,
        "a tumor type, but not malignant by malignant_key",
    ]
    cells.loc[malignant, ["compartment", "source", "reason"]] = ["tumor", MALIGNANT, ""]
    return cells


def _of_type(name: str, given: dict[str, str]) -> tuple[str, str, str]:
    """Compartment, source and reason of a cell type, malignancy aside."""
    if name in given:
        return given[name], GIVEN, ""
    found = resources.classify_cell_type(name)
    if found is None:
        return "unresolved", UNKNOWN, "the name says nothing: give its compartment with labels"
    return found[0], BY_NAME, ""


def _samples(compartment: np.ndarray, samples: validate.Factor) -> pd.DataFrame:
    n = len(samples.names)
    table = pd.DataFrame(
        {
            "sample": np.array(samples.names, dtype=object),
            "n_cells": np.bincount(samples.codes, minlength=n),
            **{
                f"n_{name}": np.bincount(samples.codes[compartment == name], minlength=n)
                for name in keys.COMPARTMENTS_ALL
            },
        }
    )
    statement = "author labels; copy number not assessed"
    table["statement"] = [f"{statement}; no tumor cell" if k == 0 else statement for k in table["n_tumor"]]
    return table


def _log(compartment: pd.Series) -> None:
    n_unresolved = int((compartment == "unresolved").sum())
    if not (compartment == "tumor").any():
        logger.warning("call_compartments: no cell is tumor; give labels or malignant_key")
    if n_unresolved:
        logger.warning("call_compartments: %d of %d cells are unresolved", n_unresolved, len(compartment))
