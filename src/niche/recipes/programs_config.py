"""What the recipe on programs of the tumor across sites can be told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from niche.recipes.config import AmbientConfig, OrganTestConfig, Part, Tissue
from niche.recipes.malignancy_config import MalignancyConfig

_COMPARED: tuple[Tissue, ...] = ("metastasis", "primary")


class FindProgramsConfig(Part):
    """Options of :func:`niche.tl.programs`."""

    k: list[int] | None = Field(
        default=None,
        min_length=1,
        description="Numbers of programs to try; the most stable is taken. Left out: seven of them, from "
        "four more than there are patients. Not with mode per_sample.",
    )
    mode: Literal["pooled", "per_sample"] | None = Field(
        default=None,
        description="pooled: all tumors at once, patients counting alike; per_sample: every sample, gathered "
        "into metaprograms. Left out: that of programs already there, else by the number of cells.",
    )
    n_starts: int = Field(default=20, ge=2, le=1000, description="Random starts of every number (pooled).")
    genes_per_program: int = Field(default=50, ge=5, le=1000, description="Genes that make up a program.")
    min_cells: int = Field(default=20, ge=2, description="Malignant cells a sample must have.")
    min_probability: float | None = Field(
        default=None, ge=0, le=1, description="Use only cells with a malignant probability of so much."
    )
    gene_sets: str | None = Field(
        default=None,
        min_length=1,
        description="GMT file of gene sets to compare programs with. Left out: markers and signatures that "
        "come with niche.",
    )


class ProgramTestConfig(OrganTestConfig):
    """How organs are compared: programs, and signatures by the same samples and covariates."""

    tissues: list[Tissue] = Field(
        default_factory=lambda: list(_COMPARED),
        min_length=1,
        description="Tissues that take part: metastasis, primary, normal. Organs are compared by metastases.",
    )
    min_cells: int = Field(
        default=20, ge=2, description="Malignant cells a patient must have in an organ (programs)."
    )
    max_share: float = Field(
        default=0.5, gt=0, le=1, description="Share of a rise that ambient molecules explain to be suspected."
    )


class SignaturesConfig(Part):
    """Options of :func:`niche.tl.score_signatures`."""

    run: bool = Field(default=True, description="Score signatures in the malignant cells.")
    gene_sets: str | None = Field(
        default=None,
        min_length=1,
        description="GMT file of signatures. Left out: published signatures that come with niche.",
    )
    min_genes: int = Field(default=10, ge=1, description="Genes of a signature that must be measured.")
    min_cells: int = Field(default=10, ge=2, description="Malignant cells a patient must have in an organ.")


class ProgramsConfig(MalignancyConfig):
    """Settings of :func:`niche.recipes.programs_across_sites`.

    Attributes
    ----------
    recipe
        ``"programs_across_sites"``.
    organism
        ``"human"`` or ``"mouse"``.
    seed
        Seed of everything random.
    n_jobs
        Threads; ``None`` uses every core. Results do not depend on it and it is not stored with them.
    notes
        Lines the report prints as they are, for example what was guessed.
    min_cells
        Smallest number of cells of a cell type in a sample.
    input, qc, cnv, compartments, ambient, programs, compare, signatures
        Sections, see :class:`InputConfig`, :class:`QcConfig`, :class:`CnvConfig`, :class:`CallConfig`,
        :class:`AmbientConfig`, :class:`FindProgramsConfig`, :class:`ProgramTestConfig`,
        :class:`SignaturesConfig`.

    Examples
    --------
    >>> from niche.recipes import ProgramsConfig
    >>> config = ProgramsConfig(programs={"k": [8, 10]}, compare={"covariates": ["subtype"]})
    >>> config.programs.n_starts, config.compare.tissues
    (20, ['metastasis', 'primary'])
    """

    recipe: Literal["programs_across_sites"] = Field(
        default="programs_across_sites", description="The recipe these settings are for."
    )
    ambient: AmbientConfig = Field(default_factory=AmbientConfig, description="Ambient RNA.")
    programs: FindProgramsConfig = Field(
        default_factory=FindProgramsConfig, description="Programs of malignant cells."
    )
    compare: ProgramTestConfig = Field(
        default_factory=ProgramTestConfig, description="Differences between organs."
    )
    signatures: SignaturesConfig = Field(
        default_factory=SignaturesConfig, description="Signatures in malignant cells."
    )
