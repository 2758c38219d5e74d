"""The knowledge niche ships: the only reader of ``data/``."""

from __future__ import annotations

from niche.resources.genes import gene_positions, orthologs, symbol_history
from niche.resources.gmt import read_gmt
from niche.resources.knowledge import axes, mediators, signature_notes, signatures, subtype_site_rates
from niche.resources.ligand_receptor import ligand_receptor
from niche.resources.lineages import classify_cell_type, lineages
from niche.resources.markers import markers
from niche.resources.pathways import assign_pathways, pathways
from niche.resources.registry import available

__all__ = [
    "assign_pathways",
    "available",
    "axes",
    "classify_cell_type",
    "gene_positions",
    "ligand_receptor",
    "lineages",
    "markers",
    "mediators",
    "orthologs",
    "pathways",
    "read_gmt",
    "signature_notes",
    "signatures",
    "subtype_site_rates",
    "symbol_history",
]
