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
# # Tumor and host: which cells are malignant?
#
# Every question about *seed* and *soil* starts with a split: which cells of a biopsy are tumor, which are
# host? A tumor cell is not known by a marker gene, for it resembles the tissue it came from. What most
# tumors do have is a changed genome: arms of chromosomes gained or lost. A gained arm makes its genes, a
# hundred neighbours at once, a little louder, and that can be heard in RNA.
#
# This tutorial calls malignant cells from that, on two real studies: first step by step on a brain tumor
# whose answer is known, then in one call on breast cancers and their lymph-node metastases. At every
# step it says **what not to conclude**.

# %%
import numpy as np
import pandas as pd
from scipy import sparse

import niche

pd.options.display.max_colwidth = 90

# %% [markdown]
# ## 1. A tumor whose answer is known
#
# 184 cells of four oligodendrogliomas ([Tirosh et al. 2016](https://doi.org/10.1038/nature20123)): 142
# malignant, 42 normal (immune cells of the brain and oligodendrocytes, some of them of a fifth patient). The
# data come with the package infercnvpy; the name of a cell begins with its patient. We set the authors'
# labels aside, to compare later.

# %%
import infercnvpy

glioma = infercnvpy.datasets.oligodendroglioma()
glioma.X = sparse.csr_matrix(np.log1p(glioma.X.toarray()).astype(np.float32))
glioma.obs["sample"] = [name.split("_")[0] for name in glioma.obs_names]
known = glioma.obs.pop("cell_type").astype(str)
known.value_counts()

# %% [markdown]
# ## 2. Copy number from expression
#
# `infer_cnv` compares every gene of every cell with normal cells, and averages over 100 neighbouring genes.
# Normal cells have to be named here; we take the immune cells.

# %%
glioma.obs["known"] = known
niche.tl.infer_cnv(glioma, reference_key="known", reference="Microglia/Macrophage", min_reference_cells=10)
niche.get.cnv(glioma).head(3)

# %% [markdown]
# One row is a *window*: a stretch of a chromosome and the number of genes it averages. The values are in
# `glioma.obsm["X_cnv"]`, one row per cell, as log fold changes against the reference: 0 is like normal.

# %%
niche.pl.cnv(glioma, groupby="known")

# %% [markdown]
# Blue is lost, red gained. The malignant cells of all four tumors have lost parts of chromosomes 1 (its
# first half) and 19: the loss of 1p and 19q by which pathologists define this tumor. Nothing in the
# method knows about 1p and 19q.
#
# **Not to conclude**
#
# - *that every coloured stripe is a gain or a loss.* Look at chromosome 6: a blue stripe in all tumors
#   **and** in the normal oligodendrocytes. There lie the HLA genes, which immune cells, our reference,
#   make in plenty. Whatever is not immune seems to have lost them.
# - *how many copies there are.* The colour says more or less, not three or four.
#
# ## 3. Malignant or not, with a probability
#
# `call_compartments` needs no labels and no reference. It finds normal cells by their markers, looks in
# every sample for cells that share gains and losses, and gives each cell a probability. Cells that the
# evidence does not decide are `unresolved`, and that is an answer too.

# %%
del glioma.obsm["X_cnv"], glioma.uns["cnv"]
niche.tl.call_compartments(glioma)
pd.crosstab(known, glioma.obs["compartment"])

# %% [markdown]
# The labels we set aside agree: no normal cell is called tumor, hardly a malignant cell is missed, and 11
# cells stay open. Before believing a call, read what it rests on, sample by sample:

# %%
statement = niche.get.compartments(glioma)
statement[["sample", "n_cells", "n_tumor", "n_unresolved", "copy_number", "coherence", "reason"]].round(2)

# %% [markdown]
# `copy_number` is *yes* only if the gains and losses are real ones. The test: the genes are dealt out along
# the genome to two halves. A lost arm is seen by both halves at the same place, a mere difference between
# cell types is not. `coherence` is the correlation of the halves. *no* and *not assessed* come with a reason:
# MGH54 gave eleven normal cells and is too small to be judged.

# %%
niche.pl.malignant_evidence(glioma)

# %% [markdown]
# One dot is a cell. To the right: stronger gains and losses; up: more like those of the other tumor cells
# of the sample. Colour is the probability. What matters is that there are two clouds with little between
# them.
#
# **Not to conclude**
#
# - *that "no copy-number evidence" means no tumor.* Some tumors have a quiet genome, some biopsies too few
#   cells. Their cells stay unresolved; they are not called normal.
# - *that a probability is a p-value.* It weighs evidence under the assumptions of the method.
#
# ## 4. A whole study in one call
#
# 549 cells of eleven breast cancers, two of them with a lymph-node metastasis ([Chung et al.
# 2017](https://doi.org/10.1038/ncomms15081)). niche does not ship these cells: it reads them from the folder
# that the environment variable `NICHE_DATA_DIR` names. Without that folder the next cell says so and takes
# a simulated study instead. The words below then still hold, the numbers in them are of the real study.

# %%
try:
    study = niche.datasets.chung2017()
    print("real data:", study.uns["source"]["citation"])
except niche.errors.NicheError as error:
    study = niche.datasets.simulate_metastases(
        3, organs=("bone", "liver"), patients_per_organ=2, cells=140, n_genes=6000, primaries=0, normals=0
    )
    study.obs["malignant_putative"] = study.obs["compartment"] == "tumor"
    study.obs["cell_type_marker"] = study.obs["cell_type"]
    print("SIMULATED data instead of Chung et al. 2017, because", error)
rule = study.obs[["cell_type_marker", "malignant_putative"]].astype(str)
study.obs = study.obs[["sample", "patient", "organ", "tissue"]].copy()
by_organ = study.obs.groupby(["organ", "tissue"], observed=True)
by_organ.agg(cells=("sample", "size"), patients=("patient", "nunique"))

# %% [markdown]
# Only where the cells come from is left: nobody has said what they are. The recipe `tumor_stroma` goes the
# whole way and keeps a record. On the command line this is
# `niche run study.h5ad --recipe tumor_stroma --out results`.

# %%
result = niche.recipes.tumor_stroma(study)
result.uns["recipe"]["steps"]

# %% [markdown]
# ### Which samples show copy number?

# %%
table = niche.get.compartments(result)
table[["sample", "n_cells", "n_tumor", "n_immune", "n_unresolved", "copy_number", "reason"]]

# %%
niche.pl.cnv(result)

# %% [markdown]
# Each tumor has a pattern of its own, and all cells of a tumor share it. A metastasis repeats the pattern
# of its primary tumor, which is how one can tell that it came from there.
#
# ### Does it agree with others?
#
# The cells also have labels made by a rule (epithelial by markers, and a strong copy-number signal). The
# rule is not the truth either, so disagreement is a question and not an error.

# %%
by_rule = np.where(rule["malignant_putative"] == "True", "malignant by rule", rule["cell_type_marker"])
by_rule = pd.Series(by_rule, index=study.obs_names)[result.obs_names]
pd.crosstab(by_rule.rename("rule"), result.obs["compartment"])

# %% [markdown]
# Look at the rows of immune cells: hardly one is called tumor. Most cells that the rule calls malignant and
# niche does not are *unresolved*, and here is why:

# %%
cells = niche.get.compartments(result, level="cells")
cells.loc[cells["compartment"] == "unresolved", "reason"].value_counts()

# %% [markdown]
# ## 5. Clusters, and how far to trust them
#
# Cells are clustered inside each compartment. How many clusters there are depends on a number, the
# *resolution*; so niche tries eight of them, repeats each with other seeds and with parts of the cells, and
# asks whether the same clusters come back (adjusted Rand index: 1 the same, 0 as by chance).

# %%
niche.pl.stability(result)

# %%
niche.pl.umap(result, color=["compartment", "sample"])

# %% [markdown]
# **Not to conclude:** that clusters of tumor cells are kinds of tumor cells. Here they are mostly patients.
# That is no technical fault to be corrected away: every tumor has its own genome. (Host cells can be
# brought together with `{"integrate": {"run": True}}`; tumor cells are then left as they are.)
#
# ## 6. Names for the host cells
#
# Clusters are named by marker genes of their organ, with the id of the Cell Ontology, and stay `unknown`
# where markers are not clear.

# %%
result.obs["cell_type"].value_counts().head(8)

# %% [markdown]
# **Not to conclude:** that a name is a function. It says which markers are on.
#
# ## 7. What leaks from cell to cell
#
# Broken cells leave RNA in the liquid, and it gets into every droplet: tumor cells in liver then seem to make
# albumin. `pp.ambient` estimates how much of each sample this is, from genes that a cell type should not
# have but its neighbours do. It marks genes; it never subtracts.

# %%
ambient = niche.get.ambient(result)
ambient[["sample", "n_cells", "fraction", "ci_low", "ci_high", "status", "reason"]].head(8)

# %% [markdown]
# Most of these samples are too small to tell: a fraction needs two cell types with ten cells each. Such a
# sample reads `not_testable` with the reason. **Not to conclude:** that it is clean.
#
# ## 8. The report, and the way on

# %%
path = niche.report.html(result, "tumor_host_report.html")

# %% [markdown]
# The section *Tumor and host* shows all of the above. `niche.recipes.communication_by_organ(result)` goes on
# from here to ligand-receptor pairs between tumor and host, without computing anything twice ([tutorial
# 1](01_from_anndata_to_organ_report.ipynb)). It stays honest about the design: in the breast study two
# patients gave a metastasis, so organs can be described and not compared.
