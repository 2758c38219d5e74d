"""The file in which a run keeps what it has found."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from niche.errors import InputValueError, NicheWarning
from niche.recipes import CommunicationConfig
from niche.recipes.checkpoint import SLOT, Checkpoint

LEFT_OUT = pd.DataFrame({"sample": ["a"], "cell_type": ["b"], "n_cells": [3], "n_excluded": [1]})


@pytest.fixture
def adata() -> ad.AnnData:
    obs = pd.DataFrame({"organ": ["bone", "lung", "bone"]}, index=["a", "b", "c"])
    return ad.AnnData(np.arange(6, dtype=np.float32).reshape(3, 2), obs=obs)


def kept(file: Path, adata: ad.AnnData, **changed: object) -> Checkpoint:
    made = Checkpoint.of(file, adata, CommunicationConfig(**changed))
    assert made is not None
    return made


def test_none_is_wanted_by_default(adata):
    assert Checkpoint.of(None, adata, CommunicationConfig()) is None


def test_another_kind_of_file_is_refused(adata):
    with pytest.raises(InputValueError, match="must be the path of an h5ad file"):
        Checkpoint.of("state.zarr", adata, CommunicationConfig())


def test_the_same_run_goes_on(adata, tmp_path):
    first = kept(tmp_path / "deep" / "state.h5ad", adata)
    state = adata.copy()
    state.uns["found"] = np.array([1.0, 2.0])
    first.save(state, LEFT_OUT)
    assert set(state.uns) == {"found"}, "what is written beside it leaves no trace"
    again = kept(first.path, adata, n_jobs=1, notes=["threads and notes do not matter"]).resumed(adata)
    assert again.uns["found"].tolist() == [1.0, 2.0]
    assert again.uns["recipe"]["excluded"]["n_excluded"].tolist() == [1]
    assert SLOT not in again.uns
    assert [file.name for file in first.path.parent.iterdir()] == ["state.h5ad"]
    first.remove()
    first.remove()
    assert not first.path.exists()


@pytest.mark.parametrize("what", ["settings", "labels", "values"])
def test_another_run_begins_anew(adata, tmp_path, what):
    file = tmp_path / "state.h5ad"
    kept(file, adata).save(adata, None)
    other, changed = adata.copy(), {}
    if what == "settings":
        changed = {"seed": 1}
    elif what == "labels":
        other.obs["organ"] = ["bone", "bone", "bone"]
    else:
        other.X[0, 0] = 9
    assert kept(file, other, **changed).resumed(other) is other


def test_a_file_that_is_broken_is_left_aside(adata, tmp_path):
    file = tmp_path / "state.h5ad"
    kept(file, adata).save(adata, None)
    file.write_bytes(file.read_bytes()[:500])
    assert kept(file, adata).resumed(adata) is adata


def test_a_checkpoint_is_not_written_again_at_once(adata, tmp_path):
    one = kept(tmp_path / "state.h5ad", adata)
    one.save(adata, None)
    one.path.unlink()
    one._took = 100.0
    one.save(adata, None)
    assert not one.path.exists()
    one._took = 0.0
    one.save(adata, None)
    assert one.path.exists()


def test_a_folder_that_cannot_be_written_is_told_once_and_costs_nothing(adata, tmp_path):
    (tmp_path / "file").write_text("")
    one = kept(tmp_path / "file" / "state.h5ad", adata)
    with pytest.warns(NicheWarning, match="cannot write the checkpoint.*begins anew"):
        one.save(adata, None)
    one.save(adata, None)
    assert not adata.uns
