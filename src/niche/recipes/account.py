"""Steps that compare genes and composition between organs, and join everything into the account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from niche import tl
from niche._slots import keys, read
from niche.errors import InputValueError
from niche.recipes.columns import Columns
from niche.recipes.organotropism_config import OrganotropismConfig
from niche.recipes.steps import Steps

PARTS = {
    "programs": keys.COMPARE_PROGRAMS, "edges": keys.COMPARE_COMMUNICATION,
    "expression": keys.COMPARE_EXPRESSION, "signatures": keys.SIGNATURES, "composition": keys.COMPOSITION,
}  # fmt: skip
"""Part of the account and its slot."""


def read_screen(config: OrganotropismConfig) -> pd.DataFrame | None:
    """The table of screening hits that was named, None without one."""
    if config.account.screen is None:
        return None
    path = Path(config.account.screen).expanduser()
    try:
        return pd.read_csv(path, sep="," if path.suffix == ".csv" else "\t")
    except (OSError, ValueError) as error:
        raise InputValueError(f"account.screen: cannot read {str(path)!r}: {error}.") from error


def compare_genes(steps: Steps, config: OrganotropismConfig, columns: Columns, compartment: str) -> None:
    """Compare every gene of every cell type between organs."""
    if not config.account.genes:
        steps.skip("compare_expression", "account.genes is false")
        return
    options = _tests(config, columns, compartment) | {
        "level": config.communication.level, "expr_prop": config.communication.expr_prop,
        "min_cells": config.communication.min_cells, "tissues": config.communication.tissues,
    }  # fmt: skip
    steps.run_or_skip(
        "compare_expression",
        lambda: tl.compare_expression(steps.adata, columns.cell_type, n_jobs=config.n_jobs, **options),
        key=keys.COMPARE_EXPRESSION,
        params={**options, "groupby": columns.cell_type},
    )


def compare_composition(
    steps: Steps, config: OrganotropismConfig, columns: Columns, compartment: str
) -> None:
    """Compare the shares of cell types between organs."""
    if not config.account.composition:
        steps.skip("composition", "account.composition is false")
        return
    options = _tests(config, columns, compartment)
    steps.run_or_skip(
        "composition",
        lambda: tl.composition(steps.adata, columns.cell_type, **options),
        key=keys.COMPOSITION,
        params={**options, "groupby": columns.cell_type},
    )


def join(steps: Steps, config: OrganotropismConfig, screen: pd.DataFrame | None) -> None:
    """Join what was found into the account; what was not found is left out and said to be."""
    adata = steps.adata
    there: dict[str, Any] = {part: key if key in read.ours(adata) else None for part, key in PARTS.items()}
    missing = [key for part, key in PARTS.items() if there[part] is None]
    if missing == list(PARTS.values()):
        steps.skip("tropism", "no part of the account could be run")
        return
    identities = [read.identity(adata, key) for key in PARTS.values()]
    params = {**there, "organism": config.organism, "n_screen": 0 if screen is None else len(screen)}
    steps.run_or_skip(
        "tropism",
        lambda: tl.tropism(adata, screen=screen, organism=config.organism, **there),
        key=keys.TROPISM,
        params=params,
        fits=lambda stored: _same_parts(stored, identities) and screen is None,
    )


def _same_parts(stored: Any, identities: list[str]) -> bool:
    """Whether an account was joined from these very results."""
    return list(stored["parts"]["identity"].astype(str)) == [one for one in identities if one]


def _tests(config: OrganotropismConfig, columns: Columns, compartment: str) -> dict[str, Any]:
    """Arguments that every comparison of organs takes."""
    design = {name: column for name, column in columns.design.items() if column is not None}
    return design | {
        "covariates": config.compare.covariates, "patients": config.compare.patients,
        "compartment_key": compartment,
    }  # fmt: skip
