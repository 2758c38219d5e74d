"""Tables of composition: columns, filters, samples, staleness."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from niche import get, tl
from niche.errors import InputValueError, MissingKeyError, StaleResultError

COLUMNS = (
    "cell_type compartment contrast organ effect ci_low ci_high statistic pval qval share share_other call status "
    "reason n_samples n_patients sign_stability min_detectable_effect"
).split()


@pytest.fixture(scope="module")
def _composed(_demo):
    return tl.composition(_demo, copy=True)


@pytest.fixture
def composed(_composed):
    return _composed.copy()


def test_columns_and_one_row_per_type_and_contrast(composed):
    table = get.composition(composed)
    assert list(table) == COLUMNS
    assert len(table) == composed.obs["cell_type"].nunique() * table["contrast"].nunique()
    assert not table.duplicated(["cell_type", "contrast"]).any()
    assert "shares are relative" in table.attrs["statement"]
    tested = (table["status"] == "tested").to_numpy()
    assert table.loc[tested, "pval"].notna().all() and table.loc[~tested, "pval"].isna().all()
    assert (table.loc[~tested, "reason"] != "").all(), "what is not tested says why"
    omnibus = (table["contrast"] == "omnibus").to_numpy()
    assert (table.loc[omnibus, "organ"] == "").all() and table.loc[omnibus, "effect"].isna().all()
    inside = table[tested & ~omnibus]
    assert ((inside["ci_low"] < inside["effect"]) & (inside["effect"] < inside["ci_high"])).all()


def test_filters(composed):
    table = get.composition(composed)
    one = get.composition(composed, contrast="bone_vs_rest", cell_type=["T cell", "B cell"])
    assert set(one["cell_type"]) == {"T cell", "B cell"} and set(one["contrast"]) == {"bone_vs_rest"}
    assert set(get.composition(composed, organ="bone")["organ"]) == {"bone"}
    assert len(get.composition(composed, qval=0.5)) == (table["qval"] <= 0.5).sum()
    for options, message in (
        ({"contrast": "bone_vs_skin"}, "contrast: 'bone_vs_skin' not in the result"),
        ({"cell_type": "Mast cell"}, "cell_type: 'Mast cell' not in the result"),
        ({"organ": "skin"}, "organ: 'skin' not in the result. Available: 'bone'"),
        ({"level": "patient"}, "level must be one of"),
        ({"level": "sample", "qval": 0.1}, "belong to level='organ'"),
    ):
        with pytest.raises(InputValueError, match=message):
            get.composition(composed, **options)


def test_shares_of_samples(composed):
    table = get.composition(composed, level="sample")
    counts = pd.crosstab(composed.obs["sample"], composed.obs["cell_type"])
    for line in table.iloc[::5].itertuples():
        assert line.n_cells == counts.at[line.sample, line.cell_type]
    observed = table[table["status"] == "observed"]
    np.testing.assert_allclose(observed["share"], observed["n_cells"] / observed["n_whole"])
    whole = observed.groupby(["sample", "compartment"], observed=True)["share"].sum()
    np.testing.assert_allclose(whole, 1)
    absent = table[table["status"] == "absent"]
    assert absent["share"].isna().all() and (absent["n_cells"] == 0).all()
    assert ("Hepatocyte", "bone") in set(zip(absent["cell_type"], absent["organ"], strict=True))
    assert set(get.composition(composed, level="sample", organ="bone")["organ"]) == {"bone"}


def test_survives_h5ad_and_zarr(composed, tmp_path):
    composed.uns.pop("truth", None)  # of the simulator, whose own tests write it
    composed.write_h5ad(tmp_path / "a.h5ad")
    composed.write_zarr(tmp_path / "a.zarr")
    for back in (ad.read_h5ad(tmp_path / "a.h5ad"), ad.read_zarr(tmp_path / "a.zarr")):
        for level in ("organ", "sample"):
            pd.testing.assert_frame_equal(
                get.composition(back, level=level), get.composition(composed, level=level)
            )


def test_missing_and_stale(demo, composed):
    with pytest.raises(MissingKeyError, match="Run niche.tl.composition first"):
        get.composition(demo)
    composed.obs["compartment"] = composed.obs["compartment"].astype(str).replace("stromal", "immune")
    with pytest.raises(StaleResultError, match="obs compartment changed"):
        get.composition(composed)
