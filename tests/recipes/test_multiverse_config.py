"""Settings of the multiverse: defaults, what is refused, and the commented file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from niche.errors import InputValueError
from niche.recipes import CommunicationConfig, MultiverseConfig, load_config, multiverse, to_toml


def test_the_file_is_read_back_and_explains_every_field(tmp_path: Path) -> None:
    config = MultiverseConfig.model_validate(
        {"design": "grid", "vary": {"resource": [], "min_cells": [5, 30], "leave_out_patients": False}}
    )
    text = to_toml(config)
    file = tmp_path / "recipe.toml"
    file.write_text(text)
    assert load_config(file) == config == load_config(config)
    assert tomllib.loads(text)["vary"]["min_cells"] == [5, 30]
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if "=" in line and not line.startswith("#"):
            assert lines[i - 1].startswith("# "), line


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"vary": {"expr_prop": [0.1, 2]}}, "vary.expr_prop.1 must be less than or equal to 1"),
        ({"vary": {"level": ["tissue"]}}, "'cell_type' or 'lineage'"),
        ({"vary": {"min_cell": [3]}}, "vary.min_cell is not a field. Fields here: resource, level"),
        ({"design": "all"}, "'one_at_a_time' or 'grid'"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(InputValueError, match=said):
        load_config(fields, recipe="multiverse")


def test_settings_of_another_recipe_are_refused(demo) -> None:
    with pytest.raises(InputValueError, match="settings of communication_by_organ, not of multiverse"):
        multiverse(demo, CommunicationConfig())
