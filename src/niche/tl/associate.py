"""Scores of tumors against how metastases grow, or when patients relapse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from niche._slots import tables, validate
from niche._slots.validate import shown
from niche._stats.association import linear_association, rank_association
from niche._stats.fdr import benjamini_hochberg
from niche.errors import InputValueError
from niche.tl._associate_scores import patient_scores
from niche.tl._cox import LEAST_EVENTS, require_lifelines
from niche.tl._relapse_input import Followed, followed
from niche.tl._relapse_tests import organ_term

METHODS = ("linear", "rank")
KINDS = ("growth", "relapse")
LEAST_ANIMALS = 5
COLUMNS = (
    "outcome", "score", "organ", "method", "n_patients", "n_left_out", "n_events", "effect", "ci_low",
    "ci_high", "unit", "statistic", "df", "pval", "qval", "status", "reason",
)  # fmt: skip
_UNIT = {
    ("growth", "linear"): "change of slope per sd",
    ("growth", "rank"): "rank correlation",
    ("relapse", "linear"): "log hazard ratio per sd",
    ("relapse", "rank"): "log hazard ratio per sd of ranks",
}


def associate(
    scores: pd.DataFrame,
    outcome: pd.DataFrame,
    *,
    kind: Literal["growth", "relapse"] | None = None,
    patient: str = "patient",
    score: str | Sequence[str] | None = None,
    name: str | None = None,
    unit: str | None = None,
    organ: str = "organ",
    value: str = "slope",
    time: str = "time",
    entry: str | None = None,
    competing: str | Sequence[str] | None = (),
    censored: str = "censored",
    covariates: str | Sequence[str] | None = (),
    match_organ: bool = False,
    method: Literal["linear", "rank"] = "linear",
    min_patients: int = LEAST_ANIMALS,
    min_events: int = LEAST_EVENTS,
    confidence: float = 0.95,
) -> pd.DataFrame:
    r"""Test scores of tumors against growth or relapse, with patients or animals as the replicates.

    All samples of a patient are averaged first, so a patient counts once. Every score is tested by itself, in
    every organ of the outcome.

    Parameters
    ----------
    scores
        A table of samples: that of :func:`niche.get.signatures` at level ``"sample"``, that of
        :func:`niche.get.compare_programs` with ``what="units"``, or any other with a patient per row, whose
        ``score`` names columns. Missing scores are left out of the mean.
    outcome
        Growth: the table of :func:`niche.tl.growth_rates`, one row per animal and organ. Relapse: a table as
        :func:`niche.tl.relapse` takes it, one row per patient.
    kind
        ``"growth"`` or ``"relapse"``; ``None`` tells them by the columns ``value`` and ``time``.
    patient
        Column of ``scores`` with the patient or animal.
    score
        Columns of ``scores`` to test; with ``name`` the one column of values.
    name
        Column of ``scores`` with the names of scores, where each has rows of its own.
    unit
        Column of ``outcome`` with the patient or animal; by default ``"animal"`` for growth, ``patient`` for
        relapse.
    organ
        Column of ``outcome``: the organ that grew, or that of the first relapse (empty, missing or
        ``censored`` where there was none).
    value
        Column of growth.
    time, entry, competing, censored
        Of relapse, as in :func:`niche.tl.relapse`.
    covariates
        Columns of ``outcome`` that the tests are adjusted for, numbers or labels.
    match_organ
        Take only samples of the same organ as the outcome (column ``organ`` of ``scores``).
    method
        ``"linear"``, or ``"rank"``: ranks of the scores, and of growth.
    min_patients
        Fewest patients or animals, at least 4; three degrees of freedom must be left as well.
    min_events
        Fewest relapses in an organ, and five for every coefficient.
    confidence
        Of all intervals.

    Returns
    -------
    DataFrame
        One row per score and organ: ``outcome, score, organ, method, n_patients`` (in the model),
        ``n_left_out`` (in the outcome, without score, covariates or growth), ``n_events`` (relapses there;
        NaN for growth), ``effect`` with ``ci_low, ci_high`` (in what ``unit`` says), ``statistic`` (t; z
        for relapse), ``df`` (NaN for relapse), ``pval, qval`` (Benjamini-Hochberg over all tested rows of the
        table), ``status`` (``tested``, ``not_testable``), ``reason``.

    Raises
    ------
    InputTypeError
        A table is no DataFrame, numbers that are none.
    MissingKeyError
        A column that does not exist.
    InputValueError
        No patient in both tables; an animal and organ, or a patient, there twice in ``outcome``; an outcome
        that is neither growth nor relapse; times as in :func:`niche.tl.relapse`; an option out of range.
    MissingPackageError
        The outcome is relapse and lifelines is not installed.

    Notes
    -----
    Growth: :math:`b_i = \mu + \beta z_i + \gamma' c_i + \varepsilon_i` over animals i with score z in
    standard deviations, tested by t with n - 2 - k degrees of freedom; ``"rank"`` is Spearman's correlation,
    partial with covariates, up to 8 animals tested by all permutations (p of five animals is 2 / 5! at least;
    no interval where the ranks agree wholly). Slopes count alike however well each is known. Relapse:
    cause-specific Cox model, as :func:`niche.tl.relapse` explains. Scores of one tumor hang together, which
    Benjamini-Hochberg tolerates where they do so positively.
    ``docs/validation/growth.md`` has the calibration for growth.

    Examples
    --------
    >>> import niche
    >>> table = niche.datasets.simulate_relapse(0, n_patients=400)
    >>> found = niche.tl.associate(table[["patient", "score"]], table, score="score", competing="death")
    >>> brain = found.set_index("organ").loc["brain"]
    >>> print(brain["n_events"], f"{brain['effect']:.2f} {brain['unit']}, q = {brain['qval']:.4f}")
    20 1.03 log hazard ratio per sd, q = 0.0002
    """
    validate.choice(method, "method", METHODS)
    validate.choice(kind, "kind", (*KINDS, None))
    validate.flag(match_organ, "match_organ")
    validate.number(min_patients, "min_patients", low=4, high=1_000_000, integer=True)
    validate.number(min_events, "min_events", low=2, high=1_000_000, integer=True)
    validate.number(confidence, "confidence", low=0.5, high=0.9999)
    tables.frame(outcome, "outcome")
    what = _kind(outcome, kind, value, time)
    means = patient_scores(scores, patient, score, name, by_organ=match_organ)
    beside = tables.covariate_design(
        outcome, tables.covariate_columns(outcome, covariates, "outcome"), "outcome"
    )[0]
    if what == "growth":
        rows = _growth(
            outcome, means, beside, unit or "animal", organ, value, method, min_patients, confidence
        )
    else:
        require_lifelines()
        data = followed(
            outcome,
            patient=unit or patient, time=time, event=organ, entry=entry, organs=None, competing=competing,
            censored=censored, name="outcome",
        )  # fmt: skip
        rows = _relapse(data, means, beside, method, min_patients, min_events, confidence)
    out = pd.DataFrame(rows).assign(outcome=what, method=method, unit=_UNIT[what, method])
    out["qval"] = benjamini_hochberg(out["pval"].to_numpy(dtype=float))
    return out[list(COLUMNS)]


def _kind(outcome: pd.DataFrame, kind: str | None, value: str, time: str) -> str:
    grows, relapses = value in outcome.columns, time in outcome.columns
    if kind is not None:
        return kind
    if grows == relapses:
        raise InputValueError(
            f"outcome holds {'both' if grows else 'neither'} of the columns {value!r} (growth) and {time!r} "
            f"(relapse): say which it is with kind=, or name the column with value= or time=. Available: "
            f"{shown(outcome.columns)}."
        )
    return "growth" if grows else "relapse"


def _aligned(means: pd.DataFrame, who: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Scores (n, n_scores) of the patients of the outcome at the organs asked for."""
    by_organ = bool((means.index.get_level_values("organ") != "").any())
    wanted = pd.MultiIndex.from_arrays([who, place if by_organ else np.full(len(who), "", dtype=object)])
    return means.reindex(wanted).to_numpy(dtype=float)


def _met(means: pd.DataFrame, who: np.ndarray) -> None:
    known = set(means.index.get_level_values("patient"))
    if not known & set(who):
        raise InputValueError(
            f"no patient is in both tables: scores has {shown(sorted(known))}, outcome has "
            f"{shown(sorted(set(who)))}. Name the columns with patient= and unit=."
        )


def _growth(
    outcome: pd.DataFrame, means: pd.DataFrame, beside: np.ndarray, unit: str, organ: str, value: str,
    method: str, min_patients: int, confidence: float,
) -> list[dict[str, Any]]:  # fmt: skip
    who = tables.labels(outcome, unit, "unit", "outcome")
    place = tables.labels(outcome, organ, "organ", "outcome")
    growth = tables.numbers(outcome, value, "value", "outcome", missing=True)
    twice = pd.DataFrame({"who": who, "place": place}).duplicated().to_numpy()
    if twice.any():
        raise InputValueError(
            f"outcome has {who[twice][0]!r} in {place[twice][0]!r} twice. Give one row per animal and organ."
        )
    _met(means, who)
    scored = _aligned(means, who, place)
    test = linear_association if method == "linear" else rank_association
    rows = []
    for column, name in enumerate(means.columns):
        for here in sorted(set(place)):
            mine = place == here
            x = scored[:, column]
            kept = mine & np.isfinite(x) & np.isfinite(growth) & np.isfinite(beside).all(axis=1)
            n = int(kept.sum())
            found = test(x[kept], growth[kept], beside[kept], confidence)
            reason = ""
            if n < min_patients:
                reason, found = f"too few animals: {n}, {min_patients} needed", type(found)()
            elif not found.p > 0:
                reason = (
                    "no degrees of freedom left, scores or growth do not vary beyond the covariates, or "
                    "growth follows from them without error"
                )
            rows.append(
                {
                    "score": str(name), "organ": here, "n_patients": n, "n_left_out": int(mine.sum()) - n,
                    "n_events": np.nan, "effect": found.estimate, "ci_low": found.ci_low,
                    "ci_high": found.ci_high, "statistic": found.statistic, "df": found.df,
                    "pval": found.p, "status": "not_testable" if reason else "tested", "reason": reason,
                }
            )  # fmt: skip
    return rows


def _relapse(
    data: Followed, means: pd.DataFrame, beside: np.ndarray, method: str, min_patients: int, min_events: int,
    confidence: float,
) -> list[dict[str, Any]]:  # fmt: skip
    _met(means, data.patient)
    complete = np.isfinite(beside).all(axis=1)
    rows = []
    for place, here in enumerate(data.organs):
        scored = _aligned(means, data.patient, np.full(len(data.patient), here, dtype=object))
        for column, name in enumerate(means.columns):
            x = scored[:, column]
            kept = np.isfinite(x) & complete
            if method == "rank":
                x = np.where(kept, pd.Series(np.where(kept, x, np.nan)).rank().to_numpy(), np.nan)
            found = organ_term(data, place, x, beside, kept, min_events, scaled=True, confidence=confidence)
            n = found["n_patients"]
            if n < min_patients:
                found |= dict.fromkeys(("log_hr", "ci_low", "ci_high", "statistic", "pval"), np.nan)
                found |= {"status": "not_testable", "reason": f"too few patients: {n}, {min_patients} needed"}
            rows.append(
                {"score": str(name), "organ": here, "n_left_out": len(x) - n, "effect": found["log_hr"]}
                | {"n_patients": n, "n_events": found["n_events"], "df": np.nan}
                | {f"ci_{end}": float(np.log(found[f"ci_{end}"])) for end in ("low", "high")}
                | {key: found[key] for key in ("statistic", "pval", "status", "reason")}
            )
    return rows
