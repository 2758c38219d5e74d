"""A generator of times to relapse whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from niche._slots import validate
from niche.errors import InputTypeError

RATES = {"bone": 0.04, "lung": 0.03, "liver": 0.02, "brain": 0.01}
DEATH = "death"


def simulate_relapse(
    rng: int | np.random.Generator = 0,
    *,
    n_patients: int = 200,
    rates: Mapping[str, float] | None = None,
    share_high: float = 0.5,
    hazard_ratio: Mapping[str, float] | None = None,
    score_hazard_ratio: Mapping[str, float] | None = None,
    death_rate: float = 0.02,
    null: bool = False,
    shape: float = 1.0,
    follow_up: tuple[float, float] = (3.0, 10.0),
    late_entry: float = 0.0,
) -> pd.DataFrame:
    r"""Draw times to the first distant relapse, for which organs compete, with the truth beside them.

    Parameters
    ----------
    rng
        Seed or Generator. The same seed gives the same bits.
    n_patients
        Number of patients.
    rates
        Relapses per year in every organ, of the group ``low`` at an average score; bone 0.04, lung 0.03,
        liver 0.02 and brain 0.01 by default.
    share_high
        Share of patients in the group ``high``.
    hazard_ratio
        Of ``high`` against ``low``, organ by organ; ``{"bone": 2.5}`` by default, 1 elsewhere.
    score_hazard_ratio
        Of one standard deviation of the score, organ by organ; ``{"brain": 2.0}`` by default, 1 elsewhere.
    death_rate
        Deaths without relapse per year; 0 for none.
    null
        No effect of group and score.
    shape
        Of the Weibull law: 1 for a constant hazard, above 1 for a rising one.
    follow_up
        Shortest and longest follow-up in years; censored at a time between, all equally likely.
    late_entry
        Patients come under observation at a time between 0 and this, at most the shortest follow-up; those
        whose time is over by then are never seen, and others are drawn in their place.

    Returns
    -------
    DataFrame
        One row per patient: ``patient, time`` (years), ``organ`` (of the first relapse; ``death``;
        ``censored``), ``entry, group`` (``high``, ``low``), ``score`` (mean 0, standard deviation 1).
        ``attrs["truth"]`` maps ``"hazard_ratio"`` and ``"score_hazard_ratio"`` to the ratio of every organ,
        ``"rates"`` to the rates.

    Raises
    ------
    InputTypeError, InputValueError
        An option is not what it should be; the message names it.

    Notes
    -----
    The time to relapse in an organ has the cumulative hazard :math:`\lambda t^{\nu} h^{g} s^{z}` with rate
    :math:`\lambda`, shape :math:`\nu`, group g, score z; what comes first is seen.

    Examples
    --------
    >>> import niche
    >>> table = niche.datasets.simulate_relapse(0, n_patients=100)
    >>> sorted(set(table["organ"]))
    ['bone', 'brain', 'censored', 'death', 'liver', 'lung']
    >>> table.attrs["truth"]["hazard_ratio"]["bone"]
    2.5
    """
    random = validate.generator(rng)
    validate.number(n_patients, "n_patients", low=1, high=10_000_000, integer=True)
    base = _ratios(RATES if rates is None else rates, "rates")
    by_group = _ratios({"bone": 2.5} if hazard_ratio is None else hazard_ratio, "hazard_ratio")
    by_score = _ratios(
        {"brain": 2.0} if score_hazard_ratio is None else score_hazard_ratio, "score_hazard_ratio"
    )
    validate.number(share_high, "share_high", low=0, high=1)
    validate.number(death_rate, "death_rate", low=0, high=100)
    validate.number(shape, "shape", low=0.1, high=10)
    validate.flag(null, "null")
    shortest, longest = follow_up
    validate.number(shortest, "follow_up[0]", low=0, high=1e6, open_low=True)
    validate.number(longest, "follow_up[1]", low=shortest, high=1e6)
    validate.number(late_entry, "late_entry", low=0, high=shortest)

    organs = list(base)
    log_group, log_score = (
        np.array([0.0 if null else np.log(ratios.get(organ, 1.0)) for organ in organs])
        for ratios in (by_group, by_score)
    )
    hazards = np.array([base[organ] for organ in organs] + [death_rate])
    causes = np.array([*organs, DEATH, "censored"], dtype=object)
    parts: list[pd.DataFrame] = []
    seen = 0
    while seen < n_patients:
        n = n_patients
        group = random.random(n) < share_high
        score = random.normal(size=n)
        log_hr = group[:, None] * log_group + score[:, None] * log_score
        scale = hazards * np.exp(np.column_stack([log_hr, np.zeros(n)]))
        with np.errstate(divide="ignore"):
            times = (random.exponential(size=scale.shape) / scale) ** (1 / shape)
        times = np.column_stack([times, random.uniform(shortest, longest, size=n)])
        first = times.argmin(axis=1)
        part = pd.DataFrame(
            {
                "time": times.min(axis=1),
                "organ": causes[first],
                "entry": random.uniform(0, late_entry, size=n) if late_entry else np.zeros(n),
                "group": np.where(group, "high", "low"),
                "score": score,
            }
        )
        parts.append(part[part["time"] > part["entry"]])
        seen += len(parts[-1])
    table = pd.concat(parts, ignore_index=True).head(n_patients)
    width = len(str(n_patients))
    table.insert(0, "patient", [f"P{i + 1:0{width}d}" for i in range(n_patients)])
    table.attrs["truth"] = {
        "hazard_ratio": dict(zip(organs, np.exp(log_group).round(12).tolist(), strict=True)),
        "score_hazard_ratio": dict(zip(organs, np.exp(log_score).round(12).tolist(), strict=True)),
        "rates": dict(base),
    }
    return table


def _ratios(value: Mapping[str, float], option: str) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise InputTypeError(f"{option} must be a mapping from organ to number. Got {value!r}.")
    for name, number in value.items():
        validate.number(number, f"{option}[{name!r}]", low=0, high=1e6, open_low=True)
    return {str(name): float(number) for name, number in value.items()}
