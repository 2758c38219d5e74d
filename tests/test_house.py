"""The house in order: small files, one test each, nothing left lying about."""

from __future__ import annotations

import ast
import re
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
from walk import PUBLIC_PACKAGES

pytestmark = pytest.mark.once
ROOT = Path(__file__).parents[1]
SOURCE, TESTS = ROOT / "src" / "niche", ROOT / "tests"
MODULES = sorted(SOURCE.rglob("*.py"))
ARRAY_PACKAGES = ("_kernels", "_stats", "_slots")
MAXIMUM_LINES = 500
MAXIMUM_BYTES = 3_000_000
TEXT = (".py", ".md", ".toml", ".yaml", ".cff", ".tsv", ".ipynb", ".txt", ".html", ".css", ".j2", ".svg", "")


def committed() -> list[Path]:
    """Files of the repository: those git knows, else everything that is not a cache."""
    asked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if asked.returncode == 0 and asked.stdout:
        found = [ROOT / name for name in asked.stdout.split("\0") if name]
    else:
        caches = re.compile(r"__pycache__|(^|/)\.(?!ci|pre-commit)|egg-info|_build|generated")
        found = [path for path in ROOT.rglob("*") if not caches.search(str(path.relative_to(ROOT)))]
    return [path for path in found if path.is_file()]


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=_relative)
def test_module_is_small(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MAXIMUM_LINES, f"{lines} lines: one method, one file"


def test_files_of_tests_are_small() -> None:
    lines = {path.name: path.read_text(encoding="utf-8").count("\n") for path in TESTS.rglob("*.py")}
    assert not {name: n for name, n in lines.items() if n > MAXIMUM_LINES}


@pytest.mark.parametrize("path", MODULES, ids=_relative)
def test_module_is_named_after_what_it_does(path: Path) -> None:
    vague = {"utils.py", "util.py", "_utils.py", "helpers.py", "misc.py", "common.py", "tools.py"}
    assert path.name not in vague


@pytest.mark.parametrize("path", MODULES, ids=_relative)
def test_module_leaves_nothing_undone(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for mark in ("TODO", "FIXME", "XXX", "NotImplementedError"):
        assert not re.search(rf"\b{mark}\b", text), f"{mark}: finish it, or open an issue"
    assert not re.search(r"# type: ignore\s*$", text, flags=re.MULTILINE), "name the error that is ignored"
    printing = [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not printing or _relative(path).startswith("src/niche/cli"), f"print in lines {printing}"


def _test_file(package: str, module: str) -> Path:
    return TESTS / package / f"test_{module.lstrip('_')}.py"


@pytest.mark.parametrize("package", PUBLIC_PACKAGES)
def test_every_public_module_has_its_test(package: str) -> None:
    shelf = import_module(f"niche.{package}")
    homes = {getattr(shelf, name).__module__.rsplit(".", 1)[-1] for name in shelf.__all__}
    missing = [home for home in sorted(homes - {package}) if not _test_file(package, home).is_file()]
    assert not missing, f"tests/{package} has no test of {missing}"


@pytest.mark.parametrize("package", ARRAY_PACKAGES)
def test_every_array_module_has_its_test(package: str) -> None:
    modules = [path.stem for path in (SOURCE / package).glob("*.py") if path.stem != "__init__"]
    with_code = [
        name
        for name in sorted(modules)
        if any(
            isinstance(node, ast.FunctionDef)
            for node in ast.parse((SOURCE / package / f"{name}.py").read_text(encoding="utf-8")).body
        )
    ]
    missing = [name for name in with_code if not _test_file(package, name).is_file()]
    assert not missing, f"tests/{package} has no test of {missing}"


def test_every_test_has_its_module() -> None:
    lost = []
    for path in sorted(TESTS.rglob("test_*.py")):
        folder = path.parent.relative_to(TESTS)
        if folder == Path():
            continue
        home = ROOT / folder if folder.parts[0] == "data" else SOURCE / folder
        names = [module.stem.strip("_") for module in home.glob("*.py")]
        aspect = path.stem.removeprefix("test_")
        if not any(aspect == name or aspect.startswith(f"{name}_") for name in names):
            lost.append(_relative(path))
    assert not lost, f"tests that mirror no module: {lost}"


def test_no_file_is_large() -> None:
    sizes = {_relative(path): path.stat().st_size for path in committed()}
    large = {name: size for name, size in sizes.items() if size > MAXIMUM_BYTES}
    assert not large


def test_no_text_names_a_machine() -> None:
    folders = "|".join(["work", "root", "home", "Users"])
    places = re.compile(rf"(?<![\w.:/-])/({folders})/[\w.-]")
    found = []
    for path in committed():
        if path.suffix not in TEXT:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if places.search(line):
                found.append(f"{_relative(path)}:{number}")
    assert not found, f"paths of one machine: {found}"


def test_names_are_listed_once(root: Path) -> None:
    """A second `__all__` would hide what the first one names."""
    several = [
        str(file.relative_to(root))
        for file in (root / "src").rglob("__init__.py")
        if len(re.findall(r"^__all__ = ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)) > 1
    ]
    assert several == []
