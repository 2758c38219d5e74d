"""Tools: infer, test and store; read what they store through :mod:`niche.get`."""

from __future__ import annotations

from niche.tl.annotate import annotate
from niche.tl.associate import associate
from niche.tl.cluster import cluster
from niche.tl.cnv import infer_cnv
from niche.tl.communication import communication
from niche.tl.compare_communication import compare_communication
from niche.tl.compare_expression import compare_expression
from niche.tl.compare_programs import compare_programs
from niche.tl.compare_spatial import compare_spatial
from niche.tl.compare_sublines import compare_sublines
from niche.tl.compartments import call_compartments
from niche.tl.compatibility import compatibility
from niche.tl.composition import composition
from niche.tl.growth import growth_rates
from niche.tl.ligand_activity import ligand_activity
from niche.tl.programs import programs
from niche.tl.relapse import relapse
from niche.tl.scores import ScoreSpec, available_scores, register_score
from niche.tl.signatures import score_signatures
from niche.tl.spatial import spatial_communication
from niche.tl.touching import touching
from niche.tl.tropism import tropism

__all__ = [
    "ScoreSpec",
    "annotate",
    "associate",
    "available_scores",
    "call_compartments",
    "cluster",
    "communication",
    "compare_communication",
    "compare_expression",
    "compare_programs",
    "compare_spatial",
    "compare_sublines",
    "compatibility",
    "composition",
    "growth_rates",
    "infer_cnv",
    "ligand_activity",
    "programs",
    "register_score",
    "relapse",
    "score_signatures",
    "spatial_communication",
    "touching",
    "tropism",
]
