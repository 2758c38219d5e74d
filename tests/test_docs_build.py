"""The pages are built without a warning."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
NEEDED = ("sphinx", "myst_nb", "sphinx_book_theme")


def test_without_a_warning(root: Path, tmp_path: Path) -> None:
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        pytest.skip(f"{', '.join(lacking)} not installed (extra: test)")
    built = tmp_path / "html"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(root / "docs"), str(built)],
        env=os.environ | {"PYTHONPATH": str(root / "src")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-5000:]
    for page in (
        "index",
        "api",
        "decisions",
        "generated/gallery",
        "how_to/few_patients",
        "methods/between_organs",
        "evidence",
    ):
        assert (built / f"{page}.html").is_file()
    assert "niche.tl.communication" in (built / "api.html").read_text(encoding="utf-8")
