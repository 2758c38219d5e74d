"""Write the settings of a recipe as a TOML file a person can read and change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from niche.recipes.config import RecipeConfig
from niche.recipes.multiverse_config import MultiverseConfig

_WIDTH = 100


def to_toml(config: RecipeConfig | MultiverseConfig, *, comments: Mapping[str, str] | None = None) -> str:
    """Return the settings as commented TOML, which :func:`load_config` reads back.

    Parameters
    ----------
    config
        The settings.
    comments
        Extra comment of a section or field, by its full name such as ``"input"`` or ``"input.organ"``.

    Returns
    -------
    str

    Examples
    --------
    >>> from niche.recipes import CommunicationConfig, to_toml
    >>> print(to_toml(CommunicationConfig()).splitlines()[0])
    # Settings of niche.recipes.communication_by_organ
    """
    lines = [f"# Settings of niche.recipes.{config.recipe}", "# A line that starts with # is left out."]
    extra = dict(comments or {})
    sections: list[tuple[str, FieldInfo, BaseModel]] = []
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            sections.append((name, field, value))
        else:
            lines += ["", *_field(name, field, value, extra.get(name, ""))]
    for name, field, section in sections:
        lines += ["", "", f"# {field.description}", *_comment(extra.get(name, "")), f"[{name}]"]
        lines += _section(name, section, extra)
    return "\n".join(lines) + "\n"


def _section(name: str, section: BaseModel, extra: Mapping[str, str]) -> list[str]:
    lines: list[str] = []
    tables: list[str] = []
    for field_name, field in type(section).model_fields.items():
        value = getattr(section, field_name)
        full = f"{name}.{field_name}"
        if isinstance(value, dict):
            tables += ["", *_comment(str(field.description)), *_comment(extra.get(full, "")), f"[{full}]"]
            tables += [f"{_key(key)} = {_value(item)}" for key, item in value.items()]
        else:
            lines += [*_field(field_name, field, value, extra.get(full, ""))]
    return lines + tables


def _field(name: str, field: FieldInfo, value: Any, extra: str) -> list[str]:
    comments = [*_comment(str(field.description)), *_comment(extra)]
    return [*comments, f"# {name} =" if value is None else f"{name} = {_value(value)}"]


def _comment(text: str) -> list[str]:
    """Comment lines; words are kept whole and control characters out of the file."""
    lines: list[str] = []
    for part in text.splitlines():
        line = "#"
        for word in part.split():
            word = "".join(letter for letter in word if letter.isprintable())
            if len(line) + len(word) >= _WIDTH:
                lines.append(line)
                line = "#"
            line += f" {word}"
        lines.append(line)
    return lines


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    return _text(value) if isinstance(value, str) else repr(value)


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else _text(name)


def _text(value: str) -> str:
    """A basic TOML string; JSON escapes are valid in TOML, but for DEL, which JSON leaves bare."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
