"""From cells to sums: the samples and organs that take part, and the one pass over the matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from niche._kernels import aggregate as aggregation
from niche._kernels import specificity
from niche._kernels.aggregate import Aggregate, Layout
from niche._kernels.cell_pairs import CellPairs, cell_pairs
from niche._slots import keys, passes, validate
from niche._slots.matrix import Matrix
from niche._slots.organ_names import organ_name
from niche._slots.validate import Samples
from niche.errors import InputValueError, warn
from niche.tl._cell_types import CellTypes
from niche.tl._pairs_of_genes import GenePairs
from niche.tl.scores import ScoreSpec


@dataclass(frozen=True)
class PassData:
    """Sums of the pass and what its rows are.

    Attributes
    ----------
    layout, aggregate
        What was summed, and the sums.
    sample_of_group, type_of_group
        (n_groups,) codes.
    group_of
        (n_samples, n_types) group, -1 if empty.
    patient_of_sample
        (n_samples,) codes.
    pseudobulk, library
        (n_groups, n_genes) summed counts (expm1 values without counts), and their sum over all genes.
    has_counts
        Whether they are counts.
    """

    layout: Layout
    aggregate: Aggregate
    sample_of_group: np.ndarray
    type_of_group: np.ndarray
    group_of: np.ndarray
    patient_of_sample: np.ndarray
    pseudobulk: np.ndarray
    library: np.ndarray
    has_counts: bool


def organs_of(samples: Samples, tissues: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """As :func:`organ_names`, with a warning where there is one organ only."""
    names, organ = organ_names(samples, tissues)
    if len(names) == 1:
        warn(f"one organ only ({names[0]}): its communication is described, organs cannot be compared.")
    return names, organ


def organ_names(samples: Samples, tissues: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Names of the organs analysed and the organ of each sample, -1 for samples left out."""
    wanted = [tissues] if isinstance(tissues, str) else list(tissues)
    for tissue in wanted:
        validate.choice(tissue, "tissues", keys.TISSUES)
    used = np.isin(samples.tissue, wanted)
    if not used.any():
        raise InputValueError(
            f"no sample has a tissue out of {validate.shown(wanted)}. Found: "
            f"{validate.shown(sorted(set(samples.tissue)))}. Choose with tissues=."
        )
    label = np.array(
        [organ_name(o, t) for o, t in zip(samples.organ, samples.tissue, strict=True)], dtype=object
    )
    names = sorted(set(label[used]))
    place = {name: i for i, name in enumerate(names)}
    return names, np.array([place[o] if u else -1 for o, u in zip(label, used, strict=True)], dtype=np.int64)


def sample_types(
    samples: Samples, types: CellTypes
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cell types of samples as groups of cells.

    The group of each cell (n_obs,), -1 for cells left out; sample and cell type of each group (n_groups,);
    and the group of each sample and type (n_samples, n_types), -1 if empty.
    """
    kept = types.codes >= 0
    key = samples.cells.codes.astype(np.int64) * len(types.names) + types.codes
    met, group = np.unique(key[kept], return_inverse=True)
    codes_of_cells = np.full(kept.size, -1, dtype=np.int32)
    codes_of_cells[kept] = group
    sample_of_group, type_of_group = met // len(types.names), met % len(types.names)
    group_of = np.full((len(samples.cells.names), len(types.names)), -1, dtype=np.int64)
    group_of[sample_of_group, type_of_group] = np.arange(met.size)
    return codes_of_cells, sample_of_group, type_of_group, group_of


def one_pass(
    values: Matrix,
    counts: Matrix | None,
    samples: Samples,
    types: CellTypes,
    genes: GenePairs,
    specs: list[ScoreSpec],
    threads: int,
    *,
    products: bool,
) -> PassData:
    """Sum the matrix per (sample, cell type); products of gene pairs only where the null needs them."""
    codes_of_cells, sample_of_group, type_of_group, group_of = sample_types(samples, types)
    first = second = np.zeros(0, dtype=np.int64)
    if products:
        measured = genes.units.measured
        testable = measured[genes.ligand] & measured[genes.receptor]
        first, second = specificity.products_of(genes.units, genes.ligand[testable], genes.receptor[testable])
    layout = Layout(
        codes_of_cells, np.where(codes_of_cells >= 0, samples.cells.codes, -1).astype(np.int32),
        sample_of_group.size, len(samples.cells.names), genes.gene_of_column, genes.genes.size, first, second,
    )  # fmt: skip
    works = [aggregation.values_work(layout)]
    if counts is None or any(spec.column == "lr_logfc" for spec in specs):
        works.append(aggregation.linear_work(layout, exponentiate=True))
    tree, *linear = passes.trees(values, works, threads)
    aggregate = aggregation.finish(layout, tree, *linear)
    if counts is None:
        bulk, library = aggregate.linear, aggregate.linear_total
    else:
        raw = passes.trees(counts, [aggregation.linear_work(layout, exponentiate=False)], threads)
        whole = aggregation.finish(layout, tree, *raw)
        bulk, library = whole.linear, whole.linear_total
    patient = pd.factorize(samples.patient, sort=True)[0]
    return PassData(
        layout,
        aggregate,
        sample_of_group,
        type_of_group,
        group_of,
        patient,
        bulk,
        library,
        counts is not None,
    )


def pairs_of(
    data: PassData,
    organs: list[str],
    organ_of_sample: np.ndarray,
    pairs: list[tuple[int, int]],
    min_cells: int,
) -> CellPairs:
    """The pairs of cell types in every organ, with the samples that speak for them."""
    organ = np.repeat(np.arange(len(organs)), len(pairs))
    source = np.tile([a for a, _ in pairs], len(organs))
    target = np.tile([b for _, b in pairs], len(organs))
    return cell_pairs(
        organ, source, target, organ_of_sample=organ_of_sample, patient_of_sample=data.patient_of_sample,
        group_of=data.group_of, n=data.aggregate.n, min_cells=min_cells,
    )  # fmt: skip
