"""Which comparisons a design holds, what can be estimated of them, and which covariate is in the way."""

from __future__ import annotations

import numpy as np
import pytest

from niche._stats.contrasts import Contrast, Groups, contrasts_of, design_of, row_space, sides_of

GROUPS = Groups(
    ["bone", "liver", "lung", "breast (primary)", "liver (normal)"],
    ["bone", "liver", "lung", "breast", "liver"],
    ["metastasis", "metastasis", "metastasis", "primary", "normal"],
)
ALL = np.ones(5, dtype=bool)


def by_name(groups=GROUPS):
    return {c.name: c for c in contrasts_of(groups)}


def test_every_comparison_in_order():
    assert [c.name for c in contrasts_of(GROUPS)] == [
        "omnibus", "bone_vs_rest", "liver_vs_rest", "lung_vs_rest", "bone_vs_liver", "bone_vs_lung",
        "liver_vs_lung", "bone_vs_primary", "liver_vs_primary", "lung_vs_primary", "liver_vs_normal",
    ]  # fmt: skip
    assert by_name()["bone_vs_lung"] == Contrast("bone_vs_lung", "pair", 0, 2)
    assert by_name()["liver_vs_normal"] == Contrast("liver_vs_normal", "normal", 1, 4)
    assert by_name()["lung_vs_primary"].minus == -1


def test_one_organ_meets_only_its_primary_and_normal():
    one = Groups(["liver", "colon (primary)", "liver (normal)"], ["liver", "colon", "liver"],
                 ["metastasis", "primary", "normal"])  # fmt: skip
    assert [c.name for c in contrasts_of(one)] == ["liver_vs_primary", "liver_vs_normal"]
    assert contrasts_of(Groups(["liver"], ["liver"], ["metastasis"])) == []


def test_rest_leaves_out_organs_of_one_patient_but_may_be_asked_of_one():
    replicated = np.array([True, True, False, True, True])
    plus, minus = sides_of(by_name()["bone_vs_rest"], GROUPS, ALL, replicated)
    np.testing.assert_array_equal(plus, [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(minus, [0, 1, 0, 0, 0])  # not lung, of one patient; never primary or normal
    plus, minus = sides_of(by_name()["lung_vs_rest"], GROUPS, ALL, replicated)
    np.testing.assert_array_equal(plus, [0, 0, 1, 0, 0])
    np.testing.assert_array_equal(minus, [1, 1, 0, 0, 0])
    plus, minus = sides_of(by_name()["omnibus"], GROUPS, ALL, replicated)
    np.testing.assert_array_equal(plus, [1, 1, 0, 0, 0])
    assert not minus.any()


def test_a_group_that_is_not_there_empties_its_side():
    present = np.array([True, False, True, False, True])
    plus, minus = sides_of(by_name()["bone_vs_liver"], GROUPS, present, ALL)
    assert plus.any() and not minus.any()
    plus, minus = sides_of(by_name()["liver_vs_normal"], GROUPS, present, ALL)
    assert not plus.any() and minus[4]
    assert not sides_of(by_name()["bone_vs_primary"], GROUPS, present, ALL)[1].any()


def test_a_single_primary_is_used_where_there_is_no_other():
    two = Groups(["bone", "breast (primary)", "colon (primary)"], ["bone", "breast", "colon"],
                 ["metastasis", "primary", "primary"])  # fmt: skip
    contrast = contrasts_of(two)[0]
    here = np.ones(3, dtype=bool)
    np.testing.assert_array_equal(sides_of(contrast, two, here, np.array([1, 0, 0], bool))[1], [0, 1, 1])
    np.testing.assert_array_equal(sides_of(contrast, two, here, np.array([1, 1, 0], bool))[1], [0, 1, 0])


GROUP = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])


def one_hot(labels):
    return np.stack(
        [(np.array(list(labels)) == name).astype(float) for name in sorted(set(labels))[1:]], axis=1
    )


def test_estimates_of_a_design_are_the_means_of_the_groups():
    design = design_of(GROUP, np.zeros((9, 0)), ())
    y = np.array([1, 2, 3, 5, 5, 5, 9, 9, 12.0])
    beta = np.linalg.lstsq(design.matrix, y, rcond=None)[0]
    row = design.contrast(np.array([1, -0.5, -0.5]))
    assert design.reduced(row) @ beta == pytest.approx(2 - (5 + 10) / 2)


def test_rest_is_the_mean_of_organs_not_of_samples():
    group = np.array([0, 0, 1, 2, 2, 2, 2, 2])
    design = design_of(group, np.zeros((8, 0)), ())
    y = np.where(group == 1, 4.0, 0.0) + (group == 0) * 7.0
    beta = np.linalg.lstsq(design.matrix, y, rcond=None)[0]
    assert design.reduced(design.contrast(np.array([1, -0.5, -0.5]))) @ beta == pytest.approx(7 - (4 + 0) / 2)


def test_a_covariate_that_crosses_the_organs_hides_nothing():
    design = design_of(GROUP, one_hot("abaababba"), ("assay",))
    assert design.matrix.shape == (9, 4)
    for weights in ([1, -1, 0], [1, -0.5, -0.5]):
        assert design.reduced(design.contrast(np.array(weights, dtype=float))) is not None


def test_an_aliased_covariate_is_named_and_hides_only_what_it_must():
    """Every sample of organ 2 is of study b; assay crosses the organs; depth is a number."""
    covariates = np.concatenate(
        [one_hot("aaaaaabbb"), one_hot("xyxyxyxyx"), np.arange(9.0)[:, None] ** 2], axis=1
    )
    design = design_of(GROUP, covariates, ("study", "assay", "depth"))
    assert design.matrix.shape[1] == 5  # three organs, assay, depth; study is one of them
    assert np.linalg.matrix_rank(design.matrix) == 5
    assert design.reduced(design.contrast(np.array([1.0, -1, 0]))) is not None
    for weights in ([1.0, 0, -1], [0, 1.0, -1], [1, -0.5, -0.5], [-0.5, -0.5, 1]):
        row = design.contrast(np.array(weights))
        assert design.reduced(row) is None
        assert design.aliased_with(row) == ["study"]


def test_two_terms_that_hide_only_together_are_both_named():
    """Organ is study x assay: neither alone hides it if the other were gone, so each is a remedy."""
    group = np.array([0, 0, 1, 1])
    covariates = np.array([[0, 0], [0, 0], [1, 1], [1, 1.0]])
    design = design_of(group, covariates, ("study", "assay"))
    assert design.aliased_with(design.contrast(np.array([1.0, -1.0]))) == ["study", "assay"]


def test_estimable_contrasts_of_a_deficient_design_equal_those_without_the_hidden_term():
    rng = np.random.default_rng(0)
    y = rng.normal(size=9)
    assay = one_hot("xyxyxyxyx")
    full = design_of(GROUP, np.concatenate([one_hot("aaaaaabbb"), assay], axis=1), ("study", "assay"))
    plain = design_of(GROUP, assay, ("assay",))
    row = np.array([1.0, -1, 0])
    found = [d.reduced(d.contrast(row)) @ np.linalg.lstsq(d.matrix, y, rcond=None)[0] for d in (full, plain)]
    assert found[0] == pytest.approx(found[1], abs=1e-10)


def test_groups_without_samples_and_constant_covariates_have_no_column():
    design = design_of(np.array([0, 0, 3, 3]), np.ones((4, 1)), ("study",))
    np.testing.assert_array_equal(design.groups, [0, 3])
    assert design.terms == () and design.matrix.shape == (4, 2)
    np.testing.assert_array_equal(design.contrast(np.array([1.0, 0, 0, -1.0, 0])), [1, -1])


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_row_space_does_not_depend_on_the_unit_of_a_column(scale):
    rng = np.random.default_rng(1)
    columns = rng.normal(size=(8, 3))
    columns = np.concatenate([columns, columns[:, :1] + columns[:, 1:2]], axis=1)
    columns[:, 2] *= scale
    basis = row_space(columns)
    assert basis.shape == (4, 3)
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(columns @ basis @ basis.T, columns, rtol=1e-7, atol=1e-7 * scale)


def test_row_space_of_nothing():
    np.testing.assert_array_equal(row_space(np.eye(3)), np.eye(3))
    assert row_space(np.zeros((4, 2))).shape == (2, 0)
