from __future__ import annotations

import gzip
import importlib.util

import numpy as np
import pandas as pd
import pytest

from niche.errors import InputTypeError, InputValueError, NicheWarning
from niche.resources._pairs import checked_pairs, looks_like_file, pairs_from_file, pairs_from_liana


def frame(*pairs):
    return pd.DataFrame(pairs, columns=["ligand", "receptor"])


def test_symbols_are_stripped_and_complexes_kept():
    table = checked_pairs(frame((" CXCL12", "CXCR4 "), ("VCAM1", "ITGA4_ITGB1")), "mine")
    assert table.values.tolist() == [["CXCL12", "CXCR4"], ["VCAM1", "ITGA4_ITGB1"]]


def test_the_input_is_not_changed():
    table = frame((" A", "B"), (" A", "B"))
    before = table.copy()
    with pytest.warns(NicheWarning):
        checked_pairs(table, "mine")
    pd.testing.assert_frame_equal(table, before)


def test_missing_columns_name_what_was_found():
    with pytest.raises(InputValueError, match=r"missing: receptor. Columns found: ligand, target"):
        checked_pairs(pd.DataFrame({"ligand": ["A"], "target": ["B"]}), "mine")
    with pytest.raises(InputValueError, match="Columns found: none"):
        checked_pairs(pd.DataFrame(), "mine")


def test_a_column_given_twice():
    table = pd.DataFrame([["A", "B", "C"]], columns=["ligand", "receptor", "ligand"])
    with pytest.raises(InputValueError, match="more than one column named 'ligand'"):
        checked_pairs(table, "mine")


def test_duplicates_are_dropped_and_counted():
    with pytest.warns(NicheWarning, match="mine: 2 duplicate ligand-receptor pairs were dropped"):
        table = checked_pairs(frame(("A", "B"), ("A", "B"), ("A", "C"), ("A", "B ")), "mine")
    assert len(table) == 2


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, "", "  "])
def test_missing_partners_are_dropped_and_counted(missing):
    with pytest.warns(NicheWarning, match="1 rows without a ligand or a receptor were dropped"):
        table = checked_pairs(frame(("A", missing), ("A", "B")), "mine")
    assert table.values.tolist() == [["A", "B"]]


@pytest.mark.parametrize("table", [frame(), frame(("A", None)), frame((np.nan, np.nan))])
def test_nothing_left(table):
    with pytest.raises(InputValueError, match="mine holds no ligand-receptor pair"):
        checked_pairs(table, "mine")


def test_numbers_are_no_symbols():
    with pytest.raises(InputTypeError, match=r"column 'receptor' must hold gene symbols as text. Got 7"):
        checked_pairs(frame(("A", 7)), "mine")


@pytest.mark.parametrize("symbol", ["ITGA4_", "_ITGA4", "ITGA4__ITGB1"])
def test_empty_subunits(symbol):
    with pytest.raises(InputValueError, match="complex with an empty subunit"):
        checked_pairs(frame(("VCAM1", symbol)), "mine")


def test_categorical_columns_are_taken():
    table = frame(("A", "B"), ("A", "C")).astype("category")
    assert checked_pairs(table, "mine")["receptor"].tolist() == ["B", "C"]


@pytest.mark.parametrize(
    ("name", "separator", "packed"),
    [("p.csv", ",", False), ("p.tsv", "\t", False), ("p.txt", "\t", False), ("p.tsv.gz", "\t", True)],
)
def test_files(tmp_path, name, separator, packed):
    text = f"ligand{separator}receptor\nNA{separator}CXCR4\n".encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(text) if packed else text)
    assert pairs_from_file(path).values.tolist() == [["NA", "CXCR4"]]


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputValueError, match="There is no file"):
        pairs_from_file(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputValueError, match="cannot be read as a table"):
        pairs_from_file(tmp_path / "empty.csv")
    (tmp_path / "packed.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(InputValueError, match="cannot be read as a table"):
        pairs_from_file(tmp_path / "packed.csv.gz")


def test_names_and_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs").write_text("")
    for path in ("a.csv", "b.TSV", "c.txt.gz", "folder/c", "pairs"):
        assert looks_like_file(path), path
    for name in ("consensus", "connectomedb2020", "my list"):
        assert not looks_like_file(name), name


def test_without_liana(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert pairs_from_liana("icellnet", ("consensus",)) is None
