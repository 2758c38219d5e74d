"""Which rises of a program ambient molecules explain, and which calls of contrasts rest on them."""

from __future__ import annotations

import numpy as np

from niche._slots import keys
from niche._stats.contrasts import PAIR, REST
from niche.tl._organ_results import CALLS
from niche.tl._program_evidence import Evidence, called
from niche.tl._program_usage import rest_columns

CALLS_OF_PROGRAMS = (*CALLS, keys.AMBIENT_SUSPECT)
_ENRICHED, _DEPLETED = CALLS.index("enriched"), CALLS.index("depleted")
_CLEARLY_MORE = 1.5


def leak(found: Evidence, j: int, g: int, *, tested: bool) -> str:
    """Why a rise of program ``j`` in a group is one of ambient molecules; empty where it is not."""
    shares = found.effect_share if tested else found.share
    if shares is not None and shares[j, g] >= found.max_share:
        return f"ambient molecules explain {shares[j, g]:.0%}"
    if found.control[j, g] >= keys.LEAST_CONTROL:
        return f"host cells rise {found.control[j, g]:.1f} times as much"
    return ""


def leaking(found: Evidence) -> np.ndarray:
    """Programs (n_programs,) whose largest rise over the other organs is one of ambient molecules.

    p-values are not looked at, so that those of the other programs keep their meaning.
    """
    rest = rest_columns(found.results)
    effect = found.results.values["effect"][:, list(rest.values())]
    out = np.zeros(len(effect), dtype=bool)
    for j, g in enumerate(np.array(list(rest))[np.nan_to_num(effect, nan=-np.inf).argmax(axis=1)].tolist()):
        out[j] = g in _rising(found, j, rest)
    return out


def leaks(found: Evidence, j: int) -> dict[int, str]:
    """Groups in which program ``j`` is called higher, or else clearly most used, and why that is a leak."""
    higher = called(found, j)[0]
    return {g: why for g in (higher or _most(found, j)) if (why := leak(found, j, g, tested=bool(higher)))}


def _most(found: Evidence, j: int) -> list[int]:
    """The organ with most usage, where that is clearly more than elsewhere."""
    level = np.where(found.metastasis, found.level[j], np.nan)
    if np.isfinite(level).sum() < 2:
        return []
    first = int(np.nanargmax(level))
    others = np.nanmean(np.delete(level, first))
    return [first] if level[first] >= _CLEARLY_MORE * others else []


def suspect_calls(found: Evidence, call: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Calls and reasons (n_programs, n_contrasts) in which rises that ambient molecules explain are named so.

    The organ that is higher is asked: what the verdict rests on (:func:`leaks`), and, where it is above the
    others, the share of that difference and the control. A fall against the rest is the other side of a leak
    where without the organs that leak it is no larger than the smallest effect.
    """
    out, why, reasons = call.copy(), found.results.reason.copy(), found.results.reasons
    rest = rest_columns(found.results)
    for j, c in np.argwhere((call == _ENRICHED) | (call == _DEPLETED)).tolist():
        leaked = _rising(found, j, rest) | leaks(found, j)
        text = _text(found, j, c, leaked, higher=call[j, c] == _ENRICHED)
        if text:
            out[j, c] = CALLS_OF_PROGRAMS.index(keys.AMBIENT_SUSPECT)
            before = reasons.names[why[j, c]]
            why[j, c] = reasons.code("; ".join(filter(None, (before, text))))
    return out, why


def _rising(found: Evidence, j: int, rest: dict[int, int]) -> dict[int, str]:
    """Organs above the others by the smallest effect at least, and why that is a leak."""
    effect, least = found.results.values["effect"][j], keys.SMALLEST_PROGRAM_EFFECT
    return {g: why for g, c in rest.items() if effect[c] >= least and (why := leak(found, j, g, tested=True))}


def _text(found: Evidence, j: int, c: int, leaked: dict[int, str], *, higher: bool) -> str:
    study = found.results.study
    contrast, names = study.wanted[c], study.groups.name
    if higher:
        places = [contrast.plus]
    elif contrast.kind == PAIR:
        places = [contrast.minus]
    elif contrast.kind == REST and _alone(found, j, contrast.plus, leaked):
        places = [g for g in leaked if g != contrast.plus]
    else:
        return ""
    return "; ".join(f"{names[g]}: {leaked[g]}" for g in places if g in leaked)


def _alone(found: Evidence, j: int, g: int, leaked: dict[int, str]) -> bool:
    """Whether a group is below no other than those that leak, beyond the smallest effect."""
    effect = found.results.values["effect"][j]
    below = []
    for c, contrast in enumerate(found.results.study.wanted):
        if contrast.kind != PAIR or g not in (contrast.plus, contrast.minus) or np.isnan(effect[c]):
            continue
        if {contrast.plus, contrast.minus} - {g} <= set(leaked):
            continue
        below.append(effect[c] if contrast.plus == g else -effect[c])
    return not below or float(np.mean(below)) > -keys.SMALLEST_PROGRAM_EFFECT
