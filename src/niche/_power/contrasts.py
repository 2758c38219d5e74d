"""The contrasts of a design, each with its patients, its precision and what they allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from niche._stats.contrasts import OMNIBUS, Groups, contrasts_of, sides_of
from niche._stats.detectable_effect import contrast_precision, detectable_effect

CALL, TEST, NOT_TESTABLE = "test and call", "test, no call", "not_testable"
PATIENTS_TEST, PATIENTS_CALL = 2, 3
LEAST_COUNT = 3.0
"""Expected count of a gene in a sample below which it is not tested."""


@dataclass(frozen=True)
class Assumed:
    """What a contrast is judged under.

    Attributes
    ----------
    correlation
        Within patients.
    counting
        Variance of counting in a sample, log2.
    expected
        Expected count of the gene in a sample; infinite where counting is left out.
    level, power
        Of the two-sided test.
    prior_df
        Degrees of freedom added by moderation.
    """

    correlation: float
    counting: float
    expected: float
    level: float
    power: float
    prior_df: float


@dataclass(frozen=True)
class Contrast:
    """One comparison of a design.

    Attributes
    ----------
    name, organ
        As everywhere in niche: ``bone_vs_rest``, and the organ it raises.
    patient, group
        (n_samples,) codes of all samples of the design.
    weights
        (n_groups,) weights of the group means; zero for groups that take no part.
    """

    name: str
    organ: str
    patient: np.ndarray
    group: np.ndarray
    weights: np.ndarray

    def _patients(self, *, raised: bool) -> set[int]:
        groups = np.flatnonzero(self.weights > 0 if raised else self.weights < 0)
        return set(self.patient[np.isin(self.group, groups)].tolist())

    def row(self, sd: float, assumed: Assumed) -> dict[str, Any]:
        """Values of one row of the table."""
        own, other = self._patients(raised=True), self._patients(raised=False)
        reason = _reason(len(own), len(other), assumed.expected)
        found: dict[str, Any] = {
            "contrast": self.name,
            "organ": self.organ,
            "n_patients": len(own),
            "n_patients_other": len(other),
            "n_patients_both": len(own & other),
            "sd": sd,
            "standard_error": np.nan,
            "df": np.nan,
            "alpha": assumed.level,
            "min_detectable_log2fc": np.nan,
            "min_detectable_fold": np.nan,
            "status": NOT_TESTABLE,
            "reason": reason,
        }
        if reason:
            return found
        shared = sd**2 * assumed.correlation
        error, df = contrast_precision(
            self.patient, self.group, self.weights, shared, sd**2 - shared + assumed.counting
        )
        if df <= 0:
            return found | {"reason": "no residual degree of freedom"}
        effect = error * detectable_effect(df + assumed.prior_df, assumed.level, assumed.power)
        with np.errstate(over="ignore"):
            fold = float(np.exp2(effect))
        fewest = min(len(own), len(other))
        return found | {
            "standard_error": error,
            "df": df + assumed.prior_df,
            "min_detectable_log2fc": effect,
            "min_detectable_fold": fold,
            "status": CALL if fewest >= PATIENTS_CALL else TEST,
            "reason": "" if fewest >= PATIENTS_CALL else f"{PATIENTS_CALL} patients are needed for a call",
        }


def _reason(own: int, other: int, expected: float) -> str:
    for n, side in ((own, "in the organ"), (other, "on the other side")):
        if n < PATIENTS_TEST:
            noun = "patient" if n == 1 else "patients"
            return f"{n} {noun} {side}, {PATIENTS_TEST} are needed to test"
    if expected < LEAST_COUNT:
        return f"depth: {expected:.2g} counts are expected in a sample, {LEAST_COUNT:g} are needed"
    return ""


def contrasts(samples: pd.DataFrame) -> list[Contrast]:
    """Every organ against the rest, every pair, and organs against primary and their own normal tissue.

    ``samples`` has ``patient, organ, tissue``. *Rest* and *primary* are the mean of the organs with 2
    patients, where there are any.
    """
    organ, tissue = (samples[name].to_numpy(dtype=object) for name in ("organ", "tissue"))
    label = np.where(tissue == "metastasis", organ, organ + " (" + tissue + ")")
    names, first, group = np.unique(label.astype(str), return_index=True, return_inverse=True)
    groups = Groups(names.tolist(), organ[first].tolist(), tissue[first].tolist())
    patient = pd.factorize(samples["patient"])[0]
    n_patients = np.array([len(set(patient[group == i])) for i in range(names.size)])
    present = np.ones(names.size, dtype=bool)
    found = []
    for one in contrasts_of(groups):
        if one.kind == OMNIBUS:
            continue
        plus, minus = sides_of(one, groups, present, n_patients >= PATIENTS_TEST)
        if not minus.any():  # nobody has two patients: shown with those there are, and not testable
            minus = groups.of("metastasis") & ~plus
        weights = plus / plus.sum() - minus / minus.sum()
        found.append(Contrast(one.name, groups.name[one.plus], patient, group, weights))
    return found
