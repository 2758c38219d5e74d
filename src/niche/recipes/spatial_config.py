"""What the recipe of tissue sections can be told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from niche.recipes.config import OrganTestConfig, Part, QcConfig, QcReason, RecipeConfig, Tissue

Statistic = Literal["section", "tumor_to_host", "host_to_tumor"]

_LEFT_OUT: tuple[QcReason, ...] = ("empty",)
_COMPARED: tuple[Tissue, ...] = ("metastasis",)
_STATISTICS: tuple[Statistic, ...] = ("section", "tumor_to_host", "host_to_tumor")
_NEVER = 1_000_000_000


class SpotQcConfig(QcConfig):
    """What happens to spots that fail quality control."""

    exclude: list[QcReason] = Field(
        default_factory=lambda: list(_LEFT_OUT),
        description="Why spots are left out: empty, doublet, few_counts, many_counts, few_genes, many_genes, "
        "top_genes, mitochondrial; [] leaves out none. A spot that is left out is a hole in the tissue, so "
        "others are marked and kept unless named here.",
    )
    min_cells_scrublet: int = Field(
        default=_NEVER,
        ge=30,
        description="Sections of fewer spots are not searched for doublets. As it stands none is: a spot of "
        "an array holds several cells. 100 for sections of single cells.",
    )


class SpatialPairsConfig(Part):
    """Options of :func:`niche.tl.spatial_communication`."""

    resource: str = Field(
        default="consensus",
        min_length=1,
        description="Ligand-receptor list (niche resources list), or a CSV or TSV file.",
    )
    spatial_key: str | None = Field(
        default=None, min_length=1, description="Coordinates in obsm; spatial when left out."
    )
    connectivity_key: str | None = Field(
        default=None,
        min_length=1,
        description="Weights in obsp, such as those of squidpy. Left out: a graph is built per section.",
    )
    graph: Literal["auto", "grid", "knn", "radius", "delaunay"] = Field(
        default="auto",
        description="grid: an array of spots; knn: nearest spots; radius; delaunay. auto takes the grid "
        "where there is a tissue image and spots lie on an array, as in Visium, else the nearest spots.",
    )
    n_neighs: int = Field(
        default=6, ge=1, le=1000, description="Neighbours of grid (6 hexagonal, 4 square) and knn."
    )
    radius: float | None = Field(
        default=None, gt=0, description="Of graph radius, in units of the coordinates."
    )
    interface_key: str | None = Field(
        default=None,
        min_length=1,
        description="What tells tumor from host: a column of labels or of shares of tumor, or a table of "
        "proportions in obsm. Left out: the compartments.",
    )
    tumor: list[str] | None = Field(
        default=None,
        min_length=1,
        description="Labels of interface_key, or columns of the proportions, that are tumor.",
    )
    tumor_fraction: float = Field(
        default=0.5, ge=0, le=1, description="Share of tumor from which a spot is a tumor spot."
    )
    null: Literal["analytic", "permutation"] = Field(
        default="analytic", description="analytic: exact moments; permutation: draws."
    )
    permuted: Literal["receptor", "ligand"] = Field(
        default="receptor", description="Side that is permuted while the other keeps its places."
    )
    n_perms: int = Field(default=1000, ge=2, description="Permutations, also of the contacts of cell types.")
    expr_prop: float = Field(
        default=0.05, ge=0, le=1, description="Smallest share of spots that express each side."
    )
    min_spots: int = Field(default=30, ge=4, description="Spots a section needs.")
    min_interface: int = Field(default=10, ge=1, description="Spots at the border that each side needs.")
    n_local: int = Field(
        default=20, ge=0, le=1000, description="Significant pairs whose local statistics are kept, at most."
    )


class SpatialTestConfig(OrganTestConfig):
    """Options of :func:`niche.tl.compare_spatial`."""

    tissues: list[Tissue] = Field(
        default_factory=lambda: list(_COMPARED),
        min_length=1,
        description="Tissues that take part: metastasis, primary, normal. Organs are compared by metastases.",
    )
    statistics: list[Statistic] = Field(
        default_factory=lambda: list(_STATISTICS),
        min_length=1,
        description="What is compared over patients: section, tumor_to_host, host_to_tumor.",
    )


class SpatialConfig(RecipeConfig):
    """Settings of :func:`niche.recipes.spatial`.

    Attributes
    ----------
    recipe
        ``"spatial"``.
    organism
        ``"human"`` or ``"mouse"``.
    seed
        Seed of everything random.
    n_jobs
        Threads; ``None`` uses every core. Results do not depend on it and it is not stored with them.
    notes
        Lines the report prints as they are, for example what was guessed.
    input
        Section, see :class:`InputConfig`; a sample is a section of tissue.
    qc, spatial, compare
        Sections, see :class:`SpotQcConfig`, :class:`SpatialPairsConfig`, :class:`SpatialTestConfig`.

    Examples
    --------
    >>> from niche.recipes import SpatialConfig
    >>> config = SpatialConfig(spatial={"graph": "grid", "n_neighs": 4})
    >>> config.spatial.min_spots, config.qc.exclude
    (30, ['empty'])
    """

    recipe: Literal["spatial"] = Field(default="spatial", description="The recipe these settings are for.")
    qc: SpotQcConfig = Field(default_factory=SpotQcConfig, description="Quality control.")
    spatial: SpatialPairsConfig = Field(
        default_factory=SpatialPairsConfig, description="Ligand-receptor pairs in sections."
    )
    compare: SpatialTestConfig = Field(
        default_factory=SpatialTestConfig, description="Agreement of patients, differences between organs."
    )
