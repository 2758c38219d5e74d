"""Growth of groups, and what differs between groups and between organs: t on the slopes of animals."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from niche._stats.fdr import benjamini_hochberg
from niche._stats.mean_tests import MeanTest, one_mean, two_means
from niche.errors import InputValueError
from niche.tl._group_pairs import group_pairs
from niche.tl._growth_fits import doubling

LEAST_PAIRS = 3
GROUP_COLUMNS = (
    "group", "organ", "n_animals", "n_left_out", "slope", "slope_sd", "slope_error", "ci_low", "ci_high",
    "doubling_time", "doubling_low", "doubling_high", "status", "reason",
)  # fmt: skip
CONTRAST_COLUMNS = (
    "contrast", "group", "organ", "test", "n_first", "n_second", "n_pairs", "n_left_out", "effect",
    "effect_error", "df", "ci_low", "ci_high", "statistic", "pval", "qval", "status", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class Slopes:
    """Animals of one group with a slope in one organ: their names, the slopes, and how many have none."""

    animal: np.ndarray
    slope: np.ndarray
    n_left_out: int

    def __len__(self) -> int:
        return len(self.slope)


_NOBODY = Slopes(np.array([], dtype=object), np.array([]), 0)


def group_rows(animals: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """One row per group and organ: the mean slope of its animals."""
    rows = []
    for (group, organ), mine in sorted(_slopes(animals).items()):
        test = one_mean(mine.slope)
        low, high = test.interval(confidence)
        time = doubling(np.array(test.estimate), np.array(low), np.array(high))
        why = "" if test.error > 0 else _too_few(len(mine), "animal")
        rows.append(
            {
                "group": group, "organ": organ, "n_animals": len(mine), "n_left_out": mine.n_left_out,
                "slope": test.estimate, "slope_sd": test.error * np.sqrt(max(len(mine), 1)),
                "slope_error": test.error, "ci_low": low, "ci_high": high,
                "status": "not_testable" if why else "tested", "reason": why,
            } | dict(zip(("doubling_time", "doubling_low", "doubling_high"), map(float, time), strict=True))
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(GROUP_COLUMNS))


def group_contrasts(animals: pd.DataFrame, reference: str | None, confidence: float) -> pd.DataFrame:
    """One row per organ and pair of groups."""
    groups = sorted(set(animals["group"]))
    if len(groups) < 2:
        raise InputValueError(
            f"there is one group only ({groups[0]!r}), so groups cannot be compared. Name their column with "
            "group=, or ask for compare='organs' or level='group'."
        )
    slopes, rows = _slopes(animals), []
    for organ in sorted(set(animals["organ"])):
        for first, second in group_pairs(groups, reference):
            named = {"contrast": f"{first}_vs_{second}", "group": "", "organ": organ}
            one, other = (slopes.get((name, organ), _NOBODY) for name in (first, second))
            rows.append(named | _independent(one, other, confidence))
    return _with_q(rows)


def organ_contrasts(animals: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """One row per group and pair of organs."""
    organs = sorted(set(animals["organ"]))
    if len(organs) < 2:
        raise InputValueError(
            f"there is one organ only ({organs[0]!r}), so organs cannot be compared. Compare groups with "
            "group=, or ask for level='group'."
        )
    slopes, rows = _slopes(animals), []
    for group in sorted(set(animals["group"])):
        for first, second in combinations(organs, 2):
            named = {"contrast": f"{first}_vs_{second}", "group": group, "organ": first}
            one, other = (slopes.get((group, name), _NOBODY) for name in (first, second))
            rows.append(named | _same_animals(one, other, confidence))
    return _with_q(rows)


def _with_q(rows: list[dict[str, Any]]) -> pd.DataFrame:
    out = pd.DataFrame(rows)
    out["qval"] = benjamini_hochberg(out["pval"].to_numpy(dtype=float))
    return out[list(CONTRAST_COLUMNS)]


def _slopes(animals: pd.DataFrame) -> dict[tuple[str, str], Slopes]:
    """Slopes by group and organ."""
    tested = (animals["status"] == "tested").to_numpy()
    who, slope = animals["animal"].to_numpy(dtype=object), animals["slope"].to_numpy()
    found = {}
    for key, rows in animals.groupby(["group", "organ"], sort=False).indices.items():
        kept = rows[tested[rows]]
        found[key] = Slopes(who[kept], slope[kept], len(rows) - len(kept))
    return found


def _independent(one: Slopes, other: Slopes, confidence: float) -> dict[str, Any]:
    """Two groups of different animals."""
    test = two_means(one.slope, other.slope)
    why = "" if test.p > 0 else _too_few(min(len(one), len(other)), "animal", "on a side")
    counts = {"n_first": len(one), "n_second": len(other), "n_pairs": 0}
    return counts | _result("welch", test, one.n_left_out + other.n_left_out, why, confidence)


def _same_animals(one: Slopes, other: Slopes, confidence: float) -> dict[str, Any]:
    """Two organs, which animals may share: differences within animals, or no animal in both."""
    both, first, second = np.intersect1d(one.animal, other.animal, return_indices=True)
    if not len(both):
        return _independent(one, other, confidence)
    counts = {"n_first": len(one), "n_second": len(other), "n_pairs": len(both)}
    left_out = one.n_left_out + other.n_left_out + len(one) + len(other) - 2 * len(both)
    difference = one.slope[first] - other.slope[second]
    test = one_mean(difference)
    why = "" if test.p > 0 else _too_few(len(both), "animal", "with both organs")
    if len(both) < LEAST_PAIRS:
        why = f"too few animals with both organs: {len(both)}, {LEAST_PAIRS} needed"
        test = MeanTest(float(difference.mean()), np.nan, np.nan, np.nan, np.nan)
    return counts | _result("paired", test, left_out, why, confidence)


def _result(kind: str, test: MeanTest, left_out: int, why: str, confidence: float) -> dict[str, Any]:
    low, high = test.interval(confidence)
    return {
        "test": kind, "n_left_out": left_out, "effect": test.estimate, "effect_error": test.error,
        "df": test.df, "ci_low": low, "ci_high": high, "statistic": test.statistic, "pval": test.p,
        "status": "not_testable" if why else "tested", "reason": why,
    }  # fmt: skip


def _too_few(n: int, what: str, where: str = "") -> str:
    if n >= 2:
        return "the slopes do not vary"
    place = f" {where}" if where else ""
    return f"{n} {what}{'' if n == 1 else 's'} with a slope{place}, 2 needed"
