from __future__ import annotations

import platform

import numpy as np

import niche
from niche import report


def test_versions() -> None:
    found = report.versions()
    assert found["niche"] == niche.__version__
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert {"scanpy", "anndata", "pandas"} <= set(found)
