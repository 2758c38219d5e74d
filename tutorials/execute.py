"""Execute every tutorial and write its notebook, without times and places of the run."""

from __future__ import annotations

import tempfile
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


if __name__ == "__main__":
    for path in sorted(Path(__file__).parent.glob("[0-9]*.py")):
        execute(path)
