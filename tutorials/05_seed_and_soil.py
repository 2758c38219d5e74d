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
# # Seed and soil: an account of every organ
#
# In 1889 [Paget](https://doi.org/10.1016/S0140-6736(00)49915-0) compared tumor cells with seeds: they are
# carried everywhere, but grow only on soil that suits them. *Why does this tumor grow in bone?* is
# therefore two questions. What is special about the tumor cells in bone (the **seed**)? And what is special
# about the cells around them (the **soil**)?
#
# The other tutorials take one step each. This one puts the results side by side: **one account per organ**,
# item by item, and next to it what is published for that organ. There is no score at the end, and this
# tutorial says why.
#
# The data are simulated: eight patients with metastases in bone, liver, lung and brain (two patients only).
# So all numbers below are exercises and no biology.

# %%
import pandas as pd

import niche

pd.options.display.max_colwidth = 60
pd.options.display.float_format = "{:.2g}".format
adata = niche.datasets.demo()

# %% [markdown]
# ## 1. The parts
#
# The account computes nothing new. It joins tests that were run before, each with patients as the
# replicates. If one is missing, it says which:

# %%
try:
    niche.tl.tropism(adata)
except niche.errors.MissingKeyError as error:
    print(error)

# %% [markdown]
# First the data: the design, log values, and how much RNA leaks from cell to cell.

# %%
niche.pp.check(adata)
niche.pp.normalize(adata)
niche.pp.ambient(adata)

# %% [markdown]
# **Seed.** Programs are sets of genes that tumor cells switch on together. They are found without looking
# at organs, then compared between organs. Signatures are sets of genes that others have published.

# %%
niche.tl.programs(adata, k=6, n_starts=3)
niche.tl.compare_programs(adata)
niche.tl.score_signatures(adata)

# %% [markdown]
# **Soil.** Ligand-receptor edges between tumor and host, and the shares of host cell types.

# %%
niche.tl.communication(adata, "cell_type", null="analytic")
niche.tl.compare_communication(adata)
niche.tl.composition(adata)

# %% [markdown]
# **Genes.** Expression of every gene in every cell type, for the published mediators.

# %%
niche.tl.compare_expression(adata, "cell_type")

# %% [markdown]
# ## 2. Join them

# %%
niche.tl.tropism(adata)
account = niche.get.tropism(adata)
print(account.attrs["statement"])
niche.get.tropism(adata, what="summary").query("organ == 'bone'")

# %% [markdown]
# ## 3. Read the account of bone
#
# Each group of items has an axis of its own, because the units differ: a program is measured in another way
# than an edge, and a length of 2 on one axis is not the same as a length of 2 on another.

# %%
niche.pl.tropism(adata, organ="bone")

# %% [markdown]
# From top to bottom:
#
# - *Programs.* A star or an upward triangle: tumor cells use this program more in bone than in the other
#   organs. The verdict on the right is about the program as a whole. `ambient-suspect` means that RNA of
#   other cells may explain it: such a program is no finding, in whatever organ it is called.
# - *Signatures.* The demo measures 1,900 genes, so most published signatures are too incomplete to be
#   scored. They are *not testable*, and that is not the same as *not different*.
# - *Edges.* On the right stands who drives the difference. For `host (soil)` the host cells of bone make
#   more of their gene, and tumor cells are as everywhere. For `tumor (seed)` the tumor cells differ.
# - *Cell types of this organ alone.* Only bone has osteoclasts. They may be what matters most, but there is
#   nothing to compare them with, so they are described and not tested.
# - *Composition.* Shares of host cells. A grey circle is `undetermined`: neither a difference nor its
#   absence could be shown.
#
# The same as a table, edges that the soil drives:

# %%
soil = niche.get.tropism(adata, organ="bone", kind="edge", status=["enriched", "specific"])
soil = soil[soil["driver_compartment"] == "host"]
soil[["item", "direction", "effect", "ci_low", "ci_high", "qval", "status", "driver", "n_patients"]]

# %% [markdown]
# And what cannot be said. Brain has two patients, and a call needs three on each side:

# %%
brain = niche.get.tropism(adata, organ="brain", account="seed")
brain[["kind", "item", "status", "reason"]]

# %% [markdown]
# **Not to do:** conclude that brain has no program or edge of its own. Nothing could be tested there.
#
# ## 4. What is published
#
# niche brings a table of genes that were published as mediators of metastasis to an organ. Each was
# published **for an organ**, with a **direction**, for a **compartment**. So a field of this figure is
# filled only where there is a publication:

# %%
niche.pl.mediators(adata, n_top=28)

# %% [markdown]
# The arrow is what was published: up for a promoter (expected *higher* in this organ than in the others),
# down for a suppressor (expected *lower*). The symbol is what these data say.
#
# - *Found*: different from the other organs, in the published direction.
# - *Opposite*: different, in the other direction. CXCL12 was published as a promoter for bone and for
#   liver. It cannot be higher than the others in both; here it is highest in bone, so liver is below the
#   mean of the others. This does not refute the publication. It says that in this study CXCL12 does not set
#   liver apart.
# - *Not found*: not shown to be different. The column `reason` says how large a difference would have been
#   seen.
# - *Retracted* publications are shown, so that nobody wonders where they are, and never scored. A dashed
#   frame is a contested publication. LOX has one of each kind.
#
# ### The same gene, two signs
#
# DKK1 of breast cancer cells promotes metastasis to bone and *suppresses* it in lung ([Zhuang et al.
# 2017](https://doi.org/10.1038/ncb3613)). A list of "metastasis genes" without organs loses this: the two
# would cancel out, or one would be counted as a failure. Here every gene has a row per organ and keeps its
# sign:

# %%
mediators = niche.get.tropism(adata, kind="mediator")
columns = ["organ", "gene", "expected", "effect", "qval", "status", "reason", "citation"]
mediators.loc[mediators["gene"].isin(["DKK1", "CXCL12", "LOX"]), columns]

# %% [markdown]
# DKK1 is not among the genes of the demo: *not testable*, with the reason.
#
# ## 5. Evidence of another kind: a screen
#
# Suppose that you have a CRISPR screen in mice: which genes, when knocked out in tumor cells, make them
# rarer in an organ? The table below is **made up** to show the format: one row per gene and organ, a
# negative effect for a loss of cells.

# %%
screen = pd.DataFrame(
    [
        ("CXCR4", "bone", -1.4, 0.002),
        ("JAG1", "bone", -0.9, 0.03),
        ("IL11", "bone", -0.1, 0.8),
        ("MET", "liver", -1.1, 0.01),
        ("ANGPTL4", "lung", -0.7, 0.04),
    ],
    columns=["gene", "organ", "effect", "qval"],
)
niche.tl.tropism(adata, screen=screen)
joined = niche.get.tropism(adata)
joined.loc[joined["screen"] != "", ["organ", "kind", "item", "effect", "status", "screen"]]

# %% [markdown]
# Hits (q up to 0.1) stand beside the items that hold their genes. No call, effect or order has changed: a
# knock-out and a difference between patients are two kinds of evidence, and an item that has both is more
# convincing than any mean of the two numbers. IL11 is no hit of this screen, and its edges stay as they
# are.
#
# Mind the direction. `MET` in liver: the screen says that a loss makes cells rarer there, the edges that
# tumor cells of liver have more of the receptor. Both point the same way, and neither proves the other. If
# they contradicted each other, the table would show that, too.
#
# ## 6. What not to do
#
# **Do not count items and call it a score.** It is tempting: these are the called items per organ. So lung
# is the best soil?

# %%
called = account["status"].isin(["enriched", "specific", "depleted"])
called.groupby(account["organ"]).sum()

# %% [markdown]
# What do these numbers measure? The number of patients, first of all: brain has none because it has two
# patients. The number of genes measured. And edges that share a gene: the five edges to MET in the table
# above are for the most part one difference of one gene of the tumor cells, counted five times. None of this
# is a preference of the tumor. And an organ in which no metastasis was sampled is not in the table at all.
#
# **Do not judge the account by how much of the literature it finds.** The edges that niche tests come from
# a collection of ligand-receptor pairs that holds the famous ones *because* they are famous, and cell types
# are named by known markers. To choose items by the published table and then to report how many published
# ones were found is circular. For this reason nothing in the account is chosen or ranked by what is
# published. And the data of the demo were simulated with some published axes in mind, so here it would be
# doubly circular.
#
# **Do not read direction as cause.** *Driven by the soil* says whose expression differs between organs.
# Whether the soil was like this before the tumor came, or was made so by it, cannot be seen in metastases
# alone.
#
# **Do not leave out *not testable*** when you report. A reader must be able to tell "we looked and saw
# nothing" from "we could not look".
#
# ## 7. The report
#
# The account of all organs stands on the first screen of the report, with the figures and every citation in
# the section after it:

# %%
path = niche.report.html(adata, "seed_and_soil_report.html")
