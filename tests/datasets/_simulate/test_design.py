"""Unpaired, partial and paired designs, complete or not, with primaries, normals and repeats."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche.datasets._simulate.design import COLUMNS, design_table
from niche.datasets._simulate.options import Options
from niche.errors import InputValueError, MissingKeyError

ORGANS = ("bone", "lung", "brain", "liver")


def table(**options: object) -> pd.DataFrame:
    return design_table(np.random.default_rng(1), Options(**options))


def metastases(**options: object) -> pd.DataFrame:
    found = table(**options)
    return found[found["tissue"] == "metastasis"]


@pytest.mark.parametrize("design", ["unpaired", "partial", "paired"])
@pytest.mark.parametrize("n", [3, 4, 6])
def test_every_organ_has_its_patients(design: str, n: int) -> None:
    found = metastases(design=design, patients_per_organ=n)
    assert found.groupby("organ")["patient"].nunique().to_dict() == dict.fromkeys(ORGANS, n)
    organs = found.groupby("patient")["organ"].nunique().value_counts().to_dict()
    assert organs == {"unpaired": {1: 4 * n}, "partial": {1: 2 * n, 2: n}, "paired": {4: n}}[design]


def test_partial_pairs_change_from_round_to_round() -> None:
    found = metastases(design="partial", patients_per_organ=4)
    pairs = found.groupby("patient")["organ"].agg(frozenset)
    assert len({pair for pair in pairs if len(pair) == 2}) == 4


def test_incomplete_designs() -> None:
    wanted = {"bone": 5, "lung": 2, "brain": 1, "liver": 3}
    for design in ("unpaired", "partial", "paired"):
        found = metastases(design=design, patients_per_organ=wanted)
        assert found.groupby("organ")["patient"].nunique().to_dict() == wanted


def test_several_samples_of_one_patient() -> None:
    found = metastases(samples_per_patient={"bone": 3}, patients_per_organ=2)
    per = found.groupby(["organ", "patient"]).size()
    assert (per["bone"] == 3).all() and (per["liver"] == 1).all()
    assert {"P01_bone", "P01_bone_2", "P01_bone_3"} <= set(found["sample"]) and found["sample"].is_unique


def test_primaries_and_normals_belong_to_patients_with_metastases() -> None:
    found = table(primaries=2, normals={"bone": 2, "liver": 0})
    assert found[found["tissue"] == "primary"]["sample"].tolist() == [
        "P01_breast_primary",
        "P02_breast_primary",
    ]
    normal = found[found["tissue"] == "normal"]
    assert normal.groupby("organ").size().to_dict() == {"bone": 2}
    owners = set(found[(found["tissue"] == "metastasis") & (found["organ"] == "bone")]["patient"])
    assert set(normal["patient"]) <= owners


def test_covariates_belong_to_patients_and_are_balanced() -> None:
    found = table(subtypes=("a", "b"), patients_per_organ=4, design="unpaired")
    assert found.groupby("patient")["subtype"].nunique().eq(1).all()
    assert found.drop_duplicates("patient")["subtype"].value_counts().to_dict() == {"a": 8, "b": 8}


def test_alias_gives_an_organ_a_level_of_its_own() -> None:
    found = table(alias={"study": "brain", "assay": "brain"})
    inside = found["organ"] == "brain"
    for column in ("study", "assay"):
        assert set(found.loc[inside, column]) == {f"{column}_brain"}
        assert f"{column}_brain" not in set(found.loc[~inside, column])


def test_a_table_is_completed_and_checked() -> None:
    given = pd.DataFrame({"patient": ["A", "A"], "organ": ["lung", "lung"]})
    found = table(design=given)
    assert list(found.columns) == list(COLUMNS)
    assert found["sample"].tolist() == ["A_lung", "A_lung_2"] and set(found["tissue"]) == {"metastasis"}
    with pytest.raises(InputValueError, match="twice"):
        table(design=given.assign(sample="s"))
    with pytest.raises(InputValueError, match="tissue"):
        table(design=given.assign(tissue="blood"))
    with pytest.raises(InputValueError, match="no rows"):
        table(design=given.iloc[:0])
    with pytest.raises(MissingKeyError, match="organ"):
        table(design=given[["patient"]])
