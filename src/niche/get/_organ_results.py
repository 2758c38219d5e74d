"""Stored tests of few features between organs as a table: features in rows, contrasts in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from niche._slots import read, validate
from niche.errors import InputValueError

Names = str | Sequence[str] | None


def contrast_table(stored: Mapping[str, Any], labels: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """One row per feature and contrast, with ``labels`` (n_features,) of the features."""
    names, groups = read.strings(stored["contrasts"]["name"]), read.strings(stored["groups"]["name"])
    n_features, n_contrasts = np.asarray(stored["status"]).shape
    row, column = np.divmod(np.arange(n_features * n_contrasts), n_contrasts)
    out: dict[str, Any] = {name: np.asarray(values).ravel() for name, values in stored["values"].items()} | {
        name: np.asarray(stored[name]).ravel() for name in ("n_samples", "n_patients")
    }
    out["contrast"] = pd.Categorical.from_codes(column, names)
    out["organ"] = pd.Categorical.from_codes(
        np.asarray(stored["contrasts"]["plus"])[column] + 1, ["", *groups]
    )
    out |= {name: pd.Categorical(values)[row] for name, values in labels.items()}
    for name in ("call", "status", "reason"):
        options = read.strings(stored[f"{name}_names"])
        out[name] = pd.Categorical.from_codes(np.asarray(stored[name]).ravel().astype(np.int64), options)
    return pd.DataFrame(out)


def kept_rows(
    frame: pd.DataFrame, wanted: Mapping[str, Names], known: Mapping[str, Sequence[str]], qval: float | None
) -> pd.DataFrame:
    """Rows whose columns hold what is wanted; refuses what is not ``known`` there."""
    kept = np.ones(len(frame), dtype=bool)
    for name, chosen in wanted.items():
        if chosen is not None:
            kept &= frame[name].isin(listed(chosen, name, known[name])).to_numpy()
    if qval is not None:
        kept &= (frame["qval"] <= qval).to_numpy()
    return frame[kept].reset_index(drop=True)


def listed(wanted: str | Sequence[str], name: str, known: Sequence[str]) -> list[str]:
    """The names wanted; refuses those that are not in the result."""
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    unknown = [item for item in names if item not in known]
    if unknown:
        raise InputValueError(
            f"{name}: {validate.shown(unknown)} not in the result. Available: {validate.shown(known)}."
        )
    return names


def sample_labels(stored: Mapping[str, Any], row: np.ndarray) -> dict[str, pd.Categorical]:
    """Sample, patient, organ and tissue of rows that are samples (n_rows,) which take part."""
    samples = stored["samples"]
    out = {
        name: pd.Categorical(np.array(read.strings(samples[source]), dtype=object)[row])
        for name, source in (("sample", "name"), ("patient", "patient"))
    }
    out["organ"] = pd.Categorical.from_codes(
        np.asarray(samples["organ_code"])[row], read.strings(stored["groups"]["name"])
    )
    out["tissue"] = pd.Categorical(np.array(read.strings(samples["tissue"]), dtype=object)[row])
    return out
