"""Execute tutorials and write their notebooks, without times and places of the run.

``python tutorials/execute.py`` for all, ``python tutorials/execute.py 01 06`` for those whose names start so.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient


def execute(source: Path) -> None:
    """Run a source in an empty folder and write the notebook beside it."""
    notebook = jupytext.read(source)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook, timeout=600, record_timing=False, resources={"metadata": {"path": folder}}
        ).execute()
    notebook.metadata = {
        "jupytext": {"formats": "ipynb,py:percent"},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _noise(output)]
    nbformat.write(notebook, source.with_suffix(".ipynb"))


def _noise(output: nbformat.NotebookNode) -> bool:
    """Progress bars, and warnings of other packages about the machine; a warning of niche is never noise."""
    is_stderr = output.get("name") == "stderr"
    if is_stderr and "NicheWarning" in output.text:
        raise ValueError(f"niche warns in a tutorial: {output.text}")
    return is_stderr


def sources(starts: list[str]) -> list[Path]:
    """Tutorials whose names start with one of these, all without any; refuse a start that fits none."""
    known = sorted(Path(__file__).parent.glob("[0-9]*.py"))
    odd = [start for start in starts if not any(path.name.startswith(start) for path in known)]
    if odd:
        listed = ", ".join(path.stem for path in known)
        raise SystemExit(f"no tutorial starts with {', '.join(odd)}. There are: {listed}")
    return [path for path in known if not starts or path.name.startswith(tuple(starts))]


if __name__ == "__main__":
    for path in sources(sys.argv[1:]):
        began = time.perf_counter()
        execute(path)
        print(f"{path.stem}: {time.perf_counter() - began:.0f} seconds")
