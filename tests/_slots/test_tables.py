"""Columns of tables at the door."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche._slots import tables
from niche.errors import InputTypeError, InputValueError, MissingKeyError

TABLE = pd.DataFrame(
    {"a": [1.0, np.nan, 3.0], "b": ["x", "y", None], "c": [1, 2, 3], "d": [0.0, -1.0, np.inf]}
)


def test_what_is_no_table() -> None:
    with pytest.raises(InputTypeError, match="table must be a pandas DataFrame. Got list"):
        tables.frame([1])
    with pytest.raises(InputValueError, match="scores has no rows"):
        tables.frame(TABLE.head(0), "scores")
    with pytest.raises(InputValueError, match="several columns 'a'"):
        tables.frame(pd.concat([TABLE, TABLE[["a"]]], axis=1))


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(
        MissingKeyError, match=r"column 'z' not found in table. Name yours with day=.*'a', 'b'"
    ):
        tables.column(TABLE, "z", "day")


def test_labels() -> None:
    assert tables.labels(TABLE, "c", "group").tolist() == ["1", "2", "3"]
    with pytest.raises(InputValueError, match="missing in 1 of 3 rows, first in row 2"):
        tables.labels(TABLE, "b", "group")


def test_whole_numbers_read_alike_however_stored() -> None:
    table = pd.DataFrame({"i": [1, 20], "f": [1.0, 20.0], "o": [1.0, "20"], "h": [1.5, 2.0]})
    table["c"] = table["f"].astype("category")
    for key in ("i", "f", "o", "c"):
        assert tables.labels(table, key, "patient").tolist() == ["1", "20"]
    assert tables.labels(table, "h", "patient").tolist() == ["1.5", "2"]
    assert [tables.label(value) for value in (1, 1.0, np.float32(2), "1.0", True)] == [
        "1",
        "1",
        "2",
        "1.0",
        "True",
    ]


def test_names() -> None:
    assert tables.names(None, "score") == () and tables.names("ab", "score") == ("ab",)
    assert tables.names(["a", 1], "score") == ("a", 1)
    for bad in (3, {"a": 1}, [["a"]], [None], [True]):
        with pytest.raises(InputTypeError, match="score must be a name or a list of names"):
            tables.names(bad, "score")
    with pytest.raises(InputValueError, match="name each once"):
        tables.names(["a", "a"], "score")


def test_a_list_is_no_column() -> None:
    with pytest.raises(InputTypeError, match=r"group must be the name of one column. Got \['b'\]"):
        tables.labels(TABLE, ["b"], "group")


def test_numbers() -> None:
    assert tables.numbers(TABLE, "c", "day").dtype == np.float64
    kept = tables.numbers(TABLE, "a", "day", missing=True)
    assert np.isnan(kept[1]) and kept[2] == 3
    with pytest.raises(InputValueError, match="missing or infinite in 1 of 3 rows, first in row 1"):
        tables.numbers(TABLE, "a", "day")
    with pytest.raises(InputValueError, match="missing or infinite"):
        tables.numbers(TABLE, "d", "day", missing=True)
    with pytest.raises(
        InputValueError, match="must not be negative. Found -1 in 1 of 2 rows, first in row 1"
    ):
        tables.numbers(TABLE.head(2), "d", "day", low=0)
    with pytest.raises(InputTypeError, match="must hold numbers"):
        tables.numbers(TABLE, "b", "day")
    with pytest.raises(InputTypeError, match="must hold numbers. Found bool"):
        tables.numbers(TABLE.assign(e=True), "e", "day")


def test_covariates() -> None:
    table = TABLE.assign(e=["u", "v", "u"])
    assert tables.covariate_columns(table, "c") == ("c",)
    with pytest.raises(MissingKeyError, match="covariates="):
        tables.covariate_columns(table, ["c", "z"])
    design, titles = tables.covariate_design(table, ["c", "e", "b"])
    assert titles == ["c", "e=v", "b=y"]
    assert design[:, 0].tolist() == [-1, 0, 1] and design[:, 1].tolist() == [0, 1, 0]
    assert design[0, 2] == 0 and np.isnan(design[2, 2])
    assert tables.covariate_design(table, [])[0].shape == (3, 0)
