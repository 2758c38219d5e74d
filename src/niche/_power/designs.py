"""A planned or existing design as a table of samples, whatever it is given as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._settings import settings
from niche._slots import keys, read, validate
from niche.errors import InputTypeError, InputValueError

PAIRINGS = ("unpaired", "partial", "paired")
_MOST_SAMPLES = 2000


def samples_of(design: Any, pairing: str) -> pd.DataFrame:
    """Return ``patient, organ, tissue``, one row per sample."""
    if isinstance(design, ad.AnnData):
        frame = _of_anndata(design)
    elif hasattr(design, "table") and hasattr(design, "organs"):
        frame = _usable(pd.DataFrame(design.table))
    elif isinstance(design, pd.DataFrame):
        frame = _of_frame(design)
    elif isinstance(design, Mapping):
        frame = _of_numbers(design, pairing)
    else:
        raise InputTypeError(
            "design must be an AnnData, the report of niche.pp.check, a DataFrame or a mapping from organ to "
            f"number of patients. Got {type(design).__name__}."
        )
    if not len(frame):
        raise InputValueError("the design has no sample that can be used.")
    if len(frame) > _MOST_SAMPLES:
        raise InputValueError(
            f"the design has {len(frame):,} samples, at most {_MOST_SAMPLES:,} are planned."
        )
    frame = frame[["patient", "organ", "tissue"]].astype(str).reset_index(drop=True)
    unknown = sorted(set(frame["tissue"]) - set(keys.TISSUES))
    if unknown:
        raise InputValueError(f"tissue must be one of {', '.join(keys.TISSUES)}. Found {unknown[0]!r}.")
    return frame


def planned(organs: Sequence[str], n_patients: int, pairing: str) -> pd.DataFrame:
    """The design of ``n_patients`` in every organ.

    ``unpaired``: a patient gives one organ. ``paired``: every organ. ``partial``: in each round of one
    patient per organ, one patient gives two organs, a different pair each round.
    """
    return _of_numbers(dict.fromkeys(organs, n_patients), pairing)


def _of_anndata(adata: ad.AnnData) -> pd.DataFrame:
    validate.anndata(adata)
    if keys.DESIGN in read.ours(adata):
        return _usable(pd.DataFrame(read.result(adata, keys.DESIGN, run_first="niche.pp.check")["samples"]))
    found = validate.samples(adata, None, None, None, None)
    return pd.DataFrame({"patient": found.patient, "organ": found.organ, "tissue": found.tissue})


def _usable(samples: pd.DataFrame) -> pd.DataFrame:
    return samples[samples["usable"].to_numpy(dtype=bool)]


def _of_frame(frame: pd.DataFrame) -> pd.DataFrame:
    columns = {"patient": settings.patient_key, "organ": settings.organ_key, "tissue": settings.tissue_key}
    if columns["patient"] in frame and columns["organ"] in frame:
        known = {name: frame[column] for name, column in columns.items() if column in frame}
        missing = [columns[name] for name, values in known.items() if values.isna().any()]
        if missing:
            raise InputValueError(f"the design has samples without {missing[0]}. Fill in or remove them.")
        return pd.DataFrame(known | ({} if "tissue" in known else {"tissue": "metastasis"}))
    return _of_crosstab(frame)


def _of_crosstab(frame: pd.DataFrame) -> pd.DataFrame:
    """Patients in rows, organs in columns, numbers of samples (or True and False) inside."""
    numeric = [pd.api.types.is_numeric_dtype(frame[name]) for name in frame]
    values = frame.to_numpy(dtype=float) if len(numeric) and all(numeric) else np.array([[np.nan]])
    if not np.isfinite(values).all() or (values < 0).any() or (values != np.floor(values)).any():
        raise InputValueError(
            f"a design as a table needs the columns {settings.patient_key!r} and {settings.organ_key!r} with "
            "one row per sample, or patients in rows, organs in columns and whole numbers of samples inside. "
            f"Found columns {validate.shown(frame.columns)}."
        )
    row, column = np.nonzero(values)
    times = values[row, column].astype(np.int64)
    return pd.DataFrame(
        {
            "patient": np.repeat(frame.index.astype(str).to_numpy(dtype=object)[row], times),
            "organ": np.repeat(frame.columns.astype(str).to_numpy(dtype=object)[column], times),
            "tissue": "metastasis",
        }
    )


def _of_numbers(numbers: Mapping[Any, Any], pairing: str) -> pd.DataFrame:
    if not numbers:
        raise InputValueError("the design names no organ.")
    for organ, n in numbers.items():
        validate.number(n, f"the number of patients of {organ!r}", low=0, high=_MOST_SAMPLES, integer=True)
    rows: list[tuple[str, str]] = []
    n_patients = 0
    for turn in range(max(numbers.values())):
        organs = [str(organ) for organ, n in numbers.items() if n > turn]
        shift = turn % len(organs)
        organs = organs[shift:] + organs[:shift]
        if pairing == "paired":
            groups = [organs]
        elif pairing == "partial" and len(organs) > 1:
            groups = [organs[:2], *([organ] for organ in organs[2:])]
        else:
            groups = [[organ] for organ in organs]
        for group in groups:
            n_patients += 1
            rows += [(f"P{n_patients:03d}", organ) for organ in group]
    frame = pd.DataFrame(rows, columns=["patient", "organ"])
    return frame.assign(tissue="metastasis")
