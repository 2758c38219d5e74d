"""The steps recipes share: from the data as they come to cells with compartments, and the design check."""

from __future__ import annotations

from typing import Any

import anndata as ad
import pandas as pd

from niche import pp, tl
from niche._settings import settings
from niche._slots import keys, matrix, validate
from niche.errors import InputValueError
from niche.recipes import excluded
from niche.recipes.columns import Columns, called_from_expression
from niche.recipes.config import AmbientConfig, InputConfig, RecipeConfig
from niche.recipes.steps import Steps

NO_COUNTS = "the data hold log values and no raw counts; X is used as it is"


def own_copy(adata: ad.AnnData, config: InputConfig) -> ad.AnnData:
    """Copy the data; raw counts of another layer go where every step looks for them."""
    validate.filled(adata)
    adata = adata.to_memory(copy=True) if adata.isbacked else adata.copy()
    if config.layer is not None and config.layer != keys.COUNTS:
        values = matrix.resolve(adata, config.layer, "counts").values
        if keys.RECIPE not in adata.uns or not matrix.has_counts(adata):
            adata.layers[keys.COUNTS] = values.copy()
    return adata


def harmonize(steps: Steps, config: RecipeConfig) -> None:
    """Bring genes to current symbols."""
    steps.run(
        "harmonize_genes",
        lambda: pp.harmonize_genes(steps.adata, organism=config.organism),
        key=keys.GENES,
        params={"organism": config.organism},
    )


def judge_cells(steps: Steps, config: RecipeConfig, columns: Columns) -> pd.DataFrame:
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
    steps.left_out = table if before is None else before
    if before is not None and n == 0:
        steps.skip(name, f"{int(before['n_excluded'].sum())} cells were left out by an earlier run")
        return before
    if n == 0:
        steps.skip(
            name, "no cell fails for a reason in qc.exclude" if config.qc.exclude else "qc.exclude is empty"
        )
        return steps.left_out
    steps.adata = steps.adata[~leave].copy()
    steps.left_out = table if before is None else excluded.added(before, table)
    steps.done(name, f"{n} of {leave.size} cells, for: {', '.join(config.qc.exclude)}")
    return steps.left_out


def normalize(steps: Steps) -> None:
    """Bring counts to log values, where there are counts."""
    if not matrix.has_counts(steps.adata) and matrix.detect_kind(steps.adata) == "lognorm":
        steps.skip("normalize", NO_COUNTS)
        return
    steps.run(
        "normalize",
        lambda: pp.normalize(steps.adata),
        key=keys.NORMALIZE,
        params={"target_sum": 1e4, "layer": None},
    )


def given_compartments(steps: Steps, columns: Columns) -> str | None:
    """The compartment column that came with the data, noted; None when there is none."""
    if columns.compartment is not None:
        steps.skip("call_compartments", f"compartments are given in obs[{columns.compartment!r}]")
    return columns.compartment


def called_before(steps: Steps, config: RecipeConfig, columns: Columns) -> str | None:
    """The compartment column that an earlier run called from expression, unless labels are given now."""
    labelled = columns.malignant is not None or bool(config.input.compartments)
    if labelled or not called_from_expression(steps.adata):
        return None
    steps.resume("call_compartments", "called from copy number and lineage markers by an earlier run")
    return settings.compartment_key


def compartments_by_labels(
    steps: Steps, config: RecipeConfig, columns: Columns, *, anew: bool = False
) -> str:
    """Call compartments from the author's labels; returns their column.

    ``anew`` says that the copy-number profile has changed, so that a stored result no longer fits.
    """
    present = set(steps.adata.obs[columns.cell_type].astype(str))
    labels = {name: where for name, where in config.input.compartments.items() if name in present}
    options: dict[str, Any] = {
        "malignant_key": columns.malignant,
        "groupby": columns.cell_type,
        "sample_key": columns.sample,
        "organ_key": columns.organ,
        "organism": config.organism,
    }
    steps.run(
        "call_compartments",
        lambda: tl.call_compartments(
            steps.adata,
            labels=labels or None,
            compartment_key=settings.compartment_key,
            n_jobs=config.n_jobs,
            **options,
        ),
        key=keys.COMPARTMENTS,
        params={**options, "label_types": list(labels), "label_compartments": list(labels.values())},
        fits=lambda stored: not anew,
    )
    return settings.compartment_key


def check(steps: Steps, config: RecipeConfig, columns: Columns, compartment: str | None) -> None:
    """Say what the study can answer."""
    options: dict[str, Any] = {
        **columns.design,
        "compartment_key": compartment,
        "organism": config.organism,
        "min_cells": config.least_cells,
    }
    known = {name: value for name, value in options.items() if value is not None}
    groupby = {} if columns.cell_type is None else {"groupby": columns.cell_type}
    steps.run(
        "check",
        lambda: pp.check(steps.adata, columns.cell_type, **options),
        key=keys.DESIGN,
        params={**known, **groupby},
    )


def ambient(
    steps: Steps, config: RecipeConfig, wanted: AmbientConfig, columns: Columns, compartment: str
) -> None:
    """Estimate how much of every sample is RNA of other cells, where there are counts."""
    if not wanted.run:
        steps.skip("ambient", "ambient.run is false")
        return
    if not matrix.has_counts(steps.adata):
        steps.skip("ambient", NO_COUNTS)
        return
    options: dict[str, Any] = {
        **{name: column for name, column in columns.design.items() if column is not None},
        "min_cells": config.least_cells,
        "max_share": wanted.max_share,
    }
    groupby = columns.cell_type or compartment
    steps.run(
        "ambient",
        lambda: pp.ambient(steps.adata, groupby, n_jobs=config.n_jobs, **options),
        key=keys.AMBIENT,
        params={**options, "groupby": groupby},
    )
