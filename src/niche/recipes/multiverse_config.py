"""Which choices of an analysis are varied, and with which values."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from niche.recipes.config import Part

Level = Literal["cell_type", "lineage"]
Method = Literal["averaged", "consensus"]
Share = Annotated[float, Field(ge=0, le=1)]
Cells = Annotated[int, Field(ge=1)]
_LEVELS: tuple[Level, ...] = ("cell_type", "lineage")
_METHODS: tuple[Method, ...] = ("averaged", "consensus")


class FactorsConfig(Part):
    """Values of every factor; those of the run itself add nothing, and ``[]`` leaves a factor alone."""

    resource: list[Annotated[str, Field(min_length=1)]] = Field(
        default_factory=lambda: ["consensus", "cellphonedb", "cellchatdb", "celltalkdb", "connectomedb2020"],
        description="Ligand-receptor lists (niche resources list), or CSV or TSV files.",
    )
    level: list[Level] = Field(
        default_factory=lambda: list(_LEVELS),
        description="Edges between cell types or between lineages: cell_type, lineage.",
    )
    expr_prop: list[Share] = Field(
        default_factory=lambda: [0.05, 0.1, 0.2],
        description="Smallest fraction of expressing cells on both sides.",
    )
    min_cells: list[Cells] = Field(
        default_factory=lambda: [5, 10, 20],
        description="Smallest number of cells of a cell type in a sample.",
    )
    patients: list[Method] = Field(
        default_factory=lambda: list(_METHODS),
        description="How samples of one patient in several organs are treated: averaged, consensus.",
    )
    leave_out_patients: bool = Field(
        default=True, description="Leave out each patient in turn, with all of its samples."
    )


class MultiverseConfig(Part):
    """Settings of :func:`niche.recipes.multiverse`.

    Nothing in it is random, so there is no seed.

    Attributes
    ----------
    recipe
        ``"multiverse"``.
    key
        Slot of the comparison whose verdicts are looked at.
    design
        ``"one_at_a_time"`` or ``"grid"``.
    most_universes
        More are refused before anything is computed.
    n_jobs
        Threads; ``None`` uses every core. Results do not depend on it and it is not stored with them.
    vary
        The factors and their values, see :class:`FactorsConfig`.

    Examples
    --------
    >>> from niche.recipes import MultiverseConfig
    >>> config = MultiverseConfig(vary={"min_cells": [5, 10]})
    >>> config.design, config.vary.min_cells
    ('one_at_a_time', [5, 10])
    """

    recipe: Literal["multiverse"] = Field(
        default="multiverse", description="The recipe these settings are for."
    )
    key: str = Field(
        default="compare_communication",
        min_length=1,
        description="Slot of uns with the comparison of organs whose verdicts are looked at.",
    )
    design: Literal["one_at_a_time", "grid"] = Field(
        default="one_at_a_time",
        description="one_at_a_time: the run, and one choice changed at a time; grid: every combination.",
    )
    most_universes: int = Field(
        default=500, ge=2, description="More are refused before anything is computed."
    )
    n_jobs: int | None = Field(default=None, ge=1, description="Threads; every core when left out.")
    vary: FactorsConfig = Field(
        default_factory=FactorsConfig,
        description="Values of every factor; [] leaves it alone. Those of the run itself add nothing.",
    )
