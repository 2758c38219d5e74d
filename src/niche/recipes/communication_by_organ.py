"""From an AnnData to ligand-receptor communication per organ, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata as ad

from niche.recipes.cell_types import cluster_cells
from niche.recipes.checkpoint import Checkpoint
from niche.recipes.columns import Columns, resolve
from niche.recipes.comparison import check_covariates, compare_organs
from niche.recipes.config import CommunicationConfig
from niche.recipes.edges import find_edges
from niche.recipes.load import load_as
from niche.recipes.preparation import (
    ambient,
    called_before,
    check,
    compartments_by_labels,
    given_compartments,
    harmonize,
    judge_cells,
    normalize,
    own_copy,
)
from niche.recipes.steps import Steps

NAME = "communication_by_organ"


def communication_by_organ(
    adata: ad.AnnData,
    config: CommunicationConfig | Mapping[str, Any] | str | Path | None = None,
    *,
    checkpoint: str | Path | None = None,
) -> ad.AnnData:
    """Run everything from a data set to its ligand-receptor edges per organ.

    The sequence is :func:`niche.pp.harmonize_genes`, :func:`niche.pp.qc`, leaving out cells that fail it,
    :func:`niche.pp.normalize` (skipped for log values), :func:`niche.tl.call_compartments` (skipped when a
    compartment column is given), :func:`niche.pp.check`, :func:`niche.pp.ambient` (skipped for log values),
    :func:`niche.tl.cluster`, :func:`niche.tl.communication` and :func:`niche.tl.compare_communication`
    (skipped with the reason where no organs can be compared). Give the result to run again with other
    settings: steps whose stored result fits the data and the settings are not computed anew. The result of
    :func:`niche.recipes.tumor_stroma` can be given too: its compartments and cell types are taken over.

    Parameters
    ----------
    adata
        Cells x genes, raw counts or log1p-normalised values; never changed.
    config
        :class:`CommunicationConfig`, a dict, the path of a TOML file, or None for the defaults.
    checkpoint
        An h5ad file to keep what was found so far in. A run that was stopped goes on from it when it is
        started again with the same data and settings, and gives the same results; it is removed at the end.

    Returns
    -------
    AnnData
        A copy with the results of every step. ``uns["recipe"]`` says what was done, skipped or resumed and
        why (``steps``), what was mapped or assumed (``notes``), and which cells were left out (``excluded``:
        sample, cell_type, n_cells, n_excluded).

    Raises
    ------
    InputTypeError
        ``adata`` is not an AnnData.
    MissingKeyError
        A column or layer is not there.
    InputValueError
        The config, the labels, the genes or the values cannot be worked with.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> result = niche.recipes.communication_by_organ(adata, {"cluster": {"run": False}})
    >>> list(result.uns["recipe"]["steps"]["step"])[-2:]
    ['communication', 'compare_communication']
    """
    asked = load_as(CommunicationConfig, config)
    adata = own_copy(adata, asked.input)
    columns = resolve(adata, asked.input)
    check_covariates(adata, asked.compare, columns)
    steps = Steps(adata, n_steps=10, checkpoint=Checkpoint.of(checkpoint, adata, asked))
    with steps.progress(NAME):
        harmonize(steps, asked)
        left_out = judge_cells(steps, asked, columns)
        normalize(steps)
        compartment = _compartments(steps, asked, columns)
        check(steps, asked, columns, compartment)
        ambient(steps, asked, asked.ambient, columns, compartment)
        cluster_cells(steps, asked, columns, compartment)
        anew = find_edges(steps, asked, columns, compartment)
        compare_organs(steps, asked, anew=anew)
    steps.finish(NAME, asked, columns.notes, left_out)
    return steps.adata


def _compartments(steps: Steps, config: CommunicationConfig, columns: Columns) -> str:
    """Compartment column: given, called from expression before, or called from the author's labels."""
    return (
        given_compartments(steps, columns)
        or called_before(steps, config, columns)
        or compartments_by_labels(steps, config, columns)
    )
