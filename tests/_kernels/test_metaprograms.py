"""Robust programs and metaprograms by hand."""

from __future__ import annotations

import numpy as np

from niche._kernels.metaprograms import Rule, metaprograms, overlaps, robust_programs


def genes(*ranges: tuple[int, int]) -> list[int]:
    return [code for first, last in ranges for code in range(first, last)]


def test_overlaps_count_shared_genes() -> None:
    top = np.array([[0, 1, 2], [2, 1, 5], [6, 7, 8]])
    assert overlaps(top, 9).tolist() == [[3, 2, 0], [2, 3, 0], [0, 0, 3]]


def test_robust_recurs_within_and_across_and_is_not_redundant() -> None:
    top = np.array(
        [
            genes((0, 10)),  # 0 tumor 0, k 4
            genes((0, 8), (20, 22)),  # 1 tumor 0, k 5: again, nearer to tumor 1 than 0 is
            genes((30, 40)),  # 2 tumor 0, k 4: once only
            genes((0, 5), (20, 22), (50, 53)),  # 3 tumor 1, k 4
            genes((0, 5), (20, 22), (50, 53)),  # 4 tumor 1, k 5
            genes((60, 70)),  # 5 tumor 1, k 4: in no other tumor
            genes((60, 70)),  # 6 tumor 1, k 5
        ]
    )
    tumor, k = np.array([0, 0, 0, 1, 1, 1, 1]), np.array([4, 5, 4, 4, 5, 4, 5])
    shared = overlaps(top, 70)
    kept = robust_programs(shared, tumor, k, Rule(within=7, across=2, redundant=2))
    assert kept.tolist() == [3, 1]


def test_the_same_k_of_one_tumor_is_no_second_time() -> None:
    top = np.array([genes((0, 10)), genes((0, 10)), genes((0, 10))])
    shared = overlaps(top, 10)
    tumor = np.array([0, 0, 1])
    rule = Rule(within=7, across=2, redundant=2)
    assert robust_programs(shared, tumor, np.array([4, 4, 4]), rule).size == 0
    assert robust_programs(shared, tumor, np.array([4, 5, 4]), rule).tolist() == [0]


def test_a_founder_gathers_those_that_share_genes() -> None:
    top = np.array(
        [
            genes((0, 10)),
            genes((0, 9), (90, 91)),
            genes((0, 8), (91, 93)),
            genes((40, 50)),
            genes((40, 49), (94, 95)),
        ]
    )
    score = np.ones(top.shape)
    found = metaprograms(top, score, least_group=1, least_first=5, least_join=5)
    assert [sorted(one.members.tolist()) for one in found] == [[0, 1, 2], [3, 4]]
    assert set(found[0].genes[:8].tolist()) == set(range(8))
    assert found[0].genes[8] == 8  # two of three
    assert metaprograms(top, score, least_group=3, least_first=5, least_join=5) == []


def test_ties_at_the_border_go_by_score() -> None:
    top = np.array([[0, 1, 2], [0, 1, 3]])
    score = np.array([[3.0, 2.0, 0.5], [3.0, 2.0, 0.9]])
    assert metaprograms(top, score, least_group=1, least_first=2, least_join=2)[0].genes.tolist() == [0, 1, 3]
