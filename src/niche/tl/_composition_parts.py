"""Cell types of one compartment as shares of what all organs have in common there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niche._stats import proportions
from niche._stats.contrasts import Contrast, Groups
from niche._stats.organ_tests import Family, Method, Models, Samples, family_tests
from niche.tl._organ_results import EVEN, precision_weights

LEAST_EXPECTED = 3.0
"""Median number of cells of a type that a group must be expected to hold."""

ABSENT = "cell type absent"


@dataclass(frozen=True)
class Part:
    """Cell types of one compartment over the patients that have cells of it.

    Attributes
    ----------
    rows
        (n_rows,) units with enough cells of the compartment.
    counts, others
        (n_rows, n_types) cells of the type, and of the other types that are in every group.
    values, weights
        (n_types, n_rows) log2 odds and their precision.
    usable
        (n_types, n_groups) where a type can be compared.
    missing
        Why it cannot be, one text per type and group; empty where it can.
    alone
        (n_types,) whether no other type is in every group.
    """

    rows: np.ndarray
    counts: np.ndarray
    others: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    usable: np.ndarray
    missing: list[list[str]]
    alone: np.ndarray


def part_of(counts: np.ndarray, compartment: str, samples: Samples, groups: Groups, min_cells: int) -> Part:
    """Shares of the types of a compartment from their cells in every unit, ``counts`` (n_units, n_types)."""
    n_groups, n_types = len(groups.name), counts.shape[1]
    total = _per_group(counts, samples.group, n_groups)
    there = total > 0  # (n_groups, n_types)
    shared = there[there.any(axis=1)].all(axis=0) if there.any() else np.zeros(n_types, dtype=bool)
    alone = np.array([not np.delete(shared, k).any() for k in range(n_types)])
    rows = np.flatnonzero(counts[:, shared].sum(axis=1) >= min_cells)
    x, group = counts[rows].astype(float), samples.group[rows]
    others = x[:, shared].sum(axis=1)[:, None] - np.where(shared, x, 0.0)
    share = proportions.blind_shares(x, others, there[group])
    expected = np.nan_to_num(share) * (x + others)
    usable, missing = np.zeros((n_types, n_groups), dtype=bool), []
    for k in range(n_types):
        texts = []
        for g, name in enumerate(groups.name):
            mine = group == g
            text = f"{ABSENT} in {name}"
            if there[g, k] and alone[k]:
                text = f"no other cell type of its compartment is in every organ with {compartment} cells"
            elif there[g, k]:
                text = _too_few(x[mine, k], expected[mine, k], name, min_cells)
            usable[k, g] = not text
            texts.append(text)
        missing.append(texts)
    values = np.ascontiguousarray(proportions.log_odds(x, others).T)
    counting = proportions.counting_variance(np.nan_to_num(share, nan=0.5), x + others)
    return Part(
        rows, counts[rows], others.astype(np.int64), values,
        precision_weights(values, counting.T, samples.take(rows), usable), usable, missing, alone,
    )  # fmt: skip


def _per_group(counts: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    out = np.zeros((n_groups, counts.shape[1]), dtype=np.int64)
    np.add.at(out, group, counts)
    return out


def _too_few(seen: np.ndarray, expected: np.ndarray, name: str, min_cells: int) -> str:
    """Why a type that is there cannot be compared in a group; empty where it can."""
    if not seen.size:
        return f"too few cells of its compartment in {name}: no patient has {min_cells}"
    if np.median(expected) < LEAST_EXPECTED or not seen.any():
        return f"too few cells in {name}: {np.median(expected):.1f} expected per patient"
    return ""


def part_tests(
    part: Part, samples: Samples, groups: Groups, wanted: list[Contrast], method: Method
) -> tuple[Family, np.ndarray]:
    """Test the types that two groups can be compared in; also their places among all types of the part."""
    kept = np.flatnonzero(part.usable.sum(axis=1) > 1)
    models = Models(samples.take(part.rows), groups, wanted, method)
    family = family_tests(
        part.values[kept], part.weights[kept], part.usable[kept], models,
        leave_out=True, moderate=False, even=EVEN,
    )  # fmt: skip
    return family, kept
