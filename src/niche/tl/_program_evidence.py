"""What verdicts on programs, and calls of their contrasts, rest on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niche._slots import keys
from niche.tl._compare_calls import LARGEST_Q
from niche.tl._organ_results import OrganResults
from niche.tl._program_usage import rest_columns


@dataclass(frozen=True)
class Evidence:
    """What verdicts rest on; groups are organs, and primary and normal tissue.

    Attributes
    ----------
    kind, kind_reason
        (n_programs,) of :func:`niche.tl.programs`.
    results, q
        Tests between organs, and their q-values (n_programs, n_contrasts).
    alike
        (n_programs,) whether all organs are equivalent.
    level
        (n_programs, n_groups) mean usage, units counting alike; NaN without units.
    metastasis
        (n_groups,) whether a group is one.
    share, effect_share
        (n_programs, n_groups) what ambient molecules explain of expression, and of its difference to the
        other organs; None where not assessed.
    control
        (n_programs, n_groups) rise of host cells over that of the tumor.
    within
        (n_programs, n_groups) text on patients who have the organ and another; empty where there are none.
    incoming
        Group to text on signals that come in there.
    max_share
        Share from which ambient molecules are suspected.
    """

    kind: list[str]
    kind_reason: list[str]
    results: OrganResults
    q: np.ndarray
    alike: np.ndarray
    level: np.ndarray
    metastasis: np.ndarray
    share: np.ndarray | None
    effect_share: np.ndarray | None
    control: np.ndarray
    within: list[list[str]]
    incoming: dict[int, str]
    max_share: float


def called(found: Evidence, j: int) -> tuple[list[int], list[int]]:
    """Groups in which program ``j`` is called higher, and lower, than in the rest."""
    higher, lower = [], []
    for g, c in rest_columns(found.results).items():
        effect = found.results.values["effect"][j, c]
        enough = found.results.callable[j, c] > 0 and found.q[j, c] <= LARGEST_Q
        if enough and effect >= keys.SMALLEST_PROGRAM_EFFECT:
            higher.append(g)
        elif enough and effect <= -keys.SMALLEST_PROGRAM_EFFECT:
            lower.append(g)
    return higher, lower
