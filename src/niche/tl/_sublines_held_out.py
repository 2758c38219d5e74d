"""Whether a subline that a signature never saw is scored rightly, beside others it never saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from niche._kernels.signed_genes import signed_genes
from niche._stats.contrasts import PRIMARY, REST, Contrast
from niche._stats.organ_tests import PATIENTS_TEST, Models, family_tests
from niche.get._compare_sides import Side, side_of
from niche.tl._compare_calls import family_q
from niche.tl._compare_edges import columns_of
from niche.tl._compare_input import Study
from niche.tl._gene_sums import GeneSums
from niche.tl._sublines_weights import by_cultures

FEWEST_GENES = 5
"""Genes a signature built without a subline must have to be scored in it."""

_NEEDED = PATIENTS_TEST + 1


@dataclass(frozen=True)
class Choice:
    """How genes of a signature are chosen: at most ``n`` of each side, up to a q-value."""

    n: int
    largest_q: float


def held_out(sums: GeneSums, side: Side, study: Study, choice: Choice) -> dict[str, list[Any]]:
    """Columns of one row per subline and contrast of its organ: against the rest, and against the parent.

    With a subline one subline of every other organ that has two, and a parental line where there are two, is
    put aside; the signature is chosen on what is left, and the score of the subline is compared with the mean
    score of those put aside. What the signature was built from would be scored in its favour.
    """
    rows = [row for fold in _folds(study) for row in _scored(sums, side, study, choice, *fold)]
    rows.sort(key=lambda row: row["order"])
    names = ("contrast", "subline", "reference", "n_up", "n_down", "score", "score_reference", "reason")
    return {name: [row[name] for row in rows] for name in names}


def _folds(study: Study) -> Iterator[tuple[int, int, dict[int, int]]]:
    """Organ, the unit held out, and by group the unit put aside with it."""
    group, groups = study.units.samples.group, study.groups
    members = [np.flatnonzero(group == g) for g in range(len(groups.name))]
    for g in np.flatnonzero(groups.of("metastasis")):
        others = [h for h in range(len(members)) if h != g and members[h].size >= PATIENTS_TEST]
        for k, unit in enumerate(members[g]):
            yield int(g), int(unit), {h: int(members[h][k % members[h].size]) for h in others}


def _scored(
    sums: GeneSums, side: Side, study: Study, choice: Choice, g: int, unit: int, aside: dict[int, int]
) -> list[dict[str, Any]]:
    """Both contrasts of one subline."""
    units, wanted = study.units, study.wanted
    found, fitted = [], None
    for c, contrast in enumerate(wanted):
        if contrast.kind not in (REST, PRIMARY) or contrast.plus != g:
            continue
        primary = study.groups.of("primary")
        beside = [u for h, u in aside.items() if primary[h] == (contrast.kind == PRIMARY)]
        names = [units.patient_names[units.samples.patient[u]] for u in (unit, *beside)]
        row: dict[str, Any] = {
            "order": (c, names[0]), "contrast": contrast.name, "subline": names[0],
            "reference": ", ".join(names[1:]), "n_up": 0, "n_down": 0, "score": np.nan,
            "score_reference": np.nan, "reason": _why_not(study, contrast, g, beside),
        }  # fmt: skip
        found.append(row)
        if row["reason"]:
            continue
        fitted = fitted or _without(sums, study, [unit, *aside.values()])
        genes, columns, q = fitted
        up, down = (
            genes[one]
            for one in signed_genes(
                columns["statistic"][:, c], q[:, c], columns["log2fc"][:, c], choice.n, choice.largest_q,
                columns["log2fc"][:, _against_parent(wanted, g)],
            )
        )  # fmt: skip
        row["n_up"], row["n_down"] = up.size, down.size
        if up.size + down.size < FEWEST_GENES:
            row["reason"] = f"fewer than {FEWEST_GENES} genes pass without it"
            continue
        row["score"] = _score(side, up, down, [unit])
        row["score_reference"] = _score(side, up, down, beside)
    return found


def _against_parent(wanted: list[Contrast], g: int) -> int:
    return next(c for c, one in enumerate(wanted) if one.kind == PRIMARY and one.plus == g)


def _why_not(study: Study, contrast: Contrast, g: int, beside: list[int]) -> str:
    n = int((study.units.samples.group == g).sum())
    if n < _NEEDED:
        listed = f"{n} subline{'s' if n > 1 else ''}"
        return f"{listed} of {study.groups.name[g]}: {_NEEDED} are needed, {PATIENTS_TEST} to build from"
    if beside:
        return ""
    if contrast.kind == PRIMARY:
        return "one parental line: the signature is built from it, so nothing is left to score beside"
    return f"no other organ with {PATIENTS_TEST} sublines"


def _without(
    sums: GeneSums, study: Study, left_out: list[int]
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Genes tested without some units, their values by contrast, and q-values."""
    units, a = study.units, sums.aggregate
    kept = ~np.isin(units.of_sample[a["sample"]], left_out)
    side = side_of(
        a["pseudobulk"][kept], a["library"][kept], a["n"][kept], a["nonzero"][kept], a["sample"][kept],
        units, has_counts=True,
    )  # fmt: skip
    side = by_cultures(side, units)
    samples = units.samples.take(side.rows)
    held = np.isin(np.arange(len(study.groups.name)), samples.group)
    usable = side.deep & held
    genes = np.flatnonzero(usable.sum(axis=1) > 1)
    models = Models(samples, study.groups, study.wanted)
    family = family_tests(side.values[genes], side.weights[genes], usable[genes], models)
    columns = columns_of(family, study.wanted)
    counts = np.bincount(samples.group, minlength=held.size)
    replicated = study.groups.of("metastasis") & (counts >= PATIENTS_TEST)
    q, _ = family_q(columns["pval"], study.wanted, (usable[genes] & replicated).sum(axis=1))
    return genes, columns, q


def _score(side: Side, up: np.ndarray, down: np.ndarray, units: list[int]) -> float:
    """Mean log2 CPM of raised less that of lowered genes, mean over units."""
    values = side.values[:, np.searchsorted(side.rows, units)].mean(axis=1)
    return sum(sign * float(values[genes].mean()) for sign, genes in ((1, up), (-1, down)) if genes.size)
