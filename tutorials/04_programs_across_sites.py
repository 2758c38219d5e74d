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
# # Brought along, of the organ, or leaked?
#
# Malignant cells of a bone metastasis express a set of genes that those of a lung metastasis do not. There
# are four explanations: the tumor *brought* the program along and runs it everywhere, the *organ* goes with
# it, it is a matter of *one patient*, or its molecules merely *leaked* into the droplets from cells of the
# organ. Only the second answers *why bone*.
#
# This tutorial tells the four apart, first in a simulated study whose truth is known, then in metastases of
# lung cancer ([Maynard et al. 2020](https://doi.org/10.1016/j.cell.2020.07.017)).

# %%
import pandas as pd

import niche

pd.options.display.max_colwidth = 90
pd.options.display.float_format = "{:.3g}".format

# %% [markdown]
# ## 1. A study with a known truth
#
# Four patients for each of three organs. Eleven programs are planted: three that all tumors have, one for
# each organ that tumor cells use more there, two of single patients, and one for each organ whose genes no
# tumor cell expresses: they are genes of the organ's own cells, and their molecules leak.

# %%
adata = niche.datasets.simulate_metastases(
    7,
    organs=("bone", "liver", "lung"),
    patients_per_organ=4,
    cells=200,
    n_genes=3000,
    primaries=0,
    normals=0,
)
truth = adata.uns["truth"]["programs"]
truth[["program", "kind", "organ", "patient", "n_genes"]]

# %% [markdown]
# ## 2. Find programs
#
# `programs` factorises the malignant cells of all tumors at once, every patient counting alike. It is not
# told which organ a cell is from, so that organs can be compared afterwards. Cells are **not integrated**: to
# make patients alike first would take out the very differences that are in question.
#
# Left to itself it tries seven numbers of programs; here we try two, to save time.

# %%
niche.pp.normalize(adata)
niche.pp.ambient(adata)  # how much leaks from cell to cell; needed in section 3
niche.tl.programs(adata, k=[18, 24], n_starts=10)
found = niche.get.programs(adata, what="programs")
found["first_genes"] = [
    ", ".join(niche.get.programs(adata, program=name)["gene"][:4]) for name in found["program"]
]
found[["program", "kind", "mean_usage", "n_patients", "top_patient", "top_patient_share", "first_genes"]]

# %% [markdown]
# The column `kind`: what patients share is a `program`; `patient-private` is of one tumor, `background` is
# what all cells express more or less of, `unstable` was found from few starts only. There are many more than
# eleven, and that is how it should be: copy numbers and differences between patients need room of their own
# before what patients share can be seen.
#
# **Not to do:** take a number of programs so small that each patient becomes one program, and interpret
# these.

# %%
niche.pl.programs(adata)

# %% [markdown]
# ## 3. Compare them between organs
#
# The usage of a program is averaged over all cells of a patient in an organ: patients are the replicates.
# Beside the test stand three kinds of evidence:
#
# - the share of the rise that **ambient molecules** explain (from `niche.pp.ambient`),
# - the **negative control**: do the genes of the program rise in host cells of that organ as well? What leaks
#   rises in all droplets alike,
# - **patients with several sites**: is it higher in this organ within the same patient?

# %%
niche.tl.compare_programs(adata)
verdicts = niche.get.compare_programs(adata, what="verdicts")
verdicts[verdicts["kind"] != "background"][["program", "verdict", "reason", "kind"]]

# %% [markdown]
# Every dot below is a patient. Look at the spread between dots of one organ before you look at any q-value:

# %%
called = verdicts.loc[verdicts["verdict"] == "organ-associated", "program"].tolist()
niche.pl.usage(adata, program=called)

# %% [markdown]
# What leaked stands on the right, what the tumor runs itself on the left:

# %%
niche.pl.program_ambient(adata)

# %% [markdown]
# And where usage varies: between organs, between patients of one organ, or between cells of one patient.
# Patient-private programs are mostly yellow.

# %%
kept = verdicts.loc[verdicts["kind"].isin(["program", "patient-private"]), "program"].tolist()
niche.pl.variance(adata, program=kept)

# %% [markdown]
# ## 4. Was it right?
#
# Which planted program is which, by the genes they share (Jaccard: shared genes over all genes of both)?

# %%
genes = niche.get.programs(adata).groupby("program")["gene"].agg(set)
planted = adata.uns["truth"]["program_genes"].groupby("program", observed=True)["gene"].agg(set)
rows = []
for name, mine in planted.items():
    likeness = genes.map(lambda other, mine=mine: len(mine & other) / len(mine | other))
    rows.append((name, likeness.idxmax(), likeness.max()))
match = pd.DataFrame(rows, columns=["planted", "program", "jaccard"])
match = match.merge(truth, left_on="planted", right_on="program", suffixes=("", "_true"))
match.loc[match["jaccard"] < 0.2, "program"] = "none"
match = match.merge(verdicts[["program", "verdict"]].astype(str), on="program", how="left")
match[["planted", "kind", "program", "jaccard", "verdict"]]

# %%
expected = {
    "organ-associated": ["organ-associated"],
    "patient-private": ["patient-private"],
    "leaked": ["ambient-suspect"],
    "shared": ["intrinsic", "undetermined"],
}
match["right"] = [v in expected[k] for v, k in zip(match["verdict"], match["kind"], strict=True)]
print(f"{(match['jaccard'] >= 0.6).sum()} of {len(match)} planted programs were found")
match.loc[~match["right"], ["planted", "kind", "program", "verdict"]]

# %% [markdown]
# Nearly all is as it was planted. The rest is worth a look, because it will happen to you:
#
# - The **cell cycle** was called `organ-associated`, though nothing was planted. Its q-value is close to 0.1,
#   the threshold; at that level one call in ten is expected to be wrong. Its reason says that in lung only
#   one of two patients with another site shows it within themselves, while programs planted in an organ show
#   it in most such patients: read the reason, not only the verdict.
# - The **leaked program of liver** was not found: no program comes near its genes. What leaks little makes no
#   program of its own.
#
# Two programs of single patients, further up, are `ambient-suspect` and not `patient-private`: their genes
# rise in host cells of that organ as well. That one patient has them does not rule out that they leaked.
#
# The verdict `undetermined` of a shared program is no error either. `intrinsic` has to be *shown*: every
# interval between organs must lie within one doubling, and four patients often do not suffice.
#
# ## 5. Signatures
#
# If there is a signature already, it need not be found. Scores are compared like usage, patients being the
# replicates. As an example, the first genes of two of the planted programs:

# %%
sets = {name: sorted(planted[name])[:30] for name in ("organ_bone", "shared_1")}
niche.tl.score_signatures(adata, sets)
niche.get.signatures(adata, contrast="bone_vs_rest")[
    ["signature", "effect", "ci_low", "ci_high", "qval", "call", "n_patients"]
]

# %% [markdown]
# ## 6. Real data: metastases of lung cancer
#
# 3,000 cells of Maynard et al. 2020, from the folder that the environment variable `NICHE_DATA_DIR` names.
# Without it the next cell says so and takes a small simulated study; the words below are of the real one.
#
# The recipe goes the whole way, and `niche run --recipe programs_across_sites` does the same on the command
# line. We take epithelial cells of the samples as tumor.

# %%
try:
    lung = niche.datasets.maynard2020()
    settings = {"input": {"compartments": {"Epithelial cell": "tumor"}}}
    print("real data:", lung.uns["source"]["citation"])
except niche.errors.NicheError as error:
    lung = niche.datasets.simulate_metastases(
        3, organs=("liver", "lung"), patients_per_organ=3, cells=120, n_genes=2000, primaries=0, normals=0
    )
    settings = {"qc": {"min_cells_scrublet": 100_000}}
    print("SIMULATED data instead of Maynard et al. 2020, because", error)
settings["programs"] = {"k": [16], "n_starts": 10}
result = niche.recipes.programs_across_sites(lung, settings)
result.uns["recipe"]["steps"]

# %% [markdown]
# Two steps were skipped: these data hold no raw counts, so nothing can be said of ambient molecules. The
# negative control remains.
#
# Which samples have enough malignant cells?

# %%
samples = niche.get.programs(result, what="samples")
samples[samples["status"] == "used"]

# %% [markdown]
# A handful of patients, each with one sample. So most of what a factorisation finds must be one patient:

# %%
table = niche.get.programs(result, what="programs")
known = niche.get.programs(result, what="annotation").query("qval < 0.05 and n_shared >= 2")
table["resembles"] = table["program"].map(known.drop_duplicates("program").set_index("program")["gene_set"])
table[["program", "kind", "mean_usage", "top_patient", "top_patient_share", "n_patients", "resembles"]]

# %% [markdown]
# They are named `patient-private`, and none of them is compared between organs, because with one patient an
# organ and a patient are the same thing. Without that name each of them would look like a program of an
# organ. Among those that several patients share is one of cycling cells.

# %%
verdicts = niche.get.compare_programs(result, what="verdicts")
verdicts.loc[verdicts["kind"] == "program", ["program", "verdict", "reason"]]

# %% [markdown]
# Nothing is organ-associated, and with these cells nothing could be: a call needs three patients on both
# sides. Some programs are `ambient-suspect` by the negative control: their genes rise in host cells of the
# same biopsies as much as in the tumor or more. For genes of host cells that is leaking, or cells of the host
# that were called tumor. For the cell cycle it may also be that host cells divide there themselves: without
# counts the two cannot be told apart, and the program is not claimed for an organ.
#
# **What not to do**
#
# - *Cluster malignant cells and name clusters after organs.* Clusters of malignant cells are patients.
# - *Test usage over cells.* A thousand cells of one patient are one observation.
# - *Say that the organ induces a program* because it is used more there. Tumors that run it may settle there.
#   Patients with several sites help; experiments decide.
#
# The report has a section *Programs of the tumor* with all of this:

# %%
path = niche.report.html(result, "programs_report.html")
