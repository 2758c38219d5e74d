"""The door: each refusal names the key, what was found, what is there and what to do."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from niche._slots import validate
from niche.errors import InputTypeError, InputValueError, MissingKeyError


@pytest.fixture
def adata():
    obs = pd.DataFrame(
        {
            "sample": pd.Categorical(["s1", "s1", "s2", "s2"], categories=["s2", "s1", "unused"]),
            "patient": ["p1", "p1", "p1", "p1"],
            "organ": ["bone", "bone", "lung", "lung"],
            "cell_type": ["T|cell^a", "b", "b", "b"],
        },
        index=list("wxyz"),
    )
    return ad.AnnData(np.ones((4, 2), dtype=np.float32), obs=obs)


def test_not_an_anndata():
    with pytest.raises(InputTypeError, match=r"must be an AnnData. Got pandas.*read_h5ad"):
        validate.anndata(pd.DataFrame())


def test_no_cells_and_no_genes(adata):
    for part in (adata[:0], adata[:, :0]):
        with pytest.raises(InputValueError, match="adata is empty"):
            validate.anndata(part)


def test_duplicated_and_missing_gene_names(adata):
    adata.var_names = ["CXCR4", "CXCR4"]
    with pytest.raises(InputValueError, match=r"'CXCR4'.*harmonize_genes"):
        validate.anndata(adata)
    adata.var_names = ["CXCR4", ""]
    with pytest.raises(InputValueError, match="1 of 2 gene names .* missing"):
        validate.anndata(adata)


def test_a_missing_column_lists_those_that_exist(adata):
    with pytest.raises(MissingKeyError, match=r"'site' not found.*'sample', 'patient', 'organ'.*organ_key="):
        validate.factor(adata, "site", "organ_key")


def test_a_name_that_is_nearly_there_is_asked_for() -> None:
    assert validate.meant("Organ", ["sample", "organ"]) == " Did you mean 'organ'?"
    assert validate.meant("sites", ["site", "sample"]) == " Did you mean 'site'?"
    assert validate.meant("compartment", ["site", 3]) == ""


def test_missing_and_empty_labels_are_counted(adata):
    adata.obs["organ"] = ["bone", None, "lung", "lung"]
    with pytest.raises(InputValueError, match="1 of 4 cells have no label"):
        validate.factor(adata, "organ", "organ_key")
    adata.obs["organ"] = ["bone", " ", "lung", "lung"]
    with pytest.raises(InputValueError, match="empty label"):
        validate.factor(adata, "organ", "organ_key")


def test_factor_keeps_order_of_categories_and_drops_unused_ones(adata):
    found = validate.factor(adata, None, "sample_key")
    assert found.names == ("s2", "s1")
    np.testing.assert_array_equal(found.codes, [1, 1, 0, 0])
    assert list(found.labels) == ["s1", "s1", "s2", "s2"]


def test_names_with_separators_are_labels_like_any_other(adata):
    assert "T|cell^a" in validate.factor(adata, None, "groupby").names


def test_a_sample_in_two_organs_or_patients(adata):
    adata.obs["organ"] = ["bone", "lung", "lung", "lung"]
    with pytest.raises(InputValueError, match=r"one organ: 1 of 2 samples.*'s1' is in 'bone', 'lung'"):
        validate.samples(adata, None, None, None, None)
    adata.obs["organ"] = "bone"
    adata.obs["patient"] = ["p1", "p2", "p1", "p1"]
    with pytest.raises(InputValueError, match="one patient"):
        validate.samples(adata, None, None, None, None)


def test_tissue_may_be_absent_but_not_unknown(adata):
    found = validate.samples(adata, None, None, None, None)
    assert not found.tissue_given and list(found.tissue) == ["metastasis"] * 2
    adata.obs["tissue"] = ["primary", "primary", "NAT", "NAT"]
    with pytest.raises(
        InputValueError, match=r"must hold only 'primary', 'metastasis', 'normal'. Found 'NAT'"
    ):
        validate.samples(adata, None, None, None, None)


def test_compartments_say_which_function_to_run(adata):
    with pytest.raises(MissingKeyError, match="Run niche.tl.call_compartments first"):
        validate.compartments(adata, None, run_first="niche.tl.call_compartments")
    adata.obs["compartment"] = ["tumor", "host", "immune", "immune"]
    with pytest.raises(InputValueError, match="Found 'host'"):
        validate.compartments(adata, None, run_first="f")


def test_numbers_and_choices_have_one_wording():
    for bad in (0, 1.5, True, "3"):
        with pytest.raises(InputValueError, match=r"min_cells must be an integer in \[1, inf\]. Got"):
            validate.number(bad, "min_cells", low=1, integer=True)
    validate.number(np.int64(3), "min_cells", low=1, integer=True)
    with pytest.raises(InputValueError, match="must be one of 'a', None. Got 'b'"):
        validate.choice("b", "null", ("a", None))
    with pytest.raises(InputTypeError, match="copy must be True or False"):
        validate.flag(1, "copy")


def test_generators():
    assert validate.generator(3).integers(10**9) == validate.generator(np.random.default_rng(3)).integers(
        10**9
    )
    for bad in (-1, "x", True, None):
        with pytest.raises(InputTypeError, match="rng must be"):
            validate.generator(bad)


def test_duplicate_obs_columns(adata):
    adata.obs = pd.concat([adata.obs, adata.obs[["organ"]]], axis=1)
    with pytest.raises(InputValueError, match="2 columns named 'organ'"):
        validate.factor(adata, None, "organ_key")


def test_long_lists_are_cut():
    assert validate.shown(range(20)).endswith("and 8 more")
