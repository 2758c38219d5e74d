from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

import niche
from niche import get, pp
from niche.errors import InputValueError, MissingKeyError, StaleResultError


@pytest.fixture(scope="module")
def _called() -> ad.AnnData:
    adata = niche.datasets.simulate_xenograft(1, animals_per_organ=1, cells=80, n_genes=1500)
    pp.split_species(adata)
    return adata


def test_cells_in_their_order(_called: ad.AnnData) -> None:
    cells = get.species(_called, level="cells")
    assert list(cells.index) == list(_called.obs_names)
    total = np.asarray(_called.X.sum(axis=1)).ravel()
    assert np.allclose(cells["counts_human"] + cells["counts_mouse"], total)
    assert np.allclose(cells["share_human"], cells["counts_human"] / total)
    table = get.species(_called).set_index("sample")
    assert cells.groupby("sample")["species"].apply(lambda s: (s == "human").sum()).to_dict() == (
        table["n_human"].to_dict()
    )


def test_cells_may_be_left_out_and_genes_may_not(_called: ad.AnnData) -> None:
    fewer = _called[10:].copy()
    assert get.species(fewer)["n_cells"].sum() == _called.n_obs, "the calls are of the cells it was run on"
    with pytest.raises(StaleResultError, match="genes changed"):
        get.species(_called[:, 10:].copy())


def test_what_is_missing_is_named(_called: ad.AnnData) -> None:
    adata = _called.copy()
    with pytest.raises(InputValueError, match="level must be one of"):
        get.species(adata, level="genes")
    del adata.obs["counts_human"]
    with pytest.raises(MissingKeyError, match="'counts_human' not found"):
        get.species(adata, level="cells")
    with pytest.raises(MissingKeyError, match="Run niche.pp.split_species first"):
        get.species(adata, key="other")
