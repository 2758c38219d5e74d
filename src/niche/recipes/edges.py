"""The step that finds the edges of every organ."""

from __future__ import annotations

import pandas as pd

from niche import resources, tl
from niche._slots import keys
from niche.recipes.columns import Columns
from niche.recipes.config import CommunicationConfig, EdgeConfig
from niche.recipes.organotropism_config import OrganotropismConfig
from niche.recipes.steps import Steps
from niche.recipes.xenograft_config import XenograftEdgeConfig
from niche.tl import _cross_species


def find_edges(
    steps: Steps, config: CommunicationConfig | OrganotropismConfig, columns: Columns, compartment: str
) -> bool:
    """Find the edges of every organ; returns whether they are new."""
    options = config.communication.model_dump(exclude={"resource", "no_cross_reaction"})
    options["null"] = None if config.communication.null == "none" else config.communication.null
    options |= columns.design
    options |= {"compartment_key": compartment, "organism": config.organism, "rng": config.seed}
    unreactive = read_no_cross_reaction(config.communication)
    if unreactive is not None:
        options["no_cross_reaction"] = unreactive
    known = {name: value for name, value in options.items() if name != "tissue_key" or value is not None}
    sha256 = str(resources.ligand_receptor(config.communication.resource, config.organism).attrs["sha256"])
    return steps.run(
        "communication",
        lambda: tl.communication(
            steps.adata,
            columns.cell_type,
            resource=config.communication.resource,
            n_jobs=config.n_jobs,
            **options,
        ),
        key=keys.COMMUNICATION,
        params={
            **known,
            "groupby": columns.cell_type,
            "no_cross_reaction": _cross_species.digest(unreactive),
        },
        fits=lambda stored: sha256 in str(stored["params"]["resource"]),
    )


def read_no_cross_reaction(config: EdgeConfig) -> pd.DataFrame | None:
    """The table of pairs that do not react across species, where one is named."""
    if not isinstance(config, XenograftEdgeConfig):
        return None
    return _cross_species.read_pairs(config.no_cross_reaction)
