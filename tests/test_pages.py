"""The code in the pages runs, and every answer is reached from the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import blocks, run_python

pytestmark = pytest.mark.once
DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(
    page for page in DOCS.rglob("*.md") if "generated" not in page.parts and "_build" not in page.parts
)
ANSWERS = sorted((DOCS / "how_to").glob("[!i]*.md"))
METHODS = sorted((DOCS / "methods").glob("[!i]*.md"))


def _relative(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


@pytest.mark.parametrize("page", ANSWERS, ids=_relative)
def test_answers_have_code_that_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert any(language == "python" for language, _ in blocks(page))
    run_python(page)


@pytest.mark.parametrize("page", METHODS, ids=_relative)
def test_methods_say_what_p_means_on_which_assumptions_and_cite(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.search(r"^## Assumptions$", text, flags=re.MULTILINE)
    assert re.search(r"^## What .* means?$", text, flags=re.MULTILINE)
    assert "$" in text, "a formula"
    cited = re.findall(r"\[doi:([^\]]+)\]\(https://doi\.org/([^)]+)\)", text)
    assert cited
    for name, address in cited:
        assert name.replace("(", "%28").replace(")", "%29") == address


@pytest.mark.parametrize("page", PAGES, ids=_relative)
def test_functions_named_in_pages_exist(page: Path) -> None:
    import niche

    for name in re.findall(r"\{func\}`niche\.([\w.]+)`", page.read_text(encoding="utf-8")):
        thing: object = niche
        for part in name.split("."):
            thing = getattr(thing, part)
        assert callable(thing)


def test_every_page_is_in_one_table_of_contents() -> None:
    listed = []
    for page in PAGES:
        for tree in re.findall(
            r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL
        ):
            names = [line for line in tree.splitlines() if line and not line.startswith(":")]
            listed += [(page.parent / f"{name}.md").relative_to(DOCS).as_posix() for name in names]
    known = [name for name in listed if not name.startswith("generated")]
    assert sorted(known) == sorted(
        _relative(page) for page in PAGES if page.name != "index.md" or page.parent != DOCS
    )
