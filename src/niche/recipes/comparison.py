"""The step that compares organs: goes on and says why where nothing can be compared."""

from __future__ import annotations

from typing import Any

import anndata as ad

from niche import tl
from niche._slots import keys, validate
from niche.errors import InputValueError, MissingKeyError
from niche.recipes.columns import Columns
from niche.recipes.config import CommunicationConfig, OrganTestConfig
from niche.recipes.organotropism_config import OrganotropismConfig
from niche.recipes.steps import Steps

NAME = "compare_communication"


def check_covariates(adata: ad.AnnData, config: OrganTestConfig, columns: Columns) -> None:
    """Refuse covariates that are no column, or vary within a sample, before anything is computed."""
    if not config.run:
        return
    sample = adata.obs[columns.sample].astype(str)
    for name in config.covariates:
        if name not in adata.obs.columns:
            raise MissingKeyError(
                f"column {name!r} not found in adata.obs.{validate.meant(name, adata.obs.columns)} "
                f"Available: {validate.shown(adata.obs.columns)}. "
                "compare.covariates names columns with one value per sample."
            )
        several = adata.obs.groupby(sample, observed=True)[name].nunique(dropna=False) > 1
        if several.any():
            raise InputValueError(
                f"compare.covariates: {name!r} has several values in sample "
                f"{validate.shown(several.index[several])}. A covariate has one value per sample."
            )


def compare_organs(steps: Steps, config: CommunicationConfig | OrganotropismConfig, *, anew: bool) -> None:
    """Compare the edges between organs; ``anew`` says that the edges are new ones."""
    if anew:
        steps.adata.uns.pop(keys.COMPARE_COMMUNICATION, None)
    if not config.compare.run:
        steps.skip(NAME, "compare.run is false")
        return
    named = {"covariates", "patients", "n_permutations"}
    options: dict[str, Any] = config.compare.model_dump(include=named) | {"rng": config.seed}
    steps.run_or_skip(
        NAME,
        lambda: tl.compare_communication(steps.adata, n_jobs=config.n_jobs, **options),
        key=keys.COMPARE_COMMUNICATION,
        params={"key": keys.COMMUNICATION, **options},
    )
