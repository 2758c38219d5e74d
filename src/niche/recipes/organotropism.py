"""From an AnnData to the seed-and-soil account of every organ, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata as ad

from niche import resources
from niche.recipes import account
from niche.recipes.cell_types import annotate_cells, cluster_cells
from niche.recipes.checkpoint import Checkpoint
from niche.recipes.columns import resolve
from niche.recipes.comparison import check_covariates, compare_organs
from niche.recipes.edges import find_edges
from niche.recipes.load import load_as
from niche.recipes.malignancy import tumor_and_host
from niche.recipes.organotropism_config import OrganotropismConfig
from niche.recipes.preparation import ambient, check, harmonize, judge_cells, normalize, own_copy
from niche.recipes.steps import Steps
from niche.recipes.tumor_programs import compare_programs, find_programs, forget_outdated, score_signatures

NAME = "organotropism"


def organotropism(
    adata: ad.AnnData,
    config: OrganotropismConfig | Mapping[str, Any] | str | Path | None = None,
    *,
    checkpoint: str | Path | None = None,
) -> ad.AnnData:
    """Run the whole way: from a data set to what the tumor brings and what each organ offers it.

    The sequence is :func:`niche.pp.harmonize_genes`, :func:`niche.pp.qc`, leaving out cells that fail it,
    :func:`niche.pp.normalize`, compartments (those given, those an earlier run called, else from labels or
    copy number), :func:`niche.tl.cluster`, :func:`niche.tl.annotate` where no cell types are given,
    :func:`niche.pp.check`, :func:`niche.pp.ambient` where there are counts, :func:`niche.tl.communication`,
    :func:`niche.tl.compare_communication`, :func:`niche.tl.compare_expression`,
    :func:`niche.tl.composition`, :func:`niche.tl.programs`, :func:`niche.tl.compare_programs`,
    :func:`niche.tl.score_signatures`, :func:`niche.tl.compatibility` where there are primary tumors, and
    :func:`niche.tl.tropism`. What the data do not allow is skipped
    with the reason. Give the result to run again with other settings or labels: what is there and fits is
    not computed anew.

    Parameters
    ----------
    adata
        Cells x genes, raw counts or log1p-normalised values; never changed.
    config
        :class:`OrganotropismConfig`, a dict, the path of a TOML file, or None for the defaults.
    checkpoint
        An h5ad file to keep what was found so far in. A run that was stopped goes on from it when it is
        started again with the same data and settings, and gives the same results; it is removed at the end.

    Returns
    -------
    AnnData
        A copy with the results of every step. ``uns["recipe"]`` says what was done, skipped or resumed and
        why (``steps``), what was mapped or assumed (``notes``), and which cells were left out
        (``excluded``).

    Raises
    ------
    InputTypeError
        ``adata`` is not an AnnData.
    MissingKeyError
        A column or layer is not there.
    InputValueError
        The config, the labels, the genes or the values cannot be worked with, or a file that is named in
        the config cannot be read.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> fast = {
    ...     "qc": {"min_cells_scrublet": 100_000},
    ...     "cluster": {"run": False},
    ...     "communication": {"null": "analytic"},
    ...     "compare": {"n_permutations": 0},
    ...     "programs": {"k": [6], "n_starts": 5},
    ... }
    >>> result = niche.recipes.organotropism(adata, fast)
    >>> result.uns["recipe"]["steps"]["step"].iloc[-1]
    'tropism'
    """
    asked = load_as(OrganotropismConfig, config)
    adata = own_copy(adata, asked.input)
    columns = resolve(adata, asked.input, named_cells=False)
    check_covariates(adata, asked.compare, columns)
    screen = account.read_screen(asked)
    for file in (asked.programs.gene_sets, asked.signatures.gene_sets):
        if file is not None:
            resources.read_gmt(file)
    steps = Steps(adata, n_steps=18, checkpoint=Checkpoint.of(checkpoint, adata, asked))
    with steps.progress(NAME):
        harmonize(steps, asked)
        left_out = judge_cells(steps, asked, columns)
        normalize(steps)
        compartment, notes = tumor_and_host(steps, asked, columns)
        cluster_cells(steps, asked, columns, compartment)
        columns = annotate_cells(steps, asked, columns, compartment)
        check(steps, asked, columns, compartment)
        ambient(steps, asked, asked.ambient, columns, compartment)
        anew = find_edges(steps, asked, columns, compartment)
        compare_organs(steps, asked, anew=anew)
        account.compare_genes(steps, asked, columns, compartment)
        account.compare_composition(steps, asked, columns, compartment)
        notes += forget_outdated(steps)
        find_programs(steps, asked, columns, compartment)
        compare_programs(steps, asked, columns)
        score_signatures(steps, asked, columns, compartment)
        account.offers(steps, asked, columns, compartment)
        notes += account.join(steps, asked, screen)
    steps.finish(NAME, asked, [*columns.notes, *notes], left_out)
    return steps.adata
