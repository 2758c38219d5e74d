"""Scores of samples as one number per patient or animal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from niche._slots import tables
from niche._slots.validate import shown
from niche.errors import InputValueError

LONG = (("signature", "score"), ("program", "usage"))
"""Tables of niche.get: column of names, column of values."""
SAMPLE_ORGAN = "organ"


def patient_scores(
    scores: pd.DataFrame, patient: str, score: str | Sequence[str] | None, name: str | None, *, by_organ: bool
) -> pd.DataFrame:
    """Mean over the samples of each patient: one row per patient (and organ), one column per score."""
    tables.frame(scores, "scores")
    who = tables.labels(scores, patient, "patient", "scores")
    organ = np.full(len(scores), "", dtype=object)
    if by_organ:
        organ = tables.labels(scores, SAMPLE_ORGAN, "match_organ", "scores")
    if name is None and score is None:
        name, score = _long_form(scores)
    if name is None:
        columns = tables.names(score, "score")
        if not columns:
            raise InputValueError(f"score must name columns of scores, each once. Got {score!r}.")
        values = {key: tables.numbers(scores, key, "score", "scores", missing=True) for key in columns}
        wide = pd.DataFrame(values).assign(patient=who, organ=organ)
        return wide.groupby(["patient", "organ"], sort=True).mean()
    if not isinstance(score, str):
        raise InputValueError(f"with name= the scores are in one column: name it with score=. Got {score!r}.")
    long = pd.DataFrame(
        {
            "patient": who,
            "organ": organ,
            "name": tables.labels(scores, name, "name", "scores"),
            "value": tables.numbers(scores, score, "score", "scores", missing=True),
        }
    )
    # samples of a patient count alike, whatever the order of rows
    rows = ["patient", "organ"]
    return long.pivot_table(index=rows, columns="name", values="value", sort=True, dropna=False)


def _long_form(scores: pd.DataFrame) -> tuple[str, str]:
    for name, value in LONG:
        if name in scores.columns and value in scores.columns:
            return name, value
    raise InputValueError(
        "scores is no table of niche.get.signatures(level='sample') or "
        "niche.get.compare_programs(what='units'): name its columns of scores with score=, or the column of "
        f"names with name= and that of values with score=. Found {shown(scores.columns)}."
    )
