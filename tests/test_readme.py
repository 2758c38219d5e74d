"""The README keeps its word: two commands first, and an example that runs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pages import blocks as blocks_of
from pages import run_python

README = Path(__file__).parents[1] / "README.md"
COMMANDS = [
    "python -m pip install . && niche demo --out niche-demo",
    'python -m pip install -e ".[test]" && python -m pytest',
]


@pytest.fixture(scope="module")
def blocks() -> list[tuple[str, str]]:
    """Language and text of every code block."""
    return blocks_of(README)


def test_first_block_holds_the_two_commands(blocks: list[tuple[str, str]]) -> None:
    language, text = blocks[0]
    assert language == "bash"
    assert text.splitlines() == COMMANDS


def test_python_runs(blocks: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [language for language, _ in blocks].count("python") == 1
    names = run_python(README)
    assert len(names["edges"]) and len(names["axes"])
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_links_lead_somewhere(root: Path) -> None:
    lost = []
    pages = [page for page in (root / "docs").rglob("*.md") if "generated" not in page.parts]
    for page in [*root.glob("*.md"), *pages]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http", "mailto")) and not (page.parent / target).exists():
                lost.append(f"{page.name}: {target}")
    assert not lost, f"links to nothing: {lost}"


def test_version_is_the_same_everywhere(root: Path) -> None:
    import niche

    assert f"version: {niche.__version__}" in (root / "CITATION.cff").read_text(encoding="utf-8")
    assert f"[{niche.__version__}]" in (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert (
        "version"
        in tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dynamic"]
    )
