"""From an AnnData to tumor and host: malignant cells, clusters, cell types and ambient RNA, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata as ad

from niche import pp
from niche._slots import keys
from niche.recipes.cell_types import annotate_cells, cluster
from niche.recipes.checkpoint import Checkpoint
from niche.recipes.columns import Columns, resolve
from niche.recipes.load import load_as
from niche.recipes.malignancy import copy_number_and_compartments
from niche.recipes.preparation import ambient, check, harmonize, judge_cells, normalize, own_copy
from niche.recipes.steps import Steps
from niche.recipes.tumor_stroma_config import TumorStromaConfig

NAME = "tumor_stroma"


def tumor_stroma(
    adata: ad.AnnData,
    config: TumorStromaConfig | Mapping[str, Any] | str | Path | None = None,
    *,
    checkpoint: str | Path | None = None,
) -> ad.AnnData:
    """Run everything from a data set to its malignant cells and their host, with or without cell types.

    The sequence is :func:`niche.pp.harmonize_genes`, :func:`niche.pp.qc`, leaving out cells that fail it,
    :func:`niche.pp.normalize`, :func:`niche.tl.infer_cnv`, :func:`niche.tl.call_compartments`, on request
    :func:`niche.pp.integrate`, :func:`niche.tl.cluster` in each compartment with its stability,
    :func:`niche.tl.annotate` where no cell types are given, :func:`niche.pp.ambient` where there are
    counts, and :func:`niche.pp.check`. Give the result to run again with other settings, or to
    :func:`niche.recipes.communication_by_organ`: what is there and fits is not computed anew.

    Parameters
    ----------
    adata
        Cells x genes, raw counts or log1p-normalised values; never changed.
    config
        :class:`TumorStromaConfig`, a dict, the path of a TOML file, or None for the defaults.
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
        The config, the labels, the genes or the values cannot be worked with.

    Notes
    -----
    Malignant cells are called from the labels of the authors where these say which cells are malignant
    (``input.malignant``, ``input.compartments``, or a name such as "Malignant"), with copy number reported
    beside them; else from copy number and lineage markers. Normal cells to compare with are taken from
    ``cnv.reference``, from cell types whose name says immune, stromal or endothelial, or, without any, from
    the cells whose markers say so: then compartments are called first, and the profile that is stored and
    drawn is against the cells called immune, stromal and endothelial.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> fast = {"qc": {"min_cells_scrublet": 100_000}, "cluster": {"run": False}}
    >>> result = niche.recipes.tumor_stroma(adata, fast)
    >>> list(result.uns["recipe"]["steps"]["step"])[-2:]
    ['ambient', 'check']
    """
    asked = load_as(TumorStromaConfig, config)
    adata = own_copy(adata, asked.input)
    columns = resolve(adata, asked.input, named_cells=False)
    steps = Steps(adata, n_steps=11, checkpoint=Checkpoint.of(checkpoint, adata, asked))
    with steps.progress(NAME):
        harmonize(steps, asked)
        left_out = judge_cells(steps, asked, columns)
        normalize(steps)
        compartment, notes = copy_number_and_compartments(steps, asked, columns)
        integrated_anew = _integrate(steps, asked, columns, compartment)
        _cluster(steps, asked, columns, compartment, anew=integrated_anew)
        columns = annotate_cells(steps, asked, columns, compartment)
        ambient(steps, asked, asked.ambient, columns, compartment)
        check(steps, asked, columns, compartment)
    steps.finish(NAME, asked, [*columns.notes, *notes], left_out)
    return steps.adata


def _integrate(steps: Steps, config: TumorStromaConfig, columns: Columns, compartment: str) -> bool:
    """Integrate host cells when asked; returns whether the embedding is a new one."""
    if not config.integrate.run:
        steps.skip("integrate", "integrate.run is false")
        return False
    options: dict[str, Any] = {
        "batch_key": config.integrate.batch or columns.patient,
        "compartment_key": compartment,
        "rng": config.seed,
    }
    return steps.run(
        "integrate",
        lambda: pp.integrate(steps.adata, organ_key=columns.organ, **options),
        key=keys.INTEGRATE,
        params=options,
        fits=lambda stored: keys.INTEGRATED in steps.adata.obsm,
    )


def _cluster(
    steps: Steps, config: TumorStromaConfig, columns: Columns, compartment: str, *, anew: bool
) -> None:
    if not config.cluster.run:
        steps.skip("cluster", "cluster.run is false")
        return
    options: dict[str, Any] = {
        "resolution": config.cluster.resolution,
        "stability": True,
        "use_rep": keys.INTEGRATED if config.integrate.run else None,
        "sample_key": columns.sample,
        "compartment_key": compartment,
        "rng": config.seed,
    }
    steps.run(
        "cluster",
        lambda: cluster(steps.adata, **options),
        key=keys.CLUSTER,
        params=options,
        fits=lambda stored: not anew,
    )
