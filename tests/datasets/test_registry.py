"""Every public data set has an address, a checksum, a licence and a citation."""

from __future__ import annotations

import re

import pytest

from niche import datasets
from niche.datasets.registry import LOCAL, REGISTRY


@pytest.mark.parametrize("name", list(REGISTRY))
def test_entries_are_complete(name: str) -> None:
    data = REGISTRY[name]
    assert data.name == name and callable(getattr(datasets, name))
    assert data.url.startswith("https://") and data.url.endswith(data.file)
    assert re.fullmatch(r"[0-9a-f]{64}", data.sha256) and re.fullmatch(r"[0-9a-f]{64}", data.archive_sha256)
    assert data.licence and re.search(r"\d{4};", data.citation) and data.doi.startswith("10.")
    assert re.fullmatch(r"[\w.-]+==[\w.]+", data.archive)


@pytest.mark.parametrize("name", list(LOCAL))
def test_entries_that_cannot_be_fetched_say_where_they_come_from(name: str) -> None:
    data = LOCAL[name]
    assert data.name == name and callable(getattr(datasets, name))
    assert data.url.startswith("https://") and re.fullmatch(r"[0-9a-f]{64}", data.sha256)
    assert data.licence and data.origin and re.search(r"\d{4};", data.citation) and data.doi.startswith("10.")
