"""Steps that find programs of the tumor and compare them between organs."""

from __future__ import annotations

from typing import Any

from niche import tl
from niche._slots import keys, read
from niche.recipes.columns import Columns
from niche.recipes.organotropism_config import OrganotropismConfig
from niche.recipes.programs_config import ProgramsConfig
from niche.recipes.steps import Steps
from niche.resources.gmt import file_digest

TUMOR = "tumor"


def forget_outdated(steps: Steps) -> list[str]:
    """Drop what programs would be set beside but no longer fits the data; returns notes."""
    notes = []
    for key in keys.BESIDE_PROGRAMS:
        if key in read.ours(steps.adata) and not read.is_current(steps.adata, key, {}):
            del steps.adata.uns[key]
            notes.append(f"the stored result {key} no longer fits the data and was not used")
    return notes


def find_programs(
    steps: Steps, config: ProgramsConfig | OrganotropismConfig, columns: Columns, compartment: str
) -> None:
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


def compare_programs(steps: Steps, config: ProgramsConfig | OrganotropismConfig, columns: Columns) -> None:
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
    options = config.compare.model_dump(exclude={"run", "n_permutations"}) | _where(columns)
    steps.run_or_skip(
        name,
        lambda: tl.compare_programs(adata, **options),
        key=keys.COMPARE_PROGRAMS,
        params={"key": keys.PROGRAMS, "beside": beside, **options},
    )


def score_signatures(
    steps: Steps, config: ProgramsConfig | OrganotropismConfig, columns: Columns, compartment: str
) -> None:
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
