"""What a recipe would do with a data set, and about how long that takes; nothing is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anndata as ad
import pandas as pd

from niche._slots import keys, matrix, read, spatial_codes
from niche.errors import InputValueError
from niche.recipes.columns import Columns, resolve
from niche.recipes.load import AnyConfig, load_config
from niche.recipes.malignancy import labels_decide
from niche.recipes.malignancy_config import MalignancyConfig
from niche.recipes.multiverse_config import MultiverseConfig
from niche.recipes.preparation import NO_COUNTS, own_copy
from niche.recipes.spatial import resolved, why_no_call, why_no_contacts, why_not_compared
from niche.recipes.spatial_config import SpatialConfig
from niche.recipes.steps import SKIPPED
from niche.recipes.xenograft import SYMBOLS, animals
from niche.recipes.xenograft_config import XenograftConfig

RUN, STORED, IF_POSSIBLE = "run", "kept where it fits", "run if the data allow it"


@dataclass(frozen=True)
class Step:
    """A step of a recipe.

    Attributes
    ----------
    does
        What it does.
    key
        Slot of its result.
    base, per_cell
        Seconds of one core: for any data, and for every thousand cells on top.
    """

    does: str
    key: str
    base: float
    per_cell: float


LEAVE = "leave out failing cells"
STEPS = {
    "split_species": Step("human and mouse cells", keys.SPECIES, 2, 0.3),
    keys.ORTHOLOGS: Step("one gene space of both species", keys.ORTHOLOGS, 1, 0.2),
    "harmonize_genes": Step("current gene symbols", keys.GENES, 0.5, 0.05),
    "qc": Step("outliers and doublets of every sample", keys.QC, 1, 2.5),
    LEAVE: Step("cells that fail for a reason in qc.exclude", "", 0, 0.01),
    "normalize": Step("log1p of counts per ten thousand", keys.NORMALIZE, 0.1, 0.03),
    "infer_cnv": Step("copy number along the genome", keys.CNV, 3, 0.3),
    "call_compartments": Step("tumor and host", keys.COMPARTMENTS, 2, 0.5),
    "integrate": Step("one embedding of the host cells of all patients", keys.INTEGRATE, 5, 2),
    "cluster": Step("clusters of every compartment, and their map", keys.CLUSTER, 8, 3),
    "annotate": Step("names of cells by markers", keys.ANNOTATE, 1, 0.3),
    "check": Step("what the design can answer", keys.DESIGN, 1, 0.05),
    "ambient": Step("RNA that leaked from other cells", keys.AMBIENT, 2, 0.1),
    "communication": Step("ligand-receptor edges of every organ", keys.COMMUNICATION, 6, 0.5),
    "compare_communication": Step("edges between organs, over patients", keys.COMPARE_COMMUNICATION, 12, 0.1),
    "compare_expression": Step("genes between organs, over patients", keys.COMPARE_EXPRESSION, 8, 0.2),
    "composition": Step("shares of cell types between organs", keys.COMPOSITION, 1, 0.01),
    "programs": Step("programs of malignant cells", keys.PROGRAMS, 20, 10),
    "compare_programs": Step("programs between organs, over patients", keys.COMPARE_PROGRAMS, 3, 0.2),
    "score_signatures": Step("signatures in malignant cells", keys.SIGNATURES, 2, 0.3),
    "compatibility": Step("partners that niches offer to primary tumors", keys.COMPATIBILITY, 2, 0.1),
    "tropism": Step("seed and soil of every organ", keys.TROPISM, 2, 0),
    keys.TOUCHING: Step("cell types that touch in sections", keys.TOUCHING, 4, 0.5),
    keys.SPATIAL_COMMUNICATION: Step(
        "pairs in every section and across its border", keys.SPATIAL_COMMUNICATION, 5, 1
    ),
    **{
        key: Step(f"pairs of sections over patients: {statistic.replace('_', ' ')}", key, 1, 0)
        for statistic, key in spatial_codes.COMPARED.items()
    },
}
"""Step -> what it does and takes."""

_START = ("harmonize_genes", "qc", LEAVE, "normalize")
_EDGES = ("communication", "compare_communication")
_PROGRAMS = ("programs", "compare_programs", "score_signatures")
SEQUENCES: dict[str, tuple[str, ...]] = {
    "communication_by_organ": (*_START, "call_compartments", "check", "ambient", "cluster", *_EDGES),
    "tumor_stroma": (
        *_START, "infer_cnv", "call_compartments", "integrate", "cluster", "annotate", "ambient", "check",
    ),
    "programs_across_sites": (
        *_START, "infer_cnv", "call_compartments", "check", "ambient", *_PROGRAMS,
    ),
    "organotropism": (
        *_START, "infer_cnv", "call_compartments", "cluster", "annotate", "check", "ambient", *_EDGES,
        "compare_expression", "composition", *_PROGRAMS, "compatibility", "tropism",
    ),
    "xenograft": (
        "split_species", keys.ORTHOLOGS, *_START, "call_compartments", "cluster", "annotate", "check",
        "ambient", *_EDGES,
    ),
    "spatial": (
        *_START, "call_compartments", "check", keys.TOUCHING, keys.SPATIAL_COMMUNICATION,
        *spatial_codes.COMPARED.values(),
    ),
}  # fmt: skip
"""Recipe -> its steps, in order."""

_MAY_FAIL = {
    *_EDGES[1:], "compare_expression", "composition", *_PROGRAMS[1:], "compatibility", "tropism",
    keys.TOUCHING, *spatial_codes.COMPARED.values(),
}  # fmt: skip
_SWITCHES = {
    "ambient": "ambient.run", "cluster": "cluster.run", "annotate": "annotate.run",
    "integrate": "integrate.run", "compare_communication": "compare.run", "compare_programs": "compare.run",
    "score_signatures": "signatures.run", "compare_expression": "account.genes",
    "composition": "account.composition",
}  # fmt: skip


def plan(adata: ad.AnnData, config: AnyConfig | Mapping[str, Any] | str | Path | None = None) -> pd.DataFrame:
    """Say what a recipe would do with a data set, step by step, without doing it.

    Columns and settings are checked as the recipe checks them. Times are those of one core of a laptop in
    2026, from runs of 2,700 and of tens of thousands of cells: an order of magnitude, no promise. How many
    cells fail quality control is known only after it has run.

    Parameters
    ----------
    adata
        Cells x genes; not changed.
    config
        The settings of any recipe that begins with data, in any form; ``None`` is
        :func:`niche.recipes.communication_by_organ` with its defaults.

    Returns
    -------
    DataFrame
        One row per step: ``step``, ``does``, ``state`` (``run``, ``run if the data allow it``, ``kept where
        it fits`` where a result is stored, ``skipped``), ``reason``, ``n_cells`` (at most), ``seconds``
        (0 for what is skipped).

    Raises
    ------
    InputTypeError, MissingKeyError, InputValueError
        As the recipe raises them; for settings of :func:`niche.recipes.multiverse`, which goes on from a
        result.

    Examples
    --------
    >>> import niche
    >>> steps = niche.recipes.plan(niche.datasets.demo(), {"cluster": {"run": False}})
    >>> steps.set_index("step").loc[["normalize", "cluster"], "state"].tolist()
    ['run', 'skipped']
    """
    asked = load_config(config)
    if isinstance(asked, MultiverseConfig):
        raise InputValueError(
            "the recipe multiverse goes on from a result and has no plan; niche.get.multiverse lists its "
            "universes."
        )
    adata = own_copy(adata, asked.input)
    if isinstance(asked, XenograftConfig):
        animals(adata, asked)
    if isinstance(asked, SpatialConfig):
        columns = resolved(adata, asked)
    else:
        columns = resolve(adata, asked.input, named_cells=asked.recipe == "communication_by_organ")
    stored = set(read.ours(adata))
    rows = []
    for name in _sequence(adata, asked, columns):
        step, reason = STEPS[name], _left_out(name, adata, asked, columns)
        state = RUN if name not in _MAY_FAIL else IF_POSSIBLE
        state = SKIPPED if reason else STORED if step.key in stored else state
        seconds = 0.0 if reason else step.base + step.per_cell * adata.n_obs / 1000
        rows.append((name, step.does, state, reason, 0 if reason else adata.n_obs, round(seconds, 1)))
    return pd.DataFrame(rows, columns=["step", "does", "state", "reason", "n_cells", "seconds"])


def _left_out(name: str, adata: ad.AnnData, config: AnyConfig, columns: Columns) -> str:
    """Why a step will be skipped, as far as that can be known; empty if it will run."""
    known: dict[str, Callable[[], str]] = {
        "harmonize_genes": lambda: SYMBOLS if config.recipe == "xenograft" else "",
        "normalize": lambda: _without_counts(adata),
        "ambient": lambda: _without_counts(adata),
        "call_compartments": lambda: _given(columns.compartment, "compartments", config),
        "annotate": lambda: _given(columns.cell_type, "cell types", config),
        "compatibility": lambda: _without_primaries(adata, columns),
    }
    if isinstance(config, SpatialConfig):
        known |= _of_sections(config, columns)
    switch = _SWITCHES.get(name)
    if switch is not None:
        section, field = switch.split(".")
        part = getattr(config, section, None)
        if part is not None and not getattr(part, field, True):
            return f"{switch} is false"
    return known[name]() if name in known else ""


def _of_sections(config: SpatialConfig, columns: Columns) -> dict[str, Callable[[], str]]:
    """What may be left out of the steps of sections, and why."""
    compared = {
        key: partial(why_not_compared, config, columns, statistic)
        for statistic, key in spatial_codes.COMPARED.items()
    }
    return {
        "call_compartments": partial(why_no_call, config, columns),
        keys.TOUCHING: partial(why_no_contacts, columns),
        **compared,
    }


def _without_counts(adata: ad.AnnData) -> str:
    log_values = not matrix.has_counts(adata) and matrix.detect_kind(adata) == "lognorm"
    return NO_COUNTS if log_values else ""


def _by_expression(config: AnyConfig) -> bool:
    part = getattr(config, "compartments", None)
    return part is not None and part.evidence == "expression"


def _given(column: str | None, what: str, config: AnyConfig) -> str:
    if column is None or (what == "compartments" and _by_expression(config)):
        return ""
    return f"{what} are given in obs[{column!r}]"


def _sequence(adata: ad.AnnData, config: AnyConfig, columns: Columns) -> tuple[str, ...]:
    """Steps of the recipe; copy number is looked at only where it has to decide, but for tumor_stroma."""
    names = SEQUENCES[config.recipe]
    if config.recipe == "tumor_stroma" or not isinstance(config, MalignancyConfig) or _by_expression(config):
        return names
    if columns.compartment is None and not labels_decide(adata, config, columns)[0]:
        return names
    return tuple(name for name in names if name != "infer_cnv")


def _without_primaries(adata: ad.AnnData, columns: Columns) -> str:
    met = set() if columns.tissue is None else set(adata.obs[columns.tissue].astype(str))
    return "" if "primary" in met else "there are no primary tumors"
