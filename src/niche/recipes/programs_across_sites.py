"""From an AnnData to the programs of the tumor: brought along, of an organ, or leaked, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata as ad

from niche import resources, tl
from niche._slots import keys, read
from niche.recipes.columns import Columns, resolve, with_names
from niche.recipes.comparison import check_covariates
from niche.recipes.load import load_as
from niche.recipes.malignancy import copy_number_and_compartments, labels_decide
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
from niche.recipes.programs_config import ProgramsConfig
from niche.recipes.steps import Steps
from niche.resources.gmt import file_digest

NAME = "programs_across_sites"
TUMOR = "tumor"


def programs_across_sites(
    adata: ad.AnnData, config: ProgramsConfig | Mapping[str, Any] | str | Path | None = None
) -> ad.AnnData:
    """Find the programs of malignant cells, and tell what the tumor brings from what goes with an organ.

    The sequence is :func:`niche.pp.harmonize_genes`, :func:`niche.pp.qc`, leaving out cells that fail it,
    :func:`niche.pp.normalize`, compartments (those given, those an earlier run called, else from labels or
    copy number by :func:`niche.tl.call_compartments`), :func:`niche.pp.check`, :func:`niche.pp.ambient`
    where there are counts, :func:`niche.tl.programs`, :func:`niche.tl.compare_programs` and
    :func:`niche.tl.score_signatures`. What cannot be done is skipped with the reason. Give the result to run
    again with other settings: what is there and fits is not computed anew. The results of
    :func:`niche.recipes.tumor_stroma` and :func:`niche.recipes.communication_by_organ` can be given too; with
    the latter, signals that come in to the tumor of an organ stand beside its programs.

    Parameters
    ----------
    adata
        Cells x genes, raw counts or log1p-normalised values; never changed.
    config
        :class:`ProgramsConfig`, a dict, the path of a TOML file, or None for the defaults.

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
        The config, the labels, the genes or the values cannot be worked with; a file of gene sets cannot be
        read; numbers of programs were asked for (``programs.k``) that the cells cannot carry.

    Notes
    -----
    Labels decide which cells are malignant where they say so; cell types that niche gave itself do not.
    Compartments that an earlier run called from expression are taken as they are;
    ``compartments.evidence = "expression"`` calls them by the settings of this run. Ambient molecules, and
    signals between cells, that no longer fit the data are left aside, with a note.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> fast = {"qc": {"min_cells_scrublet": 100_000}, "programs": {"k": [6], "n_starts": 5}}
    >>> result = niche.recipes.programs_across_sites(adata, fast)
    >>> list(result.uns["recipe"]["steps"]["step"])[-3:]
    ['programs', 'compare_programs', 'score_signatures']
    """
    asked = load_as(ProgramsConfig, config)
    adata = own_copy(adata, asked.input)
    columns = resolve(adata, asked.input, named_cells=False)
    check_covariates(adata, asked.compare, columns)
    for file in (asked.programs.gene_sets, asked.signatures.gene_sets):
        if file is not None:
            resources.read_gmt(file)
    steps = Steps(adata, n_steps=11)
    with steps.progress(NAME):
        harmonize(steps, asked)
        left_out = judge_cells(steps, asked, columns)
        normalize(steps)
        compartment, notes = _compartments(steps, asked, columns)
        columns = with_names(steps.adata, columns)
        check(steps, asked, columns, compartment)
        ambient(steps, asked, asked.ambient, columns, compartment)
        notes += _forget_outdated(steps)
        _programs(steps, asked, columns, compartment)
        _compare(steps, asked, columns)
        _signatures(steps, asked, columns, compartment)
    steps.finish(NAME, asked, [*columns.notes, *notes], left_out)
    return steps.adata


def _compartments(steps: Steps, config: ProgramsConfig, columns: Columns) -> tuple[str, list[str]]:
    """Compartment column and notes; copy number is looked at only where it has to decide."""
    evidence = config.compartments.evidence
    if evidence == "expression":
        return copy_number_and_compartments(steps, config, columns)
    known = given_compartments(steps, columns)
    if evidence == "auto" and known is None:
        known = called_before(steps, config, columns)
    if known is not None:
        return known, []
    if labels_decide(steps, config, columns)[0]:
        return compartments_by_labels(steps, config, columns), []
    return copy_number_and_compartments(steps, config, columns)


def _forget_outdated(steps: Steps) -> list[str]:
    """Drop what programs would be set beside but no longer fits the data; returns notes."""
    notes = []
    for key in keys.BESIDE_PROGRAMS:
        if key in read.ours(steps.adata) and not read.is_current(steps.adata, key, {}):
            del steps.adata.uns[key]
            notes.append(f"the stored result {key} no longer fits the data and was not used")
    return notes


def _programs(steps: Steps, config: ProgramsConfig, columns: Columns, compartment: str) -> None:
    """Find programs; an error where numbers were asked for that cannot be, else a reason to do without."""
    wanted = config.programs
    options: dict[str, Any] = {
        **wanted.model_dump(exclude={"mode", "gene_sets", "genes_per_program"}),
        "genes_per_program": min(wanted.genes_per_program, steps.adata.n_vars // 2),
        "compartment": TUMOR,
        "sample_key": columns.sample,
        "patient_key": columns.patient,
        "compartment_key": compartment,
        "rng": config.seed,
    }
    mode = {} if wanted.mode is None else {"mode": wanted.mode}
    run = steps.run_or_skip if wanted.k is None else steps.run
    run(
        "programs",
        lambda: tl.programs(
            steps.adata, mode=wanted.mode, gene_sets=wanted.gene_sets, n_jobs=config.n_jobs, **options
        ),
        key=keys.PROGRAMS,
        params={**options, **mode, "sha256": file_digest(wanted.gene_sets)},
        fits=lambda stored: (
            f"X_{keys.PROGRAMS}" in steps.adata.obsm and not _of_user(stored["params"]["gene_sets"])
        ),
    )


def _compare(steps: Steps, config: ProgramsConfig, columns: Columns) -> None:
    """Compare programs between organs; a comparison of other programs is not kept."""
    name, adata = "compare_programs", steps.adata
    beside = [read.identity(adata, key) for key in (keys.PROGRAMS, *keys.BESIDE_PROGRAMS)]
    if not read.is_current(adata, keys.COMPARE_PROGRAMS, {"beside": beside}):
        adata.uns.pop(keys.COMPARE_PROGRAMS, None)
    if not config.compare.run:
        steps.skip(name, "compare.run is false")
        return
    if keys.PROGRAMS not in adata.uns:
        steps.skip(name, "there are no programs")
        return
    options = config.compare.model_dump(exclude={"run"}) | _where(columns)
    steps.run_or_skip(
        name,
        lambda: tl.compare_programs(adata, **options),
        key=keys.COMPARE_PROGRAMS,
        params={"key": keys.PROGRAMS, "beside": beside, **options},
    )


def _signatures(steps: Steps, config: ProgramsConfig, columns: Columns, compartment: str) -> None:
    """Score signatures in malignant cells, and compare organs as programs are compared."""
    wanted = config.signatures
    if not wanted.run:
        steps.skip("score_signatures", "signatures.run is false")
        return
    options: dict[str, Any] = {
        **wanted.model_dump(exclude={"run", "gene_sets"}),
        **config.compare.model_dump(include={"covariates", "patients", "tissues"}),
        **_where(columns),
        "compartment": TUMOR,
        "organism": config.organism,
        "sample_key": columns.sample,
        "patient_key": columns.patient,
        "compartment_key": compartment,
        "rng": config.seed,
    }
    steps.run_or_skip(
        "score_signatures",
        lambda: tl.score_signatures(steps.adata, wanted.gene_sets, n_jobs=config.n_jobs, **options),
        key=keys.SIGNATURES,
        params={**options, "sha256": file_digest(wanted.gene_sets)},
        fits=lambda stored: (
            keys.SIGNATURES in steps.adata.obsm and not _of_user(stored["params"]["signatures"])
        ),
    )


def _where(columns: Columns) -> dict[str, str]:
    """Columns of organ and tissue; without tissues every sample is a metastasis."""
    named = {"organ_key": columns.organ, "tissue_key": columns.tissue}
    return {name: column for name, column in named.items() if column is not None}


def _of_user(source: object) -> bool:
    """Whether sets of genes were given in Python, so that no setting can say which they were."""
    return str(source).startswith("user ")
