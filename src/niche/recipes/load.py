"""Settings of a recipe from Python, a dict or a TOML file; refused when they make no sense."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from niche.errors import InputTypeError, InputValueError
from niche.recipes.config import CommunicationConfig, Part
from niche.recipes.multiverse_config import MultiverseConfig
from niche.recipes.organotropism_config import OrganotropismConfig
from niche.recipes.programs_config import ProgramsConfig
from niche.recipes.spatial_config import SpatialConfig
from niche.recipes.tumor_stroma_config import TumorStromaConfig
from niche.recipes.xenograft_config import XenograftConfig

AnyConfig = (
    CommunicationConfig
    | TumorStromaConfig
    | ProgramsConfig
    | OrganotropismConfig
    | XenograftConfig
    | SpatialConfig
)
"""Settings of a recipe that begins with the data as they come: what the command line can run."""
Loaded = AnyConfig | MultiverseConfig

MODELS: dict[str, type[Loaded]] = {
    "communication_by_organ": CommunicationConfig,
    "tumor_stroma": TumorStromaConfig,
    "programs_across_sites": ProgramsConfig,
    "organotropism": OrganotropismConfig,
    "xenograft": XenograftConfig,
    "spatial": SpatialConfig,
    "multiverse": MultiverseConfig,
}
"""Recipe -> its settings."""

DEFAULT = "communication_by_organ"

Model = TypeVar("Model", bound=Part)


def load_config(
    config: Loaded | Mapping[str, Any] | str | Path | None = None, *, recipe: str | None = None
) -> Loaded:
    """Return the settings of a recipe from any form they come in.

    Parameters
    ----------
    config
        A model (copied), a dict, the path of a TOML file, or None for the defaults.
    recipe
        ``"communication_by_organ"``, ``"tumor_stroma"`` or ``"programs_across_sites"``: the recipe they
        must be for. ``None`` takes what their field ``recipe`` says, else ``"communication_by_organ"``.

    Returns
    -------
    CommunicationConfig, TumorStromaConfig or ProgramsConfig

    Raises
    ------
    InputValueError
        A field is unknown or its value makes no sense; the message names it. The settings are for another
        recipe. The file is not there or is not TOML.
    InputTypeError
        ``config`` is none of these.

    Examples
    --------
    >>> from niche.recipes import load_config
    >>> load_config({"communication": {"min_cells": 5}}).communication.min_cells
    5
    >>> load_config(recipe="tumor_stroma").compartments.evidence
    'auto'
    """
    if recipe is not None and recipe not in MODELS:
        raise InputValueError(f"there is no recipe {recipe!r}. Recipes: {', '.join(MODELS)}.")
    if isinstance(config, Loaded):
        _same_recipe(config.recipe, recipe, "config")
        return config.model_copy(deep=True)
    if config is None:
        return MODELS[recipe or DEFAULT]()
    if isinstance(config, Mapping):
        return _validated(dict(config), "config", recipe)
    if not isinstance(config, str | Path):
        raise InputTypeError(
            f"config must be {', '.join(f'a {model.__name__}' for model in MODELS.values())}, a dict, the "
            f"path of a TOML file or None. Got {type(config).__name__}."
        )
    path = Path(config).expanduser()
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputValueError(f"cannot read the config {str(path)!r}: {_reason(error)}.") from error
    except tomllib.TOMLDecodeError as error:
        raise InputValueError(f"{path.name} is not valid TOML: {error}.") from error
    return _validated(fields, path.name, recipe)


def load_as(model: type[Model], config: Any) -> Model:
    """Return the settings of one recipe, refusing those of another."""
    name = next(name for name, known in MODELS.items() if known is model)
    found = load_config(config, recipe=name)
    assert isinstance(found, model)  # by the choice above
    return found


def _same_recipe(named: Any, wanted: str | None, origin: str) -> None:
    if wanted is not None and named != wanted:
        raise InputValueError(f"{origin}: these are settings of {named}, not of {wanted} (field recipe).")


def _validated(fields: dict[str, Any], origin: str, recipe: str | None) -> Loaded:
    named = fields.get("recipe", recipe or DEFAULT)
    if not isinstance(named, str) or named not in MODELS:
        raise InputValueError(f"{origin}: recipe must be {' or '.join(MODELS)}. Got {named!r}.")
    _same_recipe(named, recipe, origin)
    model = MODELS[named]
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        problems = [_problem(item, model) for item in error.errors()]
        raise InputValueError(f"{origin}: {'; '.join(problems)}.") from error


def _problem(item: Mapping[str, Any], model: type[BaseModel]) -> str:
    """One line of a validation error: the field, what is wrong, what was found."""
    place = [str(part) for part in item["loc"] if part != "[key]"]
    name = ".".join(place)
    if item["type"] == "extra_forbidden":
        section = _section(place[:-1], model)
        return f"{name} is not a field. Fields here: {', '.join(section.model_fields)}"
    message = str(item["msg"]).removeprefix("Input should be ")
    return (
        f"{name} must be {message}. Got {item['input']!r}" if message != item["msg"] else f"{name}: {message}"
    )


def _section(place: list[str], model: type[BaseModel]) -> type[BaseModel]:
    section = model
    for name in place:
        section = section.model_fields[name].annotation  # type: ignore[assignment]
    return section


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is not text in UTF-8"
