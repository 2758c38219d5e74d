"""Steps that cluster and name cells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import anndata as ad

from niche import tl
from niche._settings import settings
from niche._slots import keys, lazy
from niche.errors import warn
from niche.recipes.columns import Columns
from niche.recipes.config import CommunicationConfig
from niche.recipes.organotropism_config import OrganotropismConfig
from niche.recipes.steps import Steps
from niche.recipes.tumor_stroma_config import TumorStromaConfig
from niche.recipes.xenograft_config import XenograftConfig

LINEAGE_BESIDE = "lineage_by_markers"
"""Column of lineages where the usual one holds those of the authors."""


def cluster_cells(
    steps: Steps, config: CommunicationConfig | OrganotropismConfig, columns: Columns, compartment: str
) -> None:
    """Cluster the cells of every compartment for their map; nothing downstream depends on it."""
    if not config.cluster.run:
        steps.skip("cluster", "cluster.run is false")
        return
    options: dict[str, Any] = {
        "sample_key": columns.sample,
        "compartment_key": compartment,
        "rng": config.seed,
    }
    wanted = config.cluster.resolution
    steps.run(
        "cluster",
        lambda: cluster(steps.adata, resolution=1.0 if wanted is None else wanted, **options),
        key=keys.CLUSTER,
        params=options if wanted is None else {"resolution": wanted, **options},
    )


def cluster(adata: ad.AnnData, **options: Any) -> None:
    """Run :func:`niche.tl.cluster`, after a word on the memory it takes of data that lie on disk."""
    if options.get("use_rep") is None and not lazy.in_memory(adata.X):
        warn(
            f"clusters and their map take all genes of all {adata.n_obs:,} cells into memory, though the "
            "data are read lazily. cluster.run = false leaves them out."
        )
    tl.cluster(adata, **options)


def annotate_cells(
    steps: Steps,
    config: TumorStromaConfig | OrganotropismConfig | XenograftConfig,
    columns: Columns,
    compartment: str,
) -> Columns:
    """Name the cells unless the authors did; returns the columns with that of the cell types."""
    if columns.cell_type is not None:
        steps.skip("annotate", f"cell types are given in obs[{columns.cell_type!r}]")
        return columns
    if not config.annotate.run:
        steps.skip("annotate", "annotate.run is false")
        return columns
    options: dict[str, Any] = {
        "level": "cluster" if config.cluster.run else "cell",
        "organism": config.organism,
        "min_score": config.annotate.min_score,
        "min_margin": config.annotate.min_margin,
        "organ_key": columns.organ,
        "compartment_key": compartment,
    }
    free = keys.LINEAGE not in steps.adata.obs.columns or keys.ANNOTATE in steps.adata.uns
    lineage = keys.LINEAGE if free else LINEAGE_BESIDE
    steps.run(
        "annotate",
        lambda: tl.annotate(steps.adata, cell_type_key=settings.groupby, lineage_key=lineage, **options),
        key=keys.ANNOTATE,
        params=options,
        fits=lambda stored: settings.groupby in steps.adata.obs.columns,
    )
    return replace(columns, cell_type=settings.groupby)
