from __future__ import annotations

import numpy as np
import pytest

import niche
from niche._slots import keys
from niche.errors import InputValueError, MissingKeyError, StaleResultError


@pytest.fixture(scope="module")
def _called(_demo):
    adata = _demo.copy()
    niche.pp.normalize(adata)
    niche.tl.call_compartments(adata)
    return adata


@pytest.fixture
def called(_called):
    """The demo called from expression."""
    return _called.copy()


def test_cells(called):
    table = niche.get.compartments(called, level="cells")
    assert table.index.equals(called.obs_names)
    assert table["compartment"].tolist() == called.obs["compartment"].astype(str).tolist()
    assert np.array_equal(
        table["malignant_probability"], called.obs[keys.MALIGNANT_PROBABILITY], equal_nan=True
    )
    assert (table["cnv_signal"] >= 0).all()
    assert table["confidence"].between(0, 1).all()
    assert (table.loc[table["compartment"] != "unresolved", "reason"] == "").all()
    assert (table.loc[table["compartment"] == "unresolved", "reason"] != "").all()
    fibroblasts = table[called.obs["cell_type"].astype(str).to_numpy() == "Fibroblast"]
    assert fibroblasts["lineage_stromal"].median() > fibroblasts["lineage_immune"].median()


def test_samples_and_types_count_every_cell_once(called):
    samples, types = (niche.get.compartments(called, level=level) for level in ("samples", "types"))
    counts = [f"n_{name}" for name in keys.COMPARTMENTS_ALL]
    assert (samples[counts].sum(axis=1) == samples["n_cells"]).all()
    assert samples["n_cells"].sum() == types["n_cells"].sum() == called.n_obs
    assert set(samples["copy_number"]) <= {"yes", "no", "not_assessed"}
    assert types.columns.tolist() == ["cell_type", "compartment", "n_cells", "source", "reason"]


def test_frames_are_the_callers_own(called):
    table = niche.get.compartments(called)
    table["statement"] = "mine"
    assert "mine" not in set(niche.get.compartments(called)["statement"])


def test_refusals(called, demo):
    with pytest.raises(MissingKeyError, match="Run niche.tl.call_compartments first"):
        niche.get.compartments(demo)
    with pytest.raises(InputValueError, match="level must be one of"):
        niche.get.compartments(called, level="patients")
    with pytest.raises(StaleResultError, match="X"):
        niche.get.compartments(called[:100].copy())
