"""The compartment of every cell by the labels its authors gave it."""

from __future__ import annotations

from collections.abc import Mapping

import anndata as ad
import numpy as np
import pandas as pd

from niche import resources
from niche._slots import keys, validate
from niche.errors import InputTypeError, InputValueError

GIVEN, MALIGNANT, BY_NAME, UNKNOWN = "given", "malignant_key", "recognised by name", "not recognised"
"""Where a compartment comes from."""

_OPEN_NAMES = ("epithel",)


def given_labels(labels: Mapping[str, str] | None, types: validate.Factor) -> dict[str, str]:
    """Check the labels a user gave."""
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


def malignant_cells(adata: ad.AnnData, malignant_key: str | None) -> np.ndarray | None:
    """Read a boolean column, however a file holds it."""
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


def call_by_labels(
    types: validate.Factor, given: dict[str, str], malignant: np.ndarray | None
) -> pd.DataFrame:
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
