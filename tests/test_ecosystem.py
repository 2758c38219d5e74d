"""The entry for the list of scverse ecosystem packages meets its schema, and says what is true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import niche

yaml = pytest.importorskip("yaml")
pytestmark = pytest.mark.once
REQUIRED = {
    "name", "description", "project_home", "documentation_home", "install", "license", "tags", "version", "contact",
}  # fmt: skip
"""Of schema 2.0 of that list."""
OPTIONAL = {
    "tutorials_home", "publications", "logo", "test_command", "language", "category", "primary_category",
}  # fmt: skip
OF_THE_MAINTAINER = {"project_home", "documentation_home", "tutorials_home", "install", "contact"}
"""Not known before the first release; commented out until then."""


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / "docs" / "ecosystem" / "meta.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def entry(text: str) -> dict[str, Any]:
    return yaml.safe_load(text)


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_every_field_is_there_or_left_to_the_maintainer(entry: dict[str, Any], text: str) -> None:
    assert set(entry) <= REQUIRED | OPTIONAL
    open_fields = set(re.findall(r"^# (\w+):$", text, flags=re.MULTILINE))
    assert not open_fields & set(entry), "a field is filled in and commented out"
    assert REQUIRED - set(entry) == open_fields & REQUIRED and open_fields <= OF_THE_MAINTAINER


def test_values_have_the_types_of_the_schema(entry: dict[str, Any]) -> None:
    for name in REQUIRED & set(entry) - {"install", "tags", "contact"}:
        assert isinstance(entry[name], str) and entry[name].strip(), name
    for name in {"tags", "contact"} & set(entry):
        assert entry[name] and len(set(entry[name])) == len(entry[name])
        assert all(isinstance(one, str) and one for one in entry[name])
    for name in {"project_home", "documentation_home", "tutorials_home"} & set(entry):
        assert re.fullmatch(r"https://\S+\.\S+", entry[name]), name
    if "install" in entry:
        assert set(entry["install"]) <= {"pypi", "conda"} and all(entry["install"].values())
    for doi in entry.get("publications", []):
        assert re.fullmatch(r"10.\d{4,9}/[-._;()/:A-Za-z0-9]+", doi)


def test_what_it_says_is_true(entry: dict[str, Any], project: dict[str, Any], root: Path) -> None:
    assert entry["name"] == project["name"]
    assert entry["license"] == project["license"]
    assert entry["version"] == niche.__version__, "the entry goes with the release"
    assert entry["test_command"] in (root / "README.md").read_text(encoding="utf-8").splitlines()
    addresses = {url.rstrip("/") for url in project.get("urls", {}).values()}
    if addresses and "project_home" in entry:
        assert entry["project_home"].rstrip("/") in addresses
