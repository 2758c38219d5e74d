"""The API page lists every public name, and nothing that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from walk import Public

from niche import errors

pytestmark = pytest.mark.once
PAGE = Path(__file__).parents[1] / "docs" / "api.md"


@pytest.fixture(scope="module")
def listed() -> list[str]:
    """Names in the autosummary blocks of the page, in their order."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```\{eval-rst\}\n(.*?)```", text, flags=re.DOTALL)
    return re.findall(r"^ {3}([a-z_A-Z.0-9]+)$", "\n".join(blocks), flags=re.MULTILINE)


def test_every_public_name_is_listed(public_object: Public, listed: list[str]) -> None:
    name, _ = public_object
    assert name in listed, f"docs/api.md does not list {name}"


def test_errors_and_settings_are_listed(listed: list[str]) -> None:
    for name in errors.__all__:
        assert f"errors.{name}" in listed, f"docs/api.md does not list errors.{name}"
    assert "settings" in listed


def test_nothing_is_listed_twice_or_missing(listed: list[str]) -> None:
    import niche

    assert len(listed) == len(set(listed))
    for name in listed:
        thing: object = niche
        for part in name.split("."):
            thing = getattr(thing, part)
