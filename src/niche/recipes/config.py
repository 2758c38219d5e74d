"""What a recipe can be told: the sections recipes share, and those of communication by organ."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Tissue = Literal["primary", "metastasis", "normal"]
Compartment = Literal[
    "tumor", "stromal", "endothelial", "immune", "parenchymal", "epithelial_normal", "unresolved"
]
QcReason = Literal[
    "empty", "doublet", "few_counts", "many_counts", "few_genes", "many_genes", "top_genes", "mitochondrial"
]
_LEFT_OUT: tuple[QcReason, ...] = ("empty", "doublet", "few_counts", "few_genes", "mitochondrial")
_ANALYSED: tuple[Tissue, ...] = ("metastasis",)


class Part(BaseModel):
    """A section of the settings; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class InputConfig(Part):
    """Which columns of ``obs`` say what; an empty one takes the default of ``niche.settings``."""

    sample: str | None = Field(default=None, min_length=1, description="Column of the sample: one biopsy.")
    patient: str | None = Field(default=None, min_length=1, description="Column of the patient or animal.")
    organ: str | None = Field(
        default=None, min_length=1, description="Column of the organ the sample was taken from."
    )
    tissue: str | None = Field(
        default=None,
        min_length=1,
        description="Column saying primary, metastasis or normal; true/false is read as metastasis/primary. "
        "Without it every sample is taken as a metastasis.",
    )
    cell_type: str | None = Field(default=None, min_length=1, description="Column of the cell types.")
    compartment: str | None = Field(
        default=None,
        min_length=1,
        description="Column of the compartments, when they are known: tumor, stromal, endothelial, immune, "
        "parenchymal, epithelial_normal, unresolved.",
    )
    malignant: str | None = Field(
        default=None, min_length=1, description="True/false column: is the cell malignant?"
    )
    layer: str | None = Field(
        default=None,
        min_length=1,
        description="Layer of raw counts to start from; without it layers['counts'], else X.",
    )
    tissue_map: dict[str, Tissue] = Field(
        default_factory=dict, description="How values of the tissue column are read."
    )
    compartments: dict[str, Compartment] = Field(
        default_factory=dict,
        description="Compartment of cell types whose name does not say it, or says it wrongly.",
    )


class QcConfig(Part):
    """What happens to cells that fail quality control."""

    exclude: list[QcReason] = Field(
        default_factory=lambda: list(_LEFT_OUT),
        description="Why cells are left out: empty, doublet, few_counts, many_counts, few_genes, "
        "many_genes, top_genes, mitochondrial; [] leaves out none. Many counts or genes can be tumor "
        "cells, and 20 genes dominate plasma cells: these are marked and kept unless named here. The "
        "report counts all by cell type.",
    )
    n_mads: float = Field(
        default=5.0,
        gt=0,
        le=1000,
        description="Median absolute deviations beyond which a cell is an outlier of its sample.",
    )
    max_pct_mt: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="Also fail cells with more than this percentage of mitochondrial counts.",
    )
    expected_doublet_rate: float = Field(
        default=0.06, gt=0, le=0.5, description="Share of doublets expected per sample (raw counts only)."
    )
    min_cells_mads: int = Field(default=20, ge=3, description="Smaller samples are not judged by outliers.")
    min_cells_scrublet: int = Field(
        default=100, ge=30, description="Smaller samples are not searched for doublets."
    )


class ClusterConfig(Part):
    """Clusters and the map of the cells; nothing downstream depends on them."""

    run: bool = Field(default=True, description="Cluster the cells and draw their map.")
    resolution: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="Leiden resolution; more gives more clusters. Left out: that of clusters already there, "
        "else 1.",
    )


class EdgeConfig(Part):
    """Options of :func:`niche.tl.communication`."""

    resource: str = Field(
        default="consensus",
        min_length=1,
        description="Ligand-receptor list (niche resources list), or a CSV or TSV file.",
    )
    level: Literal["cell_type", "lineage"] = Field(
        default="cell_type", description="Edges between cell types or between lineages: cell_type, lineage."
    )
    tissues: list[Tissue] = Field(
        default_factory=lambda: list(_ANALYSED),
        min_length=1,
        description="Tissues that are analysed: metastasis, primary, normal.",
    )
    senders: list[str] | None = Field(
        default=None,
        min_length=1,
        description="Cell types, compartments, 'host' or 'all'. Without both: tumor to host, host to tumor.",
    )
    receivers: list[str] | None = Field(
        default=None, min_length=1, description="The same for the receiving side."
    )
    scores: list[str] = Field(
        default_factory=lambda: ["all"], min_length=1, description="Names of scores, or 'all'."
    )
    null: Literal["hybrid", "analytic", "permutation", "none"] = Field(
        default="hybrid",
        description="Where p-values come from: hybrid, analytic, permutation; none gives none.",
    )
    n_perms: int = Field(default=1000, ge=1, description="Permutations, at most.")
    expr_prop: float = Field(
        default=0.1, ge=0, le=1, description="Smallest fraction of expressing cells on both sides."
    )
    min_cells: int = Field(
        default=10, ge=1, description="Smallest number of cells of a cell type in a sample."
    )


class AmbientConfig(Part):
    """Ambient RNA; raw counts only. Flags, never subtracts."""

    run: bool = Field(default=True, description="Estimate the ambient fraction of every sample.")
    max_share: float = Field(
        default=0.5, gt=0, le=1, description="Share of a gene's counts from which it counts as leaked."
    )


class OrganTestConfig(Part):
    """How organs are compared, whatever is compared."""

    run: bool = Field(
        default=True, description="Test what differs between organs, patients being the replicates."
    )
    covariates: list[str] = Field(
        default_factory=list,
        description="Columns with one value per sample that are taken out of the difference between organs, "
        "such as subtype or assay.",
    )
    patients: Literal["averaged", "consensus", "fixed"] = Field(
        default="averaged",
        description="Samples of one patient in several organs: averaged, consensus; fixed needs every "
        "patient in every organ.",
    )


class CompareConfig(OrganTestConfig):
    """Options of :func:`niche.tl.compare_communication`."""

    n_permutations: int = Field(
        default=20,
        ge=0,
        le=10_000,
        description="Exchange the organs between patients so many times, to check the p-values; 0 does not.",
    )


class RecipeConfig(Part):
    """What every recipe can be told."""

    recipe: str = Field(description="Name of the recipe these settings are for.")
    organism: Literal["human", "mouse"] = Field(default="human", description="human or mouse.")
    seed: int = Field(default=0, ge=0, description="Seed of everything random.")
    n_jobs: int | None = Field(default=None, ge=1, description="Threads; every core when left out.")
    notes: list[str] = Field(default_factory=list, description="Lines the report prints as they are.")
    input: InputConfig = Field(default_factory=InputConfig, description="Columns of the cells.")
    qc: QcConfig = Field(default_factory=QcConfig, description="Quality control.")

    @property
    def least_cells(self) -> int:
        """Smallest number of cells of a cell type in a sample."""
        return 10


class CommunicationConfig(RecipeConfig):
    """Settings of :func:`niche.recipes.communication_by_organ`.

    Attributes
    ----------
    recipe
        ``"communication_by_organ"``.
    organism
        ``"human"`` or ``"mouse"``.
    seed
        Seed of everything random.
    n_jobs
        Threads; ``None`` uses every core. Results do not depend on it and it is not stored with them.
    notes
        Lines the report prints as they are, for example what was guessed.
    input, qc, ambient, cluster, communication, compare
        Sections, see :class:`InputConfig`, :class:`QcConfig`, :class:`AmbientConfig`,
        :class:`ClusterConfig`, :class:`EdgeConfig`, :class:`CompareConfig`.

    Examples
    --------
    >>> from niche.recipes import CommunicationConfig
    >>> config = CommunicationConfig(input={"organ": "site"})
    >>> config.input.organ, config.communication.min_cells
    ('site', 10)
    """

    recipe: Literal["communication_by_organ"] = Field(
        default="communication_by_organ", description="The recipe these settings are for."
    )
    ambient: AmbientConfig = Field(default_factory=AmbientConfig, description="Ambient RNA.")
    cluster: ClusterConfig = Field(
        default_factory=ClusterConfig, description="Clusters and the map of the cells."
    )
    communication: EdgeConfig = Field(default_factory=EdgeConfig, description="Ligand-receptor edges.")
    compare: CompareConfig = Field(default_factory=CompareConfig, description="Differences between organs.")

    @property
    def least_cells(self) -> int:
        """Smallest number of cells of a cell type in a sample."""
        return self.communication.min_cells
