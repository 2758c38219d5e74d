"""What is built holds all that niche needs once it is installed, and nothing that was compiled here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
LEFT_OUT = shutil.ignore_patterns(".git", "__pycache__", ".*_cache", "_build", "generated", ".venv*")

WITHOUT_NETWORK = """
import socket, sys

def refuse(*args, **kwargs):
    raise OSError("there is no network")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import niche
from niche.cli import main

assert niche.__file__.startswith(sys.argv[1]), niche.__file__
adata = niche.datasets.demo()
niche.pp.harmonize_genes(adata)
niche.pp.check(adata)
adata.write_h5ad("result.h5ad")
assert main(["report", "result.h5ad"]) == 0
for name in niche.resources.available()["name"]:
    assert main(["resources", "show", name]) == 0, name
"""
"""What reads every file that niche brings, in a process that reaches nobody."""


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive, built from a copy of the checkout."""
    pytest.importorskip("hatchling", reason="hatchling is not installed (extra: test)")
    copy, out = tmp_path_factory.mktemp("copy") / "niche", tmp_path_factory.mktemp("built")
    shutil.copytree(root, copy, ignore=LEFT_OUT)
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(out)]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


def test_the_wheel_holds_code_data_and_pages(built: Path, root: Path) -> None:
    (wheel,) = built.glob("niche-*-py3-none-any.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    package = root / "src" / "niche"
    suffixes = {".py", ".typed", ".h5ad", ".csv", ".css", ".js", ".j2", ".LICENSE"}
    mine = {f"niche/{p.relative_to(package)}" for p in package.rglob("*") if p.suffix in suffixes}
    assert {"niche/datasets/demo.h5ad", "niche/report/page/sortable.min.js", "niche/py.typed"} <= mine <= held
    tables = {f"niche/_data/{path.name}" for path in (root / "data").glob("*.tsv*")}
    assert len(tables) > 10
    assert tables <= held
    assert not [name for name in held if name.endswith((".nbc", ".nbi", ".pyc", ".so"))]
    assert not [name for name in held if name.startswith(("tests/", "tutorials/"))]
    assert wheel.stat().st_size < 20e6


def test_the_command_and_the_extras_are_named(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    files = zipfile.ZipFile(wheel)
    (entry,) = [name for name in files.namelist() if name.endswith("entry_points.txt")]
    assert "niche = niche.cli:main" in files.read(entry).decode()
    (meta,) = [name for name in files.namelist() if name.endswith(".dist-info/METADATA")]
    text = files.read(meta).decode()
    assert "Requires-Python: >=3.11" in text
    for extra in ("activity", "completion", "deseq2", "mudata", "scale", "survival", "test", "docs"):
        assert f"Provides-Extra: {extra}\n" in text


def test_the_wheel_works_elsewhere_and_without_network(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    known = {name: value for name, value in os.environ.items() if name != "NICHE_DATA_DIR"}
    (tmp_path / "elsewhere").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_NETWORK, str(tmp_path / "installed")],
        cwd=tmp_path / "elsewhere",
        env=known | {"PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "<html" in (tmp_path / "elsewhere" / "report.html").read_text(encoding="utf-8")[:200]


def test_the_source_archive_can_be_tested(built: Path) -> None:
    (archive,) = built.glob("niche-*.tar.gz")
    with tarfile.open(archive) as file:
        names = {name.split("/", 1)[-1] for name in file.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"} <= names
    for folder in ("src/niche/", "tests/", "tutorials/", "data/", "docs/", "benchmarks/"):
        assert any(name.startswith(folder) for name in names), folder
    assert not [name for name in names if "__pycache__" in name or name.endswith((".nbc", ".nbi"))]
