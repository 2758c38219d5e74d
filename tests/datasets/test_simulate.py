"""The public generator: same bits, writable, and the effects it says it planted."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from niche.datasets import simulate_metastases
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.resources import gene_positions, ligand_receptor

SMALL = {"organs": ("bone", "liver"), "patients_per_organ": 2, "cells": 40, "n_genes": 1400}
OBS = ["sample", "patient", "organ", "tissue", "cell_type", "compartment", "subtype", "assay", "study"]


def same(first: ad.AnnData, second: ad.AnnData) -> None:
    assert first.shape == second.shape
    assert np.array_equal(first.X.indptr, second.X.indptr)
    assert np.array_equal(first.X.indices, second.X.indices)
    assert np.array_equal(first.X.data, second.X.data)
    pd.testing.assert_frame_equal(first.obs, second.obs)
    pd.testing.assert_frame_equal(first.var, second.var)
    np.testing.assert_array_equal(first.obsm["truth_usage"], second.obsm["truth_usage"])
    np.testing.assert_array_equal(first.varm["truth_ambient"], second.varm["truth_ambient"])
    assert list(first.uns["truth"]) == list(second.uns["truth"])
    for name, value in first.uns["truth"].items():
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(value, second.uns["truth"][name])


def pseudobulk(adata: ad.AnnData, cell_type: str, tissue: str = "metastasis") -> pd.DataFrame:
    """log2 counts per million, samples x genes, aligned on the median gene."""
    rows = {}
    here = (adata.obs["cell_type"] == cell_type) & (adata.obs["tissue"] == tissue)
    for sample in adata.obs.loc[here, "sample"].unique():
        counts = np.asarray(adata[(here & (adata.obs["sample"] == sample)).to_numpy()].X.sum(axis=0)).ravel()
        rows[sample] = np.log2((counts + 0.5) / counts.sum() * 1e6)
    table = pd.DataFrame(rows, index=adata.var_names).T
    busy = table.columns[table.mean() > 7]
    return table.sub(table[busy].sub(table[busy].mean()).median(axis=1), axis=0)


def test_same_seed_same_bits_for_any_number_of_threads() -> None:
    first = simulate_metastases(11, **SMALL, n_jobs=1)
    same(first, simulate_metastases(11, **SMALL, n_jobs=3))
    other = simulate_metastases(12, **SMALL, n_jobs=1)
    assert first.X.sum() != other.X.sum()


def test_a_generator_is_advanced_and_does_not_depend_on_its_type() -> None:
    same(simulate_metastases(4, **SMALL), simulate_metastases(np.random.default_rng(4), **SMALL))
    stream = np.random.default_rng(4)
    first = simulate_metastases(stream, **SMALL)
    assert first.X.sum() != simulate_metastases(stream, **SMALL).X.sum()


ODD = {"null": True, "alias": {"study": "bone"}, "cell_factor": {"bone": 0.5}, "patients_per_organ": 1}


@pytest.mark.parametrize(("suffix", "options"), [("h5ad", {}), ("h5ad", ODD), ("zarr", ODD)])
def test_round_trip(tmp_path: Path, suffix: str, options: dict[str, object]) -> None:
    adata = simulate_metastases(1, **{**SMALL, **options})
    path = tmp_path / f"draw.{suffix}"
    if suffix == "h5ad":
        adata.write_h5ad(path)
        again = ad.read_h5ad(path)
    else:
        adata.write_zarr(path)
        again = ad.read_zarr(path)
    assert (again.X != adata.X).nnz == 0
    assert again.obs[OBS].astype(str).equals(adata.obs[OBS].astype(str))
    np.testing.assert_array_equal(again.obsm["truth_usage"], adata.obsm["truth_usage"])
    for name, value in adata.uns["truth"].items():
        stored = again.uns["truth"][name]
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(
                stored, value, check_categorical=False, check_dtype=False, check_index_type=False
            )
        elif name == "params":
            assert stored["n_genes"] == value["n_genes"] and stored.keys() == value.keys()
        else:
            assert [str(v) for v in np.atleast_1d(stored)] == [str(v) for v in np.atleast_1d(value)]


def test_layout(small: ad.AnnData) -> None:
    assert list(small.obs.columns[:9]) == OBS
    assert small.X.dtype == np.float32 and small.X.format == "csr"
    assert small.layers["counts"] is not small.X and (small.layers["counts"] != small.X).nnz == 0
    assert np.array_equal(small.X.data, np.round(small.X.data)) and small.X.data.min() >= 1
    assert small.obs_names.is_unique and small.var_names.is_unique
    assert set(small.obs["tissue"]) == {"metastasis", "primary", "normal"}
    assert set(small.obs["compartment"]) == {"tumor", "stromal", "endothelial", "immune", "parenchymal"}
    assert (small.obs["truth_malignant"] == (small.obs["compartment"] == "tumor")).all()
    assert not small.obs.loc[small.obs["tissue"] == "normal", "truth_malignant"].any()
    assert small.obsm["truth_usage"].shape == (small.n_obs, len(small.uns["truth"]["program_names"]))
    assert small.varm["truth_ambient"].shape == (small.n_vars, len(small.uns["truth"]["samples"]))


def test_gene_symbols_are_real(small: ad.AnnData) -> None:
    known = gene_positions().set_index("ensembl_id")["symbol"]
    assert (known.loc[small.var["ensembl_id"]].to_numpy() == small.var_names.to_numpy()).all()


def test_every_list_gene_fits_in_a_large_draw() -> None:
    adata = simulate_metastases(0, organs=("bone",), patients_per_organ=1, cells=10, n_genes=3400)
    pairs = ligand_receptor("consensus")
    genes = {g for c in [*pairs["ligand"], *pairs["receptor"]] for g in c.split("_")}
    measured = genes & set(adata.var_names)
    assert len(measured) / len(genes) > 0.98


def test_planted_effects_are_recovered_in_pseudobulks(deep: ad.AnnData) -> None:
    edges = deep.uns["truth"]["edges"]
    types = ("Malignant", "Fibroblast", "Macrophage", "NK cell", "Endothelial cell")
    met = {name: pseudobulk(deep, name) for name in types}
    primary = {name: pseudobulk(deep, name, "primary") for name in types}
    errors = []
    for row in edges[edges["planted"]].itertuples():
        for side, cell_type, name in (
            ("ligand", row.source, row.ligand_complex),
            ("receptor", row.target, row.receptor_complex),
        ):
            organ = met[cell_type][met[cell_type].index.str.endswith(row.organ)]
            genes = name.split("_")
            found = organ[genes].min(axis=1).mean() - primary[cell_type][genes].min(axis=1).mean()
            wanted = getattr(row, f"log2fc_{side}_observed")
            assert found == pytest.approx(wanted, abs=1.2), (row.organ, cell_type, name)
            errors.append(found - wanted)
    assert abs(np.mean(errors)) < 0.2 and np.sqrt(np.mean(np.square(errors))) < 0.5


def test_leaked_axes_are_seen_and_not_real(deep: ad.AnnData) -> None:
    edges = deep.uns["truth"]["edges"]
    leaked = edges[edges["kind"] == "leaked"]
    assert set(leaked["organ"]) == {"bone", "liver"} and leaked["planted"].all()
    assert (leaked[["log2fc_ligand", "log2fc_receptor"]] == 0).all(axis=None)
    seen = leaked[["log2fc_ligand_observed", "log2fc_receptor_observed"]].max(axis=1)
    assert (seen > 2).all()


def test_leaked_axes_vanish_without_ambient_and_doublets() -> None:
    clean = simulate_metastases(2, **SMALL, ambient=0.0, doublets=0.0)
    edges = clean.uns["truth"]["edges"]
    leaked = edges[edges["kind"] == "leaked"]
    assert np.abs(leaked[["log2fc_ligand_observed", "log2fc_receptor_observed"]]).to_numpy().max() < 1e-3
    assert not (clean.uns["truth"]["genes"]["cause"] == "ambient").any()
    assert (clean.obs["truth_ambient"] == 0).all() and not clean.obs["truth_doublet"].any()
    others = clean.obs["cell_type"] != "Hepatocyte"
    block = clean.uns["truth"]["program_genes"].query("program == 'leaked_liver'")["gene"].astype(str)
    share = np.asarray(clean[others.to_numpy(), list(block)].X.sum()) / clean[others.to_numpy()].X.sum()
    assert share < 1e-3


def test_null_has_no_organ_effect() -> None:
    adata = simulate_metastases(9, **SMALL, null=True)
    truth = adata.uns["truth"]
    assert len(truth["edges"]) == 0 and len(truth["genes"]) == 0
    assert (truth["programs"]["shift"] == 0).all()
    assert not (truth["programs"]["kind"] == "leaked").any()
    assert (truth["cell_types"]["organ"].astype(str) == "").all()
    shares = (
        truth["composition"]
        .query("tissue == 'metastasis'")
        .pivot(index="cell_type", columns="organ", values="share")
    )
    np.testing.assert_allclose(shares["bone"], shares["liver"])


def test_each_effect_can_be_switched_off() -> None:
    no_axes = simulate_metastases(2, **SMALL, axes=None).uns["truth"]
    assert len(no_axes["edges"]) == 0 and set(no_axes["genes"]["cause"]) <= {"program", "dilution", "ambient"}
    no_programs = simulate_metastases(2, **SMALL, organ_programs=False).uns["truth"]
    assert set(no_programs["genes"]["cause"]) <= {"axis", "ambient"}
    no_shift = simulate_metastases(2, **SMALL, program_shift=0.0).uns["truth"]
    assert set(no_shift["genes"]["cause"]) <= {"axis", "ambient"}
    bare = simulate_metastases(2, **SMALL, parenchyma=False).uns["truth"]
    assert "leaked" not in set(bare["edges"]["kind"]) and "leaked" not in set(bare["programs"]["kind"])


def test_organ_programs_rise_in_their_organ(deep: ad.AnnData) -> None:
    truth = deep.uns["truth"]
    usage = truth["program_samples"].merge(truth["samples"], on="sample")
    for organ in ("bone", "liver"):
        rows = usage[(usage["program"] == f"organ_{organ}") & (usage["tissue"] == "metastasis")]
        inside = np.log(rows.loc[rows["organ"] == organ, "usage"]).mean()
        outside = np.log(rows.loc[rows["organ"] != organ, "usage"]).mean()
        assert inside - outside == pytest.approx(0.8, abs=0.5)
    own = usage[(usage["program"] == "private_1")]
    owner = truth["programs"].set_index("program").loc["private_1", "patient"]
    assert (own.loc[own["patient"] != owner, "usage"] == 0).all()
    assert (own.loc[own["patient"] == owner, "usage"] > 0.01).all()


def test_imbalance_is_as_asked() -> None:
    adata = simulate_metastases(
        5,
        organs=("bone", "liver"),
        patients_per_organ=4,
        primaries=0,
        normals=0,
        cells=100,
        n_genes=1400,
        cell_factor={"bone": 0.25},
        depth_factor={"bone": 0.5},
        ambient={"bone": 0.2, "liver": 0.05},
        low_quality=0.0,
    )
    cells = adata.obs.groupby("organ", observed=True).size()
    assert cells["bone"] / cells["liver"] == pytest.approx(0.25, rel=0.25)
    depth = (
        adata.obs.assign(n=np.asarray(adata.X.sum(axis=1)).ravel())
        .groupby("organ", observed=True)["n"]
        .median()
    )
    assert depth["bone"] / depth["liver"] == pytest.approx(0.5, rel=0.25)
    ambient = adata.obs.groupby("organ", observed=True)["truth_ambient"].mean()
    assert ambient["bone"] / ambient["liver"] == pytest.approx(4, rel=0.5)


def test_composition_and_absent_types() -> None:
    adata = simulate_metastases(
        5,
        **SMALL | {"cells": 200},
        primaries=0,
        normals=0,
        composition={"bone": {"B cell": 0.0, "T cell": 3.0}},
    )
    table = pd.crosstab(adata.obs["organ"], adata.obs["cell_type"], normalize="index")
    assert table.loc["bone", "B cell"] == 0 < table.loc["liver", "B cell"]
    assert table.loc["bone", "T cell"] > 1.5 * table.loc["liver", "T cell"]


def test_other_organs_get_random_axes_of_every_kind() -> None:
    truth = simulate_metastases(5, **SMALL | {"organs": ("adrenal", "pleura")}).uns["truth"]
    planted = truth["edges"][truth["edges"]["planted"]]
    assert planted.groupby("organ", observed=True)["kind"].nunique().tolist() == [4, 4]
    assert "Adrenal parenchymal cell" in set(truth["cell_types"]["cell_type"])


def test_a_design_table_is_used_as_given() -> None:
    design = pd.DataFrame(
        {
            "patient": ["A", "A", "B", "B"],
            "organ": ["lung", "skin", "skin", "ovary"],
            "tissue": ["metastasis", "metastasis", "metastasis", "primary"],
            "study": ["x", "x", "y", "y"],
        }
    )
    adata = simulate_metastases(1, design=design, cells=30, n_genes=1400)
    samples = adata.uns["truth"]["samples"]
    assert samples["sample"].tolist() == ["A_lung", "A_skin", "B_skin", "B_ovary_primary"]
    assert samples["study"].tolist() == ["x", "x", "y", "y"]
    params = adata.uns["truth"]["params"]
    assert params["design"] == "custom" and params["organs"] == "lung,skin"
    assert params["primary_organ"] == "ovary" and "normals" not in params


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"rng": "a"}, InputTypeError, "rng"),
        ({"rng": -1}, InputValueError, "rng"),
        ({"organs": "bone"}, InputTypeError, "organs"),
        ({"organs": ("bone", "bone")}, InputValueError, "organs"),
        ({"organs": ("breast", "bone")}, InputValueError, "primary_organ"),
        ({"organs": ("a/b", "bone")}, InputValueError, "'/'"),
        ({"design": "crossed"}, InputValueError, "design"),
        ({"design": 3}, InputTypeError, "design"),
        ({"design": pd.DataFrame({"organ": ["bone"]})}, MissingKeyError, "patient"),
        ({"design": pd.DataFrame({"patient": ["P"]})}, MissingKeyError, "organ"),
        ({"patients_per_organ": 0}, InputValueError, "patients_per_organ"),
        ({"patients_per_organ": {"skin": 2}}, InputValueError, "skin"),
        ({"cells": 2.5}, InputValueError, "cells"),
        ({"n_genes": 600}, InputValueError, "n_genes"),
        ({"ambient": 0.9}, InputValueError, "ambient"),
        ({"ambient": {"bone": -0.1}}, InputValueError, "ambient"),
        ({"doublets": 1.5}, InputValueError, "doublets"),
        ({"dispersion": -1}, InputValueError, "dispersion"),
        ({"depth": 0}, InputValueError, "depth"),
        ({"patient_sd": float("nan")}, InputValueError, "patient_sd"),
        ({"depth_factor": {"bone": 0}}, InputValueError, "depth_factor"),
        ({"axes": "all"}, InputValueError, "axes"),
        ({"axes": pd.DataFrame({"organ": ["bone"]})}, MissingKeyError, "source"),
        ({"alias": {"batch": "bone"}}, InputValueError, "alias"),
        ({"alias": {"subtype": "bone"}, "design": "paired"}, InputValueError, "subtype"),
        ({"composition": {"bone": {"Hepatocyte": 2.0}}}, InputValueError, "Hepatocyte"),
        ({"studies": ()}, InputValueError, "studies"),
        ({"n_jobs": 0}, InputValueError, "n_jobs"),
    ],
)
def test_bad_options(options: dict[str, object], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        simulate_metastases(**{**SMALL, **options})
