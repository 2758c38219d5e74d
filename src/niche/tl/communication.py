"""Ligand-receptor communication between tumor and host, per organ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche import resources
from niche._kernels.expression import Expression
from niche._kernels.threads import limited_to
from niche._settings import settings
from niche._slots import keys, matrix, validate, write
from niche.tl._cell_types import cell_types, directions
from niche.tl._communication_edges import edges_of, values_of
from niche.tl._communication_null import null_of
from niche.tl._communication_pass import one_pass, organs_of, pairs_of
from niche.tl._communication_result import fingerprint_of, payload, resource_name
from niche.tl._conventions import (
    CONVENTIONS,
    drop_small_types,
    genes_expressed,
    numbers_pooled,
    one_subunit,
    pool_samples,
)
from niche.tl._cross_species import digest, do_not_react, log_strays, read_pairs, species_of_types
from niche.tl._pairs_of_genes import gene_pairs
from niche.tl.scores import resolve_scores


def communication(
    adata: ad.AnnData,
    groupby: str | None = None,
    *,
    resource: str | Path | pd.DataFrame = "consensus",
    scores: str | Sequence[str] = "all",
    null: Literal["hybrid", "analytic", "permutation"] | None = "hybrid",
    level: Literal["cell_type", "lineage"] = "cell_type",
    senders: str | Sequence[str] | None = None,
    receivers: str | Sequence[str] | None = None,
    expr_prop: float = 0.1,
    min_cells: int = 10,
    n_perms: int = 1000,
    convention: Literal["niche", "cellphonedb", "liana", "squidpy"] = "niche",
    organism: Literal["human", "mouse"] = "human",
    tissues: Sequence[str] = ("metastasis",),
    no_cross_reaction: pd.DataFrame | str | Path | None = None,
    sample_key: str | None = None,
    patient_key: str | None = None,
    organ_key: str | None = None,
    tissue_key: str | None = None,
    compartment_key: str | None = None,
    layer: str | None = None,
    key_added: str = keys.COMMUNICATION,
    rng: int | np.random.Generator = 0,
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
        ``layers["counts"]`` are summed along where present. May be backed, sparse, dense or dask, also read
        lazily; workers of an active ``dask.distributed.Client`` then read and sum their own rows.
    groupby
        Column of cell types; default ``niche.settings.groupby``.
    resource
        Name for :func:`niche.resources.ligand_receptor`, or a table (path or DataFrame) with
        ``ligand, receptor``; subunits of a complex joined by ``_``.
    scores
        ``"all"``, or names out of :func:`niche.tl.available_scores`.
    null
        ``"hybrid"``: p-values from the exact moments of the permutation null, and real permutations
        where those cannot be trusted (few expressing cells, strong skew) or where the decision about a
        complex hinges on it. ``"analytic"``: moments only. ``"permutation"``: ``n_perms`` permutations
        for every edge. ``None``: scores without p-values.
    level
        Edges between cell types, or between lineages (``obs["lineage"]``, else recognised by name).
    senders, receivers
        Cell types, compartments, ``"host"`` or ``"all"``; by default tumor to host and host to tumor.
    expr_prop
        Smallest fraction of expressing cells on both sides (LIANA's rule, ``>=``).
    min_cells
        Smallest number of cells of a cell type in a sample.
    n_perms
        Permutations of the labels within samples, at most; ``"hybrid"`` stops an edge at its twentieth
        exceedance.
    convention
        ``"niche"``, or reproduce the choices of another tool run on the cells of each organ: labels
        permuted over all cells of the organ regardless of sample, ``null="permutation"``, and

        ============= ============= ======================== =======================================
        convention    expressed     a permutation counts     complexes in the null
        ============= ============= ======================== =======================================
        cellphonedb   > expr_prop   above the observed value lowest subunit in every permutation
        liana         >= expr_prop  at least the observed    subunit limiting in the observed data
        squidpy       >= expr_prop  above the observed value subunit of the lowest mean in all cells
        ============= ============= ======================== =======================================

        ``"liana"`` drops types with fewer than ``min_cells`` cells from the pool and takes the scores of
        a complex from its limiting subunit, ``"squidpy"`` keeps incomplete complexes and chooses subunits
        over the cells of all organs, ``"cellphonedb"`` counts a permutation in which one side is silent
        as 0. Scores are scaled within each organ. Give ``expr_prop`` and ``min_cells`` as that tool has
        them (0.1 and 1; 0.1 and 5; 0.01 and 1). ``pval`` stays (b + 1) / (m + 1); the exports write b / m.
    organism
        Whose genes the resource is read for.
    tissues
        Tissues whose samples are used. Organs are those of the metastases; other tissues appear as
        ``"<organ> (primary)"`` and ``"<organ> (normal)"``. Without a tissue column every sample is
        taken as a metastasis.
    no_cross_reaction
        Of xenografts: pairs that do not react across species, a table (or the path of one) with ``ligand,
        receptor``, named as in the resource, and when wanted ``ligand_species``: the direction in which they
        do not (``"mouse"``: the mouse ligand does not act on the human receptor), both without it. Their
        edges between cell types of two species read ``not_testable`` and say so. So do those of a cell type
        that is ``mixed``, where part of the edge would run between species.
    sample_key, patient_key, organ_key, tissue_key, compartment_key
        Columns of ``obs``; defaults in ``niche.settings``.
    layer
        Layer of log1p-normalised values instead of ``X``.
    key_added
        Where the result goes.
    rng
        Seed or generator of the permutations.
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
        per organ), ``params``, ``fingerprint``. Where ``obs["species"]`` holds human and mouse cells
        (:func:`niche.pp.collapse_orthologs`) the tables name the species of ligand and receptor: that of at
        least 95 % of the cells of the type, else ``mixed``; how many are of the other one is logged and
        stored in ``cell_types["n_other_species"]``.

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
    when cell-type labels are permuted within every sample. Its cumulants are exact (the fourth up to the
    joint terms of the two sides); the upper tail is a saddlepoint approximation with these four
    (:mod:`niche._kernels.saddlepoint_tail`), floored at one over the number of distinct relabelings and
    never 0. A complex has no closed form: its value is a bound, the smallest over its subunits,
    conservative where the law of its simple pairs can be trusted; elsewhere ``hybrid`` permutes it, and
    ``analytic`` may be too small.
    Permutations give :math:`p = (b+1)/(m+1)`, the minimum over subunits being taken inside each of them.
    The column ``null`` says which law gave each p-value: ``analytic``, ``bound`` or ``permutation``.
    ``qval`` is Benjamini-Hochberg over the tested edges of the organ.

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
        name: value
        for name, value in locals().items()
        if name not in ("adata", "copy", "n_jobs", "resource", "rng", "no_cross_reaction")
    }
    validate.anndata(adata)
    validate.choice(null, "null", ("hybrid", "analytic", "permutation", None))
    validate.choice(level, "level", ("cell_type", "lineage"))
    validate.choice(organism, "organism", keys.ORGANISMS)
    validate.choice(convention, "convention", tuple(CONVENTIONS))
    validate.number(expr_prop, "expr_prop", low=0, high=1)
    validate.number(min_cells, "min_cells", low=1, integer=True)
    validate.number(n_perms, "n_perms", low=1, integer=True)
    validate.flag(copy, "copy")
    seed = int(validate.generator(rng).integers(2**31))
    write.slot_name(key_added)
    threads = settings.threads(n_jobs)
    specs = resolve_scores(scores)
    unreactive = read_pairs(no_cross_reaction)

    samples = validate.samples(adata, sample_key, patient_key, organ_key, tissue_key)
    types = cell_types(
        adata, groupby, compartment_key, level=level, need_compartment=senders is None and receivers is None
    )
    organs, organ_of_sample = organs_of(samples, tissues)
    chosen, pooled = CONVENTIONS[convention], {}
    if chosen.pooled:
        null = None if null is None else "permutation"
        pooled = numbers_pooled(samples, organ_of_sample, len(organs))
        samples, organ_of_sample, types = pool_samples(samples, organs, organ_of_sample, types)
    all_types = types
    if chosen.drop_small:
        types = drop_small_types(types, samples.cells, min_cells)
    species = species_of_types(adata, types.codes, len(types.names))
    if species is not None:
        log_strays(species, types.names)
    table = resources.ligand_receptor(resource, organism)
    genes = gene_pairs(adata, table, organism)
    values = matrix.resolve(adata, layer, "lognorm")
    counts = matrix.resolve(adata, keys.COUNTS, "counts") if matrix.has_counts(adata) else None

    with limited_to(threads):
        need = null in ("hybrid", "analytic")
        data = one_pass(values, counts, samples, types, genes, specs, threads, products=need)
        if chosen.complexes == "all_cells":
            genes = one_subunit(genes, data.aggregate.sums.sum(axis=0))
        n_vars = adata.n_vars
        if chosen.drop_empty:
            n_vars = genes_expressed(values, all_types, samples.cells, threads)
        pairs = pairs_of(data, organs, organ_of_sample, directions(types, senders, receivers), min_cells)
        expression = Expression(
            data.aggregate, genes.units, pairs, data.sample_of_group, data.type_of_group, organ_of_sample,
            data.patient_of_sample, len(organs), len(types.names), n_vars, expr_prop, min_cells,
            apart=chosen.pooled, by_limiting=chosen.complexes == "limiting",
        )  # fmt: skip
        excluded = None
        if unreactive is not None:
            excluded = do_not_react(unreactive, species, table, pairs.source, pairs.target)
        reasons, edges = edges_of(
            expression, genes, data, organ_of_sample, strict=chosen.strict_filter, excluded=excluded
        )
        p = None
        if null is not None:
            p = null_of(
                expression, edges, genes, data, values,
                null=null, n_perms=n_perms, seed=seed, convention=chosen, threads=threads,
            )  # fmt: skip
        columns, reasons = values_of(expression, edges, reasons, specs, p)

    params |= {
        "resource": resource_name(table),
        "rng": rng if isinstance(rng, int) else "generator",
        "groupby": groupby or settings.groupby,
        "no_cross_reaction": digest(unreactive),
        "species_key": None if species is None else keys.SPECIES,
    }
    for name in ("sample_key", "patient_key", "organ_key", "tissue_key", "compartment_key"):
        params[name] = params[name] or getattr(settings, name)
    target = adata.copy() if copy else adata
    write.result(
        target, key_added, params=params,
        payload=payload(samples, organs, organ_of_sample, types, genes, data, pairs, reasons, columns, pooled,
                        species, unreactive)
        | {"scores": [spec.column for spec in specs]},
        fingerprint=fingerprint_of(adata, params, has_counts=counts is not None),
    )  # fmt: skip
    return target if copy else None
