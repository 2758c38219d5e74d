from __future__ import annotations

import numpy as np
from scipy import sparse

import niche


def found(adata, what, **options):
    table = niche.pp.check(adata, **options).issues
    chosen = table["what"] == what
    return [
        f"{severity} {where}: {text}"
        for severity, where, text in table.loc[chosen, ["severity", "where", "found"]].itertuples(index=False)
    ]


def test_counts_only(study):
    assert found(study, "values") == ["note X: raw counts", "note X: no log values yet"]
    assert not found(study, "counts")
    assert study.uns["design"]["counts"] == "X"


def test_counts_and_log_values(study):
    niche.pp.normalize(study)
    assert found(study, "values") == ["note X: log1p CP10k", "note layers['counts']: raw counts"]
    assert study.uns["design"]["counts"] == "layers['counts']"


def test_log_values_only(study):
    niche.pp.normalize(study, target_sum=1e6)
    del study.layers["counts"]
    report = niche.pp.check(study)
    assert found(study, "counts") == ["warning X and layers: counts: unavailable"]
    assert found(study, "values") == ["note X: log1p CPM"]
    assert study.uns["design"]["counts"] == "unavailable"
    assert report.table["median_counts"].isna().all()
    assert report.ok


def test_scaled_x_beside_counts_is_an_error(study):
    study.layers["counts"] = study.X.copy()
    study.X = study.X.toarray() - 1
    report = niche.pp.check(study)
    assert not report.ok
    assert found(study, "values")[0].startswith("error X: X must be finite and non-negative")


def test_other_logarithms(study):
    niche.pp.normalize(study)
    del study.layers["counts"]
    study.X = study.X / np.float32(np.log(2))
    assert "error X: base 2, niche works with natural logarithms" in found(study, "values")
    study.X = sparse.csr_matrix(np.log1p(np.random.default_rng(0).gamma(1, 2, study.shape)))
    assert any("not scaled to one total" in text for text in found(study, "values"))


def test_empty_cells_and_genes(study):
    counts = study.X.toarray()
    counts[7] = 0
    counts[:, 9] = 0
    study.X = counts
    assert found(study, "cells") == ["warning X: 1 cells have no counts"]
    assert "note X: 1 of 40 genes are zero in every cell" in found(study, "genes")


def test_gene_names(study):
    assert found(study, "genes") == ["note var_names: 100.0 % are known genes of human"]
    study.var_names = ["CTGF", *study.var_names[1:]]
    assert "warning var_names: 1 genes have another name today" in found(study, "genes")


def test_ensembl_ids(study):
    study.var_names = [f"ENSG9{i:010d}" for i in range(study.n_vars)]
    assert found(study, "genes") == ["error var_names: only 0.0 % are known genes of human"]
    study.var_names = niche.resources.gene_positions()["ensembl_id"].iloc[: study.n_vars].tolist()
    assert found(study, "genes") == ["error var_names: 100 % are Ensembl ids"]


def test_the_other_organism(study):
    study.var_names = [name.capitalize() for name in study.var_names]
    table = niche.pp.check(study).issues
    (row,) = table[table["what"] == "genes"].itertuples(index=False)
    assert row.severity == "error"
    assert row.advice.startswith("organism='mouse' fits better")
    assert niche.pp.check(study, organism="mouse").ok


def test_few_known_genes(study):
    study.var_names = [name if i % 3 == 0 else f"gene{i}" for i, name in enumerate(study.var_names)]
    assert found(study, "genes") == ["warning var_names: 35.0 % are known genes of human"]
