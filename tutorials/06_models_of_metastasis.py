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
# # Mice, sublines and light: the models that revealed organotropism
#
# Most of what is known about organotropism was found in animals. Tumor cells were passed through mice until
# **sublines** went to one organ only. Their genes gave **signatures**. Their growth was followed by the
# **light** of luciferase. And the signatures were held against the **relapse** of patients. This is the way
# from MDA-MB-231 to the bone signature of [Kang et al. 2003](https://doi.org/10.1016/s1535-6108(03)00132-6)
# and the lung signature of [Minn et al. 2005](https://doi.org/10.1038/nature03799).
#
# This tutorial goes the same way, from a biopsy of a mouse to time to relapse. Everything is simulated, so
# we can look up the truth. All numbers are exercises and no biology.

# %%
import numpy as np
import pandas as pd

import niche

pd.options.display.max_colwidth = 60
pd.options.display.float_format = "{:.3g}".format

# %% [markdown]
# ## 1. Human tumor, mouse organ: whose cell is this?
#
# In a xenograft the species tells tumor and host apart: reads are mapped to both genomes at once. But human
# molecules leak into the droplets of mouse cells and the other way round, and some droplets hold two cells.

# %%
xenografts = niche.datasets.simulate_xenograft(
    3,
    animals_per_organ=5,
    cells=300,
    n_genes=2000,
    depth=6000,
    extra_axes=4,
    axis_log2fc=2.5,
    cross_ambient=0.06,
)
print(xenografts.var_names[[0, 1, -2, -1]].tolist())
niche.pp.split_species(xenografts, sample_key="sample")
niche.get.species(xenografts).iloc[:, :9]

# %% [markdown]
# The thresholds come from the data of each sample, and a sample with one species is left as it is. A cell
# between both clouds is a doublet, or cannot be told:

# %%
niche.pl.species(xenografts, samples=xenografts.obs["sample"].unique()[:2].tolist())

# %% [markdown]
# Was the split right? Here we can look. What does not agree are droplets that hold two cells, of which one
# is small:

# %%
pd.crosstab(xenografts.obs["truth_species"], xenografts.obs["species"])

# %% [markdown]
# ## 2. One gene space, and what passes between the species
#
# A human ligand can meet a mouse receptor. To ask for pairs, both species need one list of genes. Every
# cell keeps the counts of its own species under the name of the one-to-one ortholog; what leaked from the
# other species is dropped. The recipe does it all, with **animals as the replicates**:

# %%
fast = {
    "cluster": {"run": False},
    "input": {"patient": "animal"},
    "communication": {"null": "analytic"},
}
result = niche.recipes.xenograft(xenografts, fast)
result.uns["recipe"]["steps"]

# %%
bone = niche.get.compare_communication(result, contrast="bone_vs_lung", call=["enriched", "specific"])
bone = bone.sort_values("qval_joint")
bone = bone.astype(
    {"ligand_complex": str, "receptor_complex": str, "ligand_species": str, "receptor_species": str}
)
bone["pair"] = bone["ligand_complex"] + " to " + bone["receptor_complex"]
bone["species"] = bone["ligand_species"] + " to " + bone["receptor_species"]
bone[["source", "target", "pair", "species", "log2fc", "qval", "qval_joint", "driver"]].head(8)

# %% [markdown]
# Not every pair works across species. If you know which do not, say so: such edges then read
# `not_testable`, with the reason, and do not vanish. The direction matters. Here we pretend that one mouse
# ligand does not bind its human receptor:

# %%
pair = bone[bone["ligand_species"] == "mouse"].iloc[0]
no_bond = pd.DataFrame({"ligand": [pair["ligand_complex"]], "receptor": [pair["receptor_complex"]]})
no_bond["ligand_species"] = "mouse"
niche.tl.communication(
    result, patient_key="animal", null="analytic", no_cross_reaction=no_bond, key_added="known"
)
edges = niche.get.communication(result, organ="bone", key="known")
same = (
    edges[["ligand_complex", "receptor_complex"]].eq(pair[["ligand_complex", "receptor_complex"]]).all(axis=1)
)
edges = edges[same & (edges["ligand_species"] == "mouse") & (edges["target"] == "Malignant")]
edges[["source", "target", "status", "reason"]].head(6)

# %% [markdown]
# The report says how many molecules crossed, and what was dropped:

# %%
path = niche.report.html(result, "xenograft_report.html", title="Human tumors in mice")
print(path.name)

# %% [markdown]
# ## 3. Sublines selected for an organ
#
# A subline differs from its parental line by what selection for the organ did, by what any passage through
# a mouse does, and by chance. Only **several independent sublines of one organ** tell these apart. Ten
# cultures of one subline are still one subline.

# %%
sublines = niche.datasets.simulate_sublines(4, n_genes=800)
niche.tl.compare_sublines(sublines, replicate_key="culture")
genes = niche.get.compare_sublines(sublines, contrast="bone_vs_rest")
print(genes["call"].value_counts().to_dict())
genes.sort_values("pval")[["gene", "log2fc", "ci_low", "ci_high", "qval", "call", "sign_stability"]].head()

# %% [markdown]
# `bone_vs_rest` compares with sublines of other organs, so that what every passage does falls out. The
# contrast `bone_vs_parental` would hold it.
#
# Does the signature hold for a subline that it was not made from? One after the other is left out, the
# signature made anew, and the one left out scored:

# %%
held_out = niche.get.compare_sublines(sublines, what="held_out")
held_out.groupby("contrast")["direction"].value_counts().unstack(fill_value=0)

# %% [markdown]
# The same as a picture. Every dot is a subline, the diamond is the parental line: one draw, so where it
# stands alone proves little. Ticks are the effect without one of the sublines; where they lie together, no
# single subline makes the difference.

# %%
niche.pl.sublines(sublines, contrast="bone_vs_rest", n_top=10)

# %% [markdown]
# Against the parental line this cannot be tried: there is one such line, and nothing is left to compare with
# when it is put aside.
#
# The signature of bone, in the form that `niche.tl.score_signatures` takes:

# %%
signature = niche.get.subline_signature(sublines, "bone")
signature.head()

# %% [markdown]
# ## 4. Growth, by light
#
# Bioluminescence grows exponentially, so its logarithm follows a line. Three things bend it: background
# light hides small tumors, the camera saturates on large ones, and animals are not imaged every day.
# Measurements that say nothing about growth do not enter, and are counted.

# %%
light = niche.datasets.simulate_bioluminescence(5, groups={"parental": 8, "BoM": 8})
animals = niche.tl.growth_rates(light, group="group")
shown = ["animal", "organ", "n_used", "n_below", "n_saturated", "slope", "ci_low", "ci_high", "doubling_time"]
animals[[*shown, "status"]].head(6)

# %%
niche.pl.growth(light, animals)

# %% [markdown]
# Groups are compared over animals: an animal counts once, however often it was imaged. A line through all
# points of all animals would make the p-value far too small.

# %%
test = niche.tl.growth_rates(light, group="group", level="contrast", reference="parental")
test[["organ", "contrast", "n_first", "n_second", "effect", "ci_low", "ci_high", "pval", "qval"]]

# %% [markdown]
# The truth: 0.1 per day in bone, nothing in lung. With one animal in a group there is no test, and the
# table says so:

# %%
few = light[
    (light["group"] == "parental") | (light["animal"] == light.loc[light["group"] == "BoM", "animal"].iloc[0])
]
niche.tl.growth_rates(few, group="group", level="contrast", reference="parental")[
    ["organ", "pval", "status", "reason"]
]

# %% [markdown]
# ## 5. Do scores go with growth?
#
# `niche.tl.associate` holds scores of tumors against growth, animal by animal. Here we plant the answer: a
# score that follows the growth in bone, and one that follows nothing.

# %%
rng = np.random.default_rng(1)
true = light[light["organ"] == "bone"].groupby("animal")["truth_slope"].first()
scores = pd.DataFrame(
    {
        "patient": true.index,
        "planted": (true - true.mean()).to_numpy() / true.std() + rng.normal(0, 0.7, len(true)),
        "random": rng.normal(size=len(true)),
    }
)
niche.tl.associate(scores, animals, score=["planted", "random"])[
    ["score", "organ", "n_patients", "effect", "ci_low", "ci_high", "pval", "qval", "status"]
]

# %% [markdown]
# ## 6. And in patients: time to relapse, organ by organ
#
# A patient who relapses in bone first can no longer relapse in brain first: **organs compete**. One minus
# Kaplan-Meier of bone alone would promise more relapses than there are. So the curves are cumulative
# incidences, and the model is one Cox model per organ in which all else is censored.

# %%
cohort = niche.datasets.simulate_relapse(2, n_patients=500)
curves = niche.tl.relapse(cohort, group="group", competing="death", level="incidence")
niche.pl.relapse(curves, organs=["bone", "brain"], time_label="years")

# %%
niche.tl.relapse(cohort, group="group", competing="death", reference="low")[
    ["organ", "term", "n_events", "hazard_ratio", "ci_low", "ci_high", "pval", "qval", "status"]
]

# %% [markdown]
# And a score against the relapse of every organ:

# %%
niche.tl.associate(cohort[["patient", "score"]], cohort, score="score", competing="death")[
    ["organ", "n_events", "effect", "ci_low", "ci_high", "pval", "qval", "status", "reason"]
]

# %% [markdown]
# The truth: the group `high` has 2.5 times the hazard in bone, the score doubles the hazard in brain, and
# nothing else is there.
#
# ## What this does not say
#
# - Mouse stroma lacks human ligands that have no ortholog, and immune cells that the strain lacks. Such
#   edges are *not testable* here, not absent in patients.
# - Cells that grew in a mouse were selected twice: by the dish and by the organ. A difference between
#   sublines is no proof that its genes do the selecting; that takes an experiment.
# - An association of a score with growth or relapse is one over these animals or patients. Nothing here is
#   causal.
