"""Programs of the tumor: planted ones are found, and what cannot be is said."""

from __future__ import annotations

import sys

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError, StaleResultError

PLANTED = ("cell_cycle", "shared_1", "shared_2", "organ_bone", "organ_lung", "private_1")


@pytest.fixture(scope="module")
def _study() -> ad.AnnData:
    adata = niche.datasets.simulate_metastases(
        3, organs=["bone", "lung"], patients_per_organ=3, primaries=1, normals=0, cells=260, n_genes=1800,
        private_programs=1,
    )  # fmt: skip
    tumor = adata[(adata.obs["compartment"] == "tumor").to_numpy()].copy()
    niche.pp.normalize(tumor)
    return tumor


@pytest.fixture(scope="module")
def _found(_study: ad.AnnData) -> ad.AnnData:
    return niche.tl.programs(_study, k=[10, 12], n_starts=6, copy=True)


@pytest.fixture
def study(_study: ad.AnnData) -> ad.AnnData:
    return _study.copy()


def truth(adata: ad.AnnData) -> dict[str, set[str]]:
    table = adata.uns["truth"]["program_genes"]
    return {name: set(part["gene"]) for name, part in table.groupby("program", observed=True)}


def jaccard(found: ad.AnnData) -> pd.DataFrame:
    """Overlap of genes, planted programs by found ones."""
    genes = niche.get.programs(found).groupby("program")["gene"].agg(set)
    return pd.DataFrame(
        {name: {p: len(genes[p] & real) / len(genes[p] | real) for p in genes.index}
         for name, real in truth(found).items()}
    ).T  # fmt: skip


def test_planted_programs_are_found_with_their_genes_and_usage(_found: ad.AnnData) -> None:
    overlap = jaccard(_found).loc[list(PLANTED)]
    assert (overlap.max(axis=1) >= 0.6).all(), overlap.max(axis=1)
    names = list(_found.uns["truth"]["program_names"])
    for planted, match in overlap.idxmax(axis=1).items():
        real = np.asarray(_found.obsm["truth_usage"])[:, names.index(planted)]
        seen = niche.get.programs(_found, what="programs")["program"].tolist().index(match)
        assert np.corrcoef(real, _found.obsm["X_programs"][:, seen])[0, 1] > 0.8, planted


def test_the_private_program_is_named_so(_found: ad.AnnData) -> None:
    table = niche.get.programs(_found, what="programs").set_index("program")
    overlap = jaccard(_found)
    private = table.loc[overlap.loc["private_1"].idxmax()]
    programs = _found.uns["truth"]["programs"].set_index("program")
    assert private["kind"] == "patient-private"
    assert private["top_patient"] == programs.loc["private_1", "patient"]
    shared = overlap.loc[["cell_cycle", "shared_1", "shared_2"]].idxmax(axis=1)
    assert (table.loc[shared, "kind"] == "program").all()
    assert (table.loc[shared, "n_patients"] > 1).all()


def test_usage_sums_to_one_and_table_agrees(_found: ad.AnnData) -> None:
    usage = _found.obsm["X_programs"]
    np.testing.assert_allclose(usage.sum(axis=1), 1.0, atol=1e-5)
    means = niche.get.programs(_found, what="usage")
    table = niche.get.programs(_found, what="programs").set_index("program")
    cells = pd.DataFrame(usage, columns=table.index).groupby(_found.obs["patient"].to_numpy()).mean()
    np.testing.assert_allclose(cells.mean(), table["mean_usage"], atol=1e-5)
    assert means["usage"].between(0, 1).all()
    assert (means["se"] > 0).any()


def test_the_most_stable_number_is_taken(_found: ad.AnnData) -> None:
    curve = niche.get.programs(_found, what="curve")
    assert curve["k"].tolist() == [10, 12]
    assert curve.loc[curve["chosen"], "stability"].item() == curve["stability"].max()
    assert curve["loss"].is_monotonic_decreasing
    assert _found.obsm["X_programs"].shape[1] == curve.loc[curve["chosen"], "k"].item()


def test_the_cell_cycle_is_recognised(_found: ad.AnnData) -> None:
    cycle = jaccard(_found).loc["cell_cycle"].idxmax()
    first = niche.get.programs(_found, what="annotation", program=cycle).iloc[0]
    assert first["gene_set"] == "Cycling program"
    assert first["qval"] < 0.01
    mine = niche.tl.programs(
        _found,
        k=10,
        n_starts=2,
        copy=True,
        gene_sets={"mine": sorted(truth(_found)["shared_1"]), "no": ["none"]},
    )
    sets = niche.get.programs(mine, what="annotation")
    assert set(sets["gene_set"]) == {"mine"}
    assert sets["qval"].min() < 1e-20
    assert sets["pval"].min() > 0


def test_organs_are_never_read(study: ad.AnnData) -> None:
    del study.obs["organ"], study.obs["tissue"]
    before = niche.tl.programs(study, k=6, n_starts=2, copy=True)
    study.obs["organ"] = "anywhere"
    after = niche.tl.programs(study, k=6, n_starts=2, copy=True)
    assert np.array_equal(before.obsm["X_programs"], after.obsm["X_programs"])


def test_every_patient_counts_alike(study: ad.AnnData) -> None:
    """Three copies of one patient's cells change spectra little: they do not count three times."""
    one = study.obs["patient"] == study.obs["patient"].iloc[0]
    more = ad.concat([study, study[one], study[one]], index_unique="-")
    more.uns["truth"] = study.uns["truth"]
    for name in ("sample", "patient", "compartment"):
        more.obs[name] = more.obs[name].astype("category")
    from niche.tl._programs_input import input_of

    options = ("tumor", None, 500, 20, None, None, None, None, 1)
    first, second = (input_of(a, *options) for a in (study, more))
    share = [np.bincount(i.patient, weights=i.weight) / i.weight.sum() for i in (first, second)]
    np.testing.assert_allclose(share[0], share[1])
    np.testing.assert_allclose(share[0], 1 / len(first.patients))


def test_per_sample_programs_recur(study: ad.AnnData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("niche.tl._programs_samples._STARTS", 4)
    niche.tl.programs(study, mode="per_sample", n_jobs=2)
    table = niche.get.programs(study, what="programs")
    assert table["program"].iloc[-1] == "profile"
    assert table["kind"].iloc[-1] == "background"
    cycle = jaccard(study).loc["cell_cycle"].max()
    assert cycle > 0.5
    every = niche.get.programs(study, what="sample_programs")
    assert set(every["sample"]) <= set(study.obs["sample"])
    member = every["metaprogram"] != ""
    assert every.loc[member, "robust"].all()
    assert set(every.loc[member, "metaprogram"]) == set(table["program"]) - {"profile"}
    support = every[member].groupby("metaprogram")["sample"].nunique() / every["sample"].nunique()
    stored = table.set_index("program")["support"]
    np.testing.assert_allclose(support.to_numpy(), stored.loc[support.index].to_numpy())
    assert study.uns["programs"]["params"]["mode"] == "per_sample"


def test_small_samples_are_pooled_and_large_ones_are_not(
    study: ad.AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    niche.tl.programs(study, n_starts=2, k=5)
    assert study.uns["programs"]["params"]["mode"] == "pooled"
    monkeypatch.setattr(sys.modules["niche.tl.programs"], "MANY_CELLS", 10)
    monkeypatch.setattr("niche.tl._programs_samples._STARTS", 2)
    niche.tl.programs(study)
    assert study.uns["programs"]["params"]["mode"] == "per_sample"


def test_small_samples_are_skipped_and_listed(study: ad.AnnData) -> None:
    first = study.obs["sample"].iloc[0]
    mine = np.flatnonzero((study.obs["sample"] == first).to_numpy())
    few = np.delete(np.arange(study.n_obs), mine[7:])
    part = study[few].copy()
    niche.tl.programs(part, k=5, n_starts=2)
    row = niche.get.programs(part, what="samples").set_index("sample").loc[first]
    assert row["status"] == "skipped"
    assert row["reason"] == "7 tumor cells, fewer than 20"
    usage = part.obsm["X_programs"]
    assert np.isnan(usage[(part.obs["sample"] == first).to_numpy()]).all()
    assert np.isfinite(usage[(part.obs["sample"] != first).to_numpy()]).all()


def test_one_sample_is_enough_to_look(study: ad.AnnData) -> None:
    one = study[(study.obs["sample"] == study.obs["sample"].iloc[0]).to_numpy()].copy()
    niche.tl.programs(one, k=3, n_starts=3)
    table = niche.get.programs(one, what="programs")
    assert (table["n_patients"] == 1).all()
    assert not (table["kind"] == "patient-private").any()  # nothing to be private against
    with pytest.raises(InputValueError, match="only organ"):
        niche.tl.compare_programs(one)
    assert "compare_programs" not in one.uns


def test_one_small_sample_has_no_programs_that_recur(study: ad.AnnData) -> None:
    one = study[(study.obs["sample"] == study.obs["sample"].iloc[0]).to_numpy()][:35].copy()
    with pytest.raises(InputValueError, match=r"no sample has the 40 cells .* mode='pooled'"):
        niche.tl.programs(one, mode="per_sample")
    assert "programs" not in one.uns


def test_without_counts_log_values_serve(study: ad.AnnData) -> None:
    del study.layers["counts"]
    niche.tl.programs(study, k=10, n_starts=3)
    assert study.uns["programs"]["params"]["values"] == "lognorm"
    assert jaccard(study).loc["cell_cycle"].max() > 0.6


def test_host_cells_do_not_matter(_study: ad.AnnData) -> None:
    alone = niche.tl.programs(_study, k=5, n_starts=2, copy=True)
    host = _study[:200].copy()
    host.obs["compartment"] = "immune"
    both = ad.concat([_study, host], index_unique="-")
    for name in ("sample", "patient", "compartment"):
        both.obs[name] = both.obs[name].astype("category")
    niche.tl.programs(both, k=5, n_starts=2)
    assert np.array_equal(both.obsm["X_programs"][: _study.n_obs], alone.obsm["X_programs"])
    assert np.isnan(both.obsm["X_programs"][_study.n_obs :]).all()


def test_only_pure_cells_when_asked(study: ad.AnnData) -> None:
    with pytest.raises(MissingKeyError, match="call_compartments"):
        niche.tl.programs(study, min_probability=0.9)
    study.obs["malignant_probability"] = np.where(np.arange(study.n_obs) % 5 == 0, 0.5, 0.95)
    niche.tl.programs(study, k=5, n_starts=2, min_probability=0.9)
    assert np.isnan(study.obsm["X_programs"][::5]).all()


def test_cells_that_failed_quality_control_are_left_out_and_counted(study: ad.AnnData) -> None:
    clean = study[np.arange(study.n_obs) % 9 != 0].copy()
    niche.tl.programs(clean, k=5, n_starts=2)
    study.obs["qc_pass"] = np.arange(study.n_obs) % 9 != 0
    niche.tl.programs(study, k=5, n_starts=2)
    assert np.isnan(study.obsm["X_programs"][::9]).all()
    np.testing.assert_array_equal(
        study.obsm["X_programs"][study.obs["qc_pass"].to_numpy()], clean.obsm["X_programs"]
    )
    samples = niche.get.programs(study, what="samples").set_index("sample")
    failed = study.obs.loc[~study.obs["qc_pass"], "sample"].astype(str).value_counts()
    assert samples["n_failed_qc"].to_dict() == failed.reindex(samples.index, fill_value=0).to_dict()
    assert samples["n_failed_qc"].sum() == -(-study.n_obs // 9)
    assert (niche.get.programs(clean, what="samples")["n_failed_qc"] == 0).all()
    study.obs["qc_pass"] = True
    with pytest.raises(StaleResultError, match="qc_pass"):
        niche.get.programs(study)
    study.obs["qc_pass"] = False
    with pytest.raises(InputValueError, match=r"failed niche\.pp\.qc are left out"):
        niche.tl.programs(study, k=5)


BAD = {
    "k of more than the cells": ({"k": 400}, InputValueError, "at most one for 10 cells"),
    "k of 1": ({"k": 1}, InputValueError, "k"),
    "k of text": ({"k": "ten"}, InputTypeError, "k must be"),
    "k per sample": ({"k": 5, "mode": "per_sample"}, InputValueError, "4 to 9"),
    "an unknown mode": ({"mode": "both"}, InputValueError, "pooled"),
    "no such compartment": ({"compartment": "immune"}, InputValueError, "call_compartments"),
    "too many cells asked": ({"min_cells": 10_000}, InputValueError, "the most is"),
    "gene sets of a wrong form": ({"gene_sets": ["A", "B"]}, InputTypeError, "gene_sets"),
    "a gene set of one string": ({"gene_sets": {"a": "TP53"}}, InputTypeError, "must list genes"),
    "no such column": ({"sample_key": "biopsy"}, MissingKeyError, "biopsy"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(study: ad.AnnData, name: str) -> None:
    options, error, text = BAD[name]
    before = set(study.uns), set(study.obsm), set(study.varm)
    with pytest.raises(error, match=text):
        niche.tl.programs(study, **options)
    assert (set(study.uns), set(study.obsm), set(study.varm)) == before


def test_without_compartments_the_message_says_what_to_run(study: ad.AnnData) -> None:
    del study.obs["compartment"]
    with pytest.raises(MissingKeyError, match=r"niche\.tl\.call_compartments"):
        niche.tl.programs(study)


def test_genes_that_are_all_zero(study: ad.AnnData) -> None:
    study.X[:, :] = 0
    study.X.eliminate_zeros()
    study.layers["counts"] = study.X.copy()
    with pytest.raises(InputValueError, match="only 0 genes"):
        niche.tl.programs(study)
