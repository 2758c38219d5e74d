"""Every name under which niche stores something in an AnnData, each written once."""

from __future__ import annotations

SCHEMA_VERSION = 3

COUNTS = "counts"
"""``layers``: raw counts."""

# uns
DESIGN = "design"
QC = "qc"
NORMALIZE = "normalize"
GENES = "harmonize_genes"
AMBIENT = "ambient"
CNV = "cnv"
COMPARTMENTS = "compartments"
CLUSTER = "cluster"
ANNOTATE = "annotate"
INTEGRATE = "integrate"
COMMUNICATION = "communication"
COMPARE_COMMUNICATION = "compare_communication"
COMPOSITION = "composition"
SIGNATURES = "signatures"
LIGAND_ACTIVITY = "ligand_activity"
COMPARE_EXPRESSION = "compare_expression"
PROGRAMS = "programs"
COMPARE_PROGRAMS = "compare_programs"
TROPISM = "tropism"
COMPATIBILITY = "compatibility"
COMPARE_SUBLINES = "compare_sublines"
MULTIVERSE = "multiverse"
SPATIAL_COMMUNICATION = "spatial_communication"
COMPARE_SPATIAL = "compare_spatial"
TOUCHING = "touching"
RECIPE = "recipe"
ORTHOLOGS = "collapse_orthologs"

BESIDE_PROGRAMS = (AMBIENT, COMPARE_COMMUNICATION)
"""Results that verdicts on programs make use of where they are stored."""

# obs
CLUSTER_OBS = "cluster"
LINEAGE = "lineage"
DOUBLET_SCORE = "doublet_score"
SPECIES = "species"
"""Also the slot of ``uns`` in which the thresholds behind the column are."""
SPECIES_DOUBLET = "species_doublet"
GRAFT = "graft"
MALIGNANT_PROBABILITY = "malignant_probability"
QC_PASS = "qc_pass"
QC_REASON = "qc_reason"

# obsm
PCA = "X_niche_pca"
UMAP = "X_niche_umap"
INTEGRATED = "X_integrated"
SPATIAL = "spatial"

# var
SYMBOL = "symbol"
ENSEMBL_ID = "ensembl_id"

# vocabulary
TISSUES = ("primary", "metastasis", "normal")
COMPARTMENTS_ALL = (
    "tumor",
    "stromal",
    "endothelial",
    "immune",
    "parenchymal",
    "epithelial_normal",
    "unresolved",
)
HOST = COMPARTMENTS_ALL[1:6]
LINEAGES = ("malignant", "fibroblast-like", "endothelial", "myeloid", "lymphoid", "parenchymal", "other")
FRAMEWORK_ORGANS = ("bone", "brain", "liver", "lung", "lymph_node")
ORGANISMS = ("human", "mouse")
DOUBLET, UNRESOLVED = "doublet", "unresolved"
SPECIES_CALLS = (*ORGANISMS, DOUBLET, UNRESOLVED)
"""What ``obs["species"]`` can hold."""

AMBIENT_SUSPECT = "ambient-suspect"
"""Verdict on a program, and call of a contrast, whose rise ambient molecules explain."""
LEAST_CONTROL = 0.5
"""Rise of host cells over that of the tumor from which a program rises in all compartments."""
SMALLEST_PROGRAM_EFFECT = 0.5
"""log2 ratio of usage from which a program may be called higher or lower in an organ."""
STABLE_ARI = 0.8
"""Mean adjusted Rand index from which clusters at a resolution count as stable."""
NOT_PREDICTION = "compatibility, not prediction"
"""What every tested row of a compatibility says of itself."""
