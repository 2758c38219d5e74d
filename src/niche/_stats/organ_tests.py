"""Test every contrast of a family of features that were measured in the same samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from niche._kernels.weighted_fits import fit_features, fit_without_each_patient
from niche._stats import averaged_tests, contrasts, patients
from niche._stats.contrasts import Contrast, Design, Groups

PATIENTS_TEST, PATIENTS_CALL = 2, 3
"""Patients on each side that a p-value needs, and that a call needs."""

Method = Literal["averaged", "consensus", "fixed"]


@dataclass(frozen=True)
class Samples:
    """What the rows of a family are.

    Attributes
    ----------
    group, patient
        (n_samples,) codes.
    covariates
        (n_samples, n_covariates).
    terms
        Covariate that each column belongs to.
    """

    group: np.ndarray
    patient: np.ndarray
    covariates: np.ndarray
    terms: tuple[str, ...]

    def take(self, kept: np.ndarray) -> Samples:
        """Some of the samples."""
        return Samples(self.group[kept], self.patient[kept], self.covariates[kept], self.terms)


@dataclass
class Family:
    """Results of a family.

    Attributes
    ----------
    tests
        Effects and p-values, (n_features, n_contrasts).
    pattern
        (n_features,) which groups could be used, a row of ``comparisons``.
    comparisons
        What each pattern allows.
    weight
        (n_features, n_rho) how likely each correlation is; ``rho`` (n_rho,) their values.
    same, used
        (n_features, n_contrasts) left-out patients with the same sign, and all; empty when not asked for.
    """

    tests: averaged_tests.Tests
    pattern: np.ndarray
    comparisons: list[Comparisons]
    rho: np.ndarray
    weight: np.ndarray
    same: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    used: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))


@dataclass(frozen=True)
class Comparisons:
    """What can be compared with some groups.

    Attributes
    ----------
    usable
        (n_groups,) groups that are used.
    plus, minus
        (n_contrasts, n_groups) sides of every contrast.
    n_plus, n_minus
        (n_contrasts,) patients of each side; of the omnibus those of the largest group and of the next.
    n_patients, n_rows
        (n_contrasts,) of both sides together.
    aliased
        Covariates that hide a contrast, empty where it can be estimated.
    df
        Residual degrees of freedom.
    lone
        (n_contrasts,) whether one patient is enough on the minus side.
    """

    usable: np.ndarray
    plus: np.ndarray
    minus: np.ndarray
    n_plus: np.ndarray
    n_minus: np.ndarray
    n_patients: np.ndarray
    n_rows: np.ndarray
    aliased: list[str]
    df: int
    lone: np.ndarray

    @property
    def estimable(self) -> np.ndarray:
        """(n_contrasts,) whether there is an effect to tell; the omnibus needs two groups."""
        sided = self.plus.any(axis=1) & self.minus.any(axis=1)
        omnibus = (self.plus.sum(axis=1) > 1) & ~self.minus.any(axis=1)
        return (sided | omnibus) & np.array([not names for names in self.aliased])

    def enough(self, patients: int) -> np.ndarray:
        """(n_contrasts,) whether it can be estimated with so many patients on each side."""
        opposite = np.where(self.lone, 1, patients)
        return self.estimable & (self.n_plus >= patients) & (self.n_minus >= opposite) & (self.df > 0)


def family_tests(
    y: np.ndarray,
    w: np.ndarray,
    usable: np.ndarray,
    models: Models,
    *,
    leave_out: bool = False,
    moderate: bool = True,
    even: float = 0.0,
) -> Family:
    """Test the contrasts of ``models`` on features ``y`` (n_features, n_samples) with precisions ``w``.

    ``usable`` (n_features, n_groups) says in which groups a feature may be used; samples of other groups do
    not enter its model. Variances are moderated over the whole family. A p-value needs two patients on each
    side. ``even`` features without an opinion are added where the correlation within patients is learnt from
    a family that is small.
    """
    masks, pattern = distinct_rows(usable)
    parts = [_part(np.flatnonzero(pattern == i), models.of(mask), y, w) for i, mask in enumerate(masks)]
    rho = models.rho
    if models.method == "consensus" and rho.size > 1:
        rho = np.array([patients.consensus(_likelihoods(parts, len(y), rho), rho)]) if len(y) else np.zeros(1)
    found = _fitted(parts, len(y), rho, len(models.wanted))
    weight = patients.posterior(found["likelihood"], even)[1]
    df = np.array([part.model.comparisons.df for part in parts], dtype=float)
    rank = np.array([len(part.model.joint) for part in parts])
    fits = averaged_tests.Fits(
        found["estimate"], found["scale"], found["rss"], df[pattern], found["wald"], rank[pattern],
        y.mean(axis=1), weight,
    )  # fmt: skip
    tests = averaged_tests.average(fits, moderate=moderate)
    family = Family(tests, pattern, [part.model.comparisons for part in parts], rho, weight)
    _withhold(family)
    if leave_out:
        family.same, family.used = _left_out(parts, rho, weight, tests.effect)
    return family


def _withhold(family: Family) -> None:
    """Take back what too few patients cannot support: all but the estimate, for an interval is a test too."""
    if not family.comparisons:
        return
    few = ~np.array([one.enough(PATIENTS_TEST) for one in family.comparisons])[family.pattern]
    for name in ("p", "p_up", "p_down", "statistic", "se"):
        getattr(family.tests, name)[few] = np.nan
    if few.shape[1]:
        family.tests.f[few[:, 0]] = family.tests.f_p[few[:, 0]] = np.nan


class Models:
    """The model of every set of groups that features of some samples can use, made when it is asked for.

    ``method`` says how samples of one patient are treated: correlated by an amount averaged over
    (``averaged``) or common to all (``consensus``), or patients as a factor (``fixed``).
    """

    def __init__(
        self, samples: Samples, groups: Groups, wanted: list[Contrast], method: Method = "averaged"
    ) -> None:
        self.samples, self.groups, self.wanted, self.method = samples, groups, wanted, method
        self._made: dict[bytes, Model] = {}

    def of(self, mask: np.ndarray) -> Model:
        """The model of samples in the groups of ``mask`` (n_groups,)."""
        key = mask.tobytes()
        if key not in self._made:
            self._made.setdefault(key, Model(mask, self))  # another thread may have been faster
        return self._made[key]

    @property
    def rho(self) -> np.ndarray:
        """Correlations to fit: none but 0 without repeated patients, or with patients as a factor."""
        sizes = np.bincount(self.samples.patient)
        if self.method == "fixed" or sizes.max(initial=0) < 2:
            return np.zeros(1)
        return patients.GRID if self.method == "averaged" else patients.fine_grid(int(sizes.max()))


class Model:
    """Features that use the same groups, and so the same samples and design.

    Attributes
    ----------
    rows
        Samples used, sorted by patient.
    patients
        Where the samples of each patient stand among them.
    design, comparisons
        The model, and what it allows.
    contrasts
        (n_contrasts, rank) rows over the design, NaN where not estimable.
    joint
        (n_hypotheses, rank) rows whose joint nullity is the omnibus hypothesis, none where not testable.
    """

    def __init__(self, mask: np.ndarray, models: Models) -> None:
        samples = models.samples
        chosen = np.flatnonzero(mask[samples.group])
        sorting = patients.patients_of(samples.patient[chosen])
        self.rows = chosen[sorting.order]
        self.patients = sorting
        mine = samples.take(self.rows)
        self.design = _design(mine, models.method)
        self.comparisons, self.contrasts = _compare(mine, self.design, mask, models.groups, models.wanted)
        self.joint = self._joint()

    def _joint(self) -> np.ndarray:
        empty = np.zeros((0, self.design.matrix.shape[1]))
        if not self.comparisons.plus.size:
            return empty
        met = np.flatnonzero(self.comparisons.plus[0])
        if not self.comparisons.estimable[0] or self.comparisons.minus[0].any():
            return empty
        rows = []
        for g in met[1:]:
            weights = np.zeros(self.comparisons.usable.size)
            weights[g], weights[met[0]] = 1.0, -1.0
            rows.append(self.design.contrast(weights) @ self.design.reduce)
        return np.array(rows)

    def fit(
        self, y: np.ndarray, w: np.ndarray, rho: np.ndarray, contrasts: np.ndarray, joint: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Fit features ``y`` (n_features, n_rows) at every correlation, as :func:`fit_features` does."""
        n, df = (y.shape[0], rho.size), self.comparisons.df
        out = {name: np.zeros((*n, len(contrasts))) for name in ("estimate", "scale")}
        out |= {name: np.zeros(n) for name in ("rss", "wald", "likelihood")}
        log_det = np.zeros(n)
        fit_features(
            y, w, self.design.matrix, self.patients.start, rho, contrasts, joint,
            out["estimate"], out["scale"], out["rss"], log_det, out["wald"],
        )  # fmt: skip
        if df > 0:
            out["likelihood"] = patients.log_likelihood(out["rss"], log_det, df, self.patients.log_det(rho))
        return out

    @cached_property
    def fixed(self) -> np.ndarray:
        """Contrasts with 0 where they cannot be estimated."""
        return np.nan_to_num(self.contrasts)

    @cached_property
    def without_patient(self) -> np.ndarray:
        """(n_patients, n_contrasts) whether a contrast can be estimated without the patient."""
        x, start = self.design.matrix, self.patients.start
        out = np.zeros((start.size - 1, len(self.contrasts)), dtype=bool)
        known = ~np.isnan(self.contrasts).any(axis=1)
        for j in range(start.size - 1):
            left = np.delete(x, slice(start[j], start[j + 1]), axis=0)
            basis = contrasts.row_space(left) if len(left) else np.zeros((x.shape[1], 0))
            out[j] = known & np.isclose(self.fixed @ basis @ basis.T, self.fixed, atol=1e-8).all(axis=1)
        return out


def _design(samples: Samples, method: Method) -> Design:
    covariates, terms = samples.covariates, samples.terms
    if method == "fixed":
        met = np.unique(samples.patient)
        dummies = (samples.patient[:, None] == met[None, 1:]).astype(float)
        covariates = np.concatenate([covariates, dummies], axis=1)
        terms = (*terms, *["patient"] * dummies.shape[1])
    return contrasts.design_of(samples.group, covariates, terms)


def _compare(
    samples: Samples, design: Design, mask: np.ndarray, groups: Groups, wanted: list[Contrast]
) -> tuple[Comparisons, np.ndarray]:
    """What a design allows, and its contrasts as rows over the matrix, NaN where not estimable."""
    members = [np.unique(samples.patient[samples.group == g]) for g in range(mask.size)]
    size = np.array([len(m) for m in members])
    present, replicated = mask & (size > 0), size >= PATIENTS_TEST
    sides = [contrasts.sides_of(c, groups, present, replicated) for c in wanted]
    plus = np.array([side[0] for side in sides], dtype=bool).reshape(len(wanted), mask.size)
    minus = np.array([side[1] for side in sides], dtype=bool).reshape(len(wanted), mask.size)
    rows = np.full((len(wanted), design.matrix.shape[1]), np.nan)
    aliased = [""] * len(wanted)
    n_plus, n_minus, n_both, n_rows = np.zeros((4, len(wanted)), dtype=np.int64)
    for c, one in enumerate(wanted):
        both = plus[c] | minus[c]
        n_both[c] = _distinct(members, both)
        n_rows[c] = np.isin(samples.group, np.flatnonzero(both)).sum()
        if one.kind == contrasts.OMNIBUS:
            n_minus[c], n_plus[c] = np.sort(np.append(size[both], [0, 0]))[-2:]
            aliased[c] = _aliased(design, both)
            continue
        n_plus[c], n_minus[c] = _distinct(members, plus[c]), _distinct(members, minus[c])
        if not plus[c].any() or not minus[c].any():
            continue
        weights = plus[c] / plus[c].sum() - minus[c] / minus[c].sum()
        row = design.contrast(weights)
        reduced = design.reduced(row)
        if reduced is None:
            aliased[c] = ", ".join(design.aliased_with(row))
        else:
            rows[c] = reduced
    df = design.matrix.shape[0] - design.matrix.shape[1]
    lone = np.array([groups.lone_origin and c.kind == contrasts.PRIMARY for c in wanted], dtype=bool)
    return Comparisons(mask, plus, minus, n_plus, n_minus, n_both, n_rows, aliased, df, lone), rows


def _aliased(design: Design, met: np.ndarray) -> str:
    """Covariates that hide a difference between any two groups."""
    codes, terms = np.flatnonzero(met), []
    for g in codes[1:]:
        weights = np.zeros(met.size)
        weights[g], weights[codes[0]] = 1.0, -1.0
        row = design.contrast(weights)
        if design.reduced(row) is None:
            terms += design.aliased_with(row)
    return ", ".join(dict.fromkeys(terms))


def _distinct(members: list[np.ndarray], chosen: np.ndarray) -> int:
    found = [members[g] for g in np.flatnonzero(chosen)]
    return int(np.unique(np.concatenate(found)).size) if found else 0


@dataclass(frozen=True)
class Part:
    """Features that share a model.

    Attributes
    ----------
    features
        (n_features,) where they stand in the family.
    model
        Their model.
    y, w
        (n_features, n_rows) values and precisions at the rows of the model, as the kernels take them.
    """

    features: np.ndarray
    model: Model
    y: np.ndarray
    w: np.ndarray


def _part(features: np.ndarray, model: Model, y: np.ndarray, w: np.ndarray) -> Part:
    where = np.ix_(features, model.rows)
    return Part(features, model, np.ascontiguousarray(y[where]), np.ascontiguousarray(w[where]))


def distinct_rows(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows of (n, n_flags) in rising order, and which each is: ``np.unique`` along rows, faster."""
    code = np.zeros(len(flags), dtype=np.int64)
    for begin in range(0, max(flags.shape[1], 1), 30):
        some = flags[:, begin : begin + 30]
        bits = 1 << np.arange(some.shape[1], dtype=np.int64)[::-1]
        code = (code << some.shape[1]) + some @ bits
        _, first, code = np.unique(code, return_index=True, return_inverse=True)
    return flags[first], code


def _fitted(parts: list[Part], n: int, rho: np.ndarray, n_contrasts: int) -> dict[str, np.ndarray]:
    """Fit all ``n`` features at every correlation."""
    out = {name: np.zeros((n, rho.size, n_contrasts)) for name in ("estimate", "scale")}
    out |= {name: np.zeros((n, rho.size)) for name in ("rss", "wald", "likelihood")}
    for part in parts:
        model = part.model
        if not model.rows.size:
            out["estimate"][part.features] = np.nan
            continue
        one = model.fit(part.y, part.w, rho, model.fixed, model.joint)
        one["estimate"][:, :, np.isnan(model.contrasts).any(axis=1)] = np.nan
        for name, values in one.items():
            out[name][part.features] = values
    return out


def _likelihoods(parts: list[Part], n: int, rho: np.ndarray) -> np.ndarray:
    """Likelihood (n, n_rho) of every correlation; even where no patient is repeated, so there is none."""
    out = np.zeros((n, rho.size))
    for part in parts:
        model = part.model
        if model.comparisons.df > 0 and model.patients.repeated:
            none = np.zeros((0, model.design.matrix.shape[1]))
            out[part.features] = model.fit(part.y, part.w, rho, none, none)["likelihood"]
    return out


def _left_out(
    parts: list[Part], rho: np.ndarray, weight: np.ndarray, effect: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How often each sign holds without one patient, at the likeliest correlation of the feature."""
    same, used = np.zeros((2, *effect.shape), dtype=np.int64)
    for part in parts:
        model, mine = part.model, part.features
        if not model.rows.size:
            continue
        one = np.zeros((mine.size, effect.shape[1]), dtype=np.int64)
        fit_without_each_patient(
            part.y, part.w, model.design.matrix, model.patients.start, rho, weight[mine].argmax(axis=1),
            model.fixed, model.without_patient, np.nan_to_num(effect[mine]), one,
        )  # fmt: skip
        same[mine], used[mine] = one, model.without_patient.sum(axis=0)
    return same, used
