from __future__ import annotations

from pathlib import Path

import anndata as ad
import pytest
from report_page import Page, parsed
from shared_results import once


@pytest.fixture(scope="session")
def report_file(_corridor: ad.AnnData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the whole corridor."""
    import niche

    file = tmp_path_factory.mktemp("report") / "report.html"
    return once("report", lambda: niche.report.html(_corridor, file), tmp_path_factory)


@pytest.fixture(scope="session")
def page(report_file: Path) -> Page:
    """The same, parsed."""
    return parsed(report_file)
