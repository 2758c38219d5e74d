"""Why a comparison cannot be made, in words, stored as small codes."""

from __future__ import annotations

import numpy as np

from niche._stats.contrasts import NORMAL, OMNIBUS, PAIR, PRIMARY, Contrast, Groups
from niche._stats.organ_tests import PATIENTS_CALL, PATIENTS_TEST, Comparisons

_ORIGINS = {"primary": "primary tumor", "parental": "parental line deep enough"}


class Reasons:
    """Distinct reasons and their codes; code 0 is no reason."""

    def __init__(self) -> None:
        self.names = [""]
        self._codes = {"": 0}

    def code(self, text: str) -> int:
        """Code of a reason, given a new one when it is met first."""
        if text not in self._codes:
            self._codes[text] = len(self.names)
            self.names.append(text)
        return self._codes[text]

    def most_frequent(self, codes: np.ndarray) -> str:
        """The reason met most often in an array of codes; where there is none, that there is nothing."""
        met, counts = np.unique(codes[codes > 0], return_counts=True)
        return self.names[int(met[counts.argmax()])] if met.size else "there is none"


def missing_groups(
    groups: Groups, cells: np.ndarray, largest: np.ndarray, held: np.ndarray, min_cells: int
) -> list[str]:
    """Why a pair of cell types, or one type, is not in a group: one text per group, empty where it is.

    ``cells``, ``largest`` (2 or 1, n_groups): cells of source and target in the group, and in its largest
    sample; ``held`` (n_groups,) whether a unit holds all.
    """

    def which(lacking: np.ndarray) -> str:
        sides = np.array(["source", "target"])
        return f": {' and '.join(sides[lacking])}" if lacking.size > 1 else ""

    out = []
    for g, name in enumerate(groups.name):
        absent, few = cells[:, g] == 0, largest[:, g] < min_cells
        if held[g]:
            out.append("")
        elif absent.any():
            out.append(f"cell type absent in {name}{which(absent)}")
        elif few.any():
            out.append(f"too few cells in {name}{which(few)}")
        else:
            out.append(f"no sample of {name} holds both cell types with enough cells")
    return out


def reason_of(
    c: int, contrast: Contrast, comparison: Comparisons, groups: Groups, missing: list[str]
) -> tuple[str, str]:
    """Why a contrast gets no p-value, and why no call or what was left out of it; empty where it does."""
    short = [missing[g] or f"depth in {groups.name[g]}" for g in range(len(missing))]
    gone = [g for g in range(len(missing)) if not comparison.usable[g]]
    if contrast.kind in (PAIR, NORMAL):
        lost = [g for g in (contrast.plus, contrast.minus) if g in gone]
    else:
        lost = [contrast.plus] if contrast.kind != OMNIBUS and contrast.plus in gone else []
    if lost:
        return "; ".join(short[g] for g in lost), ""
    if comparison.aliased[c]:
        return f"aliased with {comparison.aliased[c]}", ""
    left = _left_out(contrast, comparison, c, groups, short, gone)
    if contrast.kind == OMNIBUS and comparison.plus[c].sum() < 2:
        return "; ".join([f"fewer than 2 organs with {PATIENTS_TEST} {groups.replicate}s", *left]), ""
    if not comparison.minus[c].any() and contrast.kind != OMNIBUS:
        where = f"other organ with {PATIENTS_TEST} {groups.replicate}s"
        where = _ORIGINS[groups.origin] if contrast.kind == PRIMARY else where
        return "; ".join([f"no {where}", *left]), ""
    few = _few(contrast, comparison, c, groups, PATIENTS_TEST)
    if few:
        return "; ".join([few, *left]), ""
    if comparison.df <= 0:
        return "no residual degrees of freedom", ""
    few = _few(contrast, comparison, c, groups, PATIENTS_CALL)
    call = f"a call needs {PATIENTS_CALL} {groups.replicate}s on each side: {few}" if few else ""
    return "", "; ".join([*([call] if call else []), *left])


def _left_out(
    contrast: Contrast, comparison: Comparisons, c: int, groups: Groups, short: list[str], gone: list[int]
) -> list[str]:
    """Organs that the mean on the other side, or the omnibus, does without."""
    if contrast.kind in (PAIR, NORMAL, PRIMARY):
        return []
    organs = np.flatnonzero(groups.of("metastasis")).tolist()
    out = []
    for g in organs:
        if g == contrast.plus or comparison.plus[c, g] or comparison.minus[c, g]:
            continue
        out.append(short[g] if g in gone else f"1 {groups.replicate} in {groups.name[g]}")
    return [f"without {', '.join(groups.name[g] for g in organs if _is_out(g, contrast, comparison, c))} "
            f"({'; '.join(dict.fromkeys(out))})"] if out else []  # fmt: skip


def _is_out(g: int, contrast: Contrast, comparison: Comparisons, c: int) -> bool:
    return g != contrast.plus and not comparison.plus[c, g] and not comparison.minus[c, g]


def _few(contrast: Contrast, comparison: Comparisons, c: int, groups: Groups, needed: int) -> str:
    """Which side has too few patients."""
    found = []
    if comparison.n_plus[c] < needed:
        name = "an organ" if contrast.kind == OMNIBUS else groups.name[contrast.plus]
        found.append(f"{_counted(comparison.n_plus[c], groups)} in {name}")
    if comparison.n_minus[c] < (1 if comparison.lone[c] else needed) and contrast.kind != OMNIBUS:
        names = [groups.name[g] for g in np.flatnonzero(comparison.minus[c])]
        found.append(f"{_counted(comparison.n_minus[c], groups)} in {' and '.join(names)}")
    return "; ".join(found)


def _counted(n: int, groups: Groups) -> str:
    return f"{n} {groups.replicate}" if n == 1 else f"{n} {groups.replicate}s"
