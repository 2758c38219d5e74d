"""What the whole way from counts to the seed-and-soil account can be told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from niche.recipes.config import ClusterConfig, EdgeConfig, Part
from niche.recipes.programs_config import ProgramsConfig, ProgramTestConfig
from niche.recipes.tumor_stroma_config import AnnotateConfig


class OrganTestsConfig(ProgramTestConfig):
    """How organs are compared: edges, genes, programs, signatures and composition alike."""

    n_permutations: int = Field(
        default=20,
        ge=0,
        le=10_000,
        description="Exchange the organs between patients so many times, to check the p-values of edges; 0 "
        "does not.",
    )


class AccountConfig(Part):
    """What stands beside the account."""

    genes: bool = Field(
        default=True,
        description="Compare the expression of every gene between organs; published mediators are looked up "
        "in it.",
    )
    composition: bool = Field(default=True, description="Compare the shares of cell types between organs.")
    screen: str | None = Field(
        default=None,
        min_length=1,
        description="CSV or TSV file of screening hits with gene, organ, effect, qval, set beside the items.",
    )


class OrganotropismConfig(ProgramsConfig):
    """Settings of :func:`niche.recipes.organotropism`.

    Attributes
    ----------
    recipe
        ``"organotropism"``.
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
    input, qc, cnv, compartments, cluster, annotate, ambient, communication, compare, programs, signatures
        Sections, see :class:`InputConfig`, :class:`QcConfig`, :class:`CnvConfig`, :class:`CallConfig`,
        :class:`ClusterConfig`, :class:`AnnotateConfig`, :class:`AmbientConfig`, :class:`EdgeConfig`,
        :class:`OrganTestsConfig`, :class:`FindProgramsConfig`, :class:`SignaturesConfig`.
    account
        Section, see :class:`AccountConfig`.

    Examples
    --------
    >>> from niche.recipes import OrganotropismConfig
    >>> config = OrganotropismConfig(compare={"covariates": ["subtype"]})
    >>> config.compare.patients, config.account.genes
    ('averaged', True)
    """

    recipe: Literal["organotropism"] = Field(  # type: ignore[assignment]
        default="organotropism", description="The recipe these settings are for."
    )
    cluster: ClusterConfig = Field(
        default_factory=ClusterConfig, description="Clusters and the map of the cells."
    )
    annotate: AnnotateConfig = Field(default_factory=AnnotateConfig, description="Cell types by markers.")
    communication: EdgeConfig = Field(default_factory=EdgeConfig, description="Ligand-receptor edges.")
    compare: OrganTestsConfig = Field(
        default_factory=OrganTestsConfig, description="Differences between organs."
    )
    account: AccountConfig = Field(
        default_factory=AccountConfig, description="The seed-and-soil account of every organ."
    )
