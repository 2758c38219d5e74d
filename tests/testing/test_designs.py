from __future__ import annotations

from niche.testing import designs


def test_every_combination_once():
    table = designs()
    assert table["name"].is_unique
    assert len(table) == 3 * 3 * 2
    combinations = table[["design", "patients_per_organ", "cell_factor"]].drop_duplicates()
    assert len(combinations) == len(table)
    assert set(table["design"]) == {"unpaired", "partial", "paired"}
    assert set(table["patients_per_organ"]) == {3, 4, 6}


def test_factors_are_those_of_the_question():
    table = designs()
    factors = table[["cell_factor", "depth_factor", "variance_factor"]]
    balanced = table["name"].str.endswith("_balanced")
    assert (factors[balanced] == 1).all().all()
    assert (factors[~balanced] == [1 / 5, 1 / 2, 2]).all().all()
    assert (~balanced).sum() == 9
