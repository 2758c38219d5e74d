"""From an AnnData to the programs of the tumor: brought along, of an organ, or leaked, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata as ad

from niche import resources
from niche.recipes.checkpoint import Checkpoint
from niche.recipes.columns import resolve, with_names
from niche.recipes.comparison import check_covariates
from niche.recipes.load import load_as
from niche.recipes.malignancy import tumor_and_host
from niche.recipes.preparation import (
    ambient,
    check,
    harmonize,
    judge_cells,
    normalize,
    own_copy,
)
from niche.recipes.programs_config import ProgramsConfig
from niche.recipes.steps import Steps
from niche.recipes.tumor_programs import (
    compare_programs,
    find_programs,
    forget_outdated,
    score_signatures,
)

NAME = "programs_across_sites"
TUMOR = "tumor"


def programs_across_sites(
    adata: ad.AnnData,
    config: ProgramsConfig | Mapping[str, Any] | str | Path | None = None,
    *,
    checkpoint: str | Path | None = None,
) -> ad.AnnData:
    """Find the programs of malignant cells, and tell what the tumor brings from what goes with an organ.

    The sequence is :func:`niche.pp.harmonize_genes`, :func:`niche.pp.qc`, leaving out cells that fail it,
    :func:`niche.pp.normalize`, compartments (those given, those an earlier run called, else from labels or
    copy number by :func:`niche.tl.call_compartments`), :func:`niche.pp.check`, :func:`niche.pp.ambient`
    where there are counts, :func:`niche.tl.programs`, :func:`niche.tl.compare_programs` and
    :func:`niche.tl.score_signatures`. What cannot be done is skipped with the reason. Give the result to run
    again with other settings: what is there and fits is not computed anew. The results of
    :func:`niche.recipes.tumor_stroma` and :func:`niche.recipes.communication_by_organ` can be given too; with
    the latter, signals that come in to the tumor of an organ stand beside its programs.

    Parameters
    ----------
    adata
        Cells x genes, raw counts or log1p-normalised values; never changed.
    config
        :class:`ProgramsConfig`, a dict, the path of a TOML file, or None for the defaults.
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
        The config, the labels, the genes or the values cannot be worked with; a file of gene sets cannot be
        read; numbers of programs were asked for (``programs.k``) that the cells cannot carry.

    Notes
    -----
    Labels decide which cells are malignant where they say so; cell types that niche gave itself do not.
    Compartments that an earlier run called from expression are taken as they are;
    ``compartments.evidence = "expression"`` calls them by the settings of this run. Ambient molecules, and
    signals between cells, that no longer fit the data are left aside, with a note.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> fast = {"qc": {"min_cells_scrublet": 100_000}, "programs": {"k": [6], "n_starts": 5}}
    >>> result = niche.recipes.programs_across_sites(adata, fast)
    >>> list(result.uns["recipe"]["steps"]["step"])[-3:]
    ['programs', 'compare_programs', 'score_signatures']
    """
    asked = load_as(ProgramsConfig, config)
    adata = own_copy(adata, asked.input)
    columns = resolve(adata, asked.input, named_cells=False)
    check_covariates(adata, asked.compare, columns)
    for file in (asked.programs.gene_sets, asked.signatures.gene_sets):
        if file is not None:
            resources.read_gmt(file)
    steps = Steps(adata, n_steps=11, checkpoint=Checkpoint.of(checkpoint, adata, asked))
    with steps.progress(NAME):
        harmonize(steps, asked)
        left_out = judge_cells(steps, asked, columns)
        normalize(steps)
        compartment, notes = tumor_and_host(steps, asked, columns)
        columns = with_names(steps.adata, columns)
        check(steps, asked, columns, compartment)
        ambient(steps, asked, asked.ambient, columns, compartment)
        notes += forget_outdated(steps)
        find_programs(steps, asked, columns, compartment)
        compare_programs(steps, asked, columns)
        score_signatures(steps, asked, columns, compartment)
    steps.finish(NAME, asked, [*columns.notes, *notes], left_out)
    return steps.adata
