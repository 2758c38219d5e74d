"""Read what a column calls its tissues: primary, metastasis, normal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

_WORDS = {
    "metastasis": "metastasis", "metastases": "metastasis", "metastatic": "metastasis", "met": "metastasis",
    "mets": "metastasis", "secondary": "metastasis", "metastatic tumor": "metastasis",
    "primary": "primary", "primary tumor": "primary", "primary cancer": "primary", "tumor primary": "primary",
    "normal": "normal", "normal adjacent": "normal", "adjacent normal": "normal", "nat": "normal",
    "adjacent": "normal", "healthy": "normal", "normal tissue": "normal", "non malignant": "normal",
}  # fmt: skip
_BOOLEAN = {"true": "metastasis", "false": "primary"}


@dataclass(frozen=True)
class Tissues:
    """A tissue column in niche's words.

    Attributes
    ----------
    values
        Tissue of each cell; what is not understood is kept as it is.
    renamed
        What was read as what, where the two differ.
    unknown
        Values that are not understood.
    """

    values: pd.Series
    renamed: dict[str, str]
    unknown: list[str]


def is_boolean(values: pd.Series) -> bool:
    """Whether a column holds true and false, as such or as words."""
    if pd.api.types.is_bool_dtype(values.dtype):
        return True
    words = set(values.dropna().astype(str).str.lower())
    return bool(words) and words <= {"true", "false"}


def read_tissues(values: pd.Series, given: Mapping[str, str]) -> Tissues:
    """Put tissue labels in niche's words: as the user says, else true/false, else known synonyms."""
    words = _BOOLEAN if is_boolean(values) else _WORDS
    labels = sorted(set(values.dropna().astype(str)))
    meaning = {label: given.get(label, words.get(_plain(label), "")) for label in labels}
    unknown = [label for label, tissue in meaning.items() if not tissue]
    read = {label: tissue or label for label, tissue in meaning.items()}
    found = values.astype(object).map(lambda value: value if pd.isna(value) else read[str(value)])
    return Tissues(found, {a: b for a, b in read.items() if a != b}, unknown)


def _plain(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", label.lower()).replace("tumour", "tumor").strip()
