"""From counts of a xenograft to the communication between its tumor and its host, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata as ad
import pandas as pd

from niche import pp, tl
from niche._settings import settings
from niche._slots import keys, read
from niche.errors import InputTypeError, InputValueError
from niche.recipes import preparation
from niche.recipes.cell_types import annotate_cells, cluster_cells
from niche.recipes.checkpoint import Checkpoint
from niche.recipes.columns import Columns, resolve
from niche.recipes.comparison import check_covariates, compare_organs
from niche.recipes.edges import find_edges, read_no_cross_reaction
from niche.recipes.load import load_as
from niche.recipes.steps import Steps
from niche.recipes.xenograft_config import XenograftConfig

SYMBOLS = "genes bear the symbols of the orthologs"
"""Why genes are not harmonised."""
NAME = "xenograft"
ANIMAL = "animal"
"""Column of the replicates where none is named and there are no patients."""

SOUP = "sample_species"
"""Column of the cells that can still leak into each other: a sample's cells of one species."""


def xenograft(
    adata: ad.AnnData,
    config: XenograftConfig | Mapping[str, Any] | str | Path | None = None,
    *,
    checkpoint: str | Path | None = None,
) -> ad.AnnData:
    """Run everything from a xenograft to the edges between its tumor and its host, organ by organ.

    The sequence is :func:`niche.pp.split_species`, :func:`niche.pp.collapse_orthologs`, :func:`niche.pp.qc`,
    leaving out cells that fail it, :func:`niche.pp.normalize`, :func:`niche.tl.call_compartments` (graft
    cells are tumor), :func:`niche.tl.cluster`, :func:`niche.tl.annotate` where no cell types are given,
    :func:`niche.pp.check`, :func:`niche.pp.ambient` within the cells of each species,
    :func:`niche.tl.communication` and :func:`niche.tl.compare_communication` with animals as the replicates.
    Give the result to run again with other settings: what is there and fits is not computed anew.

    Parameters
    ----------
    adata
        Cells x genes of both species, raw counts; never changed.
    config
        :class:`XenograftConfig`, a dict, the path of a TOML file, or None for the defaults. Where
        ``input.patient`` is not named and there is no such column, ``animal`` is taken.
    checkpoint
        An h5ad file to keep what was found so far in. A run that was stopped goes on from it when it is
        started again with the same data and settings, and gives the same results; it is removed at the end.

    Returns
    -------
    AnnData
        The cells of graft and host in one gene space (see :func:`niche.pp.collapse_orthologs`) with the
        results of every step. ``uns["recipe"]`` says what was done, skipped or resumed and why (``steps``),
        what was mapped or assumed (``notes``), and which cells failed quality control (``excluded``).

    Raises
    ------
    InputTypeError
        ``adata`` is not an AnnData.
    MissingKeyError
        A column or layer is not there.
    InputValueError
        The config, the labels, the genes or the values cannot be worked with; there are no raw counts, or
        no cell of one of the species.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_xenograft(1, animals_per_organ=2, cells=90, n_genes=1500)
    >>> fast = {"cluster": {"run": False}, "communication": {"resource": "niche", "null": "analytic"}}
    >>> result = niche.recipes.xenograft(adata, fast)
    >>> list(result.uns["recipe"]["steps"]["step"])[:2]
    ['split_species', 'collapse_orthologs']
    """
    asked = load_as(XenograftConfig, config)
    if not isinstance(adata, ad.AnnData):
        raise InputTypeError(
            f"adata must be an AnnData. Got {type(adata).__module__}.{type(adata).__name__}."
        )
    animals(adata, asked)
    adata = preparation.own_copy(adata, asked.input)
    columns = resolve(adata, asked.input, named_cells=False)
    check_covariates(adata, asked.compare, columns)
    read_no_cross_reaction(asked.communication)
    steps = Steps(adata, n_steps=12, checkpoint=Checkpoint.of(checkpoint, adata, asked))
    with steps.progress(NAME):
        _one_gene_space(steps, asked, columns)
        left_out = preparation.judge_cells(steps, asked, columns)
        preparation.normalize(steps)
        compartment = _compartments(steps, asked, columns)
        cluster_cells(steps, asked, columns, compartment)
        columns = annotate_cells(steps, asked, columns, compartment)
        preparation.check(steps, asked, columns, compartment)
        _ambient(steps, asked, columns, compartment)
        anew = find_edges(steps, asked, columns, compartment)
        compare_organs(steps, asked, anew=anew)
    steps.finish(NAME, asked, columns.notes, left_out)
    return steps.adata


def animals(adata: ad.AnnData, config: XenograftConfig) -> None:
    """Take animals as the patients where there is nothing else."""
    if config.input.patient is None and settings.patient_key not in adata.obs and ANIMAL in adata.obs:
        config.input.patient = ANIMAL


def _one_gene_space(steps: Steps, config: XenograftConfig, columns: Columns) -> None:
    """Call the species of every cell and bring both into one gene space, unless an earlier run did."""
    options: dict[str, Any] = {
        "species_key": config.species.genes,
        "graft_species": config.species.graft,
        "min_counts": config.species.min_counts,
        "min_cells": config.species.min_cells,
        "sample_key": columns.sample,
    }
    if keys.ORTHOLOGS in read.ours(steps.adata):
        _refuse_other_settings(steps.adata, {"organism": config.organism} | options)
        for name in ("split_species", keys.ORTHOLOGS):
            steps.resume(name, "done by an earlier run, whose cells these are")
        return
    steps.run(
        "split_species",
        lambda: pp.split_species(steps.adata, **options),
        key=keys.SPECIES,
        params=options,
        fits=lambda stored: keys.SPECIES in steps.adata.obs.columns,
    )
    n_cells = steps.adata.n_obs
    steps.adata = steps.call(
        keys.ORTHOLOGS, lambda: pp.collapse_orthologs(steps.adata, organism=config.organism)
    )
    steps.done(keys.ORTHOLOGS, f"{steps.adata.n_obs} of {n_cells} cells, {steps.adata.n_vars} genes")
    steps.skip("harmonize_genes", SYMBOLS)


def _refuse_other_settings(adata: ad.AnnData, wanted: Mapping[str, Any]) -> None:
    """Refuse settings other than those with which the species were split and collapsed."""
    found = {**adata.uns[keys.SPECIES]["params"], **adata.uns[keys.ORTHOLOGS]["params"]}
    for name, value in wanted.items():
        before = int(found[name]) if isinstance(value, int) else str(found[name])
        now = value if isinstance(value, int) else str(value)
        if before != now:
            raise InputValueError(
                f"the species were split and collapsed before, with {name} = {before!r}, not {now!r}. Give "
                "the counts of both species to do so anew."
            )


def _compartments(steps: Steps, config: XenograftConfig, columns: Columns) -> str:
    """Compartment column: given, by labels of the host cells, or by their markers; graft cells are tumor."""
    given = preparation.given_compartments(steps, columns)
    if given is not None:
        return given
    if columns.cell_type is not None:
        return preparation.compartments_by_labels(steps, config, columns)
    options: dict[str, Any] = {
        "evidence": "expression",
        "sample_key": columns.sample,
        "organ_key": columns.organ,
        "organism": config.organism,
        "graft_species": config.species.graft,
        "compartment_key": settings.compartment_key,
    }
    steps.run(
        "call_compartments",
        lambda: tl.call_compartments(steps.adata, n_jobs=config.n_jobs, **options),
        key=keys.COMPARTMENTS,
        params=options,
    )
    return settings.compartment_key


def _ambient(steps: Steps, config: XenograftConfig, columns: Columns, compartment: str) -> None:
    """Estimate what leaks between cells of one species; what crossed over was dropped before."""
    obs = steps.adata.obs
    soup = obs[columns.sample].astype(str) + " (" + obs[keys.SPECIES].astype(str) + ")"
    obs[SOUP] = pd.Categorical(soup)
    within = Columns(**{**vars(columns), "sample": SOUP})
    preparation.ambient(steps, config, config.ambient, within, compartment)
