"""The generator of sublines draws what it says."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

import niche
from niche.datasets import simulate_sublines
from niche.errors import InputTypeError, InputValueError


def test_design() -> None:
    adata = simulate_sublines(
        organs=["bone", "lung"], sublines={"bone": 3, "lung": 1}, parentals=2, replicates=[1, 2], n_genes=300
    )
    per = adata.obs.drop_duplicates("subline").groupby("organ", observed=True).size().to_dict()
    assert per == {"bone": 3, "lung": 1, "parental": 2}
    assert adata.obs.groupby("subline", observed=True).size().value_counts().to_dict() == {1: 3, 2: 3}
    assert adata.obs["culture"].is_unique
    assert adata.X.dtype == np.float32
    assert np.array_equal(adata.X, adata.layers["counts"])
    assert np.array_equal(adata.X, np.round(adata.X))
    known = niche.resources.gene_positions()["symbol"]
    assert np.isin(adata.var_names, known).mean() > 0.97


def test_can_be_written(tmp_path) -> None:
    adata = simulate_sublines(n_genes=200, replicates=[1, 2])
    adata.write_h5ad(tmp_path / "sublines.h5ad")
    again = ad.read_h5ad(tmp_path / "sublines.h5ad")
    assert np.array_equal(again.X, adata.X)
    assert again.uns["truth"]["genes"].equals(adata.uns["truth"]["genes"])


def test_truth_is_what_the_counts_show() -> None:
    adata = simulate_sublines(
        3,
        n_genes=400,
        organ_genes=30,
        passage_genes=30,
        drift_sd=0.05,
        culture_sd=0.02,
        dispersion=0,
        depth=1e7,
    )
    cpm = adata.to_df().div(adata.X.sum(axis=1), axis=0) * 1e6
    log = np.log2(cpm + 1).groupby(adata.obs["organ"].astype(str).to_numpy()).mean()
    truth = adata.uns["truth"]["genes"]
    assert truth.groupby("organ").size().to_dict() == {"bone": 30, "brain": 30, "lung": 30, "passage": 30}
    assert (truth.groupby("organ")["log2fc"].apply(lambda v: (v > 0).sum()) == 15).all()
    for organ in ("bone", "lung", "brain"):
        shift = log.loc[organ] - log.loc["parental"]
        shift -= shift.median()
        own = truth[truth["organ"] == organ].set_index("gene")["log2fc"]
        deep = [g for g in own.index if log[g].min() > 5]
        assert len(deep) > 15
        assert np.abs(shift[deep] - own[deep]).max() < 0.4
        other = truth[~truth["organ"].isin([organ, "passage"])]["gene"]
        still = [g for g in other if log[g].min() > 5]
        assert np.abs(shift[still]).max() < 0.4


def test_null_and_seed() -> None:
    adata = simulate_sublines(1, n_genes=200, null=True, organ_genes=10, passage_genes=10)
    assert len(adata.uns["truth"]["genes"]) == 0
    again = simulate_sublines(
        np.random.default_rng(1), n_genes=200, null=True, organ_genes=10, passage_genes=10
    )
    assert np.array_equal(adata.X, again.X)
    assert not np.array_equal(
        adata.X, simulate_sublines(2, n_genes=200, null=True, organ_genes=10, passage_genes=10).X
    )


def test_parental_lines_drift_or_not() -> None:
    spread = []
    for drifts in (True, False):
        adata = simulate_sublines(
            n_genes=300, parentals=6, replicates=1, drift_sd=1.0, culture_sd=0.01, dispersion=0, null=True,
            organ_genes=0, passage_genes=0, parental_drifts=drifts,
        )  # fmt: skip
        cpm = adata.X / adata.X.sum(axis=1, keepdims=True) * 1e6
        deep = cpm.min(axis=0) > 100
        own = (adata.obs["organ"] == "parental").to_numpy()
        spread.append(np.log2(cpm[own][:, deep]).std(axis=0, ddof=1).mean())
    assert 0.7 < spread[0] < 1.2
    assert spread[1] < 0.2


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"organs": "bone"}, InputTypeError, "organs must be a list of names"),
        ({"organs": []}, InputValueError, "organs must be different names"),
        ({"organs": ["bone", "parental"]}, InputValueError, "'parental' and 'passage' not among them"),
        ({"sublines": {"bone": 2}}, InputValueError, "sublines must name each organ. Got 'bone'"),
        ({"sublines": 0}, InputValueError, r"sublines must be an integer in \[1, 1000\]. Got 0"),
        ({"replicates": [1, 0]}, InputValueError, "replicates must be an integer"),
        ({"n_genes": 100}, InputValueError, r"n_genes must be an integer in \[160, 15000\]. Got 100"),
        ({"drift_sd": -1}, InputValueError, "drift_sd must be a number"),
        ({"null": 1}, InputTypeError, "null must be True or False"),
        ({"rng": -1}, InputTypeError, "rng must be a non-negative integer"),
    ],
)
def test_refused(options: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        simulate_sublines(**options)
