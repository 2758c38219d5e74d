"""From sections of tissue to the pairs that lie next to each other there, over patients, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anndata as ad

from niche import resources, tl
from niche._settings import settings
from niche._slots import keys, read, validate
from niche._slots import spatial_codes as codes
from niche.recipes import preparation
from niche.recipes.checkpoint import Checkpoint
from niche.recipes.columns import Columns, called_from_expression, resolve, with_names
from niche.recipes.comparison import check_covariates
from niche.recipes.load import load_as
from niche.recipes.spatial_config import SpatialConfig
from niche.recipes.steps import Steps
from niche.tl import _spatial_graph, _spatial_sides

NAME = "spatial"
_GRAPH = ("spatial_key", "connectivity_key", "graph", "n_neighs", "radius", "n_perms")


def spatial(
    adata: ad.AnnData,
    config: SpatialConfig | Mapping[str, Any] | str | Path | None = None,
    *,
    checkpoint: str | Path | None = None,
) -> ad.AnnData:
    """Run everything from sections of tissue to their ligand-receptor pairs, borders and contacts.

    The sequence is :func:`niche.pp.harmonize_genes`, :func:`niche.pp.qc`, leaving out empty spots,
    :func:`niche.pp.normalize` (skipped for log values), :func:`niche.tl.call_compartments` (from labels of
    cells; skipped where compartments are given or another column says what is tumor),
    :func:`niche.pp.check`, :func:`niche.tl.touching` where there are cell types,
    :func:`niche.tl.spatial_communication`, and :func:`niche.tl.compare_spatial` with patients as the
    replicates: for whole sections, and across the border both ways where sides are known. Give the result to
    run again with other settings: what is there and fits is not computed anew.

    Parameters
    ----------
    adata
        Spots or cells x genes with places in ``obsm``, raw counts or log1p-normalised values; never changed.
    config
        :class:`SpatialConfig`, a dict, the path of a TOML file, or None for the defaults.
    checkpoint
        An h5ad file to keep what was found so far in. A run that was stopped goes on from it when it is
        started again with the same data and settings, and gives the same results; it is removed at the end.

    Returns
    -------
    AnnData
        A copy with the results of every step; comparisons across the border are stored in
        ``uns["compare_spatial_tumor_to_host"]`` and ``uns["compare_spatial_host_to_tumor"]``.
        ``uns["recipe"]`` says what was done, skipped or resumed and why (``steps``), what was mapped or
        assumed (``notes``), and which spots were left out (``excluded``).

    Raises
    ------
    InputTypeError
        ``adata`` is not an AnnData.
    MissingKeyError
        A column, layer, the coordinates or the graph are not there.
    InputValueError
        The config, the labels, the places, the genes or the values cannot be worked with.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_spatial(0, patients=2, side=12)
    >>> result = niche.recipes.spatial(adata, {"spatial": {"n_perms": 50}})
    >>> list(result.uns["recipe"]["steps"]["step"])[-2:]
    ['compare_spatial_tumor_to_host', 'compare_spatial_host_to_tumor']
    """
    asked = load_as(SpatialConfig, config)
    adata = preparation.own_copy(adata, asked.input)
    columns = resolved(adata, asked)
    check_covariates(adata, asked.compare, columns)
    steps = Steps(adata, n_steps=11, checkpoint=Checkpoint.of(checkpoint, adata, asked))
    with steps.progress(NAME):
        preparation.harmonize(steps, asked)
        left_out = preparation.judge_cells(steps, asked, columns)
        preparation.normalize(steps)
        compartment = _compartments(steps, asked, columns)
        preparation.check(steps, asked, columns, compartment)
        _contacts(steps, asked, columns)
        _pairs(steps, asked, columns, compartment)
        _patients(steps, asked, columns)
    steps.finish(NAME, asked, columns.notes, left_out)
    return steps.adata


def resolved(adata: ad.AnnData, config: SpatialConfig) -> Columns:
    """Columns, with names and compartments that an earlier run gave; refuses what sections cannot do without.

    That is places, a graph and sides that can be worked with.
    """
    columns = with_names(adata, resolve(adata, config.input, named_cells=False))
    if columns.compartment is None and called_from_expression(adata):
        columns = replace(columns, compartment=settings.compartment_key)
    wanted, sections = config.spatial, validate.factor(adata, columns.sample, "sample_key")
    _spatial_graph.coordinates(adata, wanted.spatial_key, sections)
    if wanted.connectivity_key is not None:
        _spatial_graph.stored_graph(adata, wanted.connectivity_key, sections)
    if wanted.interface_key is not None:
        _spatial_sides.spot_sides(adata, wanted.interface_key, wanted.tumor, wanted.tumor_fraction)
    resources.ligand_receptor(wanted.resource, config.organism)
    return columns


def why_no_call(config: SpatialConfig, columns: Columns) -> str:
    """Why compartments are not called; empty where they are."""
    if columns.compartment is not None:
        return f"compartments are given in obs[{columns.compartment!r}]"
    if config.spatial.interface_key is not None:
        return f"sides of the border are those of {config.spatial.interface_key!r}"
    return "" if columns.cell_type is not None else "there are no cell types to call them from"


def why_no_contacts(columns: Columns) -> str:
    """Why contacts of cell types are not counted; empty where they are."""
    return "" if columns.cell_type is not None else "there are no cell types"


def why_no_border(config: SpatialConfig, columns: Columns) -> str:
    """Why nothing can be said across the border; empty where it can."""
    known = (columns.compartment, config.spatial.interface_key, columns.cell_type)
    return "" if any(known) else "nothing says which spots are tumor (spatial.interface_key)"


def why_not_compared(config: SpatialConfig, columns: Columns, statistic: str) -> str:
    """Why a statistic of sections is not compared over patients; empty where it is."""
    if not config.compare.run:
        return "compare.run is false"
    if statistic not in config.compare.statistics:
        return f"compare.statistics does not name {statistic}"
    return "" if statistic == codes.SECTION else why_no_border(config, columns)


def _compartments(steps: Steps, config: SpatialConfig, columns: Columns) -> str | None:
    """The column of compartments, None where there is none."""
    why = why_no_call(config, columns)
    if why:
        steps.skip("call_compartments", why)
        return columns.compartment
    return preparation.compartments_by_labels(steps, config, columns)


def _contacts(steps: Steps, config: SpatialConfig, columns: Columns) -> None:
    """Count contacts of cell types."""
    why = why_no_contacts(columns)
    if why:
        steps.adata.uns.pop(keys.TOUCHING, None)
        steps.skip(keys.TOUCHING, why)
        return
    options: dict[str, Any] = config.spatial.model_dump(include=set(_GRAPH)) | _design(columns)
    steps.run_or_skip(
        keys.TOUCHING,
        lambda: tl.touching(steps.adata, columns.cell_type, rng=config.seed, **options),
        key=keys.TOUCHING,
        params=_stored(options) | {"groupby": columns.cell_type, "rng": _drawn(config)},
    )


def _pairs(steps: Steps, config: SpatialConfig, columns: Columns, compartment: str | None) -> None:
    """Test pairs in every section and across its border."""
    options: dict[str, Any] = config.spatial.model_dump(exclude={"resource"}) | _design(columns)
    options |= {"interface_key": config.spatial.interface_key or compartment, "organism": config.organism}
    sha256 = str(resources.ligand_receptor(config.spatial.resource, config.organism).attrs["sha256"])
    key = keys.SPATIAL_COMMUNICATION
    steps.run(
        key,
        lambda: tl.spatial_communication(
            steps.adata, columns.cell_type, resource=config.spatial.resource, rng=config.seed,
            n_jobs=config.n_jobs, **options,
        ),
        key=key,
        params=_stored(options)
        | {"groupby": columns.cell_type, "rng": _drawn(config)}
        | {"interface_key": options["interface_key"] or ""},
        fits=lambda stored: (
            sha256 in str(stored["params"]["resource"])
            and (key in steps.adata.obsm or not len(stored["local"]["pair"]))
        ),
    )  # fmt: skip


def _patients(steps: Steps, config: SpatialConfig, columns: Columns) -> None:
    """Compare statistics of sections over patients."""
    for statistic, key in codes.COMPARED.items():
        why = why_not_compared(config, columns, statistic)
        if why:
            steps.adata.uns.pop(key, None)
            steps.skip(key, why)
            continue
        named = {"covariates", "patients", "tissues"}
        options: dict[str, Any] = config.compare.model_dump(include=named) | {"statistic": statistic}
        run = read.identity(steps.adata, keys.SPATIAL_COMMUNICATION)
        steps.run_or_skip(
            key,
            partial(tl.compare_spatial, steps.adata, key_added=key, **options),
            key=key,
            params={**options, "key": keys.SPATIAL_COMMUNICATION, "run": run},
        )


def _design(columns: Columns) -> dict[str, Any]:
    """Columns of the design that are there."""
    return {name: column for name, column in columns.design.items() if column is not None}


def _stored(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they are stored with a result: the name of the coordinates is filled in."""
    return {**options, "spatial_key": options["spatial_key"] or keys.SPATIAL}


def _drawn(config: SpatialConfig) -> int:
    """The seed that the tools of sections draw from the one they are given, and store."""
    return int(validate.generator(config.seed).integers(2**31))
