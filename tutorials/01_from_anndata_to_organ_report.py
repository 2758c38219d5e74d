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
# # From an AnnData to an organ report
#
# A tumor cell that arrives in bone meets osteoblasts, in liver hepatocytes, in brain astrocytes. Whether
# it dies, sleeps or grows is decided by what the two tell each other: *seed* and *soil* ([Lu & Kang
# 2007](https://doi.org/10.1007/s10911-007-9047-3)). Single-cell RNA-seq of metastases shows, for every
# cell in a biopsy, which signals (ligands) and which antennae (receptors) it makes. This tutorial goes
# from such data to a report per organ, and says at every step **what not to conclude**.
#
# It runs on the small study that comes with niche: eight patients with breast cancer, metastases in bone,
# lung, liver and brain. The study is simulated, so at the end we can look up the truth. With your own
# data, replace the next cell by `adata = anndata.read_h5ad("your_study.h5ad")`.

# %%
import pandas as pd

import niche

pd.options.display.max_colwidth = 90

adata = niche.datasets.demo()
adata

# %% [markdown]
# ## 1. What does a study need?
#
# Each cell (a row of `adata.obs`) must say from which **sample** (biopsy), **patient** and **organ** it
# comes, what **cell type** it is, and whether the sample is a **metastasis**, a **primary** tumor or
# **normal** tissue. Columns with other names are announced once: `niche.settings.organ_key = "site"`.

# %%
adata.obs[["sample", "patient", "organ", "tissue", "cell_type"]].head(4)

# %% [markdown]
# ## 2. Ask first what the study can answer
#
# The number that counts is not cells but **patients**: cells of one patient share that patient's tumor,
# treatment and biopsy, so 5,000 cells from one patient are one observation. `pp.check` looks at this
# before anything is computed.

# %%
report = niche.pp.check(adata)
report.organs

# %% [markdown]
# Brain has two patients only: it can be described, and even tested, but nobody should call a signal
# "brain-specific" from it. The same table as a picture, every square one biopsy:

# %%
niche.pl.design(adata)

# %% [markdown]
# Everything questionable is listed, with advice:

# %%
report.issues.loc[report.issues["severity"] != "note", ["what", "where", "found"]].head(8)

# %% [markdown]
# ## 3. Gene names, quality, normalisation
#
# Old gene names and Ensembl ids become today's symbols, so that they can be found in the tables of
# ligands and receptors. Then every cell is judged against the other cells *of its own sample*: a good
# hepatocyte has other numbers than a good T cell, and every biopsy has its own depth. Nothing is removed
# unless you remove it.

# %%
niche.pp.harmonize_genes(adata)
niche.pp.qc(adata)
adata.obs["qc_pass"].value_counts()

# %% [markdown]
# Look at *which* cells fail before dropping them: if one cell type loses most of its cells, the rule is
# wrong for that cell type, not the cells.

# %%
adata.obs.groupby("cell_type", observed=True)["qc_pass"].mean().sort_values().head(5).round(2)

# %%
adata = adata[adata.obs["qc_pass"]].copy()
niche.pp.normalize(adata)

# %% [markdown]
# `normalize` keeps the raw counts in `adata.layers["counts"]` and puts log-normalised values in
# `adata.X`.
#
# ## 4. Who is tumor, who is host?
#
# niche follows signals **between tumor and host**, so every cell needs a side. The demo brings one;
# usually you derive it from your cell types. Common names (`T cell`, `Hepatocyte`, `CAF`) are recognised;
# what only you know, you say.

# %%
del adata.obs["compartment"]
niche.tl.call_compartments(adata, labels={"Malignant": "tumor"})
adata.uns["compartments"]["table"][["cell_type", "compartment", "n_cells", "source"]].head(6)

# %% [markdown]
# Cells whose side is not known are `unresolved`, left out, and counted. **Not to conclude:** that these
# cells are malignant. Labels given to niche decide; [tutorial 2](02_tumor_and_host.ipynb) calls malignant
# cells from copy number.
#
# ## 5. Look at the cells
#
# Clusters inside each compartment, and a map. In real data tumor cells usually part by patient, because
# every tumor has its own genome; host cells of different patients mix. Left out, the resolution is the one
# that stability suggests, which takes longer (tutorial 2). Distances on such a map are not measurements.

# %%
niche.tl.cluster(adata, resolution=1.0)
niche.pl.umap(adata, color=["compartment", "organ"])

# %% [markdown]
# ## 6. Communication, organ by organ
#
# For every pair of a sending and a receiving cell type and every known ligand-receptor pair: is the
# ligand made by the sender and the receptor by the receiver, and more so than by other cells **of the
# same biopsies**? By default edges run from tumor to host and from host to tumor, in metastases.

# %%
niche.tl.communication(adata, "cell_type")
edges = niche.get.communication(adata)
edges["status"].value_counts()

# %% [markdown]
# Most edges are *not testable* or *not expressed*, and that is information. The reasons:

# %%
edges["reason"].value_counts().loc[lambda n: n.index != ""].head(6)

# %% [markdown]
# "Structurally absent" is not a zero: there are no hepatocytes in bone, so their signals there are not
# weak, they are no question. Now the edges that are specific to their cell types in bone, the strongest
# first:

# %%
bone = niche.get.communication(adata, organ="bone", qval=0.05)
columns = ["source", "target", "ligand_complex", "receptor_complex", "lr_means", "qval", "n_patients"]
bone.sort_values("magnitude_rank")[columns].head(8)

# %% [markdown]
# How to read a row: in the biopsies from bone, `source` makes the ligand and `target` the receptor
# (`lr_means`, mean of the two log expressions), and this is unlikely if the cell-type labels were
# shuffled within each biopsy (`qval`). `n_patients` says on how many patients it rests.
#
# **Not to conclude**
#
# - *that it holds for other patients.* The p-value shuffles cells, not patients.
# - *that it is stronger in bone than in lung.* q depends on how many cells of which type are in a biopsy,
#   so q-values of two organs cannot be compared. Tests between organs, with patients as replicates, are the
#   subject of [tutorial 3](03_what_differs_between_organs.ipynb).
# - *that the cells talk.* It is RNA; protein, distance and response are other questions.
#
# How the best of these edges look patient by patient:

# %%
best = bone.sort_values("magnitude_rank").iloc[0]
samples = niche.get.communication(adata, organ="bone", qval=0.05, level="sample")
edge = ["source", "target", "ligand_complex", "receptor_complex"]
chosen = (samples[edge].astype(str) == best[edge].astype(str)).all(axis=1)
samples.loc[chosen, ["sample", "ligand_means", "receptor_means", "n_source", "n_target"]].round(2)

# %% [markdown]
# All organs, or some of them, in one picture: a row is a pair of genes, a column a pair of cell types, an
# empty place is measured and silent, a grey cross cannot be tested.

# %%
niche.pl.communication(adata, organ=["bone", "lung"], n_top=8)

# %% [markdown]
# ## 7. The published axes
#
# niche brings a table of ligand-receptor axes that experiments have shown to matter for an organ, each
# with its citation. They are **not** used in any score, so finding them is a test of the analysis.
# `found` means: specific within the samples, in the published direction.

# %%
axes = niche.get.axes(adata)
axes.groupby(["organ", "status"], observed=True).size().unstack(fill_value=0)

# %%
columns = ["ligand", "receptor", "direction_class", "status", "source", "target"]
axes.loc[axes["organ"] == "bone", columns].head(8)

# %% [markdown]
# What is not testable says why. **Not to conclude:** that a silent axis is refuted. Many cytokines are
# hardly detected in single cells; the column `rna_detectability` warns of them.

# %%
untestable = axes[axes["status"].isin(["not_testable", "not_assessed"])]
untestable[["organ", "ligand", "receptor", "reason"]].drop_duplicates().head(6)

# %%
niche.pl.axes_heatmap(adata)

# %% [markdown]
# Read the row CXCL12 -> CXCR4: it is found in bone, and just as well in the three other organs. It is
# specific to fibroblasts and tumor cells everywhere. **Not to conclude:** that an axis which is found in
# an organ is special to that organ.

# %% [markdown]
# ## 8. The report
#
# One file that can be sent to a colleague: design and limits, quality, cells, edges, published axes,
# every parameter, version and citation.

# %%
path = niche.report.html(adata, "organ_report.html")

# %% [markdown]
# All of the above in one call is `niche.recipes.communication_by_organ(adata)`, and on the command line
# `niche run your_study.h5ad --out results`.
#
# ## 9. Was it right?
#
# The demo is simulated, so the truth can be looked up: which edges were planted, stronger in one organ
# than in the others on both sides. Do they rank above the other edges of their organ?

# %%
names = ["organ", "source", "target", "ligand_complex", "receptor_complex"]
truth = adata.uns["truth"]["edges"]
tested = edges[edges["status"] == "tested"].astype(dict.fromkeys(names, str))
tested["rank"] = tested.groupby("organ")["specificity_rank"].rank(pct=True)
planted = tested.merge(truth.loc[truth["planted"], names], on=names)
planted.sort_values("rank")[[*names, "rank", "qval"]].head(8)

# %%
print(f"{len(planted)} planted edges are tested, {(planted['qval'] <= 0.05).sum()} of them have q <= 0.05")
print(f"half of them are among the first {planted['rank'].median():.1%} of the edges of their organ")

# %% [markdown]
# Other edges have small q-values too, and rightly: they are specific to their cell types in every organ.
# Telling those from the organ's own edges needs the test between organs
# ([tutorial 3](03_what_differs_between_organs.ipynb)).
#
# With real data nobody tells you. What speaks for an edge then: several patients, a published axis, the
# same edge with another ligand-receptor list (`resource="cellphonedb"`), and an experiment.
