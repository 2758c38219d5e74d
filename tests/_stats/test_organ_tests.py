"""Families of features between organs: the models that masks make, who counts, and refits by brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from niche._stats.averaged_tests import interval
from niche._stats.contrasts import Groups, contrasts_of
from niche._stats.organ_tests import Models, Samples, distinct_rows, family_tests
from niche._stats.patients import GRID

NAMES = ["bone", "liver", "lung"]
ORGANS = Groups(NAMES, NAMES, ["metastasis"] * 3)
WANTED = contrasts_of(ORGANS)
OMNIBUS, BONE_REST, LIVER_REST, LUNG_REST, BONE_LIVER, BONE_LUNG, LIVER_LUNG = range(7)
FIELDS = ("effect", "se", "statistic", "df", "p", "p_up", "p_down", "f", "f_p")


def samples_of(group, patient, covariates=None, terms=()):
    group = np.asarray(group)
    covariates = np.zeros((group.size, 0)) if covariates is None else np.asarray(covariates, dtype=float)
    return Samples(group, np.asarray(patient), covariates, tuple(terms))


UNPAIRED = samples_of([0, 0, 0, 1, 1, 1, 1, 2, 2, 2], np.arange(10))
PARTIAL = samples_of([0, 1, 0, 1, 0, 2, 1, 2, 2, 0, 1], [0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6])
COMPLETE = samples_of(np.tile([0, 1, 2], 4), np.repeat(np.arange(4), 3))


def values(samples, n=6, seed=0):
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(n, samples.patient.max() + 1))[:, samples.patient]
    size = (n, samples.group.size)
    return 5 + own + rng.normal(size=size) + 0.8 * (samples.group == 0), rng.gamma(3, 1, size)


def run(y, w, samples, usable=None, groups=ORGANS, wanted=None, method="averaged", **options):
    usable = np.ones((y.shape[0], len(groups.name)), dtype=bool) if usable is None else usable
    models = Models(samples, groups, WANTED if wanted is None else wanted, method)
    return family_tests(y, w, usable, models, **options)


def same_tests(one, other, rows=slice(None), columns=slice(None), rtol=1e-6):
    for name in FIELDS:
        a, b = getattr(one.tests, name), getattr(other.tests, name)
        b = b[rows][:, columns] if b.ndim == 2 else b[rows]
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-9, err_msg=name)


ROWS = {
    BONE_REST: [1, -0.5, -0.5], LIVER_REST: [-0.5, 1, -0.5], LUNG_REST: [-0.5, -0.5, 1],
    BONE_LIVER: [1, -1, 0], BONE_LUNG: [1, 0, -1], LIVER_LUNG: [0, 1, -1],
}  # fmt: skip
JOINT = np.array([[1, -1, 0], [1, 0, -1.0]])


def agrees_with(model, tests, e, extra=0):
    """Every contrast and the omnibus of a statsmodels fit whose first columns are the organs."""
    for c, row in ROWS.items():
        test = model.t_test(np.append(row, np.zeros(extra)))
        assert tests.effect[e, c] == pytest.approx(float(np.squeeze(test.effect)), rel=1e-7)
        assert tests.statistic[e, c] == pytest.approx(float(np.squeeze(test.tvalue)), rel=1e-7)
        assert tests.p[e, c] == pytest.approx(float(np.squeeze(test.pvalue)), rel=1e-6)
    joint = model.f_test(np.pad(JOINT, ((0, 0), (0, extra))))
    assert tests.f[e] == pytest.approx(float(joint.fvalue), rel=1e-7)
    assert tests.f_p[e] == pytest.approx(float(joint.pvalue), rel=1e-6)


def test_unpaired_contrasts_equal_weighted_least_squares():
    y, w = values(UNPAIRED)
    family = run(y, w, UNPAIRED)
    for e in range(6):
        agrees_with(sm.WLS(y[e], np.eye(3)[UNPAIRED.group], weights=w[e]).fit(), family.tests, e)


def test_covariates_enter_the_model():
    rng = np.random.default_rng(1)
    samples = samples_of(UNPAIRED.group, UNPAIRED.patient, rng.normal(size=(10, 2)), ("age", "purity"))
    y, w = values(samples, seed=2)
    family = run(y, w, samples)
    design = np.concatenate([np.eye(3)[samples.group], samples.covariates], axis=1)
    for e in range(6):
        agrees_with(sm.WLS(y[e], design, weights=w[e]).fit(), family.tests, e, extra=2)
    assert family.comparisons[0].df == 10 - 5


def test_fixed_patients_equal_patient_dummies():
    y, w = values(COMPLETE)
    family = run(y, w, COMPLETE, method="fixed")
    dummies = (COMPLETE.patient[:, None] == np.arange(1, 4)[None]).astype(float)
    design = np.concatenate([np.eye(3)[COMPLETE.group], dummies], axis=1)
    for e in range(6):
        agrees_with(sm.WLS(y[e], design, weights=w[e]).fit(), family.tests, e, extra=3)


def correlation(patient, rho):
    return np.where(np.eye(patient.size) > 0, 1.0, rho * (patient[:, None] == patient[None]))


def test_consensus_equals_generalised_least_squares_at_the_correlation_it_found():
    y, w = values(PARTIAL, n=80)
    family = run(y, w, PARTIAL, method="consensus", moderate=False)
    assert family.rho.shape == (1,) and 0.2 < family.rho[0] < 0.8  # planted: 0.5
    for e in range(0, 80, 20):
        root = np.diag(w[e] ** -0.5)
        sigma = root @ correlation(PARTIAL.patient, family.rho[0]) @ root
        agrees_with(sm.GLS(y[e], np.eye(3)[PARTIAL.group], sigma=sigma).fit(use_t=True), family.tests, e)


def test_averaged_equals_the_mean_over_fits_at_every_correlation():
    y, w = values(PARTIAL, n=20)
    family = run(y, w, PARTIAL)
    np.testing.assert_array_equal(family.rho, GRID)
    np.testing.assert_allclose(family.weight.sum(axis=1), 1.0)
    for e in (0, 11):
        p, effect = 0.0, 0.0
        for r, rho in enumerate(GRID):
            root = np.diag(w[e] ** -0.5)
            model = sm.GLS(
                y[e], np.eye(3)[PARTIAL.group], sigma=root @ correlation(PARTIAL.patient, rho) @ root
            )
            test = model.fit(use_t=True).t_test(ROWS[BONE_REST])
            effect += family.weight[e, r] * float(np.squeeze(test.effect))
            p += family.weight[e, r] * float(np.squeeze(test.pvalue))
        assert family.tests.effect[e, BONE_REST] == pytest.approx(effect, rel=1e-7)
        both = 2 * min(family.tests.p_up[e, BONE_REST], family.tests.p_down[e, BONE_REST])
        assert family.tests.p[e, BONE_REST] == pytest.approx(both)
        assert both == pytest.approx(p, rel=1e-6)  # all fits of this feature have the same sign


def test_methods_agree_without_repeated_patients():
    y, w = values(UNPAIRED, n=60)
    for method in ("consensus", "averaged"):
        family = run(y, w, UNPAIRED, method=method)
        np.testing.assert_array_equal(family.rho, [0.0])
        same_tests(family, run(y, w, UNPAIRED))


def test_consensus_is_not_moved_by_features_of_organs_that_share_no_patient():
    """Lung has patients of its own: features that use lung and bone alone know nothing of the correlation."""
    samples = samples_of([0, 1] * 6 + [2] * 4, [*np.repeat(np.arange(6), 2), 6, 7, 8, 9])
    y, w = values(samples, n=300, seed=3)
    usable = np.ones((300, 3), dtype=bool)
    usable[100:, 1] = False
    with_blind = run(y, w, samples, usable, method="consensus").rho[0]
    assert with_blind == pytest.approx(run(y[:100], w[:100], samples, method="consensus").rho[0], abs=1e-12)
    assert with_blind == pytest.approx(0.5, abs=0.12)


def test_a_feature_is_modelled_without_the_organs_it_may_not_use():
    y, w = values(PARTIAL, n=8)
    usable = np.ones((8, 3), dtype=bool)
    usable[::2, 1] = False
    family = run(y, w, PARTIAL, usable, method="fixed", leave_out=True)
    kept = PARTIAL.group != 1
    two = run(
        np.ascontiguousarray(y[::2, kept]), np.ascontiguousarray(w[::2, kept]), PARTIAL.take(kept), usable[::2],
        method="fixed", leave_out=True,
    )  # fmt: skip
    for name in FIELDS:
        np.testing.assert_allclose(getattr(family.tests, name)[::2], getattr(two.tests, name), rtol=1e-9)
    np.testing.assert_array_equal(family.same[::2], two.same)
    liver = [LIVER_REST, BONE_LIVER, LIVER_LUNG]
    assert np.isnan(family.tests.effect[::2][:, liver]).all()
    assert np.isfinite(family.tests.effect[::2][:, [BONE_REST, BONE_LUNG]]).all()


def of(family, e):
    return family.comparisons[family.pattern[e]]


def test_patients_are_counted_once_on_a_side():
    samples = samples_of([0, 0, 1, 1, 1, 2, 2], [0, 0, 0, 1, 2, 1, 3])
    y, w = values(samples)
    comparison = of(run(y, w, samples), 0)
    assert (comparison.n_plus[BONE_LIVER], comparison.n_minus[BONE_LIVER]) == (1, 3)
    assert comparison.n_patients[BONE_LIVER] == 3  # patient 0 is in both
    assert comparison.n_rows[BONE_LIVER] == 5
    assert (comparison.n_plus[LIVER_REST], comparison.n_minus[LIVER_REST]) == (3, 2)  # bone has one patient
    assert (comparison.n_plus[OMNIBUS], comparison.n_minus[OMNIBUS]) == (3, 2)


def test_two_samples_of_one_patient_are_no_replication():
    samples = samples_of([0, 0, 1, 1, 1, 2, 2, 2], [0, 0, 1, 2, 3, 4, 5, 6])
    y, w = values(samples)
    family = run(y, w, samples)
    mine = [BONE_REST, BONE_LIVER, BONE_LUNG]
    assert np.isnan(family.tests.p[:, mine]).all() and np.isnan(family.tests.statistic[:, mine]).all()
    assert np.isfinite(family.tests.effect[:, mine]).all()
    assert np.isfinite(family.tests.p[:, LIVER_LUNG]).all()


def test_an_organ_of_one_patient_is_estimated_and_stands_in_no_mean():
    samples = samples_of([0, 1, 1, 1, 2, 2, 2], np.arange(7))
    y, w = values(samples)
    family = run(y, w, samples)
    fit = sm.WLS(y[0], np.eye(3)[samples.group], weights=w[0]).fit()
    bone, liver, lung = fit.params
    assert family.tests.effect[0, BONE_REST] == pytest.approx(bone - (liver + lung) / 2)
    assert family.tests.effect[0, LIVER_REST] == pytest.approx(liver - lung)
    assert np.isnan(family.tests.p[:, [BONE_REST, BONE_LIVER, BONE_LUNG]]).all()
    low, high = interval(family.tests, 0.95)
    assert np.isnan(low[:, [BONE_REST, BONE_LIVER, BONE_LUNG]]).all(), "no interval where there is no test"
    assert np.isnan(high[:, BONE_LIVER]).all()
    test = fit.f_test([[0, 1, -1]])
    assert family.tests.f_p[0] == pytest.approx(float(test.pvalue), rel=1e-7)  # omnibus of liver and lung


def test_a_call_needs_three_patients_and_a_p_two():
    samples = samples_of([0, 0, 1, 1, 1, 2, 2, 2], np.arange(8))
    y, w = values(samples)
    comparison = of(run(y, w, samples), 0)
    enough = {n: comparison.enough(n) for n in (2, 3)}
    assert enough[2].all()
    np.testing.assert_array_equal(np.flatnonzero(~enough[3]), [BONE_REST, BONE_LIVER, BONE_LUNG])


def test_no_degrees_of_freedom_leaves_estimates():
    samples = samples_of([0, 1, 2], [0, 1, 2])
    y, w = values(samples)
    family = run(y, w, samples)
    assert family.comparisons[0].df == 0
    assert np.isnan(family.tests.p).all() and np.isnan(family.tests.f_p).all()
    assert family.tests.effect[0, BONE_LIVER] == pytest.approx(y[0, 0] - y[0, 1])


def test_an_aliased_covariate_is_named_and_the_rest_is_tested():
    study = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 1.0])[:, None]  # all of lung, none of the others
    samples = samples_of(UNPAIRED.group, UNPAIRED.patient, study, ("study",))
    y, w = values(samples)
    family = run(y, w, samples)
    comparison = family.comparisons[0]
    for c in (OMNIBUS, BONE_REST, LIVER_REST, LUNG_REST, BONE_LUNG, LIVER_LUNG):
        assert comparison.aliased[c] == "study"
        assert np.isnan(family.tests.p[:, c]).all()
    assert comparison.aliased[BONE_LIVER] == ""
    kept = samples.group < 2
    alone = sm.WLS(y[0], np.eye(3)[samples.group], weights=w[0]).fit().t_test(ROWS[BONE_LIVER])
    assert family.tests.p[0, BONE_LIVER] == pytest.approx(float(np.squeeze(alone.pvalue)), rel=1e-7)
    assert kept.sum() == 7


@pytest.mark.parametrize("samples", [UNPAIRED, PARTIAL, COMPLETE], ids=["unpaired", "partial", "complete"])
def test_leave_one_out_signs_are_those_of_refits(samples):
    y, w = values(samples, n=30, seed=4)
    family = run(y, w, samples, leave_out=True)
    at = family.rho[family.weight.argmax(axis=1)]
    expected, used = np.zeros((2, 30, 7), dtype=int)
    for e in range(30):
        for patient in np.unique(samples.patient):
            kept = samples.patient != patient
            root = np.diag(w[e, kept] ** -0.5)
            sigma = root @ correlation(samples.patient[kept], at[e]) @ root
            fit = sm.GLS(y[e, kept], np.eye(3)[samples.group[kept]], sigma=sigma).fit()
            for c, row in ROWS.items():
                used[e, c] += 1
                expected[e, c] += fit.params @ np.array(row) * family.tests.effect[e, c] > 0
    np.testing.assert_array_equal(family.used[:, 1:], used[:, 1:])
    np.testing.assert_array_equal(family.same[:, 1:], expected[:, 1:])
    assert (family.same < family.used)[:, 1:].any()


def test_an_organ_is_not_judged_without_its_only_patient():
    samples = samples_of([0, 1, 1, 1, 2, 2, 2, 1], [0, 1, 2, 3, 4, 5, 6, 0])
    y, w = values(samples)
    family = run(y, w, samples, leave_out=True)
    np.testing.assert_array_equal(family.used[:, BONE_LIVER], 6)  # seven patients, one of whom is all of bone
    np.testing.assert_array_equal(family.used[:, LIVER_LUNG], 7)


@pytest.mark.parametrize("method", ["averaged", "consensus"])
def test_order_of_samples_and_names_of_patients_do_not_matter(method):
    y, w = values(PARTIAL, n=60)
    one = run(y, w, PARTIAL, method=method, leave_out=True)
    rng = np.random.default_rng(5)
    order, renamed = rng.permutation(11), rng.permutation(7)
    shuffled = samples_of(PARTIAL.group[order], renamed[PARTIAL.patient[order]])
    other = run(
        np.ascontiguousarray(y[:, order]),
        np.ascontiguousarray(w[:, order]),
        shuffled,
        method=method,
        leave_out=True,
    )
    same_tests(one, other)
    np.testing.assert_array_equal(one.same, other.same)


def test_order_of_features_and_organs_does_not_matter():
    y, w = values(PARTIAL, n=60)
    one = run(y, w, PARTIAL)
    rng = np.random.default_rng(6)
    rows = rng.permutation(60)
    same_tests(run(y[rows], w[rows], PARTIAL), one, rows=rows)
    turned = Groups(NAMES[::-1], NAMES[::-1], ["metastasis"] * 3)
    wanted = contrasts_of(turned)
    reversed_ = samples_of(2 - PARTIAL.group, PARTIAL.patient)
    other = run(y, w, reversed_, groups=turned, wanted=wanted)
    place = {c.name: i for i, c in enumerate(wanted)}
    np.testing.assert_allclose(other.tests.f_p, one.tests.f_p, rtol=1e-6)
    for i, contrast in enumerate(WANTED[1:], start=1):
        if contrast.kind == "rest":
            j, sign = place[contrast.name], 1
        else:
            a, b = contrast.name.split("_vs_")
            j, sign = place[f"{b}_vs_{a}"], -1
        np.testing.assert_allclose(other.tests.p[:, j], one.tests.p[:, i], rtol=1e-6)
        np.testing.assert_allclose(sign * other.tests.effect[:, j], one.tests.effect[:, i], rtol=1e-6)


def test_a_constant_and_the_unit_of_the_weights_do_not_matter():
    y, w = values(PARTIAL, n=60)
    one = run(y, w, PARTIAL)
    same_tests(run(y + 7.0, w, PARTIAL), one)
    same_tests(run(y, 50.0 * w, PARTIAL), one)
    threefold = run(3.0 * y, w, PARTIAL)
    np.testing.assert_allclose(threefold.tests.p, one.tests.p, rtol=1e-6)
    np.testing.assert_allclose(threefold.tests.effect, 3.0 * one.tests.effect, rtol=1e-6)


def test_two_organs_have_one_question():
    two = Groups(NAMES[:2], NAMES[:2], ["metastasis"] * 2)
    samples = samples_of([0, 0, 0, 1, 1, 1], np.arange(6))
    y, w = values(samples)
    tests = run(y, w, samples, groups=two, wanted=contrasts_of(two)).tests
    np.testing.assert_allclose(tests.p[:, 1], tests.p[:, 3])  # bone against the rest is bone against liver
    np.testing.assert_allclose(tests.p[:, 2], tests.p[:, 3])
    np.testing.assert_allclose(tests.effect[:, 2], -tests.effect[:, 3])
    np.testing.assert_allclose(tests.f, tests.statistic[:, 3] ** 2, rtol=1e-8)
    np.testing.assert_allclose(tests.f_p, tests.p[:, 3], rtol=1e-8)


def test_ten_organs():
    names = [f"organ {g}" for g in range(10)]
    ten = Groups(names, names, ["metastasis"] * 10)
    wanted = contrasts_of(ten)
    assert len(wanted) == 1 + 10 + 45
    samples = samples_of(np.repeat(np.arange(10), 3), np.arange(30))
    y, w = values(samples)
    tests = run(y, w, samples, groups=ten, wanted=wanted).tests
    model = sm.WLS(y[0], np.eye(10)[samples.group], weights=w[0]).fit()
    rest = np.full(10, -1 / 9)
    rest[0] = 1.0
    assert tests.p[0, 1] == pytest.approx(float(np.squeeze(model.t_test(rest).pvalue)), rel=1e-7)
    joint = model.f_test(np.eye(10)[1:] - np.eye(10)[0])
    assert tests.f_p[0] == pytest.approx(float(joint.pvalue), rel=1e-6)


def test_primary_and_normal_are_compared_but_are_no_organ():
    names = ["bone", "liver", "breast (primary)", "liver (normal)"]
    groups = Groups(
        names, ["bone", "liver", "breast", "liver"], ["metastasis", "metastasis", "primary", "normal"]
    )
    wanted = contrasts_of(groups)
    samples = samples_of(np.repeat(np.arange(4), 3), np.arange(12))
    y, w = values(samples)
    tests = run(y, w, samples, groups=groups, wanted=wanted).tests
    model = sm.WLS(y[0], np.eye(4)[samples.group], weights=w[0]).fit()
    place = {c.name: i for i, c in enumerate(wanted)}
    for name, row in (
        ("bone_vs_rest", [1, -1, 0, 0]), ("bone_vs_primary", [1, 0, -1, 0]), ("liver_vs_normal", [0, 1, 0, -1]),
    ):  # fmt: skip
        expected = float(np.squeeze(model.t_test(row).pvalue))
        assert tests.p[0, place[name]] == pytest.approx(expected, rel=1e-7)
    joint = model.f_test([[1, -1, 0, 0]])
    assert tests.f_p[0] == pytest.approx(float(joint.pvalue), rel=1e-7)


def test_one_replicate_of_the_origin_is_enough_only_where_groups_say_so():
    names, tissue = ["bone", "lung", "parental"], ["metastasis", "metastasis", "primary"]
    samples = samples_of(np.array([0, 0, 0, 1, 1, 2]), np.arange(6))
    y, w = values(samples)
    for lone in (False, True):
        groups = Groups(names, names, tissue, origin="parental", lone_origin=lone)
        wanted = contrasts_of(groups)
        place = {c.name: i for i, c in enumerate(wanted)}
        assert "bone_vs_parental" in place and "bone_vs_primary" not in place
        family = run(y, w, samples, groups=groups, wanted=wanted)
        p = family.tests.p[0, place["bone_vs_parental"]]
        assert np.isfinite(p) == lone
        assert np.isfinite(family.tests.effect[0, place["bone_vs_parental"]])
        enough = family.comparisons[0].enough(3)
        assert bool(enough[place["bone_vs_parental"]]) == lone
        assert not enough[place["lung_vs_parental"]], "two on the side that matters are too few for three"
    model = sm.WLS(y[0], np.eye(3)[samples.group], weights=w[0]).fit()
    assert p == pytest.approx(float(np.squeeze(model.t_test([1, 0, -1]).pvalue)), rel=1e-7)
    alone = samples_of(np.array([0, 1, 1, 2]), np.arange(4))
    y, w = values(alone)
    assert np.isnan(
        run(y, w, alone, groups=groups, wanted=wanted).tests.p[:, place["bone_vs_parental"]]
    ).all()


def test_a_family_of_one_feature():
    y, w = values(PARTIAL, n=1)
    family = run(y, w, PARTIAL)
    assert np.isfinite(family.tests.p[:, 1:]).all() and not family.tests.moderated


def test_features_of_one_part_do_not_change_those_of_another_but_through_the_family():
    """Unmoderated and unpaired, a feature's p is its own."""
    y, w = values(UNPAIRED, n=10)
    usable = np.ones((10, 3), dtype=bool)
    usable[3:, 2] = False
    family = run(y, w, UNPAIRED, usable)
    same_tests(run(y[:3], w[:3], UNPAIRED), run(y, w, UNPAIRED), rows=slice(0, 3))
    np.testing.assert_allclose(family.tests.p[:3], run(y[:3], w[:3], UNPAIRED).tests.p)
    assert pd.isna(family.tests.p[3:, BONE_LUNG]).all()


@pytest.mark.parametrize("n_flags", [0, 1, 4, 30, 31, 95])
def test_distinct_rows_are_those_of_numpy(n_flags):
    rng = np.random.default_rng(n_flags)
    flags = (rng.random((20, n_flags)) < 0.4)[rng.integers(0, 20, 200)]
    rows, which = distinct_rows(flags)
    expected, place = np.unique(flags, axis=0, return_inverse=True) if n_flags else (flags[:1], which * 0)
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(which, place.ravel())
    assert len(distinct_rows(flags[:0])[0]) == 0
