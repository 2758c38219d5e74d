"""Cells of one organ to run other tools on."""

from __future__ import annotations

import parity
import pytest


@pytest.fixture(scope="session", params=["pbmc68k", "demo", "maynard", "ties"])
def organ(request: pytest.FixtureRequest) -> parity.Organ:
    """Real cells, simulated cells, and cells full of ties."""
    if request.param == "maynard":
        return parity.maynard(request.getfixturevalue("shared_data"))
    return {"pbmc68k": parity.pbmc, "demo": parity.demo, "ties": parity.ties}[request.param]()
