"""Compartments from expression, on a small simulation, on blood, and on data nothing can be said about."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from held import held, unchanged
from scipy import sparse

import niche
from niche.errors import InputValueError, MissingKeyError

PARENCHYMA = ("Hepatocyte", "Cholangiocyte", "Osteoblast")


@pytest.fixture(scope="module")
def _drawn():
    adata = niche.datasets.simulate_metastases(
        0, organs=["bone", "liver"], patients_per_organ=2, primaries=1, ambient=0.1, doublets=0.05
    )
    adata.uns = {}
    del adata.obs["compartment"]
    niche.pp.normalize(adata)
    return adata


@pytest.fixture
def drawn(_drawn):
    """Metastases with known clones, log-normalised, without labels of compartments."""
    return _drawn.copy()


@pytest.fixture(scope="module")
def _called(_drawn):
    adata = _drawn.copy()
    niche.tl.call_compartments(adata)
    return adata


@pytest.fixture(scope="module")
def _blood():
    scanpy = pytest.importorskip("scanpy")
    raw = scanpy.datasets.pbmc68k_reduced().raw
    return ad.AnnData(sparse.csr_matrix(raw.X), obs=pd.DataFrame(index=raw.obs_names), var=raw.var[[]])


def auc(score, truth):
    order = pd.Series(score).rank().to_numpy()
    n = truth.sum()
    return (order[truth].sum() - n * (n + 1) / 2) / (n * (~truth).sum())


def test_malignant_cells_are_told_from_host(_called):
    truth = _called.obs["truth_malignant"].to_numpy()
    probability = _called.obs["malignant_probability"].to_numpy()
    assert probability.dtype == np.float32
    assert auc(np.nan_to_num(probability, nan=0.5), truth) >= 0.98
    called = _called.obs["compartment"].astype(str)
    decided = (called != "unresolved").to_numpy()
    assert (called[truth & decided] == "tumor").mean() > 0.95
    assert (called[~truth] == "tumor").mean() < 0.01


def test_parenchyma_is_guarded(_called):
    types, called = _called.obs["cell_type"].astype(str), _called.obs["compartment"].astype(str)
    mine = types.isin(PARENCHYMA)
    assert mine.sum() > 150
    assert (called[mine] == "tumor").mean() < 0.02
    assert (called[types == "Hepatocyte"] == "parenchymal").mean() > 0.8


def test_host_has_the_compartment_of_its_lineage(_called):
    wanted = {
        "Fibroblast": "stromal",
        "Endothelial cell": "endothelial",
        "T cell": "immune",
        "Hepatocyte": "parenchymal",
    }
    for name, compartment in wanted.items():
        here = _called.obs["cell_type"].astype(str) == name
        assert (_called.obs["compartment"].astype(str)[here] == compartment).mean() > 0.85


def test_samples_say_what_they_rest_on(_called):
    table = niche.get.compartments(_called).set_index("sample")
    normal = table[table.index.str.endswith("normal")]
    assert (normal["copy_number"] == "no").all() and (normal["n_tumor"] == 0).all()
    assert normal["statement"].str.startswith("no copy-number evidence in this sample").all()
    found = table[table["copy_number"] == "yes"]
    assert len(found) >= 3
    assert found["statement"].str.startswith("copy-number evidence: yes").all()
    assert (found["coherence"] >= 0.45).all() and found["correlation_bimodal"].all()
    assert _called.uns["compartments"]["copy_number"] == "yes"


def test_host_cells_alone_hold_no_tumor(drawn):
    host = drawn[~drawn.obs["truth_malignant"]].copy()
    niche.tl.call_compartments(host)
    assert set(niche.get.compartments(host)["copy_number"]) == {"no"}
    assert (host.obs["compartment"] == "tumor").mean() < 0.01


def test_blood_is_no_tumor(_blood):
    adata = _blood.copy()
    niche.tl.call_compartments(adata)
    assert niche.get.compartments(adata)["copy_number"].tolist() == ["no"]
    counts = adata.obs["compartment"].astype(str).value_counts()
    assert counts.get("tumor", 0) < 7 and counts["immune"] > 600


def test_doublets_and_low_quality_weaken_and_never_flip(drawn, _called):
    before = _called.obs["malignant_probability"].to_numpy(dtype=float)
    rng = np.random.default_rng(0)
    suspect = rng.random(drawn.n_obs) < 0.1
    drawn.obs["doublet_score"] = np.where(suspect, 0.45, 0.0)
    drawn.obs["qc_pass"] = rng.random(drawn.n_obs) > 0.05
    niche.tl.call_compartments(drawn)
    after = drawn.obs["malignant_probability"].to_numpy(dtype=float)
    assert (np.abs(after - 0.5)[suspect] <= np.abs(before - 0.5)[suspect] + 0.1).all()
    decided = suspect & (np.abs(before - 0.5) > 0.4) & (np.abs(after - 0.5) > 0.05)
    assert ((after > 0.5) == (before > 0.5))[decided].mean() > 0.99
    cells = niche.get.compartments(drawn, level="cells")
    reasons = cells.loc[suspect & (cells["compartment"] == "unresolved"), "reason"]
    assert (reasons == "doublet score").any()


def test_a_stored_profile_and_its_reference_are_used(drawn):
    niche.tl.infer_cnv(drawn, reference_key="cell_type", reference=["Fibroblast", "T cell", "Macrophage"])
    niche.tl.call_compartments(drawn)
    assert drawn.uns["compartments"]["profile"] == "stored profile"
    assert "obs cell_type" in drawn.uns["compartments"]["fingerprint"]["names"]
    truth = drawn.obs["truth_malignant"].to_numpy()
    assert auc(np.nan_to_num(drawn.obs["malignant_probability"], nan=0.5), truth) >= 0.98


def test_a_reference_can_be_named(drawn):
    niche.tl.call_compartments(drawn, reference_key="cell_type", reference=["Fibroblast", "T cell"])
    assert drawn.uns["compartments"]["profile"] == "profile made here"
    assert "X_cnv" not in drawn.obsm
    table = niche.get.compartments(drawn)
    assert (table["copy_number"] == "yes").any()


def test_a_profile_that_no_longer_fits_is_made_again(drawn):
    niche.tl.infer_cnv(drawn, reference_key="cell_type", reference=["Fibroblast", "T cell"])
    drawn.obs["cell_type"] = drawn.obs["cell_type"].astype(str).replace("T cell", "T lymphocyte")
    niche.tl.call_compartments(drawn)
    assert drawn.uns["compartments"]["profile"] == "profile made here"


def test_copy_number_is_reported_beside_labels(drawn):
    wrong = drawn.obs["cell_type"].astype(str).replace({"B cell": "Malignant"})
    drawn.obs["cell_type"] = wrong
    niche.tl.infer_cnv(drawn, reference=["Fibroblast", "T cell", "Macrophage"])
    niche.tl.call_compartments(drawn, labels={"Malignant": "tumor"})
    assert (drawn.obs["compartment"][wrong == "Malignant"] == "tumor").all()
    table = niche.get.compartments(drawn)
    assert table["statement"].str.startswith("author labels; ").all()
    assert (table["copy_number"] == "yes").any()
    assert table["statement"].str.contains("cells against their label").any()
    assert drawn.obs["malignant_probability"].notna().any()


def test_labels_without_a_profile_leave_no_old_probability_standing(_called):
    adata = _called.copy()
    niche.tl.call_compartments(adata, groupby="cell_type")
    assert adata.obs["malignant_probability"].isna().all()
    cells = niche.get.compartments(adata, level="cells")
    assert set(cells["reason"]) == {"author labels"} and cells["cnv_signal"].isna().all()


def test_species_of_a_xenograft_decides(drawn):
    truth = drawn.obs["truth_malignant"].to_numpy()
    drawn.obs["species"] = np.where(truth, "human", "mouse")
    niche.tl.call_compartments(drawn)
    called = drawn.obs["compartment"].astype(str).to_numpy()
    assert (called[truth & (called != "unresolved")] == "tumor").mean() > 0.98
    assert (called[~truth] == "tumor").mean() == 0
    with pytest.raises(
        InputValueError, match="graft_species is 'rat', but adata.obs\\['species'\\] holds 'human'"
    ):
        niche.tl.call_compartments(drawn, graft_species="rat")


@pytest.fixture(scope="module")
def _mouse():
    """Human genes, their mouse orthologs (unique both ways), and the cells that both test with."""
    adata = niche.datasets.simulate_metastases(
        3, organs=["bone", "liver"], patients_per_organ=2, cells=140, n_genes=6000, primaries=0, normals=0
    )
    pairs = niche.resources.orthologs()
    pairs = pairs[pairs["one_to_one"]].set_index("human_symbol")["mouse_symbol"]
    pairs = pairs[~pairs.index.duplicated() & ~pairs.duplicated(keep=False)]
    adata = adata[:, adata.var_names.isin(pairs.index)]
    obs = adata.obs[["sample", "patient", "organ", "tissue"]].copy()
    truth = adata.obs["truth_malignant"].to_numpy()
    return sparse.csr_matrix(adata.X), obs, adata.var_names, pd.Index(pairs.loc[adata.var_names]), truth


@pytest.mark.parametrize("organism", [None, "mouse"])
def test_mouse_tumors(_mouse, organism):
    """Gains and losses of the simulation lie along the human genome, so that some are scattered here."""
    counts, obs, _, symbols, truth = _mouse
    adata = ad.AnnData(counts.copy(), obs=obs.copy(), var=pd.DataFrame(index=symbols))
    niche.pp.normalize(adata)
    niche.tl.call_compartments(adata, organism=organism)
    called = adata.obs["compartment"].astype(str).to_numpy()
    assert (called[~truth] == "tumor").mean() < 0.02
    assert np.isin(called[truth], ["tumor", "unresolved"]).mean() > 0.95
    assert (called[truth] == "tumor").mean() > 0.5
    assert (niche.get.compartments(adata)["copy_number"] == "yes").sum() >= 2
    host = adata.obs["compartment"].astype(str)[~truth]
    assert (host != "unresolved").mean() > 0.9


def test_xenograft_of_two_genomes(_mouse):
    counts, obs, human, mouse, truth = _mouse
    graft, host = (sparse.diags_array(of.astype(np.float32)) @ counts for of in (truth, ~truth))
    var = pd.DataFrame(index=human.append(mouse))
    adata = ad.AnnData(sparse.csr_matrix(sparse.hstack([graft, host])), obs=obs.copy(), var=var)
    adata = adata[:, ~adata.var_names.duplicated(keep=False)].copy()
    adata.obs["species"] = np.where(truth, "human", "mouse")
    niche.pp.normalize(adata)
    niche.tl.call_compartments(adata)
    called = adata.obs["compartment"].astype(str).to_numpy()
    assert (called[truth] == "tumor").mean() > 0.95
    assert (called[~truth] == "tumor").mean() == 0
    assert (called[~truth] != "unresolved").mean() > 0.9, "the host is read by the markers of its own genome"
    found = niche.get.compartments(adata)
    assert (found["copy_number"] == "not_assessed").all()
    assert found["statement"].str.contains("genes of two genomes").all()


def test_one_species_is_no_xenograft(drawn, _called):
    drawn.obs["species"] = "human"
    niche.tl.call_compartments(drawn)
    assert drawn.obs["malignant_probability"].equals(_called.obs["malignant_probability"])


def test_thresholds(drawn, _called):
    niche.tl.call_compartments(drawn, tumor_from=0.99, host_below=0.01)
    assert (drawn.obs["compartment"] == "tumor").sum() < (_called.obs["compartment"] == "tumor").sum()
    assert drawn.obs["malignant_probability"].equals(_called.obs["malignant_probability"])


def test_order_of_cells_does_not_matter(drawn, _called):
    order = np.random.default_rng(1).permutation(drawn.n_obs)
    shuffled = drawn[order].copy()
    niche.tl.call_compartments(shuffled)
    again = shuffled.obs.loc[_called.obs_names]
    assert np.allclose(
        again["malignant_probability"], _called.obs["malignant_probability"], atol=0.02, equal_nan=True
    )
    assert (again["compartment"].astype(str) == _called.obs["compartment"].astype(str)).mean() > 0.999


def _dask(adata, folder):
    array = pytest.importorskip("dask.array", reason="dask is not installed")
    adata.X = array.from_array(adata.X, chunks=(300, adata.n_vars), asarray=False)
    return adata


def _dense(adata, folder):
    adata.X = adata.X.toarray()
    return adata


def _backed(adata, folder):
    del adata.layers["counts"]
    adata.write_h5ad(folder / "backed.h5ad")
    return ad.read_h5ad(folder / "backed.h5ad", backed="r")


@pytest.mark.parametrize("turn", [_dask, _dense, _backed])
def test_kind_of_array_and_threads_do_not_change_a_bit(drawn, _called, turn, tmp_path):
    other = turn(drawn, tmp_path)
    niche.tl.call_compartments(other, n_jobs=2)
    assert other.obs["malignant_probability"].equals(_called.obs["malignant_probability"])
    assert other.obs["compartment"].astype(str).equals(_called.obs["compartment"].astype(str))


def test_without_samples_and_organs(drawn):
    one = drawn[drawn.obs["sample"] == "P01_bone"].copy()
    one.obs = one.obs[["truth_malignant"]].copy()
    niche.tl.call_compartments(one)
    assert niche.get.compartments(one)["sample"].tolist() == ["all cells"]
    assert (one.obs["compartment"] == "tumor").sum() > 50


@pytest.mark.parametrize("what", ["ten cells", "tumor only", "T cells only"])
def test_what_cannot_be_told_is_unresolved_with_its_reason(drawn, what):
    mine = drawn[drawn.obs["sample"] == "P01_bone"]
    if what == "ten cells":
        mine = mine[:10]
    else:
        name = "Malignant" if what == "tumor only" else "T cell"
        mine = drawn[drawn.obs["cell_type"].astype(str) == name][:150]
        mine = mine.copy()
        mine.obs["sample"] = "one"
    adata = mine.copy()
    niche.tl.call_compartments(adata)
    row = niche.get.compartments(adata).iloc[0]
    cells = niche.get.compartments(adata, level="cells")
    assert (adata.obs["compartment"] == "tumor").sum() == 0
    if what == "T cells only":
        assert row["copy_number"] == "no"
        return
    assert row["copy_number"] == "not_assessed" and row["reason"]
    open_ = cells["malignant_probability"].isna()
    assert open_.any() and (cells.loc[open_, "compartment"] == "unresolved").all()
    assert set(cells.loc[open_, "reason"]) == {
        "copy number not assessed in this sample, and lineage alone decides nothing"
    }


def test_a_sample_without_reference_cells_borrows_those_of_others(drawn):
    lonely = (drawn.obs["sample"] == "P01_bone").to_numpy()
    keep = ~lonely | (drawn.obs["cell_type"].astype(str) == "Malignant").to_numpy()
    adata = drawn[keep].copy()
    niche.tl.call_compartments(adata)
    row = niche.get.compartments(adata).set_index("sample").loc["P01_bone"]
    assert row["reference"] == "global" and row["copy_number"] == "yes" and row["n_tumor"] > 50


def _one_chromosome(adata):
    return adata[:, adata.var["chromosome"] == "chr1"].copy()


def _unknown_genes(adata):
    adata = adata[:, :50].copy()
    adata.var = pd.DataFrame(index=[f"thing {i}" for i in range(50)])
    adata.obs["cell_type"] = "Fibroblast"
    return adata


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (_one_chromosome, {"reference": ["T cell"]}, InputValueError, "lie on 1 of them only"),
        (_unknown_genes, {"reference": ["Fibroblast"]}, InputValueError, "none of the genes could be placed"),
        (
            None,
            {"reference": ["Nobody"]},
            InputValueError,
            "'Nobody' not found in adata.obs\\['cell_type'\\]",
        ),
        (None, {"reference": ["T cell"], "reference_key": "x"}, MissingKeyError, "column 'x' not found"),
        (None, {"layer": "counts"}, InputValueError, "must hold log1p-normalised values"),
        (
            None,
            {"labels": {"Malignant": "tumor"}, "evidence": "expression"},
            InputValueError,
            "uses no labels",
        ),
        (None, {"evidence": "both"}, InputValueError, "evidence must be one of"),
        (None, {"tumor_from": 0.4}, InputValueError, "tumor_from must be a number in \\[0.5, 1\\]"),
        (None, {"host_below": 0.6}, InputValueError, "host_below must be a number in \\[0, 0.5\\]"),
        (None, {"min_cells": 5}, InputValueError, "min_cells must be an integer"),
        (None, {"organism": "rat"}, InputValueError, "organism must be one of"),
        (None, {"organ_key": "x"}, MissingKeyError, "column 'x' not found"),
        (None, {"species_key": "x"}, MissingKeyError, "column 'x' not found"),
    ],
)
def test_bad_input_writes_nothing(drawn, change, options, error, message):
    adata = drawn if change is None else change(drawn)
    before = held(adata)
    with pytest.raises(error, match=message):
        niche.tl.call_compartments(adata, **options)
    assert unchanged(adata, before)


def test_nothing_can_be_read_where_no_gene_is_known(drawn):
    adata = _unknown_genes(drawn)
    niche.tl.call_compartments(adata)
    assert (adata.obs["compartment"] == "unresolved").all()
    assert "too few to compare with" in niche.get.compartments(adata)["reason"].iloc[0]


@pytest.mark.parametrize("extension", ["h5ad", "zarr"])
def test_round_trip(tmp_path, _called, extension):
    getattr(_called, f"write_{extension}")(tmp_path / f"a.{extension}")
    again = getattr(ad, f"read_{extension}")(tmp_path / f"a.{extension}")
    for level in ("samples", "cells", "types"):
        pd.testing.assert_frame_equal(
            niche.get.compartments(again, level=level), niche.get.compartments(_called, level=level)
        )
