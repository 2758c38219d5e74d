"""Which rows belong to which subline."""

from __future__ import annotations

import numpy as np
import pytest

import niche
from niche.errors import InputValueError, MissingKeyError
from niche.tl._sublines_design import sublines_of


@pytest.fixture
def adata():
    """Two bone sublines, one of lung, one parental line, with 1 to 3 cultures."""
    return niche.datasets.simulate_sublines(
        organs=["lung", "bone"], sublines={"bone": 2, "lung": 1}, replicates=[1, 2, 3], n_genes=200,
        organ_genes=10, passage_genes=10,
    )  # fmt: skip


def test_sublines_and_their_cultures(adata) -> None:
    found = sublines_of(adata, None, None, "culture", "parental")
    assert found.names.tolist() == ["bone_1", "bone_2", "lung_1", "parental_1"]
    assert found.organs == ["bone", "lung", "parental"], "the parental level last"
    assert found.code.tolist() == [0, 0, 1, 2]
    assert found.tissue.tolist() == ["metastasis"] * 3 + ["primary"]
    per = adata.obs.groupby("subline", observed=True).size()
    assert found.n_replicates.tolist() == per[found.names].tolist()
    assert (
        sublines_of(adata, None, None, None, "parental").n_replicates.tolist() == found.n_replicates.tolist()
    )


def test_cells_of_one_culture_count_once(adata) -> None:
    adata.obs["one"] = adata.obs["subline"].astype(str) + "_only"
    assert sublines_of(adata, None, None, "one", "parental").n_replicates.tolist() == [1, 1, 1, 1]


def test_one_parental_line_is_enough(adata) -> None:
    groups = sublines_of(adata, None, None, None, "parental").groups
    assert (groups.replicate, groups.origin, groups.lone_origin) == ("subline", "parental", True)
    assert groups.of("primary").tolist() == [False, False, True]


def test_numbers_as_organs(adata) -> None:
    number = {"parental": 0, "bone": 1, "lung": 2}
    adata.obs["organ"] = [number[organ] for organ in adata.obs["organ"]]
    for parental in (0, "0", np.int64(0)):
        assert sublines_of(adata, None, None, None, parental).organs == ["1", "2", "0"]


def test_without_a_parental_line(adata) -> None:
    with pytest.raises(
        InputValueError,
        match=r"no parental line: no row has 'WT' in adata.obs\['organ'\]. Found: .*parental=.*compare_expression",
    ):
        sublines_of(adata, None, None, None, "WT")
    with pytest.raises(InputValueError, match="every row is parental"):
        sublines_of(adata[adata.obs["organ"] == "parental"], None, None, None, "parental")


def test_a_subline_of_two_organs(adata) -> None:
    adata.obs["subline"] = np.where(
        adata.obs["subline"] == "lung_1", "bone_1", adata.obs["subline"].astype(str)
    )
    with pytest.raises(
        InputValueError, match=r"selected for one organ: 1 of 3 sublines .*'bone_1' has 'bone', 'lung'"
    ):
        sublines_of(adata, None, None, None, "parental")


def test_a_culture_of_two_sublines(adata) -> None:
    with pytest.raises(
        InputValueError,
        match=r"a culture belongs to one subline: 2 of 3 cultures in adata.obs\['batch'\].*joining",
    ):
        sublines_of(adata, None, None, "batch", "parental")


def test_columns_that_are_not_there(adata) -> None:
    with pytest.raises(MissingKeyError, match="column 'clone' not found.*subline_key="):
        sublines_of(adata, "clone", None, None, "parental")
    with pytest.raises(MissingKeyError, match="column 'well' not found.*replicate_key="):
        sublines_of(adata, None, None, "well", "parental")
