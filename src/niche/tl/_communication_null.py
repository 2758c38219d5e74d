"""P-values of the edges: analytic, by permutation, or analytic where it can be trusted."""

from __future__ import annotations

from typing import Literal

import numpy as np

from niche._kernels import permutation, specificity
from niche._kernels.expression import Edges, Expression
from niche._kernels.specificity import EdgeP
from niche._kernels.units import Units
from niche._slots import communication_codes as codes
from niche._slots import passes
from niche._slots.matrix import Matrix
from niche._stats.fdr import benjamini_hochberg
from niche.tl._communication_pass import PassData
from niche.tl._conventions import Convention
from niche.tl._pairs_of_genes import GenePairs

Null = Literal["hybrid", "analytic", "permutation"]

_ALPHA = 0.05
_HINGE = 100.0
_ENOUGH = 20
_COLUMNS = ("pval", "pval_ligand", "pval_receptor")


def null_of(
    expression: Expression,
    edges: Edges,
    genes: GenePairs,
    data: PassData,
    values: Matrix,
    *,
    null: Null,
    n_perms: int,
    seed: int,
    convention: Convention,
    threads: int,
) -> dict[str, np.ndarray]:
    """``pval, pval_ligand, pval_receptor`` and the code of the law that gave them."""
    analytic, drawn, bound = (codes.NULLS.index(name) for name in ("analytic", "permutation", "bound"))
    if null == "permutation":
        chosen = _permutable(expression, data)[edges.cell_pair]
        columns = {name: np.full(chosen.size, np.nan) for name in _COLUMNS}
        columns["null"] = np.full(chosen.size, drawn, dtype=np.uint8)
    else:
        found = _analytic(expression, edges, genes, data)
        columns = dict(zip(_COLUMNS, (found.both, found.ligand, found.receptor), strict=True))
        columns["null"] = np.where(found.is_bound, bound, analytic).astype(np.uint8)
        if null == "analytic":
            return columns
        chosen = ~np.isnan(found.both) & _hinges(found, edges, expression.n_organs)
    for organ in range(expression.n_organs):
        mine = np.flatnonzero(chosen & (edges.organ == organ))
        if mine.size:
            p = _permuted(
                expression, edges, mine, genes, data, values, n_perms=n_perms, seed=seed + organ,
                limit=None if null == "permutation" else _ENOUGH, convention=convention,
                threads=threads,
            )  # fmt: skip
            for name, column in zip(_COLUMNS, p, strict=True):
                columns[name][mine] = column
            columns["null"][mine] = drawn
    return columns


def _permutable(expression: Expression, data: PassData) -> np.ndarray:
    """Whether any sample of a cell pair holds cells of another type, (n_cell_pairs,)."""
    pairs, n = expression.pairs, data.aggregate.n
    n_all = data.aggregate.n_stratum[pairs.sample]
    free = (n[pairs.source_group] < n_all) | (n[pairs.target_group] < n_all)
    return np.array(
        [free[pairs.start[c] : pairs.start[c + 1]].any() for c in range(pairs.organ.size)], dtype=bool
    )


def _analytic(expression: Expression, edges: Edges, genes: GenePairs, data: PassData) -> EdgeP:
    nonzero = np.zeros_like(data.aggregate.square)
    np.add.at(nonzero, data.sample_of_group, data.aggregate.nonzero.astype(float))
    fraction = nonzero / np.maximum(data.aggregate.n_stratum, 1)[:, None]
    return specificity.analytic(
        expression.pairs, edges.cell_pair, edges.pair, edges.ligand_means, edges.receptor_means,
        ligand_unit=genes.ligand, receptor_unit=genes.receptor, units=genes.units, layout=data.layout,
        moments=specificity.strata_moments(data.aggregate, data.layout, data.sample_of_group),
        n_group=data.aggregate.n, fraction=fraction,
    )  # fmt: skip


def _hinges(found: EdgeP, edges: Edges, n_organs: int) -> np.ndarray:
    """Edges to permute: laws not trusted, and bounds that a decision could still turn on.

    A bound that is significant already stays so; one more than a hundredfold above the cut-off of its
    family does not come down to it.
    """
    chosen = ~found.trusted
    for organ in range(n_organs):
        mine = np.flatnonzero((edges.organ == organ) & ~np.isnan(found.both))
        if mine.size == 0:
            continue
        p = found.both[mine]
        significant = benjamini_hochberg(p) <= _ALPHA
        cut = p[significant].max(initial=_ALPHA / mine.size)
        chosen[mine] |= found.is_bound[mine] & (p > cut) & (p <= _HINGE * cut)
    return chosen


def _permuted(
    expression: Expression,
    edges: Edges,
    mine: np.ndarray,
    genes: GenePairs,
    data: PassData,
    values: Matrix,
    *,
    n_perms: int,
    seed: int,
    limit: int | None,
    convention: Convention,
    threads: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P-values of some edges of one organ: of both sides, the ligand and the receptor."""
    pairs, cell_pair = expression.pairs, edges.cell_pair[mine]
    if convention.complexes == "limiting":
        of_edge = [pairs.start[cell_pair], edges.ligand[mine], edges.receptor[mine]]
        limiting = genes.units.limiting(expression.gene_mean)
        left_unit = limiting[pairs.source_group[of_edge[0]], of_edge[1]]
        right_unit = limiting[pairs.target_group[of_edge[0]], of_edge[2]]
        all_units = Units(np.arange(genes.genes.size + 1), np.arange(genes.genes.size))
    else:
        left_unit, right_unit, all_units = edges.ligand[mine], edges.receptor[mine], genes.units
    units, unit_of = _distinct(all_units.size.size, left_unit, right_unit)
    kept, local = _local_units(all_units, units)
    used = _distinct(pairs.organ.size, cell_pair)[0]
    samples = np.unique(np.concatenate([pairs.sample[pairs.start[c] : pairs.start[c + 1]] for c in used]))
    columns = _columns(values, genes, data, kept, samples, threads)
    left, right = unit_of[left_unit], unit_of[right_unit]
    observed = [edges.ligand_means[mine], edges.receptor_means[mine]]
    both = permutation.Statistics(
        cell_pair, left, right, np.zeros(mine.size, dtype=np.int8), (observed[0] + observed[1]) / 2
    )
    parts, back = [both], []
    for side, unit in ((1, left), (2, right)):
        alike = pairs.alike("source" if side == 1 else "target")[cell_pair]
        key = alike * np.int64(units.size) + unit
        found, place = _distinct(int(key.max()) + 1, key)
        first = np.empty(found.size, dtype=np.int64)
        first[place[key]] = np.arange(key.size)
        sides = np.full(found.size, side, dtype=np.int8)
        parts.append(
            permutation.Statistics(
                cell_pair[first], unit[first], unit[first], sides, observed[side - 1][first]
            )
        )
        back.append(place[key])
    joined = permutation.Statistics(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in permutation.FIELDS)
    )
    p = permutation.permuted_p(
        columns, joined, start=pairs.start, source_group=pairs.source_group, target_group=pairs.target_group,
        weight=pairs.weight, unit_start=local.start, unit_gene=local.gene, n_perms=n_perms, seed=seed,
        limit=limit, strict=convention.strict_tail, silent_is_zero=convention.silent_is_zero,
    )  # fmt: skip
    n_left = parts[1].observed.size
    return p[: mine.size], p[mine.size : mine.size + n_left][back[0]], p[mine.size + n_left :][back[1]]


def _distinct(n_codes: int, *codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes that occur, in rising order, and the place of every code among them."""
    occurs = np.zeros(n_codes, dtype=bool)
    for part in codes:
        occurs[part] = True
    return np.flatnonzero(occurs), np.cumsum(occurs) - 1


def _local_units(units: Units, chosen: np.ndarray) -> tuple[np.ndarray, Units]:
    """Genes of the chosen units, and these units in terms of them."""
    genes = [units.gene[units.start[u] : units.start[u + 1]] for u in chosen]
    kept, place = np.unique(np.concatenate(genes), return_inverse=True)
    start = np.concatenate([[0], np.cumsum([part.size for part in genes])]).astype(np.int64)
    return kept, Units(start, place.astype(np.int64))


def _columns(
    values: Matrix, genes: GenePairs, data: PassData, kept: np.ndarray, samples: np.ndarray,
    threads: int,
) -> permutation.Columns:
    """Read the kept genes of the cells of some samples, the samples of one organ at a time."""
    column_of_gene = np.empty(genes.genes.size, dtype=np.int64)
    found = np.flatnonzero(genes.gene_of_column >= 0)
    column_of_gene[genes.gene_of_column[found]] = found
    wanted = np.isin(data.layout.stratum, samples)
    matrix = passes.chosen(values, wanted, column_of_gene[kept], threads)
    group = data.layout.group[wanted]
    stratum = np.searchsorted(samples, data.layout.stratum[wanted])
    return permutation.columns_of(matrix, group, stratum, data.aggregate.n.size)
