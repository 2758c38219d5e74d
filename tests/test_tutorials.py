"""Every tutorial runs as it is committed, and its notebook is its source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
SOURCES = sorted((Path(__file__).parents[1] / "tutorials").glob("[0-9]*.py"))
MAXIMUM_BYTES = 1_000_000


def _cells(path: Path) -> list[tuple[str, str]]:
    jupytext = pytest.importorskip("jupytext", reason="jupytext is not installed (extra: test)")
    return [(cell.cell_type, cell.source.strip()) for cell in jupytext.read(path).cells]


def test_there_are_tutorials() -> None:
    assert SOURCES


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_source_runs(source: Path, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jupytext = pytest.importorskip("jupytext", reason="jupytext is not installed (extra: test)")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed (extra: test)")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed (extra: test)")
    monkeypatch.setenv("PYTHONPATH", str(root / "src"))  # the kernel is a process of its own
    notebook = jupytext.read(source)
    client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert list(tmp_path.glob("*_report.html"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_notebook_is_the_source(source: Path) -> None:
    assert _cells(source.with_suffix(".ipynb")) == _cells(source)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_notebook_is_small_executed_and_clean(source: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed (extra: test)")
    path = source.with_suffix(".ipynb")
    assert path.stat().st_size < MAXIMUM_BYTES
    for cell in nbformat.read(path, as_version=4).cells:
        assert "execution" not in cell.metadata, "times of a run are noise in every diff"
        if cell.cell_type != "code":
            continue
        assert cell.execution_count, "execute the notebook: see tutorials/README.md"
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", f"a warning stands in the tutorial: {output.text}"
            assert not re.search(r"0x[0-9a-f]{8,}", str(output.get("data", {}).get("text/plain", "")))
