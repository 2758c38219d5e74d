"""From an AnnData to ligand-receptor communication per organ, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata as ad
import pandas as pd

from niche import pp, resources, tl
from niche._settings import settings
from niche._slots import keys, matrix
from niche.errors import InputTypeError, InputValueError
from niche.recipes import excluded
from niche.recipes.columns import Columns, resolve
from niche.recipes.config import CommunicationConfig, load_config
from niche.recipes.steps import Steps

NAME = "communication_by_organ"
NO_COUNTS = "the data hold log values and no raw counts; X is used as it is"


def communication_by_organ(
    adata: ad.AnnData, config: CommunicationConfig | Mapping[str, Any] | str | Path | None = None
) -> ad.AnnData:
    """Run everything from a data set to its ligand-receptor edges per organ.

    The sequence is :func:`niche.pp.harmonize_genes`, :func:`niche.pp.qc`, leaving out cells that fail it,
    :func:`niche.pp.normalize` (skipped for log values), :func:`niche.tl.call_compartments` (skipped when a
    compartment column is given), :func:`niche.pp.check`, :func:`niche.tl.cluster` and
    :func:`niche.tl.communication`. Give the result to run again with other settings: steps whose stored
    result fits the data and the settings are not computed anew.

    Parameters
    ----------
    adata
        Cells x genes, raw counts or log1p-normalised values; never changed.
    config
        :class:`CommunicationConfig`, a dict, the path of a TOML file, or None for the defaults.

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
    ['cluster', 'communication']
    """
    config = load_config(config)
    adata = _own_copy(adata, config)
    columns = resolve(adata, config.input)
    steps = Steps(adata, n_steps=8)
    with steps.progress(NAME):
        _harmonize(steps, config)
        left_out = _qc(steps, config, columns)
        _normalize(steps, config)
        compartment = _compartments(steps, config, columns)
        _check(steps, config, columns, compartment)
        _cluster(steps, config, columns, compartment)
        _communication(steps, config, columns, compartment)
    used = config.model_dump(exclude={"n_jobs", "notes"})
    notes = [*dict.fromkeys([*config.notes, *columns.notes])]
    steps.store(name=NAME, params=used, payload={"notes": notes, "excluded": left_out})
    return steps.adata


def _own_copy(adata: ad.AnnData, config: CommunicationConfig) -> ad.AnnData:
    """Copy the data; raw counts of another layer go where every step looks for them."""
    if not isinstance(adata, ad.AnnData):
        raise InputTypeError(
            f"adata must be an AnnData. Got {type(adata).__module__}.{type(adata).__name__}. Read a file "
            "with anndata.read_h5ad(path)."
        )
    if adata.n_obs == 0 or adata.n_vars == 0:
        raise InputValueError(
            f"adata is empty: {adata.n_obs} cells x {adata.n_vars} genes. Check the filters applied before."
        )
    adata = adata.to_memory(copy=True) if adata.isbacked else adata.copy()
    layer = config.input.layer
    if layer is not None and layer != keys.COUNTS:
        values = matrix.resolve(adata, layer, "counts").values
        if keys.RECIPE not in adata.uns or not matrix.has_counts(adata):
            adata.layers[keys.COUNTS] = values.copy()
    return adata


def _harmonize(steps: Steps, config: CommunicationConfig) -> None:
    steps.run(
        "harmonize_genes",
        lambda: pp.harmonize_genes(steps.adata, organism=config.organism),
        key=keys.GENES,
        params={"organism": config.organism},
    )


def _qc(steps: Steps, config: CommunicationConfig, columns: Columns) -> pd.DataFrame:
    """Judge the cells, leave out those that fail for a named reason, and count them."""
    options = config.qc.model_dump(exclude={"exclude"})
    before = excluded.left_out_before(steps.adata, columns)
    steps.run(
        "qc",
        lambda: pp.qc(steps.adata, sample_key=columns.sample, rng=config.seed, **options),
        key=keys.QC,
        params={"sample_key": columns.sample, "rng": config.seed, **options},
        fits=lambda stored: excluded.judged_these(steps.adata, stored, columns.sample, before),
    )
    leave = excluded.failing(steps.adata, config.qc.exclude)
    table = excluded.count(steps.adata, columns, leave)
    name, n = "leave out failing cells", int(leave.sum())
    if n == leave.size:
        raise InputValueError(
            "every cell fails quality control (adata.obs['qc_reason'] of niche.pp.qc says why). Loosen "
            "qc.n_mads or qc.max_pct_mt, or shorten qc.exclude."
        )
    if before is not None and n == 0:
        steps.skip(name, f"{int(before['n_excluded'].sum())} cells were left out by an earlier run")
        return before
    if n == 0:
        steps.skip(
            name, "no cell fails for a reason in qc.exclude" if config.qc.exclude else "qc.exclude is empty"
        )
        return table
    steps.adata = steps.adata[~leave].copy()
    steps.done(name, f"{n} of {leave.size} cells, for: {', '.join(config.qc.exclude)}")
    return table if before is None else excluded.added(before, table)


def _normalize(steps: Steps, config: CommunicationConfig) -> None:
    if not matrix.has_counts(steps.adata) and matrix.detect_kind(steps.adata) == "lognorm":
        steps.skip("normalize", NO_COUNTS)
        return
    steps.run(
        "normalize",
        lambda: pp.normalize(steps.adata),
        key=keys.NORMALIZE,
        params={"target_sum": 1e4, "layer": None},
    )


def _compartments(steps: Steps, config: CommunicationConfig, columns: Columns) -> str:
    """Compartment column; called from the author's labels unless one is given."""
    if columns.compartment is not None:
        steps.skip("call_compartments", f"compartments are given in obs[{columns.compartment!r}]")
        return columns.compartment
    present = set(steps.adata.obs[columns.cell_type].astype(str))
    labels = {name: where for name, where in config.input.compartments.items() if name in present}
    options: dict[str, Any] = {
        "malignant_key": columns.malignant,
        "groupby": columns.cell_type,
        "sample_key": columns.sample,
    }
    steps.run(
        "call_compartments",
        lambda: tl.call_compartments(
            steps.adata, labels=labels or None, compartment_key=settings.compartment_key, **options
        ),
        key=keys.COMPARTMENTS,
        params={**options, "label_types": list(labels), "label_compartments": list(labels.values())},
    )
    return settings.compartment_key


def _check(steps: Steps, config: CommunicationConfig, columns: Columns, compartment: str) -> None:
    options: dict[str, Any] = {
        **columns.design,
        "compartment_key": compartment,
        "organism": config.organism,
        "min_cells": config.communication.min_cells,
    }
    known = {name: value for name, value in options.items() if value is not None}
    steps.run(
        "check",
        lambda: pp.check(steps.adata, columns.cell_type, **options),
        key=keys.DESIGN,
        params={**known, "groupby": columns.cell_type},
    )


def _cluster(steps: Steps, config: CommunicationConfig, columns: Columns, compartment: str) -> None:
    if not config.cluster.run:
        steps.skip("cluster", "cluster.run is false")
        return
    options: dict[str, Any] = {
        "resolution": config.cluster.resolution,
        "sample_key": columns.sample,
        "compartment_key": compartment,
        "rng": config.seed,
    }
    steps.run("cluster", lambda: tl.cluster(steps.adata, **options), key=keys.CLUSTER, params=options)


def _communication(steps: Steps, config: CommunicationConfig, columns: Columns, compartment: str) -> None:
    options = config.communication.model_dump(exclude={"resource"})
    options["null"] = None if config.communication.null == "none" else config.communication.null
    options |= columns.design
    options |= {"compartment_key": compartment, "organism": config.organism, "rng": config.seed}
    known = {name: value for name, value in options.items() if name != "tissue_key" or value is not None}
    sha256 = str(resources.ligand_receptor(config.communication.resource, config.organism).attrs["sha256"])
    steps.run(
        "communication",
        lambda: tl.communication(
            steps.adata,
            columns.cell_type,
            resource=config.communication.resource,
            n_jobs=config.n_jobs,
            **options,
        ),
        key=keys.COMMUNICATION,
        params={**known, "groupby": columns.cell_type},
        fits=lambda stored: sha256 in str(stored["params"]["resource"]),
    )
