"""Time to the first distant relapse, organ by organ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from niche._slots import tables, validate
from niche.errors import InputValueError
from niche.tl._cox import LEAST_EVENTS
from niche.tl._relapse_curves import incidence_rows, survival_rows
from niche.tl._relapse_input import followed
from niche.tl._relapse_tests import tested_rows

LEVELS = ("organ", "incidence", "survival")


def relapse(
    table: pd.DataFrame,
    *,
    patient: str = "patient",
    time: str = "time",
    event: str = "organ",
    entry: str | None = None,
    group: str | None = None,
    score: str | Sequence[str] | None = (),
    covariates: str | Sequence[str] | None = (),
    level: Literal["organ", "incidence", "survival"] = "organ",
    organs: Sequence[str] | None = None,
    competing: str | Sequence[str] | None = (),
    censored: str = "censored",
    reference: str | None = None,
    min_events: int = LEAST_EVENTS,
    confidence: float = 0.95,
) -> pd.DataFrame:
    r"""Follow patients to their first distant relapse, and test what makes it more frequent in an organ.

    The first relapse takes a patient out of the risk of a first relapse elsewhere, so organs compete. The
    incidence of an organ counts those who really relapse there first; the hazard, on which groups and scores
    are tested, is the rate among those still without relapse.

    Parameters
    ----------
    table
        One row per patient: the first relapse, or the end of follow-up.
    patient, time, event
        Columns: name of the patient, time from the origin (diagnosis, surgery; any unit, not negative), and
        organ of the first relapse; empty, missing or ``censored`` where there was none.
    entry
        Column of the time at which observation began, where that was after the origin (left truncation):
        such a patient is at risk from then on only. An entry of 0 is none; who ends at time 0 counts there.
    group
        Column of groups to compare.
    score
        Column or columns of numbers to test, each by itself; hazard ratios are per standard deviation.
    covariates
        Columns, numbers or labels, that the tests are adjusted for.
    level
        ``"organ"``: hazard ratios. ``"incidence"``: cumulative incidence of every organ by group.
        ``"survival"``: survival without any relapse by group.
    organs
        Organs of relapse there can be; any other event is refused. ``None`` takes all that are there.
    competing
        Events that are no relapse (``"death"``): they end the risk, have an incidence, count as events of
        ``"survival"``, and are not tested. A label that never occurs is refused: misspelt, it would pass for
        an organ.
    censored
        Label of ``event`` without relapse. Words such as ``"none"`` or ``"alive"`` are refused as organs.
    reference
        Group that the others are compared with; ``None`` compares all pairs.
    min_events
        Fewest relapses in an organ for a hazard ratio, and five for every coefficient of its model.
    confidence
        Of all intervals.

    Returns
    -------
    DataFrame
        Level ``"organ"``: ``organ, kind`` (``groups``, ``score``), ``term`` (``<a>_vs_<b>``, or the score),
        ``n_patients`` (in the model), ``n_left_out`` (without score or covariates), ``n_events`` (relapses
        there), ``hazard_ratio`` with ``ci_low, ci_high``, ``log_hr, log_hr_error, statistic`` (z), ``pval,
        qval`` (Benjamini-Hochberg over all tested rows of the table), ``ph_pval`` (against proportional
        hazards), ``status`` (``tested``, ``not_testable``, ``not_assessed`` where neither group nor score was
        given) and ``reason``, which also says where hazards are not proportional.

        Level ``"incidence"``: ``group, organ, kind`` (``relapse``, ``competing``), ``time`` (every time at
        which something can change), ``n_at_risk`` (just before), ``n_events, incidence, ci_low, ci_high``.

        Level ``"survival"``: ``group, time, n_at_risk, n_events, survival, ci_low, ci_high``.

    Raises
    ------
    InputTypeError
        ``table`` is no DataFrame, times that are no numbers, events that are no labels.
    MissingKeyError
        A column that does not exist.
    InputValueError
        A patient there twice; a negative time; an end at or before a late entry; an event that ``organs`` and
        ``competing`` do not name; a label of ``competing`` that never occurs; a word for no relapse among the
        organs; nobody relapsed; one group only; an option out of range.
    MissingPackageError
        Groups or scores are to be tested and lifelines is not installed.

    See Also
    --------
    niche.pl.relapse : Draw the incidence.
    niche.tl.associate : Scores of samples against relapse.

    Notes
    -----
    Incidence: :math:`F_k(t) = \sum_{t_j \le t} S(t_j^-) d_{kj} / n_j` with the Kaplan-Meier estimate S of no
    event (the Aalen-Johansen estimate, doi:10.1002/sim.2712); the incidences of all events and S add up to 1.
    Intervals are on the scale of log(-log), by point, and NaN before the first event. With late entry few may
    be under observation at first, and one event among them moves a curve far: look at ``n_at_risk``.

    Hazard ratios are of a Cox model (doi:10.1111/j.2517-6161.1972.tb00899.x) fitted by lifelines
    (doi:10.21105/joss.01317), in which relapse elsewhere counts as censored. That is the *cause-specific*
    hazard: it does not say how many will relapse in the organ, which also depends on the other organs
    (doi:10.1161/CIRCULATIONAHA.115.017719). Intervals are those of Wald, p-values those of the score test,
    for two groups the log-rank test: with 10 to 15 events Wald's rejects 3 % instead of 5 %. Groups are
    compared pair by pair, with the patients of both.

    Not testable: fewer events than ``min_events`` or five per coefficient; a term that does not vary or
    cannot be told from the covariates; *separated* events. Where all events of an organ are on one side of
    two groups, or of a score of two values, the ratio has no bound, and neither ratio nor p is given, however
    clear the difference: look at the incidence. Covariates count as many coefficients as they tell apart the
    patients tested.
    Proportional hazards are tested with scaled Schoenfeld residuals (doi:10.1093/biomet/81.3.515).

    Examples
    --------
    >>> import niche
    >>> table = niche.datasets.simulate_relapse(0, n_patients=300)
    >>> found = niche.tl.relapse(table, group="group", competing="death", reference="low")
    >>> bone = found.set_index("organ").loc["bone"]
    >>> print(bone["term"], bone["n_events"], f"{bone['hazard_ratio']:.1f}, p = {bone['pval']:.4f}")
    high_vs_low 72 2.6, p = 0.0001
    >>> curves = niche.tl.relapse(table, group="group", competing="death", level="incidence")
    >>> last = curves.groupby(["group", "organ"])["incidence"].last()
    >>> print(f"{last['high', 'bone']:.2f} {last['low', 'bone']:.2f}")
    0.36 0.21
    """
    validate.choice(level, "level", LEVELS)
    validate.number(min_events, "min_events", low=2, high=1_000_000, integer=True)
    validate.number(confidence, "confidence", low=0.5, high=0.9999)
    scores = tables.names(score, "score")
    if level != "organ" and (scores or covariates or reference is not None):
        raise InputValueError(f"score=, covariates= and reference= belong to level='organ'. Got {level!r}.")
    if reference is not None and group is None:
        raise InputValueError("reference= is one of the groups: name their column with group=.")
    data = followed(
        table,
        patient=patient, time=time, event=event, entry=entry, organs=organs, competing=competing,
        censored=censored,
    )  # fmt: skip
    groups = None if group is None else tables.labels(table, group, "group")
    if level == "incidence":
        return incidence_rows(data, groups, confidence)
    if level == "survival":
        return survival_rows(data, groups, confidence)
    beside = tables.covariate_columns(table, covariates)
    return tested_rows(table, data, groups, reference, scores, beside, min_events, confidence)
