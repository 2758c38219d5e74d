from __future__ import annotations

import numpy as np

from niche._kernels.cell_pairs import cell_pairs


def pairs():
    # samples 0, 1 of patient 0 and 2 of patient 1 in organ 0; sample 3 of patient 0 in organ 1
    group_of = np.array([[0, 1], [2, 3], [4, 5], [6, -1]])
    n = np.array([20, 30, 10, 10, 40, 9, 50])
    return cell_pairs(
        np.array([0, 0, 1]), np.array([0, 0, 0]), np.array([1, 0, 1]),
        organ_of_sample=np.array([0, 0, 0, 1]), patient_of_sample=np.array([0, 0, 1, 0]),
        group_of=group_of, n=n, min_cells=10,
    )  # fmt: skip


def test_only_samples_with_enough_cells_of_both_types_speak():
    found = pairs()
    np.testing.assert_array_equal(found.n_samples, [2, 3, 0])
    np.testing.assert_array_equal(found.n_patients, [1, 2, 0])
    np.testing.assert_array_equal(found.sample, [0, 1, 0, 1, 2])


def test_every_patient_counts_once():
    found = pairs()
    np.testing.assert_allclose(found.weight, [0.5, 0.5, 0.25, 0.25, 0.5])
    values = np.arange(7, dtype=float)[:, None]
    np.testing.assert_allclose(found.average(values, "source")[:, 0], [1, 0.25 * 0 + 0.25 * 2 + 0.5 * 4, 0])
    np.testing.assert_allclose(found.average(values, "target")[:, 0], [2, 2.5, 0])


def test_pairs_alike_on_a_side_share_a_code_and_an_average():
    group_of = np.array([[0, 1, 2], [3, 4, -1]])
    source, target = np.array([0, 0, 1, 0]), np.array([1, 2, 0, 1])
    found = cell_pairs(
        np.zeros(4, dtype=int), source, target, organ_of_sample=np.zeros(2, dtype=int),
        patient_of_sample=np.array([0, 1]), group_of=group_of, n=np.full(5, 20), min_cells=10,
    )  # fmt: skip
    np.testing.assert_array_equal(found.alike("source"), [0, 1, 2, 0])  # type 2 is in one sample only
    np.testing.assert_array_equal(found.alike("target"), [0, 1, 2, 0])
