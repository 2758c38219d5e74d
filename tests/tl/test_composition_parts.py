"""What a type is set against, and where it can be compared."""

from __future__ import annotations

import numpy as np
import pytest

from niche._stats.contrasts import Groups
from niche._stats.organ_tests import Samples
from niche.tl._composition_parts import part_of

GROUPS = Groups(["bone", "lung"], ["bone", "lung"], ["metastasis"] * 2)


def samples(group):
    group = np.array(group)
    return Samples(group, np.arange(group.size), np.zeros((group.size, 0)), ())


def test_a_type_is_set_against_those_all_organs_have():
    """The third type is in bone only, so the others are not measured against it."""
    counts = np.array([[10, 20, 50], [12, 20, 60], [10, 20, 0], [30, 20, 0]])
    part = part_of(counts, "stromal", samples([0, 0, 1, 1]), GROUPS, 10)
    assert part.rows.tolist() == [0, 1, 2, 3]
    assert part.others.tolist() == [[20, 10, 30], [20, 12, 32], [20, 10, 30], [20, 30, 50]]
    assert part.values[0, 0] == pytest.approx(np.log2(10.5 / 20.5))
    assert part.usable.tolist() == [[True, True], [True, True], [True, False]]
    assert part.missing[2] == ["", "cell type absent in lung"]


def test_few_cells_and_alone():
    counts = np.array([[400, 1], [400, 2], [400, 1], [400, 0]])
    part = part_of(counts, "immune", samples([0, 0, 1, 1]), GROUPS, 10)
    assert part.missing[1][0].startswith("too few cells in bone: 1.0 expected per patient")
    alone = part_of(counts[:, :1], "endothelial", samples([0, 0, 1, 1]), GROUPS, 10)
    assert not alone.usable.any()
    assert (
        alone.missing[0][0]
        == "no other cell type of its compartment is in every organ with endothelial cells"
    )


def test_small_biopsies_are_left_out():
    counts = np.array([[3, 4], [20, 20], [20, 20], [25, 20]])
    part = part_of(counts, "immune", samples([0, 0, 1, 1]), GROUPS, 10)
    assert part.rows.tolist() == [1, 2, 3]
    gone = part_of(counts[[0, 0, 2, 3]], "immune", samples([0, 0, 1, 1]), GROUPS, 10)
    assert gone.missing[0][0] == "too few cells of its compartment in bone: no patient has 10"


def test_a_compartment_an_organ_lacks_does_not_matter_elsewhere():
    groups = Groups(["bone", "brain", "lung"], ["bone", "brain", "lung"], ["metastasis"] * 3)
    counts = np.array([[0, 0], [0, 0], [20, 30], [25, 30], [20, 35], [22, 30]])
    part = part_of(counts, "parenchymal", samples([0, 0, 1, 1, 2, 2]), groups, 10)
    assert part.usable.tolist() == [[False, True, True]] * 2
    assert part.missing[0] == ["cell type absent in bone", "", ""]
