"""What the recipe of xenografts can be told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from niche.recipes.config import ClusterConfig, CommunicationConfig, EdgeConfig, Part
from niche.recipes.tumor_stroma_config import AnnotateConfig


class SpeciesConfig(Part):
    """How cells are told to be of either species."""

    graft: Literal["human", "mouse"] = Field(default="human", description="Species of the tumor.")
    genes: str | None = Field(
        default=None,
        min_length=1,
        description="Column of var that holds human and mouse, or names of genomes; else prefixes of the "
        "gene names (GRCh38_, mm10___) or Ensembl ids say it.",
    )
    min_counts: int = Field(default=100, ge=1, description="Cells with fewer counts are unresolved.")
    min_cells: int = Field(
        default=10, ge=5, description="Cells of a species from which a sample holds that species."
    )


class XenograftEdgeConfig(EdgeConfig):
    """Options of :func:`niche.tl.communication` between two species."""

    no_cross_reaction: str | None = Field(
        default=None,
        min_length=1,
        description="CSV or TSV file of pairs that do not react across species: ligand, receptor, and when "
        "wanted ligand_species, the direction in which they do not.",
    )


class XenograftConfig(CommunicationConfig):
    """Settings of :func:`niche.recipes.xenograft`.

    Attributes
    ----------
    recipe
        ``"xenograft"``.
    organism
        Whose symbols all genes bear: ``"human"`` or ``"mouse"``.
    seed
        Seed of everything random.
    n_jobs
        Threads; ``None`` uses every core. Results do not depend on it and it is not stored with them.
    notes
        Lines the report prints as they are, for example what was guessed.
    species
        Section, see :class:`SpeciesConfig`.
    annotate
        Section, see :class:`AnnotateConfig`.
    input, qc, ambient, cluster, communication, compare
        Sections, as of :class:`CommunicationConfig`; animals are the patients.

    Examples
    --------
    >>> from niche.recipes import XenograftConfig
    >>> config = XenograftConfig(species={"min_counts": 500})
    >>> config.species.graft, config.communication.no_cross_reaction
    ('human', None)
    """

    recipe: Literal["xenograft"] = Field(  # type: ignore[assignment]
        default="xenograft", description="The recipe these settings are for."
    )
    organism: Literal["human", "mouse"] = Field(
        default="human", description="Whose symbols all genes bear: human or mouse."
    )
    species: SpeciesConfig = Field(default_factory=SpeciesConfig, description="Human and mouse cells.")
    annotate: AnnotateConfig = Field(
        default_factory=AnnotateConfig, description="Cell types by markers, where none are given."
    )
    cluster: ClusterConfig = Field(
        default_factory=ClusterConfig, description="Clusters and the map of the cells."
    )
    communication: XenograftEdgeConfig = Field(
        default_factory=XenograftEdgeConfig, description="Ligand-receptor edges."
    )
