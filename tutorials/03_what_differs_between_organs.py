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
# # What differs between organs?
#
# A signal that passes between fibroblasts and tumor cells in bone is of interest for *why bone* only if it
# is weaker elsewhere. That is a comparison, and a comparison needs replicates. The replicates are
# **patients**: ten thousand cells of one patient are one observation of what happens in an organ.
#
# This tutorial compares organs twice: in a simulated study whose truth is known, then in metastases of lung
# cancer ([Maynard et al. 2020](https://doi.org/10.1016/j.cell.2020.07.017)), where most questions cannot be
# answered and niche says so. At every step it says **what not to do**.

# %%
import pandas as pd

import niche

pd.options.display.max_colwidth = 70
pd.options.display.float_format = "{:.3g}".format
EDGE = ["source", "target", "ligand_complex", "receptor_complex"]

# %% [markdown]
# ## 1. Before sequencing: what could be found?
#
# How large must a difference be to be seen? That depends on the number of patients and on how much they
# vary, not on the number of cells. `niche.power` tells it for a design on paper, here four patients in each
# of three organs and two in brain, for three assumptions on how much patients vary (`sd`).

# %%
planned = niche.power({"bone": 4, "lung": 4, "liver": 4, "brain": 2}, pairing="partial")
columns = ["contrast", "n_patients", "n_patients_other", "sd", "min_detectable_fold", "status", "reason"]
planned.table.loc[planned.table["contrast"].str.endswith("_rest"), columns]

# %% [markdown]
# With four patients an organ must differ at least about 1.6 to 2.7 *fold* to be found in four of five
# studies, and this is for one test. Brain can be tested with two patients, but a call needs three. More
# cells per patient do not change that; more patients do.
#
# ## 2. The study, and its design
#
# The simulation has the same design. Some patients gave two organs, which helps: within a patient the organs
# can be compared without the differences between patients.

# %%
patients = {"bone": 4, "lung": 4, "liver": 4, "brain": 2}
adata = niche.datasets.simulate_metastases(
    7, patients_per_organ=patients, cells=220, n_genes=3200, primaries=0, normals=0
)
report = niche.pp.check(adata)
report.organs[["organ", "n_patients_usable", "n_patients_paired", "n_cells", "possible", "reason"]]

# %%
niche.pl.design(adata)

# %% [markdown]
# ## 3. Compare
#
# Three steps come before: log values, how much RNA leaks from cell to cell (`ambient`), and the sums of every
# cell type in every sample (`communication`; its p-values within samples are not needed here). Then every
# edge between tumor and host is compared between organs. `n_permutations` asks for a check that we read
# first.

# %%
niche.pp.normalize(adata)
niche.pp.ambient(adata)
niche.tl.communication(adata, "cell_type", null=None)
niche.tl.compare_communication(adata, n_permutations=20)

# %% [markdown]
# ### Can the p-values be trusted?
#
# The organs are exchanged between patients at random. Now nothing can differ but by chance, so about 5 % of
# the p-values should be below 0.05.

# %%
check = adata.uns["compare_communication"]["calibration"]
is_real = check["permutation"] == 0
exchanged, real = check.loc[~is_real, "share"].mean(), check.loc[is_real, "share"].mean()
print(f"p below 0.05: {exchanged:.1%} with the organs exchanged, {real:.1%} with the organs as they are")

# %% [markdown]
# ### Is something else different, too?
#
# If all samples of an organ came from one laboratory, no test could tell organ from laboratory. niche looks
# at the columns `study`, `assay`, `subtype` and `primary_type` without being asked.

# %%
niche.pl.confounding(adata)

# %% [markdown]
# ## 4. Read the table
#
# One row is an edge in one comparison: `bone_vs_rest` is bone against the mean of the other organs. With
# `estimated=True` we leave out edges about which nothing is known but the reason why.

# %%
table = niche.get.compare_communication(adata, estimated=True)
table.groupby(["contrast", "call"], observed=True).size().unstack(fill_value=0).head(5)

# %% [markdown]
# - `enriched`, `depleted`: higher or lower in this organ, in patients, by a change worth naming.
# - `specific`: enriched, and silent in all other organs.
# - `shared`: alike. That is shown, not assumed: the interval of every difference lies within one doubling.
# - `undetermined`: neither a difference nor its absence can be told. By far most edges of a study of this
#   size end here.
# - `not_testable`: brain, because of its two patients.
#
# **Not to do:** read *undetermined* as *the same everywhere*. The column `min_detectable_log2fc` says how
# large a difference would have had to be.
#
# The edges that are stronger in bone:

# %%
bone = niche.get.compare_communication(adata, contrast="bone_vs_rest", call=["enriched", "specific"])
bone = bone.sort_values("qval")
columns = [*EDGE, "log2fc", "ci_low", "ci_high", "qval", "n_patients", "sign_stability", "call"]
bone[columns].head(10)

# %% [markdown]
# `log2fc` is the difference of the mean of ligand and receptor: 2 is four times as high. `ci_low` and
# `ci_high` bound it. `sign_stability` is the share of patients who can be left out without the sign changing.
#
# ## 5. Who makes the difference: seed or soil?
#
# `driver` says which side moves, `driver_compartment` whose cells these are: tumor is the seed, host the
# soil. `qval_joint` is small only if **both** sides move. It is no condition: a receptor that is there in
# every organ, meeting a ligand that one organ makes, is the classical case, and there only one side moves.

# %%
columns = [*EDGE, "driver", "driver_compartment", "log2fc_ligand", "log2fc_receptor", "qval_joint"]
bone[columns].head(10)

# %% [markdown]
# The published axes of bone are among them. Both sides of an edge, patient by patient; a line joins the
# organs of one patient:

# %%
axis = bone[bone["ligand_complex"].isin(["JAG1"]) & bone["receptor_complex"].isin(["NOTCH2"])].head(1)
niche.pl.paired(adata, axis)

# %% [markdown]
# ## 6. RNA that leaks
#
# Some edges are odd: T cells, macrophages and fibroblasts all answer SPP1 of *tumor* cells in bone. SPP1 is
# made in quantity by cells of bone, they break, and their RNA gets into every droplet. Where this explains
# half of a difference or more, the call is `ambient-suspect`, and the reason says what it would be otherwise.
# `ambient_share` is the part of the difference that is explained, `ambient_side` says of which side.

# %%
suspect = niche.get.compare_communication(adata, contrast="bone_vs_rest", call="ambient-suspect")
suspect.sort_values("qval")[[*EDGE, "log2fc", "qval", "ambient_share", "ambient_side", "reason"]].head(10)

# %%
print(f"{len(suspect)} edges are ambient-suspect, {len(bone)} are called")

# %% [markdown]
# Their q-values are tiny, and rightly so: the difference is there in every patient. It only is no difference
# of the *cells*. **Not to do:** sort by q and take the top. niche marks such edges and subtracts nothing,
# because a real signal of a leaky gene would be lost with it.
#
# The share is an estimate. SPP1 of macrophages and NK cells, with a share of about a quarter, leaks here just
# as well. What gives it away is that *every* cell type of bone seems to send it: a gene that leaks rises in
# all cell types at once, a signal in one or two.
#
# ## 7. One edge, down to every patient
#
# Intervals, and below each of them every patient as a dot. If one dot carried an edge, it would be seen here:

# %%
niche.pl.effects(adata, bone.head(6), contrast="bone_vs_rest")

# %% [markdown]
# The same without each of the patients in turn:

# %%
niche.pl.loo(adata, bone.head(3), contrast="bone_vs_rest")

# %% [markdown]
# And the numbers themselves. `mean_log2cpm` is what is compared, `weight` how exactly it was measured: many
# cells weigh more than few, but no patient counts twice.

# %%
samples = niche.get.compare_samples(adata, axis, contrast="bone_vs_rest")
columns = ["patient", "organ", "side", "ligand_log2cpm", "receptor_log2cpm", "mean_log2cpm", "weight"]
samples[[*columns, "n_source", "n_target", "used", "reason"]]

# %% [markdown]
# `niche.explain` puts all of this into words, for any edge, also for one that could not be tested:

# %%
niche.explain(adata, axis)

# %% [markdown]
# ## 8. All organs in one picture

# %%
rest = [f"{organ}_vs_rest" for organ in ("bone", "brain", "liver", "lung")]
called = table[table["contrast"].isin(rest) & table["call"].isin(["enriched", "specific", "depleted"])]
niche.pl.organ_edges(adata, called.sort_values("qval").head(20))

# %% [markdown]
# A hatched column cannot be called: brain again. Cell types that one organ alone has, such as hepatocytes,
# are not in this picture. There is nothing to compare them with, so their edges are described:

# %%
alone = niche.get.organ_exclusive(adata, status="tested")
print(alone.attrs["statement"])
alone.groupby(["organ", "between_organs_reason"], observed=True).size().head(4)

# %% [markdown]
# ## 9. Was it right?
#
# Here the truth is known. What was planted, and what became of it? `leaked` edges have no difference of the
# cells at all. Some planted edges stay undetermined, such as the famous CXCL12 - CXCR4 of bone: its ligand is
# four times as high, its receptor the same, so the mean is raised by one doubling, and in these patients that
# was not quite enough. It is in no way absent.

# %%
truth = adata.uns["truth"]["edges"]
planted = truth.loc[truth["planted"] & (truth["organ"] != "brain"), ["organ", *EDGE, "kind", "driver"]]
found = table[table["contrast"].isin(rest)].astype(dict.fromkeys(["organ", *EDGE], str))
found = found[["organ", *EDGE, "log2fc", "qval", "driver", "ambient_share", "call"]]
planted.merge(found, on=["organ", *EDGE], how="left", suffixes=("_true", ""))

# %% [markdown]
# `niche.testing.recovery` counts this for all edges, planted or not. First: of the edges of which we say that
# *both* sides move, how many are there, how many found, how many false? A side that ambient RNA moves does
# not count as moving.

# %%
judged = [name for name in rest if not name.startswith("brain")]
clean = table[table["ambient_side"] == ""]
both = niche.testing.recovery(adata, clean, contrast=judged)
shown = both["measure"].isin(["recall", "recall_with_driver"]) & (both["edges"] == "planted")
shown &= both["kind"] == "both"
both[shown | (both["measure"] == "false_discovery_share")]

# %% [markdown]
# Then with the q-value of the mean, which claims that *some* side moves. Among its discoveries are leaked and
# contaminated edges, the SPP1 of all cell types among them; leaving out what is `ambient-suspect` takes most
# of these away, and not all:

# %%
some = niche.testing.recovery(adata, table, contrast=judged, score="qval", claim="any")
clean = niche.testing.recovery(
    adata, table[table["call"] != "ambient-suspect"], contrast=judged, score="qval", claim="any"
)
pd.concat({"all": some, "ambient left out": clean}).query("measure == 'discoveries' and count > 0")[
    ["kind", "count", "total", "value"]
]

# %% [markdown]
# ## 10. Real data: metastases of lung cancer
#
# 3,000 cells of Maynard et al. 2020, from the folder that the environment variable `NICHE_DATA_DIR` names.
# Without it the next cell says so and takes a small simulated study; the words below are of the real one.

# %%
try:
    lung = niche.datasets.maynard2020()
    tumor = "Epithelial cell"
    print("real data:", lung.uns["source"]["citation"])
except niche.errors.NicheError as error:
    lung = niche.datasets.simulate_metastases(
        3,
        organs=("liver", "lymph_node"),
        patients_per_organ=2,
        cells=250,
        n_genes=3000,
        primaries=2,
        normals=0,
    )
    tumor = "Malignant"
    print("SIMULATED data instead of Maynard et al. 2020, because", error)
niche.pp.check(lung).organs[["organ", "tissue", "n_patients", "n_patients_usable", "n_cells", "possible"]]

# %% [markdown]
# Ten patients with a lymph-node metastasis, but of most of them a handful of cells. The recipe goes the whole
# way, `niche run` on the command line does the same. We take epithelial cells of metastases as tumor, for
# lymph node, liver, brain, adrenal and pleura have hardly an epithelium of their own.

# %%
settings = {"input": {"compartments": {tumor: "tumor"}}, "cluster": {"run": False}}
result = niche.recipes.communication_by_organ(lung, settings)
result.uns["recipe"]["steps"]

# %% [markdown]
# What could be compared?

# %%
compared = niche.get.compare_communication(result, estimated=True)
compared["has_p"] = compared["pval"].notna()
by_contrast = compared.groupby("contrast", observed=True)
by_contrast.agg(estimated=("log2fc", "count"), with_p=("has_p", "sum")).head(6)

# %%
compared.groupby(["contrast", "call"], observed=True).size().unstack(fill_value=0).head(6)

# %% [markdown]
# Not one edge has a p-value. Why not? What the reasons say of liver:

# %%
whole = niche.get.compare_communication(result, contrast="liver_vs_rest")
of_liver = whole["reason"].astype(str).str.extract(r"(?:^|; )([^;(]* in liver[^;)]*)")[0]
of_liver.fillna("nothing about liver: another organ, or depth").value_counts()

# %% [markdown]
# That is the answer: in these 3,000 cells hardly a pair of cell types has ten cells each in the same biopsy
# of two patients in two organs. It is no finding that organs are alike, and no fault of the method.
#
# **What can still be said?** Edges can be described within an organ (`niche.get.communication`, tutorial 1),
# and differences can be *estimated*. They are numbers about these patients, often one against one, and carry
# no call:

# %%
columns = ["contrast", *EDGE, "log2fc", "n_patients", "call", "reason"]
largest = compared[compared["contrast"] == "liver_vs_lymph_node"]
largest = largest.sort_values("log2fc", key=abs, ascending=False)
largest[columns].head(5)

# %% [markdown]
# ### A coarser question
#
# Types can be put together to lineages, five cells can do instead of ten, and primary tumors can be taken
# along to compare with: coarser questions, asked of more patients. Such choices are made, and told, before
# one looks at q-values. The recipe goes on from its result and computes anew only what has to be.

# %%
settings["communication"] = {
    "level": "lineage", "min_cells": 5, "tissues": ["metastasis", "primary"], "null": "none",
}  # fmt: skip
result = niche.recipes.communication_by_organ(result, settings)
coarse = niche.get.compare_communication(result, estimated=True)
coarse["has_p"] = coarse["pval"].notna()
by_contrast = coarse.groupby("contrast", observed=True)
by_contrast.agg(estimated=("log2fc", "count"), with_p=("has_p", "sum"), patients=("n_patients", "max"))

# %%
coarse.groupby(["contrast", "call"], observed=True).size().unstack(fill_value=0)

# %% [markdown]
# Liver and lymph node can now be tested, and lymph node against primary tumors can even be called. Nothing
# is: nearly all is `undetermined`. The smallest difference that could have been found there is large:

# %%
told = coarse[(coarse["contrast"] == "lymph_node_vs_primary") & coarse["has_p"]]
told["min_detectable_log2fc"].describe()[["25%", "50%", "75%"]]

# %% [markdown]
# What would it take? Patients, at a spread as in these biopsies:

# %%
curve = niche.power({"liver": 3, "lymph_node": 3}, sd=0.6, cells=30).curve
curve[curve["pairing"] == "unpaired"].head(8)

# %% [markdown]
# **What not to do**
#
# - *Compare the p-values of two organs.* An edge with q = 0.01 in liver and q = 0.2 in lymph node may be the
#   same in both: q within samples depends on how many cells of which type a biopsy holds.
# - *Take cells as replicates.* A test over cells (Wilcoxon, or a mixed model without patients) calls the
#   differences between two patients differences between two organs, with p-values as small as you like: its
#   error is 50 to 80 % where 5 % is promised.
# - *Put organs together until there are three patients* without saying so: "distant against lymph node" is a
#   question of its own.
#
# The report has a section *Between organs* with all of this:

# %%
path = niche.report.html(result, "between_organs_report.html")
