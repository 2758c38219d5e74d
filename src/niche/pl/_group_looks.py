"""How groups are told apart where the colour belongs to the organ: by shade, dashes and markers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from niche.pl import palette

NEUTRAL = "#8A8A8A"
"""Stands for any organ in a legend of groups."""
_LOOKS: tuple[tuple[float, Any, str], ...] = (
    (0.0, "-", "o"),
    (-0.5, (0, (4, 1.6)), "s"),
    (0.4, (0, (1.2, 1.2)), "^"),
    (-0.75, (0, (6, 1.5, 1.2, 1.5)), "D"),
)


@dataclass(frozen=True)
class GroupLook:
    """Shade of the organ's colour, dashes and marker of one group."""

    shade: float
    dashes: Any
    marker: str

    def color(self, organ_color: str) -> str:
        """The colour of the organ in the shade of the group."""
        return palette.lighter(organ_color, self.shade)


def group_looks(groups: Sequence[str]) -> dict[str, GroupLook]:
    """Look of every group in the order given; after four they repeat."""
    return {name: GroupLook(*_LOOKS[i % len(_LOOKS)]) for i, name in enumerate(groups)}
