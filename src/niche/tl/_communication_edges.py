"""From sums to edges: the status of each, and scores, p-values and ranks of the expressed ones."""

from __future__ import annotations

import numpy as np

from niche._kernels.edge_values import count_both, picked, unflagged
from niche._kernels.expression import Edges, Expression
from niche._kernels.rank_aggregation import robust_rank
from niche._kernels.sided_codes import sided_codes
from niche._slots import communication_codes as codes
from niche._stats.fdr import benjamini_hochberg
from niche.errors import InputValueError
from niche.tl._communication_pass import PassData
from niche.tl._pairs_of_genes import GenePairs
from niche.tl.scores import MAGNITUDE, SPECIFICITY, ScoreSpec


def edges_of(
    expression: Expression,
    genes: GenePairs,
    data: PassData,
    organ_of_sample: np.ndarray,
    *,
    strict: bool,
    excluded: np.ndarray | None = None,
) -> tuple[np.ndarray, Edges]:
    """Reason code of every (cell pair, gene pair), and the edges that are expressed.

    ``excluded`` (n_cell_pairs, n_pairs) holds the reason codes of those that do not react across
    species, else 0.
    """
    pairs = expression.pairs
    reached = np.greater if strict else np.greater_equal
    tables, silent = [], []
    for side in ("source", "target"):
        mean, code = pairs.averages(expression.mean, side)
        fraction, _ = pairs.averages(expression.fraction, side)
        silent.append(~(reached(fraction, expression.expr_prop) & (mean > 0))[code])
        tables.append((mean, fraction, code))
    reasons = sided_codes(silent[0], silent[1], genes.ligand, genes.receptor, codes.EXPRESSION)
    units = genes.units
    missing = np.add.reduceat((units.gene < 0).astype(int), units.start[:-1])
    for base, is_so in ((codes.SUBUNIT, missing > 0), (codes.MEASURED, missing == units.size)):
        code = codes.sided(base, is_so[genes.ligand], is_so[genes.receptor])
        reasons[:, code > 0] = code[code > 0]
    cells = np.zeros((expression.n_organs, expression.n_types), dtype=np.int64)
    used = organ_of_sample[data.sample_of_group] >= 0
    where = (organ_of_sample[data.sample_of_group][used], data.type_of_group[used])
    np.add.at(cells, where, data.aggregate.n[used])
    largest = np.zeros_like(cells)
    np.maximum.at(largest, where, data.aggregate.n[used])
    reason_of_pair = np.where(pairs.n_samples == 0, codes.APART, 0)
    for base, lacking in ((codes.TOO_FEW, largest < expression.min_cells), (codes.ABSENT, cells == 0)):
        code = codes.sided(base, lacking[pairs.organ, pairs.source], lacking[pairs.organ, pairs.target])
        reason_of_pair = np.where(code > 0, code, reason_of_pair)
    reasons[reason_of_pair > 0] = reason_of_pair[reason_of_pair > 0][:, None]
    if excluded is not None:
        reasons[excluded > 0] = excluded[excluded > 0]
    pair, column = unflagged(reasons)
    sides = [genes.ligand[column], genes.receptor[column]]
    means, props = (
        [picked(table[i], table[2], pair, unit) for table, unit in zip(tables, sides, strict=True)]
        for i in (0, 1)
    )
    edges = Edges(
        pair, pairs.organ[pair], pairs.source[pair], pairs.target[pair], sides[0], sides[1],
        means[0], means[1], props[0], props[1], column,
    )  # fmt: skip
    return reasons, edges


def values_of(
    expression: Expression,
    edges: Edges,
    reasons: np.ndarray,
    specs: list[ScoreSpec],
    p: dict[str, np.ndarray] | None,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scores, p-values and ranks of the expressed edges; edges without a null lose their status."""
    pairs, expressed = expression.pairs, expression.fraction >= expression.expr_prop
    n_expressed = count_both(
        expressed, pairs.start, pairs.source_group, pairs.target_group, edges.cell_pair, edges.ligand,
        edges.receptor,
    )  # fmt: skip
    columns: dict[str, np.ndarray] = {
        "cell_pair": edges.cell_pair.astype(np.int32),
        "pair": edges.pair.astype(np.int32),
        "null": np.zeros(edges.organ.size, dtype=np.uint8),
        "n_samples_expressed": n_expressed,
    }
    for name in ("ligand_means", "receptor_means", "ligand_props", "receptor_props"):
        columns[name] = getattr(edges, name)
    for spec in specs:
        found = np.asarray(spec.function(expression, edges), dtype=float)
        if found.shape != edges.organ.shape:
            raise InputValueError(
                f"score {spec.name!r} must return {edges.organ.size} values, one per edge. "
                f"Got shape {found.shape}."
            )
        columns[spec.column] = found
    if p is not None:
        columns |= p
        kept = ~np.isnan(p["pval"])
        if not kept.all():
            reasons[edges.cell_pair[~kept], columns["pair"][~kept]] = codes.NO_NULL
            columns = {name: values[kept] for name, values in columns.items()}
    organ = expression.pairs.organ[columns["cell_pair"]]
    return columns | _within_organ(columns, organ, specs, expression.n_organs), reasons


def _within_organ(
    columns: dict[str, np.ndarray], organ: np.ndarray, specs: list[ScoreSpec], n_organs: int
) -> dict[str, np.ndarray]:
    """Aggregate ranks and q-values, each organ being a family of its own."""
    better = {spec.column: spec.higher_is_better for spec in specs} | {"pval": False}
    ranks = {"magnitude_rank": MAGNITUDE, "specificity_rank": SPECIFICITY}
    names = ["qval"] if "pval" in columns else []
    names += [rank for rank, parts in ranks.items() if all(part in columns for part in parts)]
    out = {name: np.full(organ.size, np.nan) for name in names}
    for o in range(n_organs):
        mine = organ == o
        for name in names:
            if name == "qval":
                out[name][mine] = benjamini_hochberg(columns["pval"][mine])
            else:
                parts = ranks[name]
                scores = np.stack([columns[part][mine] for part in parts], axis=1)
                out[name][mine] = robust_rank(scores, np.array([better[part] for part in parts]))
    return out
