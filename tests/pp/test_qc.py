from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from held import held, unchanged
from scipy import sparse

import niche
from niche._slots import read
from niche.errors import InputTypeError, InputValueError, MissingKeyError


def test_metrics_by_hand(study):
    niche.pp.qc(study)
    counts = study.X.toarray()
    obs = study.obs
    assert np.allclose(obs["total_counts"], counts.sum(axis=1))
    assert obs["n_genes_by_counts"].tolist() == (counts > 0).sum(axis=1).tolist()
    mt = study.var_names.str.startswith("MT-")
    assert np.allclose(obs["pct_counts_mt"], 100 * counts[:, mt].sum(axis=1) / counts.sum(axis=1), rtol=1e-4)
    assert study.var["mt"].sum() == 2
    top = np.sort(counts, axis=1)[:, -20:].sum(axis=1)
    assert np.allclose(obs["pct_counts_in_top_20_genes"], 100 * top / counts.sum(axis=1), rtol=1e-4)
    assert np.allclose(obs["log1p_total_counts"], np.log1p(counts.sum(axis=1)), rtol=1e-5)


def test_outliers_are_judged_within_their_sample(study):
    counts = study.X.toarray()
    counts[0] = 0
    counts[0, :5] = 1
    counts[1] *= 40
    study.X = sparse.csr_matrix(counts)
    niche.pp.qc(study)
    reasons = study.obs["qc_reason"].astype(str)
    assert "low total_counts" in reasons.iloc[0]
    assert reasons.iloc[1] == "high total_counts"
    assert not study.obs["qc_pass"].iloc[:2].any()
    assert study.n_obs == len(counts)
    table = study.uns["qc"]["table"].set_index("sample")
    assert table.loc["s1", "n_pass"] <= table.loc["s1", "n_cells"] - 2
    assert table.loc["s1", "n_low_total_counts"] == 1
    limit = table.loc["s1", "high_total_counts"]
    inside = (study.obs["sample"] == "s1") & (study.obs["total_counts"] > limit)
    assert inside.sum() == table.loc["s1", "n_high_total_counts"]


def test_a_cell_without_counts_fails(study):
    counts = study.X.toarray()
    counts[3] = 0
    study.X = counts
    niche.pp.qc(study)
    assert study.obs["qc_reason"].astype(str).iloc[3].startswith("empty")
    assert study.uns["qc"]["table"]["n_empty"].tolist() == [1, 0, 0, 0, 0, 0, 0]


def test_what_was_not_assessed_says_so(study):
    small = study[study.obs["sample"].isin(["s1", "s2"])].copy()
    small = small[np.r_[0:65, 65:75]].copy()
    niche.pp.qc(small)
    assert set(small.obs.loc[small.obs["sample"] == "s2", "qc_reason"]) == {"not_assessed"}
    assert small.obs["qc_pass"][small.obs["sample"] == "s2"].all()
    assert small.obs["doublet_score"].isna().all()
    table = small.uns["qc"]["table"]
    assert table["outliers"].tolist() == ["done", "skipped: fewer than 20 cells"]
    assert table["scrublet"].tolist() == ["skipped: fewer than 100 cells"] * 2
    assert np.isnan(table["low_total_counts"].iloc[1])


def test_fixed_mitochondrial_limit_holds_everywhere(study):
    niche.pp.qc(study, max_pct_mt=5, min_cells_mads=1000)
    high = study.obs["pct_counts_mt"] > 5
    assert high.any()
    assert (study.obs["qc_reason"].astype(str) == np.where(high, "high pct_counts_mt", "not_assessed")).all()


def test_doublets_are_scored_where_there_are_cells_enough(study):
    niche.pp.qc(study, min_cells_scrublet=60)
    assert study.obs["doublet_score"].notna().all()
    assert study.uns["qc"]["table"]["scrublet"].str.startswith("done").all()
    again = study.copy()
    niche.pp.qc(again, min_cells_scrublet=60)
    assert again.obs.equals(study.obs)


def test_log_values_skip_what_needs_counts(study):
    counts = study.copy()
    niche.pp.qc(counts)
    niche.pp.normalize(study)
    del study.layers["counts"]
    niche.pp.qc(study, min_cells_scrublet=30)
    assert "total_counts" not in study.obs
    assert study.obs["doublet_score"].isna().all()
    assert study.uns["qc"]["kind"] == "lognorm"
    skipped = dict(study.uns["qc"]["skipped"].itertuples(index=False, name=None))
    assert skipped == dict.fromkeys(("total_counts", "doublet_score"), "no raw counts: log values only")
    assert set(study.uns["qc"]["table"]["scrublet"]) == {"skipped: no raw counts"}
    assert "low_total_counts" not in study.uns["qc"]["table"]
    assert study.obs["n_genes_by_counts"].tolist() == counts.obs["n_genes_by_counts"].tolist()
    assert np.allclose(study.obs["pct_counts_mt"], counts.obs["pct_counts_mt"], rtol=1e-3)


def test_stored_counts_are_preferred(study):
    expected = niche.pp.qc(study, copy=True)
    niche.pp.normalize(study)
    niche.pp.qc(study)
    assert study.obs.equals(expected.obs)


def test_no_mitochondrial_genes(study):
    study = study[:, ~study.var_names.str.startswith("MT-")].copy()
    niche.pp.qc(study)
    assert "pct_counts_mt" not in study.obs
    assert study.uns["qc"]["skipped"]["metric"].tolist() == ["pct_counts_mt"]
    study.var_names = [name.capitalize() for name in study.var_names]
    study.var_names = ["mt-Co1", *study.var_names[1:]]
    niche.pp.qc(study)
    assert "pct_counts_mt" in study.obs


def test_result_outlives_the_filter_it_is_made_for(study):
    niche.pp.qc(study)
    kept = study[study.obs["qc_pass"]].copy()
    assert len(read.result(kept, "qc", run_first="niche.pp.qc")["table"]) == 7


@pytest.mark.parametrize("kind", ["numpy", "csc", "int", "float16", "dask", "view", "backed"])
def test_every_kind_of_matrix(study, kind, tmp_path):
    expected = niche.pp.qc(study, copy=True)
    if kind == "numpy":
        study.X = study.X.toarray()
    elif kind == "csc":
        study.X = study.X.tocsc()
    elif kind == "int":
        study.X = study.X.astype(np.int32)
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
    niche.pp.qc(study)
    for name in ("total_counts", "pct_counts_mt", "qc_pass"):
        assert np.array_equal(study.obs[name], expected.obs[name])
    if kind == "backed":
        study.file.close()


@pytest.mark.parametrize("extension", ["h5ad", "zarr"])
def test_round_trip(study, tmp_path, extension):
    niche.pp.qc(study)
    getattr(study, f"write_{extension}")(tmp_path / f"a.{extension}")
    again = getattr(ad, f"read_{extension}")(tmp_path / f"a.{extension}")
    assert again.obs["qc_reason"].astype(str).tolist() == study.obs["qc_reason"].astype(str).tolist()
    stored = read.result(again, "qc", run_first="niche.pp.qc")
    assert list(stored["table"].columns) == list(study.uns["qc"]["table"].columns)
    assert stored["table"]["n_pass"].tolist() == study.uns["qc"]["table"]["n_pass"].tolist()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_mads": 0}, InputValueError, r"n_mads must be a number in \(0, 1000\]. Got 0"),
        ({"max_pct_mt": 101}, InputValueError, r"max_pct_mt must be a number in \[0, 100\]. Got 101"),
        ({"expected_doublet_rate": 0.6}, InputValueError, "expected_doublet_rate must be a number in"),
        ({"min_cells_mads": 2}, InputValueError, "min_cells_mads must be an integer in"),
        ({"min_cells_scrublet": 10}, InputValueError, "min_cells_scrublet must be an integer in"),
        ({"rng": "x"}, InputTypeError, "rng must be a non-negative integer or a numpy Generator. Got 'x'"),
        (
            {"sample_key": "biopsy"},
            MissingKeyError,
            "column 'biopsy' not found in adata.obs. Available: 'sample'",
        ),
        ({"layer": "raw"}, MissingKeyError, "layer 'raw' not found in adata.layers. Available: none"),
    ],
)
def test_bad_options_write_nothing(study, options, error, message):
    before = held(study)
    with pytest.raises(error, match=message):
        niche.pp.qc(study, **options)
    assert unchanged(study, before)


@pytest.mark.parametrize(("bad", "found"), [(np.nan, "1 NaN"), (np.inf, "1 infinite"), (-1, "1 negative")])
def test_bad_values_write_nothing(study, bad, found):
    study.X = study.X.toarray()
    study.X[5, 5] = bad
    before = held(study)
    with pytest.raises(InputValueError, match=f"X must be finite and non-negative, found {found}"):
        niche.pp.qc(study)
    assert unchanged(study, before)


def test_missing_labels_write_nothing(study):
    study.obs["sample"] = study.obs["sample"].astype(object)
    study.obs.loc[study.obs_names[:4], "sample"] = None
    before = held(study)
    with pytest.raises(InputValueError, match=r"4 of 455 cells have no label in adata.obs\['sample'\]"):
        niche.pp.qc(study)
    assert unchanged(study, before)


def test_real_counts(shared_data):
    adata = ad.read_h5ad(shared_data / "chung2017_breast_primary_LNmet.h5ad")
    expected = adata.obs["pct_counts_mt"].to_numpy().copy()
    niche.pp.qc(adata)
    assert np.allclose(adata.obs["pct_counts_mt"], expected, atol=0.01)
    assert 0.7 < adata.obs["qc_pass"].mean() < 1
    assert set(adata.uns["qc"]["table"]["scrublet"]) == {"skipped: fewer than 100 cells"}
