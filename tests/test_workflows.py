"""The examples for workflow managers call commands that there are, with options that there are."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import anndata as ad
import pytest

from niche.cli import main
from niche.cli.parser import build

FOLDER = Path(__file__).parents[1] / "tutorials" / "workflows"
PLACES = re.compile(r"\{threads\}|\$\{task\.cpus\}")
NAMES = re.compile(r"\$?\{[^{}]*\}")


def commands(file: Path) -> list[list[str]]:
    """Every call of niche in a file, with something in place of what the manager fills in."""
    text = file.read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines() if not line.lstrip().startswith(("#", "//"))]
    calls = [
        line.strip('"').split(" > ")[0] if line.startswith('"') else line.split(" > ")[0] for line in lines
    ]
    return [shlex.split(NAMES.sub("x", PLACES.sub("2", call))) for call in calls if call.startswith("niche ")]


@pytest.mark.parametrize("name", ["Snakefile", "main.nf"])
def test_commands_are_understood(name: str) -> None:
    found = commands(FOLDER / name)
    assert [call[:2] for call in found] == [["niche", "check"], ["niche", "run"]]
    for call in found:
        arguments = build().parse_args(call[1:])
        assert arguments.command == call[1]
        assert arguments.config


def test_snakemake_runs_the_example(
    _demo: ad.AnnData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    snakemake = shutil.which("snakemake")
    if snakemake is None:
        pytest.skip("snakemake is not installed")
    (tmp_path / "data").mkdir()
    study = tmp_path / "data" / "study.h5ad"
    _demo[::3].copy().write_h5ad(study)
    assert main(["init", str(study), "--out", str(tmp_path / "recipe.toml")]) == 0
    options = ["--cores", "2", "--snakefile", str(FOLDER / "Snakefile"), "--directory", str(tmp_path)]
    done = subprocess.run([snakemake, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "study" / "report.html").is_file()
    assert "Design" in (tmp_path / "results" / "checks" / "study.txt").read_text(encoding="utf-8")
