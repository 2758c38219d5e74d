"""Importing niche costs next to nothing: everything heavy waits until it is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from walk import PUBLIC_PACKAGES

WITH_PACKAGES = ("scanpy", "squidpy", "matplotlib.pyplot", "seaborn", "sklearn", "pooch", "liana")
HEAVY = (*WITH_PACKAGES, "numba", "pandas", "numpy", "scipy", "anndata")
BUDGET_SECONDS = 0.5


def _run(code: str, root: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(root / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout


def _seconds(code: str, root: Path, repeats: int = 5) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        _run(code, root)
        times.append(time.perf_counter() - start)
    return min(times)


def _loaded(code: str, names: tuple[str, ...], root: Path) -> list[str]:
    listing = f"import json, sys\nprint(json.dumps([name for name in {names!r} if name in sys.modules]))"
    return json.loads(_run(f"{code}\n{listing}", root))


def test_import_is_fast(root: Path) -> None:
    taken = _seconds("import niche", root) - _seconds("pass", root)
    assert taken < BUDGET_SECONDS, f"import niche takes {taken:.2f} s more than starting Python"


def test_import_loads_nothing_heavy(root: Path) -> None:
    assert _loaded("import niche; dir(niche); niche.__version__", HEAVY, root) == []


@pytest.mark.parametrize("package", PUBLIC_PACKAGES)
def test_packages_load_scientific_libraries_only_when_called(package: str, root: Path) -> None:
    assert _loaded(f"import niche.{package}", WITH_PACKAGES, root) == []


def test_every_public_name_is_there_and_unknown_ones_are_refused(root: Path) -> None:
    code = "import niche\nfor name in niche.__all__: getattr(niche, name)\nprint(sorted(dir(niche)))"
    import niche

    assert _run(code, root).strip() == str(sorted(niche.__all__))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        niche.nothing  # noqa: B018
