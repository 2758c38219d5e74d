"""The verdict on every program: intrinsic, of an organ, leaked, of one patient, or not known."""

from __future__ import annotations

import numpy as np

from niche._slots import keys
from niche.tl._program_evidence import Evidence, called
from niche.tl._program_leaks import leaks
from niche.tl._program_usage import rest_columns
from niche.tl._programs_describe import PRIVATE, PROGRAM

INTRINSIC, ORGAN, AMBIENT, UNDETERMINED = (
    "intrinsic", "organ-associated", keys.AMBIENT_SUSPECT, "undetermined",
)  # fmt: skip
NOT_TESTABLE = "not_testable"
VERDICTS = (INTRINSIC, ORGAN, AMBIENT, PRIVATE, UNDETERMINED, NOT_TESTABLE)

PRESENT = 0.25
"""An organ has a program where its mean usage is this share of that of the organ that uses it most."""


def verdict(found: Evidence, j: int) -> tuple[str, str]:
    """Verdict on program ``j`` and the reason."""
    higher, lower = called(found, j)
    leaked = leaks(found, j)
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
