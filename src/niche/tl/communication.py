"""Ligand-receptor communication between tumor and host, per organ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche import resources
from niche._kernels import aggregate as one_pass
from niche._kernels import specificity
from niche._kernels.aggregate import Aggregate, Layout
from niche._kernels.cell_pairs import CellPairs, cell_pairs
from niche._kernels.expression import Edges, Expression
from niche._kernels.rank_aggregation import robust_rank
from niche._settings import settings
from niche._slots import communication_codes as codes
from niche._slots import fingerprint, keys, matrix, validate, write
from niche._slots.matrix import Matrix
from niche._slots.validate import Samples
from niche._stats.fdr import benjamini_hochberg
from niche.errors import InputValueError, warn
from niche.tl._cell_types import CellTypes, cell_types, directions
from niche.tl._pairs_of_genes import GenePairs, gene_pairs
from niche.tl.scores import MAGNITUDE, SPECIFICITY, ScoreSpec, resolve_scores


def communication(
    adata: ad.AnnData,
    groupby: str | None = None,
    *,
    resource: str | Path | pd.DataFrame = "consensus",
    scores: str | Sequence[str] = "all",
    null: Literal["analytic"] | None = "analytic",
    level: Literal["cell_type", "lineage"] = "cell_type",
    senders: str | Sequence[str] | None = None,
    receivers: str | Sequence[str] | None = None,
    expr_prop: float = 0.1,
    min_cells: int = 10,
    organism: Literal["human", "mouse"] = "human",
    tissues: Sequence[str] = ("metastasis",),
    sample_key: str | None = None,
    patient_key: str | None = None,
    organ_key: str | None = None,
    tissue_key: str | None = None,
    compartment_key: str | None = None,
    layer: str | None = None,
    key_added: str = keys.COMMUNICATION,
    n_jobs: int | None = None,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Infer ligand-receptor communication per organ from within-sample scores and a within-sample null.

    One pass over the matrix sums everything per (sample, cell type). Means and fractions are taken
    within each sample, a complex being its least expressed subunit there; samples are averaged within
    the patient and patients within the organ, so every patient counts once. Only samples in which
    both cell types have at least ``min_cells`` cells speak for an edge.

    Parameters
    ----------
    adata
        Cells x genes with log1p-normalised values in ``X`` (or ``layer``); raw counts in
        ``layers["counts"]`` are summed along where present. May be backed, sparse, dense or dask.
    groupby
        Column of cell types; default ``niche.settings.groupby``.
    resource
        Name for :func:`niche.resources.ligand_receptor`, or a table (path or DataFrame) with
        ``ligand, receptor``; subunits of a complex joined by ``_``.
    scores
        ``"all"``, or names out of :func:`niche.tl.available_scores`.
    null
        ``"analytic"`` for p-values from the exact moments of the permutation null; ``None`` for none.
    level
        Edges between cell types, or between lineages (``obs["lineage"]``, else recognised by name).
    senders, receivers
        Cell types, compartments, ``"host"`` or ``"all"``; by default tumor to host and host to tumor.
    expr_prop
        Smallest fraction of expressing cells on both sides (LIANA's rule, ``>=``).
    min_cells
        Smallest number of cells of a cell type in a sample.
    organism
        Whose genes the resource is read for.
    tissues
        Tissues whose samples are used. Organs are those of the metastases; other tissues appear as
        ``"<organ> (primary)"`` and ``"<organ> (normal)"``. Without a tissue column every sample is
        taken as a metastasis.
    sample_key, patient_key, organ_key, tissue_key, compartment_key
        Columns of ``obs``; defaults in ``niche.settings``.
    layer
        Layer of log1p-normalised values instead of ``X``.
    key_added
        Where the result goes.
    n_jobs
        Threads; the result has the same bits for any number.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        Stored in ``uns[key_added]``, read by :func:`niche.get.communication`: ``aggregate`` (sums per
        sample x cell type x gene of the resource), ``cell_pairs``, ``reasons`` (status and reason of
        every edge), ``edges`` (codes and values of the tested ones), ``families`` (number of tests
        per organ), ``params``, ``fingerprint``.

    Raises
    ------
    MissingKeyError
        A column or layer is not there.
    InputValueError
        Values, labels, genes or options cannot be worked with.
    InputTypeError
        ``adata`` is no AnnData, or an argument has the wrong type.

    Notes
    -----
    For ligand mean :math:`L` and receptor mean :math:`R` the p-value belongs to :math:`T = (L+R)/2`
    when cell-type labels are permuted within every sample. Mean, variance and third cumulant of
    :math:`T` are exact; the upper tail is that of the Pearson III law with these three, floored at one
    over the number of distinct relabelings and never 0. With a complex the value is a conservative
    bound (column ``null`` reads ``bound``). ``qval`` is Benjamini-Hochberg over the tested edges of
    the organ.

    This p-value says that the pair is *specific to these cell types within these samples*. It depends
    on the composition of the samples, so significance is not comparable between organs; it is circular
    where the labels were derived from the same genes; and it is no evidence about patients.

    ``magnitude_rank`` and ``specificity_rank`` are robust rank aggregates (Kolde et al. 2012,
    doi:10.1093/bioinformatics/btr709) within the organ: ranks, not p-values.

    References
    ----------
    Lu & Kang 2007, doi:10.1007/s10911-007-9047-3. Dimitrov et al. 2022, doi:10.1038/s41467-022-30755-0.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> table = niche.get.communication(adata, status="tested")
    >>> sorted(table["organ"].unique())[:2]
    ['bone', 'brain']
    """
    params: dict[str, Any] = {
        name: value for name, value in locals().items() if name not in ("adata", "copy", "n_jobs", "resource")
    }
    validate.anndata(adata)
    validate.choice(null, "null", ("analytic", None))
    validate.choice(level, "level", ("cell_type", "lineage"))
    validate.choice(organism, "organism", keys.ORGANISMS)
    validate.number(expr_prop, "expr_prop", low=0, high=1)
    validate.number(min_cells, "min_cells", low=1, integer=True)
    validate.flag(copy, "copy")
    write.slot_name(key_added)
    threads = settings.threads(n_jobs)
    specs = resolve_scores(scores)

    samples = validate.samples(adata, sample_key, patient_key, organ_key, tissue_key)
    types = cell_types(
        adata, groupby, compartment_key, level=level, need_compartment=senders is None and receivers is None
    )
    organs, organ_of_sample = _organs(samples, tissues)
    table = resources.ligand_receptor(resource, organism)
    genes = gene_pairs(adata, table, organism)
    values = matrix.resolve(adata, layer, "lognorm")
    _refuse_counts(adata, layer)
    counts = matrix.resolve(adata, keys.COUNTS, "counts") if matrix.has_counts(adata) else None

    data = _one_pass(values, counts, samples, types, genes, specs, threads)
    pairs = _cell_pairs(data, organs, organ_of_sample, samples, directions(types, senders, receivers), min_cells)
    expression = Expression(
        data.aggregate, genes.units, pairs, data.sample_of_group, data.type_of_group, organ_of_sample,
        data.patient_of_sample, len(organs), len(types.names), adata.n_vars, expr_prop, min_cells,
    )  # fmt: skip
    reasons, edges = _edges(expression, genes, data, organ_of_sample)
    columns, reasons = _values(expression, edges, reasons, genes, data, specs, null)

    params |= {"resource": _resource_name(table), "groupby": groupby or settings.groupby}
    for name in ("sample_key", "patient_key", "organ_key", "tissue_key", "compartment_key"):
        params[name] = params[name] or getattr(settings, name)
    target = adata.copy() if copy else adata
    write.result(
        target, key_added, params=params,
        payload=_payload(samples, organs, organ_of_sample, types, genes, data, pairs, reasons, columns)
        | {"scores": [spec.column for spec in specs]},
        fingerprint=_fingerprint(adata, params, samples, counts is not None),
    )  # fmt: skip
    return target if copy else None


@dataclass(frozen=True)
class _Data:
    """Sums of the pass and what its rows are."""

    layout: Layout
    aggregate: Aggregate
    sample_of_group: np.ndarray
    type_of_group: np.ndarray
    group_of: np.ndarray
    patient_of_sample: np.ndarray
    pseudobulk: np.ndarray
    library: np.ndarray
    has_counts: bool


def _organs(samples: Samples, tissues: Sequence[str]) -> tuple[list[str], np.ndarray]:
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
        [o if t == "metastasis" else f"{o} ({t})" for o, t in zip(samples.organ, samples.tissue, strict=True)],
        dtype=object,
    )
    names = sorted(set(label[used]))
    place = {name: i for i, name in enumerate(names)}
    if len(names) == 1:
        warn(f"one organ only ({names[0]}): its communication is described, organs cannot be compared.")
    return names, np.array([place[o] if u else -1 for o, u in zip(label, used, strict=True)], dtype=np.int64)


def _refuse_counts(adata: ad.AnnData, layer: str | None) -> None:
    if matrix.detect_kind(adata, layer) == "counts":
        raise InputValueError(
            f"{matrix.layer_name(layer)} must hold log1p-normalised values, found whole numbers only: these "
            "look like counts. Run niche.pp.normalize(adata) first, which keeps them in layers['counts']."
        )


def _one_pass(
    values: Matrix,
    counts: Matrix | None,
    samples: Samples,
    types: CellTypes,
    genes: GenePairs,
    specs: list[ScoreSpec],
    threads: int,
) -> _Data:
    kept = types.codes >= 0
    key = samples.cells.codes.astype(np.int64) * len(types.names) + types.codes
    met, group = np.unique(key[kept], return_inverse=True)
    codes_of_cells = np.full(kept.size, -1, dtype=np.int32)
    codes_of_cells[kept] = group
    sample_of_group, type_of_group = met // len(types.names), met % len(types.names)
    group_of = np.full((len(samples.cells.names), len(types.names)), -1, dtype=np.int64)
    group_of[sample_of_group, type_of_group] = np.arange(met.size)
    measured = genes.units.measured
    testable = measured[genes.ligand] & measured[genes.receptor]
    first, second = specificity.products_of(genes.units, genes.ligand[testable], genes.receptor[testable])
    layout = Layout(
        codes_of_cells, np.where(kept, samples.cells.codes, -1).astype(np.int32), met.size,
        len(samples.cells.names), genes.gene_of_column, genes.genes.size, first, second,
    )  # fmt: skip
    rows = matrix.TILE_ROWS
    tree = one_pass.tree_of(values.blocks(), layout, rows, threads)
    linear = None
    if counts is None or any(spec.column == "lr_logfc" for spec in specs):
        linear = one_pass.tree_of(values.blocks(), layout, rows, threads, linear=True, exponentiate=True)
    aggregate = one_pass.finish(layout, tree, linear)
    if counts is None:
        bulk, library = aggregate.linear, aggregate.linear_total
    else:
        raw = one_pass.tree_of(counts.blocks(), layout, rows, threads, linear=True)
        whole = one_pass.finish(layout, tree, raw)
        bulk, library = whole.linear, whole.linear_total
    patient = pd.factorize(samples.patient, sort=True)[0]
    return _Data(
        layout, aggregate, sample_of_group, type_of_group, group_of, patient, bulk, library, counts is not None
    )


def _cell_pairs(
    data: _Data,
    organs: list[str],
    organ_of_sample: np.ndarray,
    samples: Samples,
    pairs: list[tuple[int, int]],
    min_cells: int,
) -> CellPairs:
    organ = np.repeat(np.arange(len(organs)), len(pairs))
    source = np.tile([a for a, _ in pairs], len(organs))
    target = np.tile([b for _, b in pairs], len(organs))
    return cell_pairs(
        organ, source, target, organ_of_sample=organ_of_sample, patient_of_sample=data.patient_of_sample,
        group_of=data.group_of, n=data.aggregate.n, min_cells=min_cells,
    )  # fmt: skip


def _edges(
    expression: Expression, genes: GenePairs, data: _Data, organ_of_sample: np.ndarray
) -> tuple[np.ndarray, Edges]:
    """Reason code of every (cell pair, gene pair), and the edges that are expressed."""
    pairs = expression.pairs
    means = [pairs.average(expression.mean, side) for side in ("source", "target")]
    props = [pairs.average(expression.fraction, side) for side in ("source", "target")]
    silent_left = ~((props[0] >= expression.expr_prop) & (means[0] > 0))[:, genes.ligand]
    silent_right = ~((props[1] >= expression.expr_prop) & (means[1] > 0))[:, genes.receptor]
    reasons = codes.sided(codes.EXPRESSION, silent_left, silent_right).astype(np.uint8)
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
    pair, column = np.nonzero(reasons == 0)
    left, right = genes.ligand[column], genes.receptor[column]
    edges = Edges(
        pair, pairs.organ[pair], pairs.source[pair], pairs.target[pair], left, right,
        means[0][pair, left], means[1][pair, right], props[0][pair, left], props[1][pair, right],
    )  # fmt: skip
    return reasons, edges


def _values(
    expression: Expression,
    edges: Edges,
    reasons: np.ndarray,
    genes: GenePairs,
    data: _Data,
    specs: list[ScoreSpec],
    null: str | None,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scores, p-values and ranks of the expressed edges; edges without a null lose their status."""
    columns: dict[str, np.ndarray] = {
        "cell_pair": edges.cell_pair.astype(np.int32),
        "pair": np.nonzero(reasons == 0)[1].astype(np.int32),
        "null": np.zeros(edges.organ.size, dtype=np.uint8),
        "n_samples_expressed": _n_expressed(expression, edges),
    }
    for name in ("ligand_means", "receptor_means", "ligand_props", "receptor_props"):
        columns[name] = getattr(edges, name)
    for spec in specs:
        found = np.asarray(spec.function(expression, edges), dtype=float)
        if found.shape != edges.organ.shape:
            raise InputValueError(
                f"score {spec.name!r} must return {edges.organ.size} values, one per edge. Got shape {found.shape}."
            )
        columns[spec.column] = found
    if null is not None:
        p = specificity.analytic(
            expression.pairs, edges.cell_pair, edges.ligand, edges.receptor, edges.ligand_means, edges.receptor_means,
            units=genes.units, layout=data.layout, n_group=data.aggregate.n,
            moments=specificity.strata_moments(data.aggregate, data.layout, data.sample_of_group),
        )  # fmt: skip
        columns |= {"pval": p.both, "pval_ligand": p.ligand, "pval_receptor": p.receptor}
        columns["null"] = np.where(p.is_bound, codes.NULLS.index("bound"), codes.NULLS.index("analytic")).astype(np.uint8)
        kept = ~np.isnan(p.both)
        reasons[edges.cell_pair[~kept], columns["pair"][~kept]] = codes.NO_NULL
        columns = {name: values[kept] for name, values in columns.items()}
    organ = expression.pairs.organ[columns["cell_pair"]]
    return columns | _within_organ(columns, organ, specs, expression.n_organs), reasons


def _n_expressed(expression: Expression, edges: Edges) -> np.ndarray:
    """Number of samples in which both sides reach ``expr_prop``."""
    pairs, expressed = expression.pairs, expression.fraction >= expression.expr_prop
    out = np.zeros(edges.organ.size, dtype=np.int32)
    bounds = np.searchsorted(edges.cell_pair, np.arange(pairs.organ.size + 1))
    for c in np.flatnonzero(np.diff(bounds)):
        mine = slice(bounds[c], bounds[c + 1])
        part = slice(pairs.start[c], pairs.start[c + 1])
        left = expressed[pairs.source_group[part]][:, edges.ligand[mine]]
        out[mine] = (left & expressed[pairs.target_group[part]][:, edges.receptor[mine]]).sum(axis=0)
    return out


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


def _resource_name(table: pd.DataFrame) -> str:
    about = table.attrs
    return f"{about.get('name', 'user table')} {about.get('version', '')} ({len(table)} pairs, sha256 {about.get('sha256', 'unknown')})"


def _payload(
    samples: Samples,
    organs: list[str],
    organ_of_sample: np.ndarray,
    types: CellTypes,
    genes: GenePairs,
    data: _Data,
    pairs: CellPairs,
    reasons: np.ndarray,
    columns: dict[str, np.ndarray],
) -> dict[str, Any]:
    tested = np.bincount(pairs.organ[columns["cell_pair"]], minlength=len(organs))
    return {
        "organs": organs,
        "samples": {
            "name": list(samples.cells.names), "patient": list(samples.patient), "organ": list(samples.organ),
            "tissue": list(samples.tissue), "organ_code": organ_of_sample,
        },
        "cell_types": {"name": types.names, "compartment": types.compartment},
        "n_unresolved": types.n_unresolved,
        "tissue_given": samples.tissue_given,
        "genes": genes.genes,
        "pairs": {
            "ligand_complex": genes.table["ligand"].to_numpy(dtype=object),
            "receptor_complex": genes.table["receptor"].to_numpy(dtype=object),
            "pathway": genes.table["pathway"].fillna("").to_numpy(dtype=object),
            "ligand_unit": genes.ligand, "receptor_unit": genes.receptor,
        },
        "units": {"start": genes.units.start, "gene": genes.units.gene},
        "aggregate": {
            "sample": data.sample_of_group, "cell_type": data.type_of_group, "n": data.aggregate.n,
            "sums": data.aggregate.sums, "nonzero": data.aggregate.nonzero.astype(np.int32),
            "pseudobulk": data.pseudobulk, "library": data.library,
            "pseudobulk_kind": "counts" if data.has_counts else "expm1",
        },
        "cell_pairs": {
            "organ": pairs.organ, "source": pairs.source, "target": pairs.target,
            "n_samples": pairs.n_samples, "n_patients": pairs.n_patients,
        },
        "reasons": reasons,
        "edges": columns,
        "families": {"organ": organs, "n_tests": tested},
    }  # fmt: skip


def _fingerprint(
    adata: ad.AnnData, params: dict[str, Any], samples: Samples, has_counts: bool
) -> dict[str, np.ndarray]:
    columns = [params[name] for name in ("groupby", "sample_key", "patient_key", "organ_key")]
    for name in ("tissue_key", "compartment_key"):
        if params[name] in adata.obs.columns:
            columns.append(params[name])
    if params["level"] == "lineage" and "lineage" in adata.obs.columns:
        columns.append("lineage")
    layers = [params["layer"], *([keys.COUNTS] if has_counts else [])]
    return fingerprint.compute(adata, obs=dict.fromkeys(columns), layers=layers)
