"""Copy number and compartments in the order that the labels at hand ask for."""

from __future__ import annotations

from typing import Any

import anndata as ad

from niche import resources, tl
from niche._settings import settings
from niche._slots import keys, validate
from niche.errors import InputValueError
from niche.recipes.columns import Columns
from niche.recipes.malignancy_config import MalignancyConfig
from niche.recipes.preparation import called_before, compartments_by_labels, given_compartments
from niche.recipes.steps import Steps

NORMAL = ("immune", "stromal", "endothelial")
"""Compartments whose cells are compared with: found in every organ, and normal in most tumors."""

MADE_BY_THE_CALL = "cnv_by_markers"
"""No profile is stored under this name, so that the call makes its own against cells known by markers."""

LEAST_REFERENCE = 20
"""Cells of a type below which its name is not taken as a reference."""


def copy_number_and_compartments(
    steps: Steps, config: MalignancyConfig, columns: Columns
) -> tuple[str, list[str]]:
    """Run ``infer_cnv`` and ``call_compartments``; returns the compartment column and notes.

    Where normal cells are known beforehand the profile comes first and the call reads it; else the call
    finds them by their markers, and the profile that is kept is made against what it called.
    """
    notes: list[str] = []
    if columns.compartment is not None and config.compartments.evidence != "expression":
        steps_column = columns.compartment
        _infer(steps, config, columns, steps_column, _present(steps, steps_column, NORMAL), asked=False)
        given = given_compartments(steps, columns)
        assert given is not None  # by the condition above
        return given, notes
    if columns.compartment is not None:
        notes.append(
            f"compartments are called from expression, as asked; those of obs[{columns.compartment!r}] are "
            "not used"
        )
    by_labels, why = labels_decide(steps.adata, config, columns)
    notes += [why] if why else []
    key, reference = _reference(steps, config, columns)
    if reference:
        anew = _infer(steps, config, columns, key, reference, asked=config.cnv.reference is not None)
        if by_labels:
            return compartments_by_labels(steps, config, columns, anew=anew), notes
        return _by_expression(steps, config, columns, keys.CNV, anew=anew), notes
    if by_labels:
        steps.skip("infer_cnv", f"no cell type of at least {LEAST_REFERENCE} cells is known as normal")
        return compartments_by_labels(steps, config, columns), notes
    called = _by_expression(steps, config, columns, MADE_BY_THE_CALL, anew=False)
    _infer(steps, config, columns, called, _present(steps, called, NORMAL), asked=False)
    return called, notes


def tumor_and_host(
    steps: Steps, config: MalignancyConfig, columns: Columns
) -> tuple[str, list[str]]:
    """Compartment column and notes; copy number is looked at only where it has to decide."""
    evidence = config.compartments.evidence
    if evidence == "expression":
        return copy_number_and_compartments(steps, config, columns)
    known = given_compartments(steps, columns)
    if evidence == "auto" and known is None:
        known = called_before(steps, config, columns)
    if known is not None:
        return known, []
    if labels_decide(steps.adata, config, columns)[0]:
        return compartments_by_labels(steps, config, columns), []
    return copy_number_and_compartments(steps, config, columns)


def labels_decide(adata: ad.AnnData, config: MalignancyConfig, columns: Columns) -> tuple[bool, str]:
    """Whether labels decide, and a note where that is no matter of course."""
    wanted = config.compartments.evidence
    if wanted == "expression":
        return False, ""
    if columns.cell_type is None:
        if wanted == "labels" or columns.malignant is not None:
            raise InputValueError(
                "calling compartments from labels needs cell types, and there is no column of them. Name it "
                "with input.cell_type (--cell-type), or ask for compartments.evidence = 'expression'."
            )
        return False, ""
    if wanted == "labels" or columns.malignant is not None:
        return True, ""
    names = set(adata.obs[columns.cell_type].astype(str))
    if any(_compartment_of(name, config) == "tumor" for name in names):
        return True, ""
    return False, (
        f"no label in obs[{columns.cell_type!r}] says which cells are malignant: they are called from copy "
        "number and lineage markers"
    )


def _compartment_of(name: str, config: MalignancyConfig) -> str:
    """Compartment of a cell type: as the user says, else by its name."""
    known = resources.classify_cell_type(name)
    return config.input.compartments.get(name, known[0] if known else "")


def _reference(steps: Steps, config: MalignancyConfig, columns: Columns) -> tuple[str, list[str]]:
    """Column and categories of normal cells, empty when only markers can tell."""
    obs = steps.adata.obs
    if config.cnv.reference is not None:
        key = config.cnv.reference_key or columns.cell_type
        if key is None:
            raise InputValueError(
                "cnv.reference names categories; say of which column with cnv.reference_key."
            )
        validate.factor(steps.adata, key, "reference_key")
        return key, list(config.cnv.reference)
    if columns.cell_type is None:
        return "", []
    counts = obs[columns.cell_type].astype(str).value_counts()
    names = [str(name) for name, n in counts.items() if n >= LEAST_REFERENCE]
    if columns.malignant is not None:
        malignant = obs[columns.malignant].astype(str).str.lower().isin(("true", "1", "1.0"))
        tainted = set(obs.loc[malignant, columns.cell_type].astype(str))
        names = [name for name in names if name not in tainted]
    return columns.cell_type, sorted(name for name in names if _compartment_of(name, config) in NORMAL)


def _present(steps: Steps, column: str, wanted: tuple[str, ...]) -> list[str]:
    counts = steps.adata.obs[column].astype(str).value_counts()
    return [name for name in wanted if counts.get(name, 0) >= LEAST_REFERENCE]


def _infer(
    steps: Steps,
    config: MalignancyConfig,
    columns: Columns,
    key: str,
    reference: list[str],
    *,
    asked: bool,
) -> bool:
    """Infer copy number against a reference; returns whether the profile is a new one.

    Where the reference was ``asked`` for, what is wrong with it is an error; else the reason to do without.
    """
    if not reference:
        steps.skip("infer_cnv", f"fewer than {LEAST_REFERENCE} cells are known as normal")
        return False
    options: dict[str, Any] = {
        "reference_key": key,
        "reference": reference,
        "sample_key": columns.sample,
        "organism": config.organism,
    }
    try:
        return steps.run(
            "infer_cnv",
            lambda: tl.infer_cnv(steps.adata, n_jobs=config.n_jobs, **options),
            key=keys.CNV,
            params=options,
            fits=lambda stored: f"X_{keys.CNV}" in steps.adata.obsm,
        )
    except InputValueError as error:
        if asked:
            raise
        steps.skip("infer_cnv", str(error))
        return False


def _by_expression(
    steps: Steps, config: MalignancyConfig, columns: Columns, cnv_key: str, *, anew: bool
) -> str:
    """Call compartments from copy number and lineage markers; returns their column."""
    options: dict[str, Any] = {
        "evidence": "expression",
        "cnv_key": cnv_key,
        "sample_key": columns.sample,
        "organ_key": columns.organ,
        "organism": config.organism,
        "tumor_from": config.compartments.tumor_from,
        "host_below": config.compartments.host_below,
        "compartment_key": settings.compartment_key,
    }
    steps.run(
        "call_compartments",
        lambda: tl.call_compartments(steps.adata, n_jobs=config.n_jobs, **options),
        key=keys.COMPARTMENTS,
        params=options,
        fits=lambda stored: not anew,
    )
    return settings.compartment_key
