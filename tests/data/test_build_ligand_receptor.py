"""The lists can be rebuilt, byte for byte, from an installed liana."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

DATA = Path(__file__).resolve().parents[2] / "data"


@pytest.fixture
def builder(tmp_path, monkeypatch):
    if not DATA.is_dir():
        pytest.skip("needs the source repository")
    folder = tmp_path / "data"
    shutil.copytree(DATA, folder, ignore=shutil.ignore_patterns("__pycache__"))
    spec = importlib.util.spec_from_file_location(
        "build_ligand_receptor", folder / "build_ligand_receptor.py"
    )
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec.loader.exec_module(module)
    return module


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_registry_only_changes_nothing_when_nothing_changed(builder, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["build_ligand_receptor.py", "--registry-only"])
    before = contents(builder.DATA)
    builder.main()
    assert contents(builder.DATA) == before


def test_registry_follows_an_edited_table(builder):
    path = builder.DATA / "signatures.tsv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    builder.refresh_registry()
    registry = pd.read_csv(builder.DATA / "tables.tsv", sep="\t").set_index("name")
    assert registry.loc["signatures", "rows"] == 22
    assert registry.loc["signatures", "sha256"] in (builder.DATA / "README.md").read_text()


def test_equal_tables_are_equal_bytes(builder, tmp_path):
    table = pd.DataFrame({"ligand": ["CXCL12"], "receptor": ["CXCR4"]})
    builder.write_gz(table, tmp_path / "one.tsv.gz")
    builder.write_gz(table, tmp_path / "two.tsv.gz")
    assert (tmp_path / "one.tsv.gz").read_bytes() == (tmp_path / "two.tsv.gz").read_bytes()


def test_rebuild_gives_the_same_pairs(builder):
    liana = pytest.importorskip("liana", reason="liana is a test extra")
    if liana.__version__ != builder.VERSION:
        pytest.skip(f"the lists are those of liana {builder.VERSION}")
    lists = builder.DATA / "ligand_receptor"
    before = {path.name: pd.read_csv(path, sep="\t") for path in sorted(lists.glob("*.tsv.gz"))}
    builder.build_lists()
    for name, table in before.items():
        pd.testing.assert_frame_equal(pd.read_csv(lists / name, sep="\t"), table)
