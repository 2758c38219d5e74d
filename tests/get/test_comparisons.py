"""A stored comparison as rows and columns."""

from __future__ import annotations

import numpy as np
import pytest

from niche.errors import InputValueError
from niche.get._comparisons import Comparisons, coded, is_wanted

STORED = {
    "untested": np.array([[0, 2], [3, 0]]),
    "reason_names": ["", "few", "depth", "hidden"],
    "contrasts": {
        "name": ["omnibus", "bone_vs_rest", "bone_vs_lung", "bone_vs_primary"],
        "kind": ["omnibus", "rest", "pair", "primary"],
        "plus": np.array([-1, 0, 0, 0]),
        "minus": np.array([-1, -1, 1, -1]),
    },
    "groups": {
        "name": ["bone", "lung", "brain", "breast (primary)"],
        "tissue": ["metastasis", "metastasis", "metastasis", "primary"],
    },
    "call_names": ["not_testable", "enriched"],
    "call": np.array([[0, 1, 1, 0]]),
    "reason": np.array([[1, 0, 0, 1]]),
    "values": {
        "log2fc": np.array([[np.nan, 2.0, 3.0, 4.0]]),
        "qval": np.array([[np.nan, 0.01, 0.2, np.nan]]),
    },
    "n_samples": np.array([[5, 5, 4, 3]]),
    "n_patients": np.array([[4, 4, 4, 3]]),
}


@pytest.fixture
def table() -> Comparisons:
    """One tested feature of owner 0, one without depth, and one left out."""
    return Comparisons(STORED, np.array([0]), np.array([0]), left_out=["hidden"])


def test_untested_features_come_last_with_their_reason(table: Comparisons) -> None:
    assert table.owner.tolist() == [0, 0]
    assert table.feature.tolist() == [0, 1]
    row, column = table.rows(np.ones(2, dtype=bool), None, None, None, None)
    assert list(zip(row.tolist(), column.tolist(), strict=True)) == [(r, c) for c in range(4) for r in (0, 1)]
    found = table.columns(row, column)
    assert list(found["reason"]) == ["few", "depth", "", "depth", "", "depth", "few", "depth"]
    assert list(found["call"])[1::2] == ["not_testable"] * 4
    assert np.isnan(found["log2fc"][1::2]).all()
    assert found["log2fc"][2::2].tolist() == [2.0, 3.0, 4.0]
    assert list(found["organ"]) == ["", "", "bone", "bone", "bone", "bone", "bone", "bone"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"contrast": "bone_vs_lung"}, [(0, 2), (1, 2)]),
        ({"organ": "bone", "call": "enriched"}, [(0, 1), (0, 2)]),
        ({"qval": 0.05}, [(0, 1)]),
        ({"call": ["not_testable"], "contrast": "omnibus"}, [(0, 0), (1, 0)]),
    ],
)
def test_rows(table: Comparisons, options: dict, expected: list) -> None:
    options = {"contrast": None, "organ": None, "call": None, "qval": None} | options
    row, column = table.rows(np.ones(2, dtype=bool), **options)
    assert list(zip(row.tolist(), column.tolist(), strict=True)) == expected


def test_against(table: Comparisons) -> None:
    assert table.against() == [None, ["lung", "brain"], ["lung"], ["breast (primary)"]]


def test_names() -> None:
    assert list(coded(["b", "a", "b"], np.array([0, 2, 1]))) == ["b", "b", "a"]
    assert is_wanted(None, "x", ["a", "b"], ["a", "b"]).tolist() == [True, True]
    assert is_wanted("b", "x", ["a", "b"], ["a", "b"]).tolist() == [False, True]
    with pytest.raises(InputValueError, match="x: 'c' not in the result. Available: 'a'"):
        is_wanted(["c"], "x", ["a"], ["a"])
