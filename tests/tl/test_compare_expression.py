"""Genes compared between organs."""

from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from compared import SAMPLES, UNPAIRED, make_compared
from scipy import sparse
from tiny import make

import niche
from niche.errors import InputValueError, MissingKeyError, MissingPackageError, NicheWarning
from niche.tl import _compare_deseq2

quiet = pytest.mark.filterwarnings("ignore::niche.errors.NicheWarning")


@pytest.fixture(scope="module")
def study() -> ad.AnnData:
    """Patients in several organs, genes compared."""
    adata = make_compared(SAMPLES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NicheWarning)
        niche.tl.compare_expression(adata)
    return adata


def unpaired(n_genes: int = 200, *, seed: int = 5, deep: float = 4.0) -> ad.AnnData:
    """Five patients of their own in each of three organs; the first ten genes differ in bone."""
    rng = np.random.default_rng(seed)
    base = deep * rng.gamma(2.0, 0.5, n_genes) + 0.3
    change = np.zeros(n_genes)
    change[:10] = np.where(np.arange(10) % 2, -2.0, 2.0)
    rows, values = [], []
    for o, organ in enumerate(("bone", "brain", "lung")):
        for i in range(5):
            mean = base * 2.0 ** (change * (o == 0)) * np.exp(rng.normal(0, 0.25, n_genes))
            mean = mean * rng.uniform(0.6, 1.6)
            values.append(rng.poisson(mean, (15, n_genes)))
            rows += [(f"{organ}{i}", f"{organ}-patient{i}", organ, "Cancer")] * 15
    obs = pd.DataFrame(rows, columns=["sample", "patient", "organ", "cell_type"])
    obs.index = [f"cell{i}" for i in range(len(obs))]
    adata = ad.AnnData(
        sparse.csr_matrix(np.vstack(values).astype(np.float32)), obs=obs,
        var=pd.DataFrame(index=[f"gene{i}" for i in range(n_genes)]),
    )  # fmt: skip
    niche.pp.normalize(adata)
    return adata


def _row(adata: ad.AnnData, contrast: str, cell_type: str, gene: str, **options: str) -> pd.Series:
    table = niche.get.compare_expression(adata, contrast=contrast, cell_type=cell_type, gene=gene, **options)
    assert len(table) == 1
    return table.iloc[0]


def test_the_planted_gene_is_found_with_its_size(study: ad.AnnData) -> None:
    """Eight times as much CXCL12 in fibroblasts of bone."""
    row = _row(study, "bone_vs_rest", "Fibroblast", "CXCL12")
    assert row["ci_low"] < 3 < row["ci_high"]
    assert (row["call"], row["organ"], row["n_patients"]) == ("enriched", "bone", 9)
    assert row["sign_stability"] == 1
    assert _row(study, "omnibus", "Fibroblast", "CXCL12")["call"] == "differs"
    others = niche.get.compare_expression(study, contrast="bone_vs_rest", call=["enriched", "depleted"])
    assert set(zip(others["cell_type"], others["gene"], strict=True)) == {("Fibroblast", "CXCL12")}


def test_one_gene_alone_is_what_an_edge_says_of_its_side() -> None:
    """With every gene once a ligand and once a receptor, sides of edges and genes are the same tests."""
    adata = make_compared(UNPAIRED)
    adata = adata[:, adata.var_names != "CCR2"].copy()
    genes = list(adata.var_names)
    circle = pd.DataFrame({"ligand": genes, "receptor": [*genes[1:], genes[0]]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NicheWarning)
        niche.tl.communication(adata, resource=circle, null=None)
        niche.tl.compare_communication(adata)
        niche.tl.compare_expression(adata)
    edges = niche.get.compare_communication(adata, source="Fibroblast", target="Cancer")
    mine = niche.get.compare_expression(adata, cell_type="Fibroblast")
    both = edges.assign(gene=edges["ligand_complex"].astype(str)).merge(
        mine.assign(gene=mine["gene"].astype(str)), on=["contrast", "gene"], suffixes=("", "_gene")
    )
    assert len(both) == len(edges) == len(mine)
    both = both[both["contrast"] != "omnibus"]
    assert both["pval_gene"].notna().sum() > 100
    for left, right in (("log2fc_ligand", "log2fc_gene"), ("pval_ligand", "pval_gene")):
        np.testing.assert_allclose(both[left].astype(float), both[right].astype(float), rtol=1e-4)
    assert (both["n_patients"] == both["n_patients_gene"]).all()


def test_what_cannot_be_compared_says_why(study: ad.AnnData) -> None:
    alone = _row(study, "bone_vs_kidney", "Fibroblast", "CXCL12")
    assert alone["call"] == "not_testable"
    assert "1 patient in kidney" in alone["reason"]
    assert np.isfinite(alone["log2fc"])
    assert np.isnan(alone["pval"])
    absent = _row(study, "bone_vs_kidney", "Macrophage", "CXCL12")
    assert absent["reason"] == "cell type absent in kidney"
    assert np.isnan(absent["log2fc"])
    shallow = _row(study, "bone_vs_rest", "Cancer", "CCR2")
    assert (shallow["call"], shallow["reason"]) == ("not_testable", "depth in all organs, or all but one")
    rows = niche.get.compare_expression(study)
    assert len(rows) == rows["contrast"].nunique() * 3 * study.n_vars, "nothing is absent without a word"


def test_a_covariate_that_hides_everything_is_refused(study: ad.AnnData) -> None:
    study = study.copy()
    study.obs["site"] = study.obs["organ"].astype(str)
    before = set(study.uns)
    with pytest.raises(InputValueError, match="'site' cannot be told apart"):
        niche.tl.compare_expression(study, covariates=["site"], key_added="other")
    assert set(study.uns) == before


@quiet
def test_a_hidden_contrast_names_the_covariate(study: ad.AnnData) -> None:
    study = study.copy()
    niche.tl.compare_expression(study, covariates="study")
    row = _row(study, "brain_vs_lung", "Fibroblast", "CXCL12")
    assert row["reason"] == "aliased with study"
    assert _row(study, "bone_vs_lung", "Fibroblast", "CXCL12")["pval"] < 1e-3
    study.obs["study"] = "one"
    with pytest.raises(niche.errors.StaleResultError, match="obs study"):
        niche.get.compare_expression(study)


def test_log_values_without_counts(study: ad.AnnData) -> None:
    """The sums of what the log values are the logarithm of, so the same fold change but for the offset."""
    study = study.copy()
    with_counts = _row(study, "bone_vs_lung", "Fibroblast", "CXCL12")
    del study.layers["counts"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NicheWarning)
        niche.tl.compare_expression(study)
    row = _row(study, "bone_vs_lung", "Fibroblast", "CXCL12")
    assert row["log2fc"] == pytest.approx(with_counts["log2fc"], abs=0.15)
    assert row["call"] == "enriched"
    assert str(study.uns["compare_expression"]["kind"]) == "lognorm"
    with pytest.raises(InputValueError, match=r"layers\['counts'\] is missing"):
        niche.tl.compare_expression(study, backend="pydeseq2")


def test_lineages_join_what_organs_have_alone(tiny_organs: ad.AnnData) -> None:
    niche.tl.compare_expression(tiny_organs)
    alone = niche.get.compare_expression(tiny_organs, cell_type="Hepatocyte", contrast="bone_vs_liver")
    assert set(alone["reason"]) == {"cell type absent in bone"}
    niche.tl.compare_expression(tiny_organs, level="lineage")
    table = niche.get.compare_expression(tiny_organs, cell_type="parenchymal", contrast="bone_vs_liver")
    assert table["pval"].notna().any()


@pytest.fixture
def tiny_organs() -> ad.AnnData:
    """Parenchyma of its own in bone and in liver."""
    common = {"Cancer": 30, "Fibroblast": 20}
    return make(
        [(f"b{i}", f"p{i}", "bone", "metastasis", {**common, "Osteoblast": 25}) for i in range(3)]
        + [(f"l{i}", f"q{i}", "liver", "metastasis", {**common, "Hepatocyte": 25}) for i in range(3)]
    )


@pytest.fixture(scope="module")
def both_backends() -> ad.AnnData:
    pytest.importorskip("pydeseq2", reason="pydeseq2 is not installed (extra: deseq2)")
    adata = unpaired()
    niche.tl.compare_expression(adata, n_jobs=1)
    niche.tl.compare_expression(adata, backend="pydeseq2", n_jobs=1, key_added="deseq2")
    return adata


class TestBackends:
    """Unpaired, deep data: two models of the same sums."""

    @pytest.mark.parametrize("contrast", ["bone_vs_rest", "bone_vs_lung", "brain_vs_lung"])
    def test_fold_changes_agree(self, both_backends: ad.AnnData, contrast: str) -> None:
        ours, theirs = (
            niche.get.compare_expression(both_backends, contrast=contrast, key=key)
            for key in ("compare_expression", "deseq2")
        )
        assert list(ours["gene"]) == list(theirs["gene"])
        assert np.corrcoef(ours["log2fc"], theirs["log2fc"])[0, 1] > 0.95
        assert (theirs["log2fc"] - ours["log2fc"]).abs().max() < 0.5

    def test_strongest_genes_agree(self, both_backends: ad.AnnData) -> None:
        planted = {f"gene{i}" for i in range(10)}
        for key in ("compare_expression", "deseq2"):
            for contrast in ("bone_vs_rest", "omnibus"):
                table = niche.get.compare_expression(both_backends, contrast=contrast, key=key)
                assert set(table.nsmallest(10, "pval")["gene"]) == planted, (key, contrast)
            called = niche.get.compare_expression(both_backends, contrast="bone_vs_rest", key=key)
            signs = called.set_index("gene")["call"].astype(str)
            assert (signs[[f"gene{i}" for i in range(0, 10, 2)]] == "enriched").all()
            assert (signs[[f"gene{i}" for i in range(1, 10, 2)]] == "depleted").all()

    def test_same_tables_and_what_is_unknown(self, both_backends: ad.AnnData) -> None:
        table = niche.get.compare_expression(both_backends, key="deseq2")
        assert table["sign_stability"].isna().all()
        assert not table["reason"].str.contains("independent").any(), "no patient gave two organs"
        assert table.loc[table["contrast"] != "omnibus", "min_detectable_log2fc"].gt(0).all()


@quiet
def test_pydeseq2_refuses_as_we_do_and_states_what_it_does_not_model(study: ad.AnnData) -> None:
    pytest.importorskip("pydeseq2", reason="pydeseq2 is not installed (extra: deseq2)")
    small = study[study.obs["cell_type"] == "Fibroblast"].copy()
    niche.tl.compare_expression(small)
    with pytest.warns(NicheWarning, match="taken as independent"):
        niche.tl.compare_expression(small, backend="pydeseq2", n_jobs=1, key_added="deseq2")
    ours, theirs = (niche.get.compare_expression(small, key=key) for key in ("compare_expression", "deseq2"))
    refused = ours["pval"].isna()
    assert theirs.loc[refused, "pval"].isna().all()
    only_theirs = theirs[~refused & theirs["pval"].isna()]
    assert set(only_theirs["reason"]) <= {_compare_deseq2.OUTLIER}
    assert (only_theirs["call"] == "not_testable").all()
    tested = theirs[theirs["pval"].notna()]
    assert tested["reason"].str.contains("taken as independent").all()
    pd.testing.assert_series_equal(ours["log2fc"].isna(), theirs["log2fc"].isna())


class TestBadInput:
    def test_missing_package(self, study: ad.AnnData, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_compare_deseq2, "NEEDED", ("no_such_package", "pip install it"))
        with pytest.raises(MissingPackageError, match="no_such_package, which is not installed: pip"):
            niche.tl.compare_expression(study, backend="pydeseq2")

    @pytest.mark.parametrize(
        "options",
        [{"backend": "edgeR"}, {"patients": "mixed"}, {"level": "cell"}, {"min_cells": 0}, {"expr_prop": 2}],
    )
    def test_options(self, study: ad.AnnData, options: dict[str, object]) -> None:
        with pytest.raises(InputValueError, match=next(iter(options))):
            niche.tl.compare_expression(study, **options)

    def test_columns(self, study: ad.AnnData) -> None:
        with pytest.raises(MissingKeyError, match="'label' not found"):
            niche.tl.compare_expression(study, "label")
        with pytest.raises(MissingKeyError, match="covariate 'sex'"):
            niche.tl.compare_expression(study, covariates=["sex"])

    @quiet
    def test_one_organ(self, study: ad.AnnData) -> None:
        bone = study[study.obs["organ"] == "bone"].copy()
        with pytest.raises(InputValueError, match="nothing to compare"):
            niche.tl.compare_expression(bone)

    @quiet
    def test_nothing_deep(self, study: ad.AnnData) -> None:
        with pytest.raises(InputValueError, match="no gene can be compared: too few cells"):
            niche.tl.compare_expression(study, min_cells=1000)
