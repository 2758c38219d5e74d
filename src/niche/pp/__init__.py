"""Preparation: check the study, bring genes to one naming, judge cells, normalise."""

from __future__ import annotations

from niche.pp.ambient import ambient
from niche.pp.check import check
from niche.pp.from_spatialdata import from_spatialdata
from niche.pp.harmonize import harmonize_genes
from niche.pp.integrate import integrate
from niche.pp.normalize import normalize
from niche.pp.orthologs import collapse_orthologs
from niche.pp.qc import qc
from niche.pp.species import split_species

__all__ = [
    "ambient",
    "check",
    "collapse_orthologs",
    "from_spatialdata",
    "harmonize_genes",
    "integrate",
    "normalize",
    "qc",
    "split_species",
]
