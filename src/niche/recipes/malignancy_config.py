"""How recipes tell malignant cells from their host."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from niche.recipes.config import Part, RecipeConfig


class CnvConfig(Part):
    """Which normal cells copy number is compared with."""

    reference: list[str] | None = Field(
        default=None,
        min_length=1,
        description="Categories of normal cells. Left out: cell types whose name says immune, stromal or "
        "endothelial; without cell types, the cells whose markers say so.",
    )
    reference_key: str | None = Field(
        default=None,
        min_length=1,
        description="Column that holds these categories; the column of the cell types when left out.",
    )


class CallConfig(Part):
    """How malignant cells are called."""

    evidence: Literal["auto", "labels", "expression"] = Field(
        default="auto",
        description="labels: the author's cell types decide, copy number is reported beside them; "
        "expression: copy number and lineage markers decide. auto takes labels where they say which cells "
        "are malignant.",
    )
    tumor_from: float = Field(
        default=0.9, ge=0.5, le=1, description="Probability from which a cell is tumor."
    )
    host_below: float = Field(default=0.1, ge=0, le=0.5, description="Probability up to which it is host.")


class MalignancyConfig(RecipeConfig):
    """What every recipe that may have to call malignant cells can be told."""

    min_cells: int = Field(
        default=10, ge=2, description="Smallest number of cells of a cell type in a sample."
    )
    cnv: CnvConfig = Field(default_factory=CnvConfig, description="Copy number along the genome.")
    compartments: CallConfig = Field(default_factory=CallConfig, description="Tumor and host.")

    @property
    def least_cells(self) -> int:
        """Smallest number of cells of a cell type in a sample."""
        return self.min_cells
