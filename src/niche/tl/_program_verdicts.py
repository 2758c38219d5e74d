"""The verdict on every program: intrinsic, of an organ, leaked, of one patient, or not known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niche._slots import keys
from niche.tl._compare_calls import LARGEST_Q
from niche.tl._organ_results import OrganResults
from niche.tl._program_usage import rest_columns
from niche.tl._programs_describe import PRIVATE, PROGRAM

INTRINSIC, ORGAN, AMBIENT, UNDETERMINED = "intrinsic", "organ-associated", "ambient-suspect", "undetermined"
NOT_TESTABLE = "not_testable"
VERDICTS = (INTRINSIC, ORGAN, AMBIENT, PRIVATE, UNDETERMINED, NOT_TESTABLE)

PRESENT = 0.25
"""An organ has a program where its mean usage is this share of that of the organ that uses it most."""

_CLEARLY_MORE = 1.5


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


def verdict(found: Evidence, j: int) -> tuple[str, str]:
    """Verdict on program ``j`` and the reason."""
    higher, lower = _called(found, j)
    leaked = {g: why for g in (higher or _most(found, j)) if (why := _leak(found, j, g, tested=bool(higher)))}
    if leaked and len(leaked) == len(higher or leaked):
        return AMBIENT, "; ".join(f"{found.results.study.groups.name[g]}: {why}" for g, why in leaked.items())
    if found.kind[j] == PRIVATE:
        return PRIVATE, found.kind_reason[j]
    if found.kind[j] != PROGRAM:
        return NOT_TESTABLE, f"{found.kind[j]}: {found.kind_reason[j]}"
    own = [g for g in higher if g not in leaked]
    if own or lower:
        return ORGAN, _organ_reason(found, j, own, lower, leaked)
    if found.alike[j]:
        where = _present(found, j)
        if len(where) > 1:
            return INTRINSIC, f"alike in all organs and present in {', '.join(where)}"
    return _undecided(found, j)


def _called(found: Evidence, j: int) -> tuple[list[int], list[int]]:
    """Groups in which the program is called higher, and lower, than in the rest."""
    higher, lower = [], []
    for g, c in rest_columns(found.results).items():
        effect = found.results.values["effect"][j, c]
        enough = found.results.callable[j, c] > 0 and found.q[j, c] <= LARGEST_Q
        if enough and effect >= keys.SMALLEST_PROGRAM_EFFECT:
            higher.append(g)
        elif enough and effect <= -keys.SMALLEST_PROGRAM_EFFECT:
            lower.append(g)
    return higher, lower


def _most(found: Evidence, j: int) -> list[int]:
    """The organ with most usage, where that is clearly more than elsewhere."""
    level = np.where(found.metastasis, found.level[j], np.nan)
    if np.isfinite(level).sum() < 2:
        return []
    first = int(np.nanargmax(level))
    others = np.nanmean(np.delete(level, first))
    return [first] if level[first] >= _CLEARLY_MORE * others else []


def _leak(found: Evidence, j: int, g: int, *, tested: bool) -> str:
    """Why a rise in a group is one of ambient molecules; empty where it is not."""
    shares = found.effect_share if tested else found.share
    if shares is not None and shares[j, g] >= found.max_share:
        return f"ambient molecules explain {shares[j, g]:.0%}"
    if found.control[j, g] >= keys.LEAST_CONTROL:
        return f"host cells rise {found.control[j, g]:.1f} times as much"
    return ""


def _organ_reason(found: Evidence, j: int, own: list[int], lower: list[int], leaked: dict[int, str]) -> str:
    names, columns = found.results.study.groups.name, rest_columns(found.results)
    parts = []
    for g in own:
        text = f"higher in {names[g]} (q {found.q[j, columns[g]]:.2g})"
        parts.append(", ".join(filter(None, [text, found.within[j][g], found.incoming.get(g, "")])))
    parts += [f"lower in {names[g]} (q {found.q[j, columns[g]]:.2g})" for g in lower]
    parts += [f"in {names[g]} {why}" for g, why in leaked.items()]
    if found.share is None:
        parts.append("ambient share not assessed")
    return "; ".join(parts)


def _present(found: Evidence, j: int) -> list[str]:
    level = found.level[j]
    most = np.nanmax(np.where(found.metastasis, level, np.nan))
    with np.errstate(invalid="ignore"):
        here = level >= PRESENT * most
    return [name for name, ok in zip(found.results.study.groups.name, here, strict=True) if ok]


def _undecided(found: Evidence, j: int) -> tuple[str, str]:
    results = found.results
    if np.isnan(results.values["pval"][j]).all():
        return NOT_TESTABLE, results.reasons.names[results.reason[j, 0]]
    if not results.callable[j].any():
        return UNDETERMINED, "a call needs 3 patients on both sides: estimate and p only"
    return UNDETERMINED, "no organ differs by evidence, nor are all alike by evidence"
