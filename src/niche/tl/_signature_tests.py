"""Signature scores of patients, compared between organs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niche._stats.organ_tests import Method
from niche.get._compare_units import AnalysisUnits
from niche.tl._compare_input import Study
from niche.tl._organ_results import OrganResults, few_tests, precision_weights


@dataclass(frozen=True)
class SampleScores:
    """Mean scores of samples over the cells of one compartment.

    Attributes
    ----------
    n
        (n_samples,) cells.
    means
        (n_samples, n_signatures), NaN where there is no cell.
    variance
        (n_signatures,) of the cells within samples.
    whose
        What the cells are called: ``tumor cells``, ``cells``.
    """

    n: np.ndarray
    means: np.ndarray
    variance: np.ndarray
    whose: str


def compare_scores(
    scores: SampleScores, reason: list[str], study: Study, min_cells: int, method: Method
) -> OrganResults:
    """Test signatures without a ``reason`` not to; all samples of a patient in an organ are one value."""
    out = OrganResults(study, len(reason))
    for k, why in enumerate(reason):
        if why:
            out.refuse([k], why)
    rows, n, values = unit_scores(scores, study.units, min_cells)
    group = study.units.samples.group[rows]
    missing = _missing(scores, study, group, min_cells)
    usable = np.array([not text for text in missing])
    kept = np.flatnonzero([not why for why in reason])
    constant = np.ptp(values, axis=1) == 0 if rows.size else np.ones(len(reason), dtype=bool)
    if usable.sum() < 2:
        out.refuse(kept, "; ".join(dict.fromkeys(text for text in missing if text)))
        return out
    out.refuse(kept[constant[kept]], "the score is the same in all patients")
    kept = kept[~constant[kept]]
    if not kept.size:
        return out
    masks = np.tile(usable, (kept.size, 1))
    variance = np.maximum(scores.variance[kept, None], 1e-12) / n[None]
    weights = precision_weights(values[kept], variance, study.units.samples.take(rows), masks)
    family = few_tests(values[kept], weights, masks, rows, study, method)
    out.record(kept, family, rows, [missing] * kept.size)
    return out


def unit_scores(
    scores: SampleScores, units: AnalysisUnits, min_cells: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Units with enough cells, their numbers of cells, and mean scores (n_signatures, n_rows) over them."""
    used = (units.of_sample >= 0) & (scores.n > 0)
    n = np.zeros(units.n_samples.size)
    total = np.zeros((n.size, scores.means.shape[1]))
    np.add.at(n, units.of_sample[used], scores.n[used])
    np.add.at(total, units.of_sample[used], scores.n[used, None] * scores.means[used])
    rows = np.flatnonzero(n >= min_cells)
    return rows, n[rows], np.ascontiguousarray((total[rows] / n[rows, None]).T)


def _missing(scores: SampleScores, study: Study, group: np.ndarray, min_cells: int) -> list[str]:
    """Why a group cannot be used, empty where it can."""
    units, out = study.units, []
    in_unit = np.append(units.samples.group, -1)[units.of_sample]
    for g, name in enumerate(study.groups.name):
        if (group == g).any():
            out.append("")
        elif scores.n[in_unit == g].sum() == 0:
            out.append(f"no {scores.whose} in {name}")
        else:
            out.append(f"fewer than {min_cells} {scores.whose} per patient in {name}")
    return out
