"""Values, status, reasons and calls of few features that were tested between organs, family by family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from niche._stats import averaged_tests, proportions
from niche._stats.contrasts import OMNIBUS, Contrast, as_columns, design_of
from niche._stats.organ_tests import PATIENTS_CALL, Family, Method, Models, Samples, family_tests
from niche.tl._compare_calls import LARGEST_Q, family_q
from niche.tl._compare_input import Study
from niche.tl._compare_reasons import Reasons, reason_of

VALUES = (
    "effect", "ci_low", "ci_high", "statistic", "pval", "sign_stability", "min_detectable_effect",
)  # fmt: skip
TESTED, NOT_TESTABLE = "tested", "not_testable"
CALLS = ("not_testable", "undetermined", "enriched", "depleted", "differs")

EVEN = 20.0
"""Features without an opinion on the correlation within patients that are added to the few there are."""


class OrganResults:
    """What is stored of features (n_features) in all contrasts of a study.

    Attributes
    ----------
    values
        (n_features, n_contrasts) arrays by name, NaN where there is nothing.
    status, reason
        (n_features, n_contrasts) codes of ``statuses`` and of ``reasons``.
    """

    def __init__(
        self, study: Study, n_features: int, statuses: Sequence[str] = (TESTED, NOT_TESTABLE),
        more: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Nothing tested yet; ``more`` are names of further values."""
        shape = (n_features, len(study.wanted))
        self.study, self.statuses, self.reasons = study, tuple(statuses), Reasons()
        self.values = {name: np.full(shape, np.nan) for name in (*VALUES, *more)}
        self.n_samples, self.n_patients, self.callable = np.zeros((3, *shape), dtype=np.int64)
        self.reason = np.zeros(shape, dtype=np.uint16)
        self.status = np.full(shape, self.statuses.index(NOT_TESTABLE), dtype=np.int64)
        self.n_organs = np.zeros(n_features, dtype=np.int64)

    def refuse(self, places: np.ndarray | Sequence[int], why: str) -> None:
        """Say why features (n,) are tested in no contrast."""
        self.reason[np.asarray(places, dtype=np.int64)] = self.reasons.code(why)

    def record(
        self, places: np.ndarray, family: Family, rows: np.ndarray, missing: Sequence[Sequence[str]]
    ) -> list[list[tuple[str, str]]]:
        """Take in a family of features at ``places`` (n_tested,), tested over the units ``rows``.

        ``missing`` says for each feature why a group could not be used, empty where it could. Returns the
        reasons of every contrast: why it has no p-value, and what was left out of it.
        """
        study, units = self.study, self.study.units
        samples = units.samples.take(rows)
        per_group = np.bincount(
            samples.group, weights=units.n_samples[rows], minlength=len(study.groups.name)
        ).astype(np.int64)
        replicated = _replicated(samples.group, samples.patient, per_group.size)
        replicated &= study.groups.of("metastasis")
        for name, values in columns_of(family, study.wanted).items():
            self.values[name][places] = values
        known: dict[tuple[Any, ...], list[tuple[str, str]]] = {}
        out = []
        for i, place in enumerate(places):
            comparison = family.comparisons[family.pattern[i]]
            self.n_samples[place] = (comparison.plus | comparison.minus) @ per_group
            self.n_patients[place] = comparison.n_patients
            self.callable[place] = comparison.enough(PATIENTS_CALL)
            self.n_organs[place] = (comparison.usable & replicated).sum()
            key = (int(family.pattern[i]), *missing[i])
            if key not in known:
                known[key] = [
                    reason_of(c, contrast, comparison, study.groups, list(missing[i]))
                    for c, contrast in enumerate(study.wanted)
                ]
            out.append(known[key])
            for c, (why, note) in enumerate(known[key]):
                self.reason[place, c] = self.reasons.code(why or note)
                if not why:
                    self.status[place, c] = self.statuses.index(TESTED)
        return out

    def q_values(self, apart: np.ndarray | None = None) -> tuple[np.ndarray, dict[str, int]]:
        """q-values (n_features, n_contrasts) and sizes of the families.

        Features ``apart`` (n_features,) get theirs among all and take no part in the families of the others:
        differences that are sure and not meant would let others pass too easily.
        """
        p, wanted = self.values["pval"], self.study.wanted
        q, sizes = family_q(p, wanted, self.n_organs)
        if apart is not None and apart.any():
            q[~apart], sizes = family_q(p[~apart], wanted, self.n_organs[~apart])
        return q, sizes

    def payload(self, smallest_effect: float = 0.0, apart: np.ndarray | None = None) -> dict[str, Any]:
        """Everything about the tests that is stored; a call asks for an effect of this size.

        Features ``apart`` are those of :meth:`q_values`.
        """
        wanted, groups = self.study.wanted, self.study.groups
        q, sizes = self.q_values(apart)
        return {
            "contrasts": as_columns(wanted),
            "groups": {"name": groups.name, "organ": groups.organ, "tissue": groups.tissue},
            "values": {**self.values, "qval": q},
            "n_samples": self.n_samples, "n_patients": self.n_patients,
            "status": self.status.astype(np.uint8), "call": self._calls(q, smallest_effect),
            "reason": self.reason, "reason_names": self.reasons.names,
            "status_names": list(self.statuses), "call_names": list(CALLS),
            "families": {"name": list(sizes), "n_tests": np.array(list(sizes.values()), dtype=np.int64)},
            "confounding": self.study.confounding,
        }  # fmt: skip

    def _calls(self, q: np.ndarray, smallest_effect: float) -> np.ndarray:
        call = np.full(q.shape, CALLS.index("undetermined"))
        effect = self.values["effect"]
        with np.errstate(invalid="ignore"):
            sure = (q <= LARGEST_Q) & (np.abs(effect) >= smallest_effect)
            call[sure & (effect > 0)] = CALLS.index("enriched")
            call[sure & (effect < 0)] = CALLS.index("depleted")
            for c, contrast in enumerate(self.study.wanted):
                if contrast.kind == OMNIBUS:
                    call[q[:, c] <= LARGEST_Q, c] = CALLS.index("differs")
        call[(self.callable == 0) | np.isnan(q)] = CALLS.index("not_testable")
        return call.astype(np.uint8)


def precision_weights(
    values: np.ndarray, variance: np.ndarray, samples: Samples, usable: np.ndarray
) -> np.ndarray:
    r"""Precision :math:`1 / (\tau^2 + SE^2)` of values (n_features, n_rows), of mean 1 for every feature.

    ``variance`` (n_features, n_rows) is what measuring adds; the spread between patients of a feature comes
    from the residuals in the groups where it is ``usable`` (n_features, n_groups).
    """
    out = np.ones(values.shape)
    masks, pattern = np.unique(usable, axis=0, return_inverse=True)
    for i, mask in enumerate(masks):
        mine = np.flatnonzero(mask[samples.group])
        if not mine.size:
            continue
        part = samples.take(mine)
        design = design_of(part.group, part.covariates, part.terms).matrix
        for k in np.flatnonzero(pattern.ravel() == i):
            out[k, mine] = proportions.weights(values[k, mine], variance[k, mine], design)
    return out


def few_tests(
    values: np.ndarray,
    weights: np.ndarray,
    usable: np.ndarray,
    rows: np.ndarray,
    study: Study,
    method: Method,
) -> Family:
    """Test features (n_features, n_rows) of the units ``rows``, of which there are too few to moderate."""
    models = Models(study.units.samples.take(rows), study.groups, study.wanted, method)
    return family_tests(values, weights, usable, models, leave_out=True, moderate=False, even=EVEN)


def columns_of(family: Family, wanted: list[Contrast]) -> dict[str, np.ndarray]:
    """Values of a family by name, (n_features, n_contrasts); the omnibus has F and no effect."""
    tests = family.tests
    low, high = averaged_tests.interval(tests, 0.95)
    statistic, p = tests.statistic.copy(), tests.p.copy()
    for c, contrast in enumerate(wanted):
        if contrast.kind == OMNIBUS:
            statistic[:, c], p[:, c] = tests.f, tests.f_p
            for one in (tests.effect, low, high):
                one[:, c] = np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        stability = np.where(family.used > 0, family.same / family.used, np.nan)
    return {
        "effect": tests.effect, "ci_low": low, "ci_high": high, "statistic": statistic, "pval": p,
        "sign_stability": np.where(np.isnan(tests.effect), np.nan, stability),
        "min_detectable_effect": np.where(np.isnan(tests.effect), np.nan, averaged_tests.detectable(tests)),
    }  # fmt: skip


def _replicated(group: np.ndarray, patient: np.ndarray, n_groups: int) -> np.ndarray:
    """(n_groups,) whether a group holds two patients."""
    return np.array([np.unique(patient[group == g]).size > 1 for g in range(n_groups)])
