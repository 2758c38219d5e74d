"""Tables of signatures: columns, filters, levels, round trips, staleness."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import niche
from niche import get, tl
from niche.errors import InputValueError, MissingKeyError, StaleResultError

COLUMNS = (
    "signature contrast organ effect ci_low ci_high statistic pval qval call status reason n_samples n_patients "
    "sign_stability min_detectable_effect"
).split()
LEVELS = ("organ", "sample", "signature")


@pytest.fixture(scope="module")
def _scored(_demo):
    adata = niche.pp.normalize(_demo, copy=True)
    genes = adata.var_names
    tl.score_signatures(adata, {"a": list(genes[:20]), "b": {"up": list(genes[30:50]), "down": list(genes[60:70])}, "c": [genes[0]]})  # fmt: skip
    return adata


@pytest.fixture
def scored(_scored):
    return _scored.copy()


def test_columns_and_one_row_per_signature_and_contrast(scored):
    table = get.signatures(scored)
    assert list(table) == COLUMNS
    assert (
        len(table) == 3 * table["contrast"].nunique()
        and not table.duplicated(["signature", "contrast"]).any()
    )
    tested = (table["status"] == "tested").to_numpy()
    assert table.loc[tested, "pval"].notna().all() and table.loc[~tested, "pval"].isna().all()
    assert (table.loc[~tested, "reason"] != "").all()
    omnibus = (table["contrast"] == "omnibus").to_numpy()
    assert (table.loc[omnibus, "organ"] == "").all() and table.loc[omnibus, "effect"].isna().all()
    inside = table[tested & ~omnibus]
    assert ((inside["ci_low"] < inside["effect"]) & (inside["effect"] < inside["ci_high"])).all()


def test_samples(scored):
    table = get.signatures(scored, level="sample")
    assert list(table) == "sample patient organ tissue signature score n_cells status".split()
    tumor = scored.obs["compartment"] == "tumor"
    means = scored.obsm["signatures"]["b"][tumor].groupby(scored.obs["sample"][tumor], observed=True).mean()
    own = table[table["signature"] == "b"].set_index("sample")["score"]
    np.testing.assert_allclose(own, means.loc[own.index])
    assert set(table.loc[table["signature"] == "c", "status"]) == {"not_testable"}
    assert table.loc[table["signature"] == "c", "score"].isna().all()


def test_coverage(scored):
    table = get.signatures(scored, level="signature").set_index("signature")
    assert table.loc["b", ["n_genes", "n_measured", "n_up", "n_down"]].tolist() == [30, 30, 20, 10]
    assert table["status"].tolist() == ["scored", "scored", "not_testable"]


def test_filters(scored):
    one = get.signatures(scored, contrast="bone_vs_rest", signature=["a", "b"])
    assert set(one["signature"]) == {"a", "b"} and set(one["contrast"]) == {"bone_vs_rest"}
    assert set(get.signatures(scored, organ="bone")["organ"]) == {"bone"}
    assert len(get.signatures(scored, qval=1)) == get.signatures(scored)["qval"].notna().sum()
    for options, message in (
        ({"contrast": "bone_vs_skin"}, "contrast: 'bone_vs_skin' not in the result"),
        ({"signature": "d"}, "signature: 'd' not in the result. Available: 'a'"),
        ({"organ": "skin"}, "organ: 'skin' not in the result"),
        ({"level": "cell"}, "level must be one of"),
        ({"level": "sample", "qval": 0.1}, "belong to level='organ'"),
        ({"level": "signature", "organ": "bone"}, "organ= belongs to"),
    ):
        with pytest.raises(InputValueError, match=message):
            get.signatures(scored, **options)


def test_survives_h5ad_and_zarr(scored, tmp_path):
    scored.uns.pop("truth", None)  # of the simulator, whose own tests write it
    scored.write_h5ad(tmp_path / "a.h5ad")
    scored.write_zarr(tmp_path / "a.zarr")
    for back in (ad.read_h5ad(tmp_path / "a.h5ad"), ad.read_zarr(tmp_path / "a.zarr")):
        pd.testing.assert_frame_equal(back.obsm["signatures"], scored.obsm["signatures"], check_exact=True)
        for level in LEVELS:
            pd.testing.assert_frame_equal(
                get.signatures(back, level=level), get.signatures(scored, level=level)
            )


def test_missing_and_stale(demo, scored):
    with pytest.raises(MissingKeyError, match="Run niche.tl.score_signatures first"):
        get.signatures(demo)
    scored.obs["organ"] = scored.obs["organ"].astype(str).replace("bone", "skin")
    with pytest.raises(StaleResultError, match="obs organ changed"):
        get.signatures(scored)
