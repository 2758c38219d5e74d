from __future__ import annotations

from pathlib import Path

import pytest

from niche.errors import InputValueError
from niche.recipes import CommunicationConfig, TumorStromaConfig, load_config, to_toml


def test_the_field_recipe_chooses_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('recipe = "tumor_stroma"\nmin_cells = 5\n[cluster]\nresolution = 0.5\n')
    found = load_config(file)
    assert isinstance(found, TumorStromaConfig)
    assert (found.min_cells, found.cluster.resolution) == (5, 0.5)
    assert isinstance(load_config({}), CommunicationConfig)
    assert isinstance(load_config({}, recipe="tumor_stroma"), TumorStromaConfig)
    assert isinstance(load_config(recipe="tumor_stroma"), TumorStromaConfig)


def test_settings_of_another_recipe_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(to_toml(TumorStromaConfig()))
    for config in (file, TumorStromaConfig(), {"recipe": "tumor_stroma"}):
        with pytest.raises(InputValueError, match="settings of tumor_stroma, not of communication_by_organ"):
            load_config(config, recipe="communication_by_organ")


def test_recipes_that_do_not_exist() -> None:
    with pytest.raises(InputValueError, match="there is no recipe 'magic'"):
        load_config(recipe="magic")
    for named in ("magic", 3):
        with pytest.raises(InputValueError, match="recipe must be communication_by_organ or tumor_stroma"):
            load_config({"recipe": named})


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    config = TumorStromaConfig.model_validate(
        {"seed": 3, "cnv": {"reference": ["T cell"]}, "compartments": {"evidence": "labels"}}
    )
    file = tmp_path / "recipe.toml"
    file.write_text(to_toml(config))
    assert load_config(file) == config
    assert file.read_text().startswith("# Settings of niche.recipes.tumor_stroma")
