from __future__ import annotations

import gzip
import re

import pytest

from niche import resources
from niche.errors import InputValueError
from niche.resources import _location, registry


def test_columns_and_unique_names():
    table = resources.available()
    assert list(table)[:6] == ["name", "kind", "rows", "version", "licence", "citation"]
    assert table["name"].is_unique
    assert table["file"].is_unique
    assert (table[["version", "licence", "citation", "organism"]] != "").all().all()


def test_rows_and_hashes_are_those_of_the_files():
    for row in resources.available().itertuples():
        content = _location.read_bytes(row.file)
        assert row.sha256 == _location.sha256_of(row.file), row.file
        text = gzip.decompress(content) if row.file.endswith(".gz") else content
        assert row.rows == text.count(b"\n") - 1, row.file


def test_readme_shows_the_same_hashes():
    text = _location.read_bytes("README.md").decode()
    shown = {
        file: (int(rows), sha)
        for file, rows, sha in re.findall(r"\| `(\S+)` \| (\d+) .*`([0-9a-f]{64})`", text)
    }
    table = resources.available()
    assert shown == {row.file: (row.rows, row.sha256) for row in table.itertuples()}


def test_every_table_of_the_folder_is_registered():
    folder = _location.data_folder()
    files = {item.name for item in folder.iterdir() if item.name.endswith((".tsv", ".tsv.gz"))}
    lists = {f"ligand_receptor/{item.name}" for item in folder.joinpath("ligand_receptor").iterdir()}
    lists = {name for name in lists if name.endswith(".tsv.gz")}
    assert files | lists == set(resources.available()["file"]) | {"tables.tsv"}


def test_readme_describes_every_column():
    text = _location.read_bytes("README.md").decode()
    for file in resources.available()["file"]:
        for column in _location.read_table(file).columns:
            assert re.search(rf"`[^`]*\b{column}\b[^`]*`", text), (file, column)


def test_the_folder_is_small():
    folder = _location.data_folder()
    items = [*folder.iterdir(), *folder.joinpath("ligand_receptor").iterdir()]
    sizes = [len(item.read_bytes()) for item in items if item.is_file()]
    assert max(sizes) < 3_000_000
    assert sum(sizes) < 6_000_000


def test_liana_notice_is_kept():
    assert b"Daniel Dimitrov" in _location.read_bytes("ligand_receptor/LICENSE-LIANA.txt")


def test_entry_and_names():
    assert registry.names("ligand_receptor")[0] == "consensus"
    assert registry.entry("axes", "knowledge")["file"] == "axes.tsv"
    with pytest.raises(InputValueError, match=r"no genes table 'proteins'. Available: gene_positions_human"):
        registry.entry("proteins", "genes")
