"""Compatibility of primary tumors: planted partners, what is refused, what is not testable."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import niche
from niche import get, tl
from niche.errors import InputTypeError, InputValueError, MissingKeyError, NicheWarning

ORGANS = ("bone", "liver", "lung")
N_PAIRS, N_CELLS = 90, 25
PAIRS = pd.DataFrame(
    {"ligand": [f"L{i}" for i in range(N_PAIRS)], "receptor": [f"R{i}" for i in range(N_PAIRS)]}
)
GENES = [*PAIRS["ligand"], *PAIRS["receptor"], "FILL"]
SETS = {"resource": PAIRS, "n_sets": 999}


def planted(match: str | None, *, seed: int = 0, patients: int = 2, organs=ORGANS) -> ad.AnnData:
    """Primary tumors that express the first 30 ligands, and organs whose stroma holds receptors.

    Of every organ 30 receptors are raised: those of the tumor's ligands in ``match``, of random ones elsewhere.
    """
    rng = np.random.default_rng(seed)
    rows, blocks = [], []

    def add(sample, patient, organ, tissue, cell_type, compartment, raised):
        mean = np.full(len(GENES), 0.02)
        mean[raised] = 3.0
        mean[-1] = 300
        blocks.append(rng.poisson(mean, (N_CELLS, len(GENES))))
        rows.extend([(sample, patient, organ, tissue, cell_type, compartment)] * N_CELLS)

    for p in range(patients):
        add(f"t{p}", f"P{p}", "breast", "primary", "Cancer", "tumor", np.arange(30))
        add(f"t{p}", f"P{p}", "breast", "primary", "Fibroblast", "stromal", np.arange(60, 90))
    for organ in organs:
        own = np.arange(30) if organ == match else rng.choice(N_PAIRS, 30, replace=False)
        for p in range(2):
            for cell_type, compartment in (("Fibroblast", "stromal"), ("Macrophage", "immune")):
                raised = (
                    N_PAIRS + own if cell_type == "Fibroblast" else rng.choice(N_PAIRS, 30, replace=False)
                )
                add(f"{organ}{p}", f"{organ} donor {p}", organ, "normal", cell_type, compartment, raised)
    obs = pd.DataFrame(rows, columns=["sample", "patient", "organ", "tissue", "cell_type", "compartment"])
    obs.index = [f"cell{i}" for i in range(len(obs))]
    adata = ad.AnnData(
        sparse.csr_matrix(np.vstack(blocks).astype(np.float32)), obs=obs, var=pd.DataFrame(index=GENES)
    )
    niche.pp.normalize(adata)
    return adata


@pytest.fixture(scope="module")
def _matched():
    return planted("liver")


@pytest.fixture
def matched(_matched):
    return _matched.copy()


def test_the_matched_organ_is_found_and_no_other(matched):
    tl.compatibility(matched, **SETS)
    table = get.compatibility(matched, direction="tumor->host").set_index("organ")
    assert table.loc["liver", "pval"] == 1 / 1000 and table.loc["liver", "qval"] <= 0.01
    assert table.loc["liver", "effect"] > 0 and table.loc["liver", "offer"] > table.loc["liver", "null_high"]
    assert (table.loc[["bone", "lung"], "pval"] > 0.05).all()
    assert set(table["reason"]) == {"compatibility, not prediction"}
    pairs = get.compatibility(matched, level="pairs", organ="liver", direction="tumor->host")
    assert set(pairs["cell_type"].head(20)) == {"Fibroblast"} and len(pairs) >= 30
    assert set(pairs["ligand_complex"].head(20)) <= {f"L{i}" for i in range(30)}


def test_without_a_match_random_organs_are_not_found():
    p = []
    for seed in range(12):
        adata = planted(None, seed=seed, patients=1)
        tl.compatibility(adata, resource=PAIRS, n_sets=199)
        p += get.compatibility(adata, direction="tumor->host")["pval"].tolist()
    assert np.mean(np.array(p) <= 0.05) <= 0.14 and 0.3 < np.mean(p) < 0.7


def test_offer_by_hand(matched):
    """The offer is the mean over expressed ligands of the best partner, less that of the organs."""
    tl.compatibility(matched, **SETS)
    obs, values = matched.obs, matched.to_df()
    tumor = values[(obs["patient"] == "P0") & (obs["compartment"] == "tumor")]
    ligands = [g for g in PAIRS["ligand"] if (tumor[g] > 0).mean() >= 0.1]
    receptors = [f"R{g[1:]}" for g in ligands]
    host = values[(obs["tissue"] == "normal").to_numpy()][receptors]
    labels = [obs.loc[host.index, name] for name in ("organ", "cell_type", "patient")]
    means = host.groupby(labels, observed=True).mean().groupby(["organ", "cell_type"], observed=True).mean()
    best = means.groupby("organ", observed=True).max()
    table = get.compatibility(matched, level="patient", direction="tumor->host")
    table = table[table["patient"] == "P0"].set_index("organ")
    assert table["n_genes"].tolist() == [len(ligands)] * 3
    np.testing.assert_allclose(table["offer"], (best - best.mean()).mean(axis=1).loc[table.index], atol=1e-6)
    pairs = get.compatibility(matched, level="pairs")
    total = pairs.groupby(["organ", "direction"], observed=True)["contribution"].sum()
    told = get.compatibility(matched).set_index(["organ", "direction"])["offer"]
    np.testing.assert_allclose(total, told.loc[total.index])


def test_complexes_count_by_their_least_subunit(matched):
    pairs = pd.concat([PAIRS, pd.DataFrame({"ligand": ["L0"], "receptor": ["R0_NOSUCH"]})], ignore_index=True)
    pairs.loc[1, "receptor"] = "R1_R2"
    tl.compatibility(matched, **(SETS | {"resource": pairs}))
    told = get.compatibility(matched, level="pairs", direction="tumor->host", organ="bone")
    assert "R0_NOSUCH" not in set(told["receptor_complex"])
    obs, values = matched.obs, matched.to_df()
    part = values[((obs["organ"] == "bone") & (obs["cell_type"] == "Fibroblast")).to_numpy()]
    other = values[((obs["organ"] == "bone") & (obs["cell_type"] == "Macrophage")).to_numpy()]
    least = max(min(part["R1"].mean(), part["R2"].mean()), min(other["R1"].mean(), other["R2"].mean()))
    found = told.loc[told["receptor_complex"] == "R1_R2", "level"].item()
    assert found == pytest.approx(least, rel=0.05)


def test_reference_gives_the_same_as_the_same_cells_inside(matched):
    tl.compatibility(matched, **SETS)
    primary = (matched.obs["tissue"] == "primary").to_numpy()
    tumor, atlas = matched[primary].copy(), matched[~primary].copy()
    atlas = atlas[:, ::-1].copy()
    del atlas.obs["compartment"], tumor.obs["cell_type"]
    tl.compatibility(tumor, reference=atlas, **SETS)
    ours, theirs = get.compatibility(tumor), get.compatibility(matched)
    pd.testing.assert_frame_equal(ours, theirs)
    told = tumor.uns["compatibility"]["params"]["reference"]
    assert told.startswith(f"{atlas.n_obs} cells x {atlas.n_vars} genes, ")
    changed = atlas.copy()
    changed.X = changed.X * 2
    again = tl.compatibility(tumor, reference=changed, **SETS, copy=True)
    assert again.uns["compatibility"]["params"]["reference"] != told, "another reference of the same size"
    atlas.obs["tissue"] = "metastasis"
    with pytest.raises(MissingKeyError, match="column 'compartment' not found"):
        tl.compatibility(tumor, reference=atlas, **SETS)


def test_what_is_not_testable_says_why(matched):
    tl.compatibility(matched, **(SETS | {"min_genes": 70}))
    table = get.compatibility(matched)
    assert set(table["status"]) == {"not_testable"} and table["pval"].isna().all()
    reasons = table.set_index("direction")["reason"]
    assert reasons["host->tumor"].iloc[0] == "no patient expresses 70 receptors in 10 malignant cells"
    per_patient = get.compatibility(matched, level="patient", direction="host->tumor")
    assert per_patient["reason"].str.match(r"too few receptors expressed: \d+, 70 needed").all()

    few = matched[~((matched.obs["organ"] == "lung") & (np.arange(matched.n_obs) % 5 > 0))]
    few = few[
        ~((few.obs["patient"] == "P1") & (few.obs["compartment"] == "tumor") & (np.arange(few.n_obs) % 5 > 0))
    ]
    few = few.copy()
    tl.compatibility(few, **SETS)
    table = get.compatibility(few, direction="both").set_index("organ")
    assert table.loc["lung", "reason"] == "no host cell type with 10 cells in a sample"
    assert table["status"].tolist() == ["tested", "tested", "not_testable"]
    assert table["n_patients"].tolist() == [1, 1, 1] and table.loc["lung", "n_cell_types"] == 0
    one = get.compatibility(few, level="patient", direction="both", organ="bone").set_index("patient")
    assert one.loc["P1", "reason"] == "fewer than 10 malignant cells in each primary sample"
    assert set(get.compatibility(few, level="pairs")["organ"]) == {"bone", "liver"}

    alone = matched[matched.obs["organ"].isin(["breast", "bone"])].copy()
    tl.compatibility(alone, **SETS)
    table = get.compatibility(alone)
    assert set(table["reason"]) == {"one organ only: there is nothing to compare its offer with"}
    assert not len(get.compatibility(alone, level="pairs"))


def test_a_tumor_that_expresses_everything_is_not_testable(matched):
    few = PAIRS.head(12)
    tl.compatibility(matched, resource=few, n_sets=99)
    table = get.compatibility(matched, direction="tumor->host")
    assert table["reason"].str.startswith("random sets cannot differ").all() and table["pval"].isna().all()
    assert table["offer"].notna().all(), "what was seen is told"


def test_niches_of_different_tissues_are_warned_of(matched):
    tissue = matched.obs["tissue"].astype(str)
    matched.obs["tissue"] = tissue.where(matched.obs["organ"] != "bone", "metastasis")
    with pytest.warns(NicheWarning, match=r"different tissues: bone \(metastasis\), liver \(normal\)"):
        tl.compatibility(matched, **SETS)
    assert get.compatibility(matched, organ="bone")["tissue"].unique().tolist() == ["metastasis"]
    tl.compatibility(matched, **(SETS | {"tissues": "normal"}))
    assert set(get.compatibility(matched)["organ"]) == {"liver", "lung"}


def test_refusals_leave_nothing(matched):
    def refused(adata, error, message, **options):
        before = set(adata.uns)
        with pytest.raises(error, match=message):
            tl.compatibility(adata, **(SETS | options))
        assert set(adata.uns) == before

    obs = matched.obs
    refused(matched[obs["tissue"] == "normal"].copy(), InputValueError, "no primary sample")
    refused(matched[obs["tissue"] == "primary"].copy(), InputValueError, "no host cell in samples of tissue")
    benign = matched[~((obs["tissue"] == "primary") & (obs["compartment"] == "tumor"))].copy()
    refused(benign, InputValueError, "no malignant cell in the primary samples")
    bare = matched.copy()
    del bare.obs["compartment"]
    refused(bare, MissingKeyError, "Run niche.tl.call_compartments first")
    refused(matched, InputTypeError, "reference must be an AnnData", reference="atlas")
    refused(matched, InputValueError, "expr_prop must be a number in", expr_prop=0)
    refused(matched, InputValueError, "n_sets must be an integer", n_sets=0)
    refused(matched, InputValueError, "tissues must be one of 'metastasis', 'normal'", tissues=["primary"])
    refused(matched, MissingKeyError, "layer 'log' not found", layer="log")
    refused(matched, InputValueError, "look like counts", layer="counts")
    refused(matched, InputTypeError, "rng must be", rng="a")
    renamed = matched[obs["tissue"] == "normal"].copy()
    renamed.var_names = [f"ENSG{i:011d}" for i in range(renamed.n_vars)]
    refused(matched, InputValueError, "genes of the resource are in adata.var_names", reference=renamed)


def test_the_same_bits_for_any_number_of_threads(matched):
    tl.compatibility(matched, **SETS, n_jobs=1)
    other = matched.copy()
    other.X = sparse.csc_matrix(other.X)
    tl.compatibility(other, **SETS, n_jobs=3)
    for level in ("organ", "patient", "pairs"):
        ours, theirs = (get.compatibility(a, level=level) for a in (matched, other))
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
