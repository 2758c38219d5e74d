# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Sections of tissue: who lies next to whom
#
# Edges of dissociated cells say that a tumor *could* talk to its host. Sections say whether the cells
# that could talk are neighbours. This tutorial asks four questions, each with its own null:
#
# 1. Does a receptor lie where neighbouring spots have the ligand?
# 2. Do both rise where tumor meets host, or is one compartment simply full of them?
# 3. Do patients agree, and do organs differ?
# 4. Which edges of dissociated cells join cell types that never touch?
#
# First on simulated sections, where the truth is known, then on a real melanoma metastasis.

# %%
import os
from pathlib import Path

import anndata as ad
import pandas as pd

import niche

pd.options.display.max_colwidth = 60
pd.options.display.float_format = "{:.2g}".format
adata = niche.datasets.simulate_spatial(0)
niche.pp.normalize(adata)
truth = adata.uns["truth"]["pairs"]
truth.groupby(["kind", "direction"]).size()

# %% [markdown]
# Four patients with liver and four with lung metastases, one section each. Pairs are of five kinds:
# `focal` ones are high in the same places, `interface` ones where an active stretch of the border runs,
# `organ_interface` ones do so in liver only, `compartment` ones fill the tumor with the ligand and the
# host with the receptor, contact or not, and `none` are nothing.
#
# ## 1. Over the section
#
# A graph of neighbours is built for every section by squidpy (or taken from `obsp`), and no edge joins
# two sections.

# %%
niche.tl.spatial_communication(adata, resource=truth)
niche.get.spatial_communication(adata, level="sections").head(3)

# %%
section = niche.get.spatial_communication(adata)
kind = dict(zip(truth["ligand"], truth["kind"], strict=True))
section["kind"] = section["ligand_complex"].astype(str).map(kind)
section["found"] = section["qval"] <= 0.05
section.groupby("kind")[["statistic", "z", "found"]].mean()

# %% [markdown]
# The statistic is the bivariate Moran's R of SpatialDM and LIANA; its z and p come from the exact moments
# of all permutations of the receptor over the spots. Focal pairs stand out. Pairs of compartments are far
# *below* 0: ligand and receptor lie apart.
#
# **Not to do:** read a small p as communication. It says that two patterns agree. Genes that follow the
# same anatomy agree, and two smooth patterns agree by accident more often than the p-value thinks.
#
# ## 2. Across the border
#
# Only edges between a tumor and a host spot count here, one way and the other. Each gene in turn is
# permuted among the spots *of its own side* (and here of its own cell type), and the larger p-value is
# taken. So a gene that fills a compartment gives nothing, and neither does one gene alone at the border.

# %%
border = niche.get.spatial_communication(adata, level="interface")
border["kind"] = border["ligand_complex"].astype(str).map(kind)
border["planted"] = border["direction"].astype(str) == border["ligand_complex"].astype(str).map(
    dict(zip(truth["ligand"], truth["direction"], strict=True))
)
border["found"] = border["qval"] <= 0.05
border[border["planted"]].groupby(["kind", "organ"], observed=True)[["statistic", "found"]].mean()

# %%
pair = truth[truth["kind"] == "interface"].iloc[0]
niche.tl.spatial_communication(adata, resource=truth, local=[(pair["ligand"], pair["receptor"])])
niche.pl.spatial(adata, sample="liver_P1_S1")

# %% [markdown]
# The ligand rises on the tumor side of some stretches of the border, the receptor on the host side of the
# same ones. The line below the panels says what the tests found: little over the section, much across the
# border, and in one direction only.
#
# ## 3. Over patients
#
# A section is one observation of a patient. How many spots it has says how well that one was measured,
# not how many patients there are.

# %%
niche.tl.compare_spatial(adata, statistic="tumor_to_host")
compared = niche.get.compare_spatial(adata)
compared["kind"] = compared["ligand_complex"].astype(str).map(kind)
shown = compared["contrast"].isin(["mean_in_liver", "mean_in_lung", "liver_vs_lung"]) & compared["call"].isin(
    ["consistent", "enriched", "depleted"]
)
compared.loc[
    shown, ["contrast", "ligand_complex", "receptor_complex", "kind", "effect", "qval", "call", "n_patients"]
]

# %% [markdown]
# `mean_in_<organ>` asks whether patients agree, which needs one organ only. `liver_vs_lung` asks whether
# organs differ. The pairs that were planted at the border of liver only should be the ones.
#
# ## 4. Edges whose cell types never touch
#
# The sections hold single cells with types, so one can count contacts and compare them with chance. The
# table also fits edges of *other*, dissociated samples with the same names of organs and cell types.

# %%
niche.tl.touching(adata, n_perms=200)
contacts = niche.get.touching(adata)
contacts[contacts["source"] == "Malignant"].head(5)

# %%
niche.pp.check(adata)
niche.tl.communication(adata, "cell_type", resource=truth, null="analytic")
edges = niche.get.communication(adata, status="tested", touching=contacts)
edges["touching"].value_counts()

# %% [markdown]
# In these sections all types touch somewhere, so nothing is flagged. Edges are never dropped: a secreted
# ligand acts over distances, and a section is a thin slice. *Never touching* is a doubt and no verdict.
#
# ## 5. A real section: melanoma in a lymph node
#
# [Thrane et al. 2018](https://doi.org/10.1158/0008-5472.CAN-18-0747), 293 spots of 100 micrometres. A
# spot holds many cells, so the sides come from the share of melanoma in each, which the authors of
# SpatialDM decomposed. Mixed spots lie at the border, where a gene of the tumor is seen in host spots
# without any contact; so for the test across the border what mixing explains is taken off every gene
# first.

# %%
try:
    melanoma = niche.datasets.thrane2018()
    options = {
        "interface_key": "proportions",
        "tumor": "Melanoma or unclassified",
        "graph": "grid",
        "n_neighs": 4,
    }
    favourites = [("CCL21", "CCR7"), ("CXCL12", "CXCR4")]
except niche.errors.NicheError as error:
    print(error)
    print("Going on with a simulated section.")
    melanoma = niche.datasets.simulate_spatial(7, patients=1, organs=["lymph_node"], mixing=0.3)
    options = {"interface_key": "tumor_fraction", "resource": melanoma.uns["truth"]["pairs"]}
    first = melanoma.uns["truth"]["pairs"].iloc[:2]
    favourites = list(zip(first["ligand"], first["receptor"], strict=True))
niche.pp.normalize(melanoma)
niche.tl.spatial_communication(melanoma, local=favourites, **options)
called = niche.get.spatial_communication(melanoma, qval=0.05).sort_values("pval")
print(len(called), "pairs with q up to 0.05")
called[["ligand_complex", "receptor_complex", "statistic", "z", "pval", "qval"]].head(12)

# %%
niche.pl.spatial(melanoma, favourites[0])

# %% [markdown]
# CCL21 and CCR7 lead T cells to where lymph nodes keep them: the pair lies in the lymphoid part, not at
# the border. Ringed spots are hot spots: their local statistic is larger than when all *other* spots are
# permuted (q up to 0.05 within the section). It is a find about lymph nodes rather than about melanoma,
# and a good control: if a method missed it here, one should not trust it elsewhere.

# %%
across = niche.get.spatial_communication(melanoma, level="interface", status="tested").sort_values("pval")
across[["ligand_complex", "receptor_complex", "direction", "statistic", "pval", "qval"]].head(5)

# %% [markdown]
# On the real section nothing passes. What comes first is what immunologists would look for at the edge of
# a melanoma (ICAM1 with LFA-1, HLA-DR with LAG3), but with about 40 spots on either side and more than a
# thousand tests a q of 0.16 is a reason to look at more sections, and no result.
#
# And patients? There is one.

# %%
niche.tl.compare_spatial(melanoma)
niche.get.compare_spatial(melanoma)["reason"].value_counts().head(2)

# %% [markdown]
# ## 6. Several patients: breast tumors
#
# Eight HER2-positive primary tumors of [Andersson et al.
# 2021](https://doi.org/10.1038/s41467-021-26271-2). These data come without a licence, so the committed
# notebook does not show them. With a copy in the folder of `NICHE_DATA_DIR` this cell asks which pairs
# lie together in all patients.

# %%
file = Path(os.environ.get("NICHE_DATA_DIR", ".")) / "her2st_breast_spatial_8sections.h5ad"
if file.is_file():
    breast = ad.read_h5ad(file)
    breast.obs = breast.obs.assign(sample=breast.obs["section"], organ="breast", tissue="primary")
    niche.pp.normalize(breast)
    niche.tl.spatial_communication(
        breast,
        graph="grid",
        n_neighs=4,
        interface_key="label",
        tumor=["invasive cancer", "cancer in situ"],
        local=None,
    )
    niche.tl.compare_spatial(breast, tissues=["primary"])
    found = niche.get.compare_spatial(breast, qval=0.1)
    print(len(found), "pairs with q up to 0.1 over", breast.obs["patient"].nunique(), "patients")
else:
    print("No copy of the breast sections here.")

# %% [markdown]
# ## 7. SpatialData
#
# `niche.pp.from_spatialdata(sdata)` gives the table of a SpatialData with the centres of its shapes; what
# is stored in it is written with the SpatialData. Images are not touched.
#
# ## 8. The report

# %%
path = niche.report.html(adata, "sections_report.html")
