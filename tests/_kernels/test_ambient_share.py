"""Shares, averages over patients and the negative control, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from niche._kernels import ambient_share as kernel

NONE = np.zeros(0, dtype=np.int64)


def two_organs(*, tumor_rise=0.0, silent_rise=1.0, fraction=0.1):
    """Liver and lung, one patient each, with tumor, stroma and immune cells; gene 0 is the stroma's.

    The stroma of the liver expresses gene 0; what others show of it is ``silent_rise`` x ambient, and
    the tumor of the liver ``tumor_rise`` on top. Gene 1 is the same everywhere.
    """
    organ, cell_type = np.repeat([0, 1], 3), np.tile([0, 1, 2], 2)
    library = np.full(6, 1e5)
    soup = np.array([[0.02, 0.98], [0.0, 1.0]])[organ]
    rate = np.zeros((6, 2))
    rate[:, 0] = np.where(organ == 0, fraction * 0.02 * silent_rise, 0)
    rate[0, 0] = fraction * 0.02 + tumor_rise
    rate[1, 0] = 0.06
    rate[:, 1] = 0.5
    rows = kernel.cohort(organ, organ, cell_type, library, np.ones(6, bool))
    reference = kernel.references(rows, [np.array([1]), np.array([0])])
    return kernel.shares(
        rate * library[:, None], library, np.full(6, fraction), np.full(6, 0.05), soup, rows, reference, 0.5
    )


def test_a_leaked_gene():
    found = two_organs()
    assert found.share[0, 0] == pytest.approx(1)
    assert found.effect_share[0, 0] == pytest.approx(1)
    assert found.control[0, 0] == pytest.approx(1)
    assert found.effect_control[0, 0] == pytest.approx(1)
    assert kernel.FLAGS[found.flag[0, 0]] == kernel.FLAGS[found.effect_flag[0, 0]] == "ambient"
    assert kernel.FLAGS[found.flag[1, 0]] == "own"
    assert found.low[0, 0] < 1 <= found.high[0, 0]


def test_an_induced_gene_rises_in_the_tumor_only():
    found = two_organs(tumor_rise=0.02)
    assert found.share[0, 0] == pytest.approx(0.002 / 0.022)
    assert found.effect_share[0, 0] == pytest.approx(0.002 / 0.022)
    assert kernel.FLAGS[found.effect_flag[0, 0]] == "own"


def test_a_profile_that_is_wrong_is_contradicted_by_the_others():
    found = two_organs(silent_rise=0.0)
    assert found.share[0, 0] == pytest.approx(1)
    assert found.control[0, 0] == pytest.approx(0)
    assert kernel.FLAGS[found.flag[0, 0]] == kernel.FLAGS[found.effect_flag[0, 0]] == "undetermined"


def test_too_few_predicted_counts_are_no_control():
    found = two_organs(fraction=0.0005)
    assert np.isnan(found.control[0, 0])
    assert kernel.FLAGS[found.flag[0, 0]] == "ambient"


def test_what_is_not_there_is_not_expressed():
    found = two_organs()
    assert np.isnan(found.share[3, 0])
    assert kernel.FLAGS[found.flag[3, 0]] == "not_expressed"
    assert kernel.FLAGS[found.effect_flag[3, 0]] == "ambient", "lower there, because the other organ leaks"
    assert kernel.FLAGS[found.effect_flag[0, 1]] == "no_difference"


def test_patients_count_once():
    organ, patient = np.zeros(3, np.int64), np.array([0, 0, 1])
    rows = kernel.cohort(organ, patient, np.zeros(3, np.int64), np.array([10.0, 20, 30]), np.ones(3, bool))
    assert rows.weight.toarray().tolist() == [[0.25, 0.25, 0.5]]
    assert rows.library.tolist() == [60]
    some = kernel.cohort(
        organ, patient, np.zeros(3, np.int64), np.array([10.0, 20, 30]), np.array([True, False, True])
    )
    assert some.weight.toarray().tolist() == [[0.5, 0, 0.5]]


def test_no_group_is_used():
    rows = kernel.cohort(NONE, NONE, NONE, np.zeros(0), np.zeros(0, bool))
    assert rows.organ.size == 0
    empty = kernel.cohort(np.zeros(2, int), np.zeros(2, int), np.zeros(2, int), np.ones(2), np.zeros(2, bool))
    found = kernel.shares(
        np.ones((2, 3)), np.ones(2), np.full(2, np.nan), np.full(2, np.nan), np.ones((2, 3)) / 3,
        empty, kernel.references(empty, []), 0.5,
    )  # fmt: skip
    assert found.share.shape == (0, 3)


def test_nothing_to_compare_with():
    rows = kernel.cohort(np.zeros(2, int), np.arange(2), np.zeros(2, int), np.full(2, 1e4), np.ones(2, bool))
    found = kernel.shares(
        np.full((2, 1), 100.0), np.full(2, 1e4), np.full(2, 0.1), np.full(2, 0.1), np.full((2, 1), 0.01),
        rows, kernel.references(rows, [NONE]), 0.5,
    )  # fmt: skip
    assert kernel.FLAGS[found.effect_flag[0, 0]] == "not_testable"
    assert np.isnan(found.log2fc[0, 0])
    assert np.isnan(found.effect_share[0, 0])
    assert found.share[0, 0] == pytest.approx(0.1)


def test_flags():
    share = np.array([0.2, 0.5, 0.9, 0.9, np.nan])
    control = np.array([1.0, np.nan, 0.3, 0.2, 1.0])
    words = [kernel.FLAGS[code] for code in kernel.flags(share, control, 0.5)]
    assert words == ["own", "ambient", "ambient", "undetermined", "not_testable"]
