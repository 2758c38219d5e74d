from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from held import held, unchanged
from scipy import sparse

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.pp.design_report import DesignReport


def test_report(study):
    report = niche.pp.check(study, "cell_type")
    assert isinstance(report, DesignReport)
    assert report.ok
    assert report.title == "455 cells x 40 genes, 7 samples of 6 patients, 3 metastatic organs"
    assert len(report.table) == 7
    assert report.organs["organ"].tolist() == ["bone", "brain", "liver"]
    assert len(report.cell_types) == 9
    stored = study.uns["design"]
    assert stored["params"]["min_cells"] == 10
    assert stored["counts"] == "X"
    assert stored["scale"] == "raw counts"
    assert stored["share_genes_known"] == 1
    assert bool(stored["tissue_given"])
    assert study.uns.keys() == {"design"}
    assert list(study.obs.columns) == ["sample", "patient", "organ", "tissue", "cell_type", "compartment"]


def test_columns_by_argument_and_by_settings(study, monkeypatch):
    names = {"sample": "biopsy", "patient": "donor", "organ": "site", "tissue": "origin"}
    renamed = study.copy()
    renamed.obs = renamed.obs.rename(columns=names)
    expected = niche.pp.check(study)
    keys = {f"{name}_key": column for name, column in names.items()}
    assert niche.pp.check(renamed, **keys).table.equals(expected.table)
    for name, column in keys.items():
        monkeypatch.setattr(niche.settings, name, column)
    assert niche.pp.check(renamed).table.equals(expected.table)


@pytest.mark.parametrize("kind", ["numpy", "csc", "int", "float16", "dask", "view", "backed"])
def test_every_kind_of_matrix(study, kind, tmp_path):
    expected = niche.pp.check(study)
    if kind == "numpy":
        study.X = study.X.toarray()
    elif kind == "csc":
        study.X = study.X.tocsc()
    elif kind == "int":
        study.X = study.X.astype(np.int16)
    elif kind == "float16":
        study.X = study.X.toarray().astype(np.float16)
    elif kind == "dask":
        dask = pytest.importorskip("dask.array")
        study.X = dask.from_array(study.X.toarray(), chunks=(100, 20))
    elif kind == "view":
        study = study[: study.n_obs]
    else:
        study.write_h5ad(tmp_path / "a.h5ad")
        study = ad.read_h5ad(tmp_path / "a.h5ad", backed="r")
    report = niche.pp.check(study)
    for name in ("table", "organs", "cell_types", "issues"):
        assert getattr(report, name).equals(getattr(expected, name))
    if kind == "backed":
        study.file.close()


def test_a_view_leaves_its_parent(study, recwarn):
    before = held(study)
    niche.pp.check(study[:200])
    assert unchanged(study, before)
    assert not [w for w in recwarn if "view" in str(w.message)]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"groupby": "label"},
            MissingKeyError,
            r"column 'label' not found in adata.obs. Available: 'sample'.*groupby=",
        ),
        (
            {"organ_key": "site"},
            MissingKeyError,
            r"column 'site' not found.*Available.*niche.settings.organ_key",
        ),
        ({"tissue_key": "origin"}, MissingKeyError, "column 'origin' not found"),
        (
            {"compartment_key": "comp"},
            MissingKeyError,
            "'comp' not found.*Run niche.tl.call_compartments first",
        ),
        (
            {"covariates": ["age"]},
            MissingKeyError,
            r"covariates 'age' not found in adata.obs. Available: 'sample'",
        ),
        ({"covariates": "age"}, InputTypeError, r"covariates must be a list.*Write \['age'\]"),
        ({"organism": "rat"}, InputValueError, "organism must be one of 'human', 'mouse'. Got 'rat'"),
        ({"min_cells": 0}, InputValueError, r"min_cells must be an integer in \[1, 1e\+09\]. Got 0"),
        ({"min_cells": 2.5}, InputValueError, "min_cells must be an integer"),
        ({"key_added": "a/b"}, InputValueError, "key_added must be a non-empty string without '/'"),
        ({"layer": "raw"}, MissingKeyError, "layer 'raw' not found in adata.layers"),
    ],
)
def test_bad_options_write_nothing(study, options, error, message):
    before = held(study)
    with pytest.raises(error, match=message):
        niche.pp.check(study, **options)
    assert unchanged(study, before)


@pytest.mark.parametrize("column", ["sample", "patient", "organ", "tissue"])
def test_missing_labels(study, column):
    study.obs[column] = study.obs[column].astype(object)
    study.obs.loc[study.obs_names[0], column] = None
    before = held(study)
    with pytest.raises(InputValueError, match=rf"1 of 455 cells have no label in adata.obs\['{column}'\]"):
        niche.pp.check(study)
    assert unchanged(study, before)


@pytest.mark.parametrize("column", ["patient", "organ", "tissue"])
def test_a_sample_in_two(study, column):
    study.obs[column] = study.obs[column].astype(object)
    other = {"patient": "p9", "organ": "lung", "tissue": "primary"}[column]
    study.obs.loc[study.obs_names[0], column] = other
    before = held(study)
    with pytest.raises(
        InputValueError, match=rf"a sample must lie in one {column}: 1 of 7 .*'s1' is in .*'{other}'"
    ):
        niche.pp.check(study)
    assert unchanged(study, before)


def test_unknown_words(study):
    study.obs["tissue"] = "normal_adjacent"
    with pytest.raises(
        InputValueError, match=r"must hold only 'primary', 'metastasis', 'normal'. Found 'normal_adja"
    ):
        niche.pp.check(study)
    study.obs["tissue"] = "metastasis"
    study.obs["compartment"] = "cancer"
    with pytest.raises(InputValueError, match="must hold only 'tumor'.*Found 'cancer'"):
        niche.pp.check(study)


@pytest.mark.parametrize(("bad", "found"), [(np.nan, "1 NaN"), (np.inf, "1 infinite"), (-1, "1 negative")])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_bad_values(study, kind, bad, found):
    values = study.X.toarray()
    values[200, 3] = bad
    study.X = kind(values)
    before = held(study)
    with pytest.raises(InputValueError, match=f"X must be finite and non-negative, found {found}"):
        niche.pp.check(study)
    assert unchanged(study, before)


def test_other_unusable_input(study):
    with pytest.raises(InputTypeError, match="adata must be an AnnData. Got pandas"):
        niche.pp.check(pd.DataFrame())
    with pytest.raises(InputValueError, match="adata is empty: 0 cells x 40 genes"):
        niche.pp.check(study[:0].copy())
    study.var_names = ["ACTB", "ACTB", *study.var_names[2:]]
    with pytest.raises(InputValueError, match="1 gene names .* more than once.*'ACTB'.*harmonize_genes"):
        niche.pp.check(study)
    study.var_names = ["", *study.var_names[1:]]
    with pytest.raises(InputValueError, match="1 of 40 gene names in adata.var_names are missing"):
        niche.pp.check(study)


def test_real_lung_metastases(shared_data):
    adata = ad.read_h5ad(shared_data / "maynard2020_nsclc_mets_3k.h5ad")
    adata.obs["tissue"] = adata.obs["tissue_origin"].astype(str).replace("normal_adjacent", "normal")
    adata.obs["compartment"] = np.where(adata.obs["malignant_putative"], "tumor", "immune")
    report = niche.pp.check(adata, "cell_type", organ_key="site")
    assert adata.uns["design"]["scale"] == "log1p CPM"
    assert adata.uns["design"]["counts"] == "unavailable"
    possible = report.organs.set_index(["organ", "tissue"])["possible"]
    assert possible[("pleura", "metastasis")] == "describe only"
    assert "test and call" not in set(possible)
    texts = " ".join(report.issues["found"])
    assert "patient 'TH185' supplies 164 of 175 tumor cells (94 %)" in texts
    assert "patient 'TH171' supplies 107 of 148 tumor cells (72 %)" in texts


def test_real_breast_metastases(shared_data):
    adata = ad.read_h5ad(shared_data / "chung2017_breast_primary_LNmet.h5ad")
    adata.obs["tissue"] = np.where(adata.obs["is_metastasis"], "metastasis", "primary")
    report = niche.pp.check(adata, "cell_type_marker", organ_key="site")
    assert report.ok
    assert report.organs["possible"].tolist() == ["test, no call", "test, no call"]
    assert "one metastatic organ only: nothing can be compared between organs" in set(report.issues["found"])
