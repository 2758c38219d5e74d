"""Every floor in pyproject.toml is the version in tests/floors.txt, with which the tests are to be run."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

pytestmark = pytest.mark.once
TOOLS = ("dev",)
"""Extras of which nothing is imported."""


@pytest.fixture(scope="module")
def needed(root: Path) -> list[Requirement]:
    """What niche and its extras need."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    listed = [
        *project["dependencies"],
        *(one for name in extras if name not in TOOLS for one in extras[name]),
    ]
    return [Requirement(one) for one in listed]


@pytest.fixture(scope="module")
def tried(root: Path) -> dict[str, Version]:
    """The versions to try."""
    lines = (root / "tests" / "floors.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {name: Version(version) for name, version in pairs}


def _floor(requirement: Requirement) -> Version:
    floors = [one.version for one in requirement.specifier if one.operator in (">=", "==")]
    assert len(floors) == 1, f"{requirement}: one floor, and no more"
    return Version(floors[0])


def test_every_floor_was_tried(needed: list[Requirement], tried: dict[str, Version]) -> None:
    untried = {}
    for requirement in needed:
        floor, version = _floor(requirement).release, tried[requirement.name].release
        if version[: len(floor)] != floor:
            untried[str(requirement)] = str(tried[requirement.name])
    assert not untried, f"run the tests with these floors, then list them in tests/floors.txt: {untried}"


def test_nothing_else_is_listed_and_floors_agree(
    needed: list[Requirement], tried: dict[str, Version]
) -> None:
    assert set(tried) == {requirement.name for requirement in needed}
    floors: dict[str, set[Version]] = {}
    for requirement in needed:
        floors.setdefault(requirement.name, set()).add(_floor(requirement))
    assert not {name: found for name, found in floors.items() if len(found) > 1}
