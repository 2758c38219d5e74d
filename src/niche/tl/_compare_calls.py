"""From tests to calls: families, stage-wise q-values, and what a reader may conclude."""

from __future__ import annotations

import numpy as np

from niche._stats.contrasts import NORMAL, OMNIBUS, PAIR, PRIMARY, REST, Contrast
from niche._stats.fdr import benjamini_hochberg
from niche._stats.stagewise import stage_wise
from niche.tl._compare_edges import Compared
from niche.tl._compare_reasons import Reasons

CALLS = ("not_testable", "undetermined", "enriched", "depleted", "specific", "shared", "differs")
NOT_TESTABLE, UNDETERMINED, ENRICHED, DEPLETED, SPECIFIC, SHARED, DIFFERS = range(7)
LARGEST_Q, SMALLEST_EFFECT = 0.1, 0.5
"""What a call needs."""


def family_q(
    p: np.ndarray, wanted: list[Contrast], metastases: np.ndarray
) -> tuple[np.ndarray, dict[str, int]]:
    """q-values (n_features, n_contrasts), and the size of each family.

    The omnibus is screened by Benjamini-Hochberg; contrasts between organs are confirmed stage-wise, those
    against the rest of all organs as one family, pairs as another; those against primary and normal tissue
    are families of their own. Where a covariate hides the omnibus but not all pairs of organs, the pairs'
    smallest p-value times their number is the screen. ``metastases`` (n_features,) organs with two patients
    each feature is compared in.
    """
    q = np.full(p.shape, np.nan)
    kinds = np.array([c.kind for c in wanted])
    sizes = {kind: int((~np.isnan(p[:, kinds == kind])).sum()) for kind in dict.fromkeys(kinds)}
    screen = _screen(p[:, kinds == OMNIBUS], p[:, kinds == PAIR])
    k = np.maximum(metastases, 2)
    for kind in (REST, PAIR):
        mine = kinds == kind
        if mine.any():
            most = k - 2 if kind == REST else (k - 1) * (k - 2) // 2
            q[:, mine] = stage_wise(screen, p[:, mine], most, alpha=LARGEST_Q)
    for kind in (OMNIBUS, PRIMARY, NORMAL):
        mine = kinds == kind
        if mine.any():
            q[:, mine] = benjamini_hochberg(p[:, mine].ravel()).reshape(-1, int(mine.sum()))
    return q, sizes


def _screen(omnibus: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """(n_features,) p-value of any difference between organs."""
    if not omnibus.shape[1]:
        return np.full(len(omnibus), np.nan)
    number, smallest = (~np.isnan(pairs)).sum(axis=1), np.fmin.reduce(pairs, axis=1, initial=1.0)
    any_pair = np.where(number > 0, np.minimum(number * smallest, 1.0), np.nan)
    return np.where(np.isnan(omnibus[:, 0]), any_pair, omnibus[:, 0])


def joint_q(p: np.ndarray, wanted: list[Contrast]) -> np.ndarray:
    """Benjamini-Hochberg of the joint p-values, one family per kind of contrast."""
    q = np.full(p.shape, np.nan)
    kinds = np.array([c.kind for c in wanted])
    for kind in dict.fromkeys(kinds):
        mine = kinds == kind
        q[:, mine] = benjamini_hochberg(p[:, mine].ravel()).reshape(-1, int(mine.sum()))
    return q


def calls_of(
    found: Compared, q: np.ndarray, expressed: np.ndarray, wanted: list[Contrast], metastases: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Call of every feature and contrast, and masks of the undetermined by reason.

    ``expressed`` (n_features, n_groups) says where a feature (of an edge both sides) is expressed;
    ``metastases`` (n_groups,) which groups are metastatic organs. Masks: q too large, effect too small, not
    expressed where it is higher.
    """
    effect = found.columns["log2fc"]
    call = np.full(q.shape, UNDETERMINED, dtype=np.uint8)
    small, silent = np.zeros((2, *q.shape), dtype=bool)
    with np.errstate(invalid="ignore"):
        significant = q <= LARGEST_Q
        for c, contrast in enumerate(wanted):
            if contrast.kind == OMNIBUS:
                call[significant[:, c], c] = DIFFERS
                continue
            higher = _expressed_where_higher(
                effect[:, c], contrast, expressed, found.usable, metastases, wanted
            )
            large = np.abs(effect[:, c]) >= SMALLEST_EFFECT
            small[:, c], silent[:, c] = significant[:, c] & ~large, significant[:, c] & large & ~higher
            sure = significant[:, c] & large & higher
            call[sure & (effect[:, c] > 0), c] = ENRICHED
            call[sure & (effect[:, c] < 0), c] = DEPLETED
    _mark_specific(call, found, expressed, wanted)
    _mark_shared(call, found, wanted)
    call[~found.callable] = NOT_TESTABLE
    return call, [~significant, small, silent]


def _expressed_where_higher(
    effect: np.ndarray, contrast: Contrast, expressed: np.ndarray, usable: np.ndarray, metastases: np.ndarray,
    wanted: list[Contrast],
) -> np.ndarray:  # fmt: skip
    """Whether a feature is expressed in the organ that is higher, or in one of several."""
    seen = expressed & usable
    up = seen[:, contrast.plus]
    if contrast.minus >= 0:
        down = seen[:, contrast.minus]
    elif contrast.kind == REST:
        others = metastases.copy()
        others[contrast.plus] = False
        down = seen[:, others].any(axis=1)
    else:
        down = seen[:, ~metastases].any(axis=1)
    return np.where(effect > 0, up, down)


def _mark_specific(call: np.ndarray, found: Compared, expressed: np.ndarray, wanted: list[Contrast]) -> None:
    """Enriched against the rest, above each organ it can be tested against, and silent in every other."""
    pairs = [(i, c) for i, c in enumerate(wanted) if c.kind == PAIR]
    low, high = found.columns["ci_low"], found.columns["ci_high"]
    untested = np.isnan(found.columns["pval"])
    for c, contrast in enumerate(wanted):
        if contrast.kind != REST:
            continue
        sure = call[:, c] == ENRICHED
        for i, pair in pairs:
            if contrast.plus not in (pair.plus, pair.minus):
                continue
            other = pair.minus if pair.plus == contrast.plus else pair.plus
            with np.errstate(invalid="ignore"):
                above = low[:, i] > 0 if pair.plus == contrast.plus else high[:, i] < 0
            sure &= (untested[:, i] | above) & ~expressed[:, other]
        call[sure, c] = SPECIFIC


def _mark_shared(call: np.ndarray, found: Compared, wanted: list[Contrast]) -> None:
    """Alike by equivalence: a pair by its own interval, the omnibus and the rest by those of all pairs."""
    kinds = np.array([c.kind for c in wanted])
    alike, tested = found.equivalent, ~np.isnan(found.columns["pval"])
    pairs = kinds == PAIR
    every = (alike | ~tested)[:, pairs].all(axis=1) & tested[:, pairs].any(axis=1)
    for c, contrast in enumerate(wanted):
        own = alike[:, c] if contrast.kind in (PAIR, PRIMARY, NORMAL) else every
        if contrast.kind == REST:
            with_it = [i for i, other in enumerate(wanted) if _is_pair_of(other, contrast.plus)]
            own = own & tested[:, with_it].any(axis=1)
        call[own & np.isin(call[:, c], (UNDETERMINED, DIFFERS)), c] = SHARED


def _is_pair_of(contrast: Contrast, group: int) -> bool:
    return contrast.kind == PAIR and group in (contrast.plus, contrast.minus)


def reasons_of(
    found: Compared, call: np.ndarray, undetermined: list[np.ndarray], reasons: Reasons
) -> np.ndarray:
    """Reason codes: why no p, why no call, why undetermined; and what was left out."""
    texts = (
        f"q above {LARGEST_Q:g}",
        f"absolute log2 fold change below {SMALLEST_EFFECT:g}",
        "not expressed where it is higher",
    )
    own = np.zeros(call.shape, dtype=np.uint16)
    for mask, text in zip(undetermined, texts, strict=True):
        own[mask & (call == UNDETERMINED)] = reasons.code(text)
    base = len(reasons.names) + 1
    combined = found.note.astype(np.int64) * base + own
    met = np.flatnonzero(np.bincount(combined.ravel()))
    code = np.zeros(met.max(initial=0) + 1, dtype=np.uint16)
    for value in met:
        parts = [reasons.names[one] for one in (value % base, value // base) if one]
        code[value] = reasons.code("; ".join(parts))
    return np.where(found.reason > 0, found.reason, code[combined])
