"""End-to-end analyses: a config model and a plain sequence of public calls."""

from __future__ import annotations

from niche.recipes.communication_by_organ import communication_by_organ
from niche.recipes.config import CommunicationConfig
from niche.recipes.guess import Guess, guess_config
from niche.recipes.load import load_config
from niche.recipes.multiverse import multiverse
from niche.recipes.multiverse_config import MultiverseConfig
from niche.recipes.organotropism import organotropism
from niche.recipes.organotropism_config import OrganotropismConfig
from niche.recipes.plan import plan
from niche.recipes.programs_across_sites import programs_across_sites
from niche.recipes.programs_config import ProgramsConfig
from niche.recipes.spatial import spatial
from niche.recipes.spatial_config import SpatialConfig
from niche.recipes.toml import to_toml
from niche.recipes.tumor_stroma import tumor_stroma
from niche.recipes.tumor_stroma_config import TumorStromaConfig
from niche.recipes.xenograft import xenograft
from niche.recipes.xenograft_config import XenograftConfig

__all__ = [
    "CommunicationConfig",
    "Guess",
    "MultiverseConfig",
    "OrganotropismConfig",
    "ProgramsConfig",
    "SpatialConfig",
    "TumorStromaConfig",
    "XenograftConfig",
    "communication_by_organ",
    "guess_config",
    "load_config",
    "multiverse",
    "organotropism",
    "plan",
    "programs_across_sites",
    "spatial",
    "to_toml",
    "tumor_stroma",
    "xenograft",
]
