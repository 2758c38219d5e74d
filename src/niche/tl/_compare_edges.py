"""Test the edges between two cell types: their mean, each side alone, and both sides together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from niche._stats import averaged_tests
from niche._stats.averaged_tests import Tests
from niche._stats.contrasts import OMNIBUS, Contrast
from niche._stats.organ_tests import PATIENTS_CALL, Family, Method, Models, family_tests
from niche.get._compare_sides import Side
from niche.get._compare_units import AnalysisUnits
from niche.tl._compare_reasons import Reasons, reason_of

COLUMNS = (
    "log2fc", "ci_low", "ci_high", "statistic", "pval", "pval_joint", "sign_stability",
    "min_detectable_log2fc", "log2fc_ligand", "log2fc_receptor", "pval_ligand", "pval_receptor",
)  # fmt: skip
"""Values of every edge and contrast that are stored."""

_DRIVES = 0.05


@dataclass(frozen=True)
class Compared:
    """Edges of pairs of cell types, or genes of cell types; arrays are (n_features, n_contrasts) unless told.

    Attributes
    ----------
    feature
        (n_features,) ligand-receptor pair, or gene.
    columns
        Values by name.
    n_samples, n_patients
        Biopsies and patients on both sides of the contrast.
    reason, note
        Codes: why there is no p-value; why there can be no call, or what was left out.
    callable
        Whether there are patients enough for a call.
    equivalent
        Whether the 90 % interval lies within one doubling.
    usable
        (n_features, n_groups) groups that were used.
    driver
        Codes into :data:`DRIVERS`; of genes empty.
    """

    feature: np.ndarray
    columns: dict[str, np.ndarray]
    n_samples: np.ndarray
    n_patients: np.ndarray
    reason: np.ndarray
    note: np.ndarray
    callable: np.ndarray
    equivalent: np.ndarray
    usable: np.ndarray
    driver: np.ndarray


DRIVERS = ("", "both", "ligand", "receptor", "undetermined")
NONE, BOTH, LIGAND, RECEPTOR, UNDETERMINED = range(5)
EQUIVALENT = 1.0
"""Absolute log2 fold change within which organs count as alike."""


@dataclass(frozen=True)
class EdgesOfTypes:
    """Edges of one pair of cell types that can be compared.

    Attributes
    ----------
    left, right
        Ligands of the source, receptors of the target.
    ligand, receptor
        (n_edges,) their rows.
    pair
        (n_edges,) ligand-receptor pair.
    rows
        (n_rows,) units that hold both types.
    usable
        (n_edges, n_groups) groups in which both sides are deep enough.
    """

    left: Side
    right: Side
    ligand: np.ndarray
    receptor: np.ndarray
    pair: np.ndarray
    rows: np.ndarray
    usable: np.ndarray

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean of both sides (n_edges, n_rows), and its precision."""
        (l_value, l_weight), (r_value, r_weight) = self.left.at(self.rows), self.right.at(self.rows)
        weight = 4 / (1 / l_weight[self.ligand] + 1 / r_weight[self.receptor])
        return (l_value[self.ligand] + r_value[self.receptor]) / 2, weight


def compare_edges(
    parts: list[EdgesOfTypes], missing: list[list[str]], units: AnalysisUnits, wanted: list[Contrast],
    method: Method, reasons: Reasons, threads: int,
) -> Compared:  # fmt: skip
    """Test edges of pairs of cell types; ``missing`` says why a group does not hold the types of each.

    Pairs are tested side by side. What is said about them is said in their order, since reasons are
    numbered as they are met.
    """
    shared: dict[bytes, Models] = {}
    models = [
        shared.setdefault(
            part.rows.tobytes(), Models(units.samples.take(part.rows), units.groups, wanted, method)
        )
        for part in parts
    ]
    begin = np.cumsum([0, *(part.pair.size for part in parts)])
    columns = {name: np.empty((begin[-1], len(wanted))) for name in COLUMNS}
    places = [{name: columns[name][a:b] for name in COLUMNS} for a, b in pairwise(begin)]
    with ThreadPoolExecutor(threads) as pool:
        tested = pool.map(_tested, parts, models, places)
        found = [
            compared(
                family, part.pair, place, part.rows, part.usable, units, wanted, absent, reasons, driver
            )
            for (family, driver), part, place, absent in zip(tested, parts, places, missing, strict=True)
        ]
    return joined(found, columns)


def _tested(
    edges: EdgesOfTypes, models: Models, columns: dict[str, np.ndarray]
) -> tuple[Family, np.ndarray]:
    """Test the edges of one pair of cell types, and each side of them; fills ``columns``.

    Returns the tests of the means of both sides, and codes (n_edges, n_contrasts) into :data:`DRIVERS`.
    """
    rows, usable = edges.rows, edges.usable
    family = family_tests(*edges.means(), usable, models, leave_out=True)
    sides = [
        _side_tests(values, weights, unit, usable, family.pattern, models)
        for values, weights, unit in (
            (*edges.left.at(rows), edges.ligand),
            (*edges.right.at(rows), edges.receptor),
        )
    ]
    for name, values in (columns_of(family, models.wanted) | joint_columns(sides)).items():
        columns[name][:] = values
    return family, _driver(family.tests.effect, *sides)


def compared(
    family: Family, feature: np.ndarray, columns: dict[str, np.ndarray], rows: np.ndarray, usable: np.ndarray,
    units: AnalysisUnits, wanted: list[Contrast], missing: list[str], reasons: Reasons, driver: np.ndarray,
) -> Compared:  # fmt: skip
    """Tests of features with the patients behind them, and the reasons of what is not there."""
    reason, note = codes_of(family, wanted, units, missing, reasons)
    alike = np.isnan(columns["pval"]) & (reason == 0)
    if alike.any():
        reason[alike] = reasons.code(f"no variation between {units.groups.replicate}s")
    return Compared(
        feature, columns, *_counts(family, rows, units), reason, note,
        callable=_per_feature(family, lambda one: one.enough(PATIENTS_CALL)) & ~alike,
        equivalent=equivalent(family.tests), usable=usable, driver=driver,
    )  # fmt: skip


def columns_of(family: Family, wanted: list[Contrast]) -> dict[str, np.ndarray]:
    """Values of features by the names of :data:`COLUMNS`; the omnibus has F and no effect."""
    tests = family.tests
    low, high = averaged_tests.interval(tests, 0.95)
    statistic, p = tests.statistic.copy(), tests.p.copy()
    for c, contrast in enumerate(wanted):
        if contrast.kind == OMNIBUS:
            statistic[:, c], p[:, c] = tests.f, tests.f_p
    with np.errstate(invalid="ignore", divide="ignore"):
        stability = np.where(family.used > 0, family.same / family.used, np.nan)
    asked = family.used.shape == tests.effect.shape
    stability = np.where(np.isnan(tests.effect), np.nan, stability if asked else np.nan)
    return {
        "log2fc": tests.effect, "ci_low": low, "ci_high": high, "statistic": statistic, "pval": p,
        "sign_stability": stability, "min_detectable_log2fc": averaged_tests.detectable(tests),
    }  # fmt: skip


def joint_columns(sides: list[Tests]) -> dict[str, np.ndarray]:
    """Effects and p-values of both sides, and the p-value of both moving the same way."""
    up = np.maximum(sides[0].p_up, sides[1].p_up)
    down = np.maximum(sides[0].p_down, sides[1].p_down)
    return {
        "pval_joint": np.minimum(1.0, 2 * np.minimum(up, down)),
        "log2fc_ligand": sides[0].effect, "log2fc_receptor": sides[1].effect,
        "pval_ligand": sides[0].p, "pval_receptor": sides[1].p,
    }  # fmt: skip


def equivalent(tests: Tests) -> np.ndarray:
    """Whether the 90 % interval of an effect lies within one doubling."""
    low, high = averaged_tests.interval(tests, 0.9)
    with np.errstate(invalid="ignore"):
        return (low >= -EQUIVALENT) & (high <= EQUIVALENT)


def codes_of(
    family: Family, wanted: list[Contrast], units: AnalysisUnits, missing: list[str], reasons: Reasons
) -> tuple[np.ndarray, np.ndarray]:
    """Codes of reasons and notes of every feature and contrast."""
    shape = (len(family.comparisons), len(wanted))
    reason, note = np.zeros((2, *shape), dtype=np.uint16)
    for i, comparison in enumerate(family.comparisons):
        for c, contrast in enumerate(wanted):
            why, remark = reason_of(c, contrast, comparison, units.groups, missing)
            reason[i, c], note[i, c] = reasons.code(why), reasons.code(remark)
    return reason[family.pattern], note[family.pattern]


def _per_feature(family: Family, what) -> np.ndarray:
    return np.array([what(one) for one in family.comparisons])[family.pattern]


def _counts(family: Family, rows: np.ndarray, units: AnalysisUnits) -> tuple[np.ndarray, np.ndarray]:
    """Biopsies and patients on both sides of every contrast."""
    group, size = units.samples.group[rows], units.n_samples[rows]
    per_group = np.bincount(group, weights=size, minlength=len(units.groups.name))
    samples = _per_feature(family, lambda one: (one.plus | one.minus) @ per_group)
    return samples.astype(np.int32), _per_feature(family, lambda one: one.n_patients).astype(np.int32)


def _side_tests(
    values: np.ndarray, weights: np.ndarray, unit: np.ndarray, usable: np.ndarray, pattern: np.ndarray,
    models: Models,
) -> Tests:  # fmt: skip
    """Tests of one side of every edge; a unit with the same usable groups, a pattern, is tested once."""
    key = unit.astype(np.int64) * (int(pattern.max(initial=0)) + 1) + pattern
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    one = family_tests(values[unit[first]], weights[unit[first]], usable[first], models).tests
    spread = {
        name: getattr(one, name)[place]
        for name in ("effect", "se", "statistic", "df", "p", "p_up", "p_down", "f", "f_p")
    }
    return Tests(**spread, moderated=one.moderated)


def _driver(effect: np.ndarray, left: Tests, right: Tests) -> np.ndarray:
    """Which side moves the mean: both where each does; one where it does and differs from the other."""
    with np.errstate(invalid="ignore", divide="ignore"):
        up = effect > 0
        p = [np.where(up, side.p_up, side.p_down) for side in (left, right)]
        moves = [one <= _DRIVES for one in p]
        gap = np.where(up, 1.0, -1.0) * (left.effect - right.effect) / np.hypot(left.se, right.se)
        far = averaged_tests.quantile(np.fmin(left.df, right.df), 1 - 2 * _DRIVES)
        apart = np.abs(gap) >= far[:, None]
        known = ~np.isnan(p[0]) & ~np.isnan(p[1])
    out = np.where(known, UNDETERMINED, NONE).astype(np.uint8)
    out[moves[0] & ~moves[1] & apart & (gap > 0)] = LIGAND
    out[moves[1] & ~moves[0] & apart & (gap < 0)] = RECEPTOR
    out[moves[0] & moves[1]] = BOTH
    return out


def joined(parts: list[Compared], columns: dict[str, np.ndarray] | None = None) -> Compared:
    """Features of several families, one after the other; ``columns`` where they lie together already."""
    return Compared(
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in Compared.__dataclass_fields__
            if name != "columns"
        },
        columns=columns
        or {name: np.concatenate([p.columns[name] for p in parts]) for name in parts[0].columns},
    )
