"""What the recipe from counts to tumor and host can be told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from niche.recipes.config import AmbientConfig, Part
from niche.recipes.malignancy_config import MalignancyConfig


class IntegrationConfig(Part):
    """One map of the host cells across batches; malignant cells keep their differences."""

    run: bool = Field(
        default=False,
        description="Integrate host cells (Harmony) before clustering. For clusters and maps only: no test "
        "uses it.",
    )
    batch: str | None = Field(
        default=None, min_length=1, description="Column of the batches; the patient when left out."
    )


class StableClusterConfig(Part):
    """Clusters inside each compartment, with their stability."""

    run: bool = Field(default=True, description="Cluster the cells and draw their map.")
    resolution: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="Leiden resolution; more gives more clusters. Left out: the one that stability over "
        "seeds and subsamples suggests.",
    )


class AnnotateConfig(Part):
    """Names for clusters by marker genes, where no cell types are given."""

    run: bool = Field(default=True, description="Name the cells when no cell types are given.")
    min_score: float = Field(default=1.0, ge=0, le=5, description="Score a cell type must reach.")
    min_margin: float = Field(
        default=0.5, ge=0, le=5, description="By how much it must be ahead of the next."
    )


class TumorStromaConfig(MalignancyConfig):
    """Settings of :func:`niche.recipes.tumor_stroma`.

    Attributes
    ----------
    recipe
        ``"tumor_stroma"``.
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
    input, qc, cnv, compartments, integrate, cluster, annotate, ambient
        Sections, see :class:`InputConfig`, :class:`QcConfig`, :class:`CnvConfig`, :class:`CallConfig`,
        :class:`IntegrationConfig`, :class:`StableClusterConfig`, :class:`AnnotateConfig`,
        :class:`AmbientConfig`.

    Examples
    --------
    >>> from niche.recipes import TumorStromaConfig
    >>> config = TumorStromaConfig(compartments={"evidence": "expression"})
    >>> config.compartments.tumor_from
    0.9
    """

    recipe: Literal["tumor_stroma"] = Field(
        default="tumor_stroma", description="The recipe these settings are for."
    )
    integrate: IntegrationConfig = Field(
        default_factory=IntegrationConfig, description="One embedding of the host cells."
    )
    cluster: StableClusterConfig = Field(
        default_factory=StableClusterConfig, description="Clusters and the map of the cells."
    )
    annotate: AnnotateConfig = Field(default_factory=AnnotateConfig, description="Cell types by markers.")
    ambient: AmbientConfig = Field(default_factory=AmbientConfig, description="Ambient RNA.")
