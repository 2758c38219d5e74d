"""Tidy views of stored results, and exports to other tools."""

from __future__ import annotations

from niche.get.agreement import agreement
from niche.get.ambient import ambient
from niche.get.annotate import annotate
from niche.get.axes import axes
from niche.get.cluster import cluster
from niche.get.cnv import cnv
from niche.get.communication import communication
from niche.get.communication_samples import communication_samples
from niche.get.compare_communication import compare_communication
from niche.get.compare_expression import compare_expression
from niche.get.compare_programs import compare_programs
from niche.get.compare_samples import compare_samples
from niche.get.compare_spatial import compare_spatial
from niche.get.compare_sublines import compare_sublines
from niche.get.compartments import compartments
from niche.get.compatibility import compatibility
from niche.get.composition import composition
from niche.get.confounding import confounding
from niche.get.design import design
from niche.get.leave_one_out import leave_one_out
from niche.get.ligand_activity import ligand_activity
from niche.get.multiverse import multiverse
from niche.get.organ_exclusive import organ_exclusive
from niche.get.programs import programs
from niche.get.pseudobulk import pseudobulk
from niche.get.signatures import signatures
from niche.get.spatial import spatial_communication
from niche.get.species import species
from niche.get.subline_signature import subline_signature
from niche.get.to_cellchat import to_cellchat
from niche.get.to_cellphonedb import to_cellphonedb
from niche.get.to_cellxgene import to_cellxgene
from niche.get.to_liana import to_liana
from niche.get.to_mudata import to_mudata
from niche.get.to_squidpy import to_squidpy
from niche.get.touching import touching
from niche.get.tropism import tropism

__all__ = [
    "agreement",
    "ambient",
    "annotate",
    "axes",
    "cluster",
    "cnv",
    "communication",
    "communication_samples",
    "compare_communication",
    "compare_expression",
    "compare_programs",
    "compare_samples",
    "compare_spatial",
    "compare_sublines",
    "compartments",
    "compatibility",
    "composition",
    "confounding",
    "design",
    "leave_one_out",
    "ligand_activity",
    "multiverse",
    "organ_exclusive",
    "programs",
    "pseudobulk",
    "signatures",
    "spatial_communication",
    "species",
    "subline_signature",
    "to_cellchat",
    "to_cellphonedb",
    "to_cellxgene",
    "to_liana",
    "to_mudata",
    "to_squidpy",
    "touching",
    "tropism",
]
