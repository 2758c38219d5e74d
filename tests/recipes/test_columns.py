from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

from niche.errors import InputValueError, MissingKeyError
from niche.recipes.columns import TISSUE_MAPPED, resolve
from niche.recipes.config import InputConfig


def test_defaults_come_from_settings(demo: ad.AnnData) -> None:
    found = resolve(demo, InputConfig())
    assert (found.sample, found.patient, found.organ, found.tissue) == (
        "sample",
        "patient",
        "organ",
        "tissue",
    )
    assert (found.cell_type, found.compartment, found.malignant) == ("cell_type", "compartment", None)
    assert found.notes == ()
    assert TISSUE_MAPPED not in demo.obs


def test_tissues_are_renamed_beside_the_given_column(demo: ad.AnnData) -> None:
    demo.obs["origin"] = demo.obs["tissue"].astype(str).replace({"primary": "PT"})
    before = demo.obs["origin"].tolist()
    found = resolve(demo, InputConfig(tissue="origin", tissue_map={"PT": "primary"}))
    assert found.tissue == TISSUE_MAPPED
    assert demo.obs[TISSUE_MAPPED].astype(str).tolist() == demo.obs["tissue"].astype(str).tolist()
    assert demo.obs["origin"].tolist() == before
    assert found.notes == (f"tissue: origin = PT is read as primary ({before.count('PT')} cells)",)


def test_no_tissue_column_is_said(demo: ad.AnnData) -> None:
    del demo.obs["tissue"]
    found = resolve(demo, InputConfig())
    assert found.tissue is None
    assert found.notes == ("no tissue column was given: every sample is taken as a metastasis",)


@pytest.mark.parametrize(
    "name", ["sample", "patient", "organ", "cell_type", "tissue", "compartment", "malignant"]
)
def test_a_column_that_is_not_there(demo: ad.AnnData, name: str) -> None:
    del demo.obs["compartment"]
    with pytest.raises(
        MissingKeyError, match=f"input.{name} in the config .--{name.replace('_', '-')}"
    ) as caught:
        resolve(demo, InputConfig.model_validate({name: "nowhere"}))
    assert "'patient'" in str(caught.value), "what exists is listed"


def test_tissues_that_are_not_understood(demo: ad.AnnData) -> None:
    demo.obs["origin"] = "somewhere"
    with pytest.raises(InputValueError, match=r"Found 'somewhere'.*input\.tissue_map"):
        resolve(demo, InputConfig(tissue="origin"))
    demo.obs["origin"] = np.nan
    with pytest.raises(InputValueError, match="have no label"):
        resolve(demo, InputConfig(tissue="origin"))


def test_malignant_must_be_true_or_false(demo: ad.AnnData) -> None:
    del demo.obs["compartment"]
    demo.obs["score"] = np.linspace(0, 1, demo.n_obs)
    with pytest.raises(InputValueError, match="must say True or False"):
        resolve(demo, InputConfig(malignant="score"))


def test_a_typo_in_the_compartments_is_found_early(demo: ad.AnnData) -> None:
    with_column = resolve(demo, InputConfig(compartments={"Malignnat": "tumor"}))
    assert "not used" in with_column.notes[0], "the column given wins, and that is said"
    del demo.obs["compartment"]
    with pytest.raises(InputValueError, match="'Malignnat'"):
        resolve(demo, InputConfig(compartments={"Malignnat": "tumor"}))


def test_a_sample_in_two_organs(demo: ad.AnnData) -> None:
    demo.obs["organ"] = np.where(np.arange(demo.n_obs) % 2, "bone", "lung")
    with pytest.raises(InputValueError, match="a sample must lie in one organ"):
        resolve(demo, InputConfig())
