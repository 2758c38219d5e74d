"""Groups told apart without a colour of their own."""

from __future__ import annotations

from niche.pl._group_looks import group_looks


def test_groups_differ_and_the_first_has_the_colour_of_the_organ() -> None:
    looks = group_looks(["a", "b", "c", "d", "e"])
    assert looks["a"].color("#0C49BA") == "#0C49BA"
    four = [looks[name] for name in "abcd"]
    for what in ([x.dashes for x in four], [x.marker for x in four], [x.color("#0C49BA") for x in four]):
        assert len(set(what)) == 4
    assert looks["e"] == looks["a"]
