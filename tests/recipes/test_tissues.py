from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche.recipes.tissues import is_boolean, read_tissues


def test_synonyms_are_read() -> None:
    values = pd.Series(["metastasis", "Primary Tumour", "normal_adjacent", "Mets"])
    found = read_tissues(values, {})
    assert found.values.tolist() == ["metastasis", "primary", "normal", "metastasis"]
    assert found.renamed == {"Mets": "metastasis", "Primary Tumour": "primary", "normal_adjacent": "normal"}
    assert found.unknown == []


@pytest.mark.parametrize("kind", [bool, str, "category"])
def test_true_is_a_metastasis(kind: object) -> None:
    values = pd.Series([True, False]).astype(kind)  # type: ignore[call-overload]
    assert is_boolean(values)
    assert read_tissues(values, {}).values.tolist() == ["metastasis", "primary"]


def test_what_the_user_says_wins() -> None:
    found = read_tissues(pd.Series(["primary", "PDX"]), {"primary": "normal", "PDX": "metastasis"})
    assert found.values.tolist() == ["normal", "metastasis"]


def test_what_is_not_understood_is_kept_and_named() -> None:
    found = read_tissues(pd.Series(["lung", np.nan, "primary"]), {})
    assert found.unknown == ["lung"]
    assert found.values.tolist()[0] == "lung"
    assert pd.isna(found.values[1])
    assert not is_boolean(pd.Series([np.nan], dtype=object))
