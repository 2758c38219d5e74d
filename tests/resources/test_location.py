from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pandas as pd
import pytest

from niche import resources
from niche.errors import InputValueError
from niche.resources import _location


def test_finds_the_tables():
    assert _location.data_folder().joinpath("tables.tsv").is_file()


def test_wheel_folder_comes_before_the_repository(tmp_path, monkeypatch):
    (tmp_path / "_data").mkdir()
    (tmp_path / "_data" / "tables.tsv").write_text("name\n")
    monkeypatch.setattr(_location, "files", lambda package: tmp_path)
    assert Path(str(_location.data_folder.__wrapped__())) == tmp_path / "_data"


def test_missing_tables_name_both_places(tmp_path, monkeypatch):
    monkeypatch.setattr(_location, "files", lambda package: tmp_path / "wheel")
    monkeypatch.setattr(_location, "__file__", str(tmp_path / "src" / "niche" / "resources" / "_location.py"))
    with pytest.raises(InputValueError, match=r"installed package.*source repository.*Reinstall niche"):
        _location.data_folder.__wrapped__()


def test_missing_file_is_named():
    with pytest.raises(InputValueError, match=r"'nothing.tsv' is missing"):
        _location.read_bytes("nothing.tsv")


def test_sha256_is_that_of_the_stored_bytes():
    content = _location.read_bytes("axes.tsv")
    assert _location.sha256_of("axes.tsv") == hashlib.sha256(content).hexdigest()


def test_text_stays_text_and_empty_stays_empty():
    table = _location.read_table("mediators.tsv", booleans=("scored",))
    assert table["scored"].dtype == bool
    assert not table.isna().any().any()
    assert all(isinstance(value, str) for value in table["pmid"])


@pytest.mark.parametrize(
    "reader",
    [
        resources.available,
        resources.axes,
        resources.gene_positions,
        resources.ligand_receptor,
        resources.lineages,
        resources.markers,
        resources.mediators,
        resources.orthologs,
        resources.pathways,
        resources.signatures,
        resources.subtype_site_rates,
        resources.symbol_history,
    ],
    ids=lambda reader: reader.__name__,
)
def test_copies_are_independent(reader):
    first = reader()
    before = first.copy()
    first.iloc[:, 0] = "changed"
    del first[first.columns[1]]
    first.attrs["name"] = "changed"
    again = reader()
    pd.testing.assert_frame_equal(again, before)
    assert again.attrs == before.attrs


def test_gzip_files_carry_no_time_stamp_or_name():
    files = [file for file in resources.available()["file"] if file.endswith(".gz")]
    assert len(files) == 11
    for file in files:
        content = _location.read_bytes(file)
        assert content[4:8] == bytes(4), file
        assert not content[3] & 8, file
        assert gzip.decompress(content).endswith(b"\n")
