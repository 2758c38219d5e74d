"""Steps that compare genes and composition between organs, and join everything into the account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from niche import tl
from niche._slots import keys, parts, read
from niche.errors import InputValueError
from niche.recipes.columns import Columns
from niche.recipes.organotropism_config import OrganotropismConfig
from niche.recipes.steps import SKIPPED, Steps
from niche.tl import _account_parts, _account_screen

PARTS = {
    "programs": keys.COMPARE_PROGRAMS, "edges": keys.COMPARE_COMMUNICATION,
    "expression": keys.COMPARE_EXPRESSION, "signatures": keys.SIGNATURES, "composition": keys.COMPOSITION,
}  # fmt: skip
"""Part of the account and its slot, which is the name of its step but for:"""
STEPS = {"signatures": "score_signatures"}
OFF = " is false"
"""How the reason of a step ends that the settings switch off."""


def read_screen(config: OrganotropismConfig) -> pd.DataFrame | None:
    """The table of screening hits that was named, None without one."""
    if config.account.screen is None:
        return None
    path = Path(config.account.screen).expanduser()
    try:
        table = pd.read_csv(path, sep="," if path.suffix == ".csv" else "\t")
    except (OSError, ValueError) as error:
        raise InputValueError(f"account.screen: cannot read {str(path)!r}: {error}.") from error
    return _account_screen.parsed(table)


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


def offers(steps: Steps, config: OrganotropismConfig, columns: Columns, compartment: str) -> None:
    """Ask which niches offer partners to what primary tumors express, where there are primary tumors."""
    name = "compatibility"
    met = set() if columns.tissue is None else set(steps.adata.obs[columns.tissue].astype(str))
    if "primary" not in met:
        steps.adata.uns.pop(keys.COMPATIBILITY, None)
        steps.skip(name, "there are no primary tumors")
        return
    options: dict[str, Any] = columns.design | {
        "tissues": ["metastasis" if "metastasis" in met else "normal"],
        "compartment_key": compartment, "organism": config.organism, "rng": config.seed,
        "min_cells": config.communication.min_cells,
    }  # fmt: skip
    steps.run_or_skip(
        name,
        lambda: tl.compatibility(steps.adata, groupby=columns.cell_type, n_jobs=config.n_jobs, **options),
        key=keys.COMPATIBILITY,
        params={**options, "groupby": columns.cell_type},
    )


def join(steps: Steps, config: OrganotropismConfig, screen: pd.DataFrame | None) -> list[str]:
    """Join what was found into the account; what could not be run is left out and says why. Returns notes."""
    adata = steps.adata
    off = {name for name, status, why in steps.rows if status == SKIPPED and why.endswith(OFF)}
    there: dict[str, Any] = {
        part: key if read.is_current(adata, key, {}) and STEPS.get(part, key) not in off else None
        for part, key in PARTS.items()
    }
    if not any(there.values()):
        steps.skip("tropism", "no part of the account could be run")
        return []
    missing, notes = _missing(steps, there), []
    if screen is not None:
        try:
            screen = _account_screen.checked(screen, adata, list(_account_parts.organs_of(adata, there)))
        except InputValueError as error:
            screen, notes = None, [f"the account has no screen beside it: {error}"]
    told = [f"{part}: {why}" for part, why in missing.items()]
    steps.run_or_skip(
        "tropism",
        lambda: tl.tropism(adata, screen=screen, missing=missing, organism=config.organism, **there),
        key=keys.TROPISM,
        params={**there, "organism": config.organism, "n_screen": 0, "missing": told},
        fits=lambda stored: screen is None and not parts.changed_of(adata, stored["parts"]),
    )
    return notes


def _missing(steps: Steps, there: dict[str, Any]) -> dict[str, str]:
    """Part that could not be run to the reason; parts that were switched off have none."""
    said = {name: why for name, status, why in steps.rows if status == SKIPPED}
    names = {part: STEPS.get(part, key) for part, key in PARTS.items() if there[part] is None}
    return {
        part: said[name]
        for part, name in names.items()
        if name in said and not said[name].endswith(OFF)
    }


def _tests(config: OrganotropismConfig, columns: Columns, compartment: str) -> dict[str, Any]:
    """Arguments that every comparison of organs takes."""
    design = {name: column for name, column in columns.design.items() if column is not None}
    return design | {
        "covariates": config.compare.covariates, "patients": config.compare.patients,
        "compartment_key": compartment,
    }  # fmt: skip
