"""A study as its authors might have named it, settings that take no time, and commands that are refused."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import pytest

from niche.cli import main

FAST = """
[qc]
min_cells_scrublet = 100000
[cluster]
run = false
[communication]
resource = "niche"
null = "analytic"
"""


@pytest.fixture(scope="module")
def study(_demo: ad.AnnData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third of the demo as its authors might have named it, with raw counts in X only."""
    adata = _demo[::3].copy()
    del adata.layers["counts"]
    adata.obs = adata.obs.rename(columns={"organ": "site", "cell_type": "celltype", "tissue": "origin"})
    adata.obs["origin"] = adata.obs["origin"].astype(str).replace({"primary": "primary tumour"}).to_numpy()
    file = tmp_path_factory.mktemp("study") / "study.h5ad"
    adata.write_h5ad(file)
    return file


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings that take no time."""
    file = tmp_path_factory.mktemp("settings") / "fast.toml"
    file.write_text(FAST)
    return file


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no figures, for tests that are not about them."""
    monkeypatch.setattr("niche.report.gallery.figures", lambda found: {})


def refused(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    """Run a command that must be refused; return its one message."""
    capsys.readouterr()
    assert main([str(item) for item in argv]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    lines = [line for line in told.err.splitlines() if not line.startswith(("guessed: ", "note: "))]
    assert len(lines) == 1, told.err
    assert "Traceback" not in told.err
    assert lines[0].startswith("niche: error: ")
    return lines[0]
