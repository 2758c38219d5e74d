"""Figures of stored results; each takes ``ax=`` or returns its own figure."""

from __future__ import annotations

from niche.pl.ambient import ambient
from niche.pl.axes_heatmap import axes_heatmap
from niche.pl.circle import circle
from niche.pl.cnv import cnv
from niche.pl.communication import communication
from niche.pl.composition import composition
from niche.pl.confounding import confounding
from niche.pl.design import design
from niche.pl.effects import effects
from niche.pl.growth import growth
from niche.pl.loo import loo
from niche.pl.malignant_evidence import malignant_evidence
from niche.pl.mediators import mediators
from niche.pl.multiverse import multiverse
from niche.pl.organ_edges import organ_edges
from niche.pl.paired import paired
from niche.pl.pathways import pathways
from niche.pl.program_ambient import program_ambient
from niche.pl.programs import programs
from niche.pl.relapse import relapse
from niche.pl.spatial import spatial
from niche.pl.species import species
from niche.pl.stability import stability
from niche.pl.sublines import sublines
from niche.pl.tropism import tropism
from niche.pl.umap import umap
from niche.pl.usage import usage
from niche.pl.variance import variance
from niche.pl.volcano import volcano

__all__ = [
    "ambient",
    "axes_heatmap",
    "circle",
    "cnv",
    "communication",
    "composition",
    "confounding",
    "design",
    "effects",
    "growth",
    "loo",
    "malignant_evidence",
    "mediators",
    "multiverse",
    "organ_edges",
    "paired",
    "pathways",
    "program_ambient",
    "programs",
    "relapse",
    "spatial",
    "species",
    "stability",
    "sublines",
    "tropism",
    "umap",
    "usage",
    "variance",
    "volcano",
]
