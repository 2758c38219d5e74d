"""Hazards of relapse in every organ: pairs of groups, and scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from niche._slots import tables
from niche._stats.fdr import benjamini_hochberg
from niche.errors import InputValueError
from niche.tl._cox import CoxTerm, cox_term, require_lifelines
from niche.tl._group_pairs import group_pairs
from niche.tl._relapse_input import Followed

COLUMNS = (
    "organ", "kind", "term", "n_patients", "n_left_out", "n_events", "hazard_ratio", "ci_low", "ci_high",
    "log_hr", "log_hr_error", "statistic", "pval", "qval", "ph_pval", "status", "reason",
)  # fmt: skip


def tested_rows(
    table: pd.DataFrame,
    data: Followed,
    group: np.ndarray | None,
    reference: str | None,
    scores: Sequence[str],
    covariates: Sequence[str],
    min_events: int,
    confidence: float,
) -> pd.DataFrame:
    """One row per organ and term; without a term one per organ that says nothing was asked for."""
    beside = tables.covariate_design(table, covariates)[0]
    complete = np.isfinite(beside).all(axis=1)
    terms: list[tuple[str, str, np.ndarray]] = []
    if group is not None:
        names = sorted(set(group))
        if len(names) < 2:
            raise InputValueError(
                f"groups cannot be compared: {names[0]!r} is the only one. Leave group= out, or add a group."
            )
        for first, second in group_pairs(names, reference):
            values = np.select([group == first, group == second], [1.0, 0.0], np.nan)
            terms.append(("groups", f"{first}_vs_{second}", values))
    terms += [("score", key, tables.numbers(table, key, "score", missing=True)) for key in scores]
    if terms:
        require_lifelines()
    rows = []
    for place, organ in enumerate(data.organs):
        for kind, name, values in terms:
            kept = np.isfinite(values) & complete
            known = np.isfinite(values).sum() if kind == "groups" else len(values)
            found = organ_term(
                data, place, values, beside, kept, min_events, scaled=kind == "score", confidence=confidence
            )
            named = {"organ": organ, "kind": kind, "term": name, "n_left_out": int(known - kept.sum())}
            rows.append(named | found)
        if not terms:
            counts = {"n_patients": len(data.time), "n_left_out": 0}
            said = {"status": "not_assessed", "reason": "no group and no score was given"}
            numbers = CoxTerm().columns(confidence)
            n_events = int((data.cause == place + 1).sum())
            named = {"organ": organ, "kind": "", "term": "", "n_events": n_events}
            rows.append(named | counts | numbers | said)
    out = pd.DataFrame(rows)
    out["qval"] = benjamini_hochberg(out["pval"].to_numpy(dtype=float))
    return out[list(COLUMNS)]


def organ_term(
    data: Followed,
    place: int,
    values: np.ndarray,
    beside: np.ndarray,
    kept: np.ndarray,
    min_events: int,
    *,
    scaled: bool,
    confidence: float,
) -> dict[str, Any]:
    """The hazard of one organ on one term, among the patients ``kept`` (n,) bool."""
    part = data.subset(kept)
    term = values[kept]
    if scaled and term.size and term.std() > 0:
        term = (term - term.mean()) / term.std()
    event = part.cause == place + 1
    found = cox_term(term, beside[kept], part.time, part.entry, event, min_events)
    counts = {"n_patients": int(kept.sum()), "n_events": int(event.sum())}
    return counts | found.columns(confidence)
