"""Which groups are compared with which."""

from __future__ import annotations

from itertools import combinations

from niche._slots import tables
from niche._slots.validate import shown
from niche.errors import InputValueError


def group_pairs(names: list[str], reference: object) -> list[tuple[str, str]]:
    """Pairs to compare: each with the reference, which is read as text, or all of them.

    Raises
    ------
    InputValueError
        The reference is none of the names.
    """
    if reference is None:
        return list(combinations(names, 2))
    base = tables.label(reference)
    if base not in names:
        raise InputValueError(f"reference {base!r} is no group. Groups: {shown(names)}.")
    return [(name, base) for name in names if name != base]
