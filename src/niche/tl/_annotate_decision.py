"""From the scores of cell types to one label, or to none with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from niche._kernels.marker_scores import set_scores
from niche.tl._annotate_types import ALLOWED, MINIMUM_MARKERS, SHARED, Types

UNKNOWN = "unknown"
MINIMUM_STANDARD_SCORE = 3.0
"""A label needs this standard score too, so that few markers must stand out more."""

SUBTYPE_FACTOR = 3.0
"""A narrower type must reach this multiple of the score and margin of a broad one."""

COLUMNS = (
    "cell_type",
    "cell_ontology_id",
    "lineage",
    "score",
    "margin",
    "runner_up",
    "subtype",
    "subtype_score",
    "subtype_share",
    "reason",
)

CellsOf = Callable[[int], np.ndarray]
"""Deviations of the cells behind a row of profiles."""


@dataclass(frozen=True)
class Rule:
    """When to give a label."""

    min_score: float
    min_margin: float


def decide(
    found: np.ndarray, types: Types, compartment: str, rule: Rule, cells_of: CellsOf | None = None
) -> pd.DataFrame:
    """Label of every row of deviations (n_rows, n_genes), all of one organ and compartment.

    Broad types compete first, each with its own markers or those of its organ-specific forms; narrower
    types of the winner compete next, on the markers it does not share. Where a row is the mean of cells
    (``cells_of``), half of them must show the narrower type by themselves.
    """
    n = len(found)
    result = unlabelled(n)
    trees = list(dict.fromkeys(types.tree[_speaks(types)]))
    if not trees:
        result["reason"] = "no markers measured"
        return result
    evidence, standard = _evidence(found, types, trees)
    eligible = _eligible(types, trees, compartment)
    if not eligible.any():
        result["reason"] = "no markers measured for this compartment"
        return result
    inside = np.where(eligible, evidence, -np.inf)
    order = np.argsort(-inside, axis=1, kind="stable")
    first, rows = order[:, 0], np.arange(n)
    best = inside[rows, first]
    several = int(eligible.sum()) > 1
    second = order[:, 1] if several else first
    margin = best - inside[rows, second] if several else np.full(n, np.nan)
    overall = evidence.argmax(axis=1)
    names = np.array(trees, dtype=object)

    low = (best < rule.min_score) | (standard[rows, first] < MINIMUM_STANDARD_SCORE)
    ahead = evidence[rows, overall]
    against = ~eligible[overall] & (ahead >= rule.min_score) & (ahead - best >= rule.min_margin)
    close = several & (margin < rule.min_margin)
    result["score"], result["margin"] = best, margin
    result["runner_up"] = names[second] if several else ""
    reason = np.full(n, "", dtype=object)
    reason[close] = [f"{names[a]} and {names[b]} are not told apart" for a, b in _pairs(first, second, close)]
    reason[low] = "no cell type stands out"
    reason[against] = [f"markers of {names[a]}, which is not {compartment}" for a in overall[against]]
    called = reason == ""
    result["reason"] = reason
    _broad(result, types, names, first, called)
    lineage = _lineages(types, trees)
    alike = close & ~low & ~against
    alike &= _one_lineage(inside, best, lineage, rule.min_margin)
    result.loc[alike, "lineage"] = lineage[first[alike]]
    for code in np.unique(first[called]):
        _narrow(result, found, types, trees[code], np.flatnonzero(called & (first == code)), rule, cells_of)
    _unproven(result, compartment)
    return result


def unlabelled(n: int) -> pd.DataFrame:
    """Rows without a label."""
    labels = dict.fromkeys(("cell_type", "lineage"), UNKNOWN)
    texts = dict.fromkeys(("cell_ontology_id", "runner_up", "subtype", "reason"), "")
    columns = {name: np.full(n, value, dtype=object) for name, value in (labels | texts).items()}
    numbers = {name: np.full(n, np.nan) for name in ("score", "margin", "subtype_score", "subtype_share")}
    return pd.DataFrame(columns | numbers)[list(COLUMNS)]


def _pairs(first: np.ndarray, second: np.ndarray, chosen: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(first[chosen], second[chosen], strict=True))


def _evidence(found: np.ndarray, types: Types, trees: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Score and standard score of every tree: of its broad type, or of an organ-specific form above it."""
    mean, standard = set_scores(found, types.specificity())
    rows = np.arange(len(found))
    best, its = np.empty((len(found), len(trees))), np.empty((len(found), len(trees)))
    for i, tree in enumerate(trees):
        members = np.flatnonzero((types.tree == tree) & _speaks(types))
        top = members[mean[:, members].argmax(axis=1)]
        best[:, i], its[:, i] = mean[rows, top], standard[rows, top]
    return best, its


def _speaks(types: Types) -> np.ndarray:
    """Whether a type speaks for its tree: broad types and organ-specific forms, not states of a type."""
    return ((types.table["parent"] == "") | (types.table["organ"] != SHARED)).to_numpy(dtype=bool)


def _eligible(types: Types, trees: list[str], compartment: str) -> np.ndarray:
    if compartment not in ALLOWED:
        return np.ones(len(trees), dtype=bool)
    inside = types.table["compartment"].isin(ALLOWED[compartment]).to_numpy()
    return np.array([inside[types.tree == tree].any() for tree in trees])


def _lineages(types: Types, trees: list[str]) -> np.ndarray:
    return np.array(
        [types.table["lineage"].to_numpy()[types.tree == tree][0] for tree in trees], dtype=object
    )


def _one_lineage(inside: np.ndarray, best: np.ndarray, lineage: np.ndarray, margin: float) -> np.ndarray:
    """Whether all trees close to the best are of one lineage."""
    near = inside > (best - margin)[:, None]
    return np.array([len(set(lineage[row])) == 1 for row in near], dtype=bool)


def _broad(
    result: pd.DataFrame, types: Types, names: np.ndarray, first: np.ndarray, called: np.ndarray
) -> None:
    """Write the broad types."""
    for code in np.unique(first[called]):
        rows = called & (first == code)
        result.loc[rows, "cell_type"] = names[code]
        result.loc[rows, "cell_ontology_id"] = types.ids.get(names[code], "")
        result.loc[rows, "lineage"] = _lineages(types, [names[code]])[0]


def _narrow(
    result: pd.DataFrame,
    found: np.ndarray,
    types: Types,
    tree: str,
    rows: np.ndarray,
    rule: Rule,
    cells_of: CellsOf | None,
) -> None:
    """Replace a broad type by a narrower one whose own markers stand out clearly."""
    names, parents = types.table["cell_type"].to_numpy(), types.table["parent"].to_numpy()
    children = np.flatnonzero(parents == tree)
    if not len(children):
        return
    own = types.member[names == tree].any(axis=0)
    member = types.member[children] & ~own
    measured = member.sum(axis=1) >= MINIMUM_MARKERS
    children, member = children[measured], member[measured]
    if not len(children):
        return
    weights = member / np.maximum(member.sum(axis=0), 1)
    mean, _ = set_scores(found[rows], weights)
    order = np.argsort(-mean, axis=1, kind="stable")
    lines = np.arange(len(rows))
    best = mean[lines, order[:, 0]]
    second = mean[lines, order[:, 1]] if len(children) > 1 else np.zeros(len(rows))
    result.loc[rows, "subtype"] = names[children[order[:, 0]]]
    result.loc[rows, "subtype_score"] = best
    clear = (best >= SUBTYPE_FACTOR * rule.min_score) & (best - second >= SUBTYPE_FACTOR * rule.min_margin)
    if cells_of is not None:
        for i in np.flatnonzero(clear):
            single, _ = set_scores(cells_of(int(rows[i])), weights[order[i, :1]])
            share = float((single >= rule.min_score).mean())
            result.loc[rows[i], "subtype_share"] = share
            clear[i] = share >= 0.5
    chosen = children[order[clear, 0]]
    ids = types.table["cell_ontology_id"].to_numpy()[chosen]
    result.loc[rows[clear], "cell_type"] = names[chosen]
    result.loc[rows[clear], "lineage"] = types.table["lineage"].to_numpy()[chosen]
    result.loc[rows[clear], "cell_ontology_id"] = np.where(
        ids == "", result.loc[rows[clear], "cell_ontology_id"], ids
    )


def _unproven(result: pd.DataFrame, compartment: str) -> None:
    """Epithelial cells of unknown compartment may be malignant: the type stands, the lineage does not."""
    if compartment in ALLOWED:
        return
    open_ = result["cell_type"] == "Epithelial cell"
    result.loc[open_, "lineage"] = UNKNOWN
    result.loc[open_, "reason"] = "epithelial: markers do not tell malignant from normal"
