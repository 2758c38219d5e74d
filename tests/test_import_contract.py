"""The corridor runs one way, and nothing leans on another package's private parts."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
SOURCES = sorted(path for path in (Path(__file__).parents[1] / "src" / "niche").rglob("*.py"))


def test_layers_hold(root: Path) -> None:
    pytest.importorskip("importlinter", reason="import-linter is not installed (extra: test)")
    # in a process of its own: import-linter configures the loggers of the one it runs in
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    environment = os.environ | {"PYTHONPATH": str(root / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted path of everything imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _aliases(tree: ast.AST) -> dict[str, str]:
    """Third-party modules by the name they are used under."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name.split(".")[0]: alias.name for alias in node.names}
    return {name: module for name, module in found.items() if module.split(".")[0] != "niche"}


def _private(part: str) -> bool:
    return part.startswith("_") and not part.endswith("__")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(path.parents[2])))
def test_no_private_parts_of_other_packages(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [
        f"line {line}: {name}"
        for line, name in _imported(tree)
        if name.split(".")[0] not in ("niche", "__future__") and any(map(_private, name.split(".")))
    ]
    aliases = _aliases(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _private(node.attr):
            owner = node.value
            while isinstance(owner, ast.Attribute):
                owner = owner.value
            # sys._getframe is the documented way to find the caller of a warning
            if isinstance(owner, ast.Name) and owner.id in aliases and aliases[owner.id] != "sys":
                found.append(f"line {node.lineno}: {owner.id}...{node.attr}")
    assert not found, f"{path.name} uses private parts of other packages: {found}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(path.parents[2])))
def test_no_use_raw(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names = [node.arg] if isinstance(node, (ast.arg, ast.keyword)) else []
        names += [node.attr] if isinstance(node, ast.Attribute) else []
        for name in names:
            assert name != "use_raw", f"{path.name}: use_raw is never an option; layer= says which values"
            assert name != "raw" or isinstance(node, ast.keyword), f"{path.name}: adata.raw is never read"
