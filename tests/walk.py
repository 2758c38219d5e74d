"""The public functions, found through ``__all__``: what the walking tests run over."""

from __future__ import annotations

import ast
import inspect
import sys
import typing
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pandas as pd

PUBLIC_PACKAGES = ("pp", "tl", "get", "pl", "datasets", "resources", "recipes", "report", "testing")

Public = tuple[str, Callable[..., object]]
"""Name such as ``tl.communication``, and the object."""


def public_objects() -> dict[str, object]:
    """Everything in the ``__all__`` of the public packages by name, and the functions of niche itself."""
    top = import_module("niche")
    found = {name: getattr(top, name) for name in top.__all__ if inspect.isfunction(getattr(top, name))}
    for package in PUBLIC_PACKAGES:
        module = import_module(f"niche.{package}")
        found |= {f"{package}.{name}": getattr(module, name) for name in module.__all__}
    return found


def public_functions(*packages: str) -> dict[str, Callable[..., object]]:
    """The functions among them; of these packages only, if any are named."""
    return {
        name: thing
        for name, thing in public_objects().items()
        if inspect.isfunction(thing) and (not packages or name.split(".")[0] in packages)
    }


def parameters(function: Callable[..., object]) -> dict[str, inspect.Parameter]:
    """The parameters of a function by name."""
    return dict(inspect.signature(function).parameters)


def needed(function: Callable[..., object]) -> dict[str, object]:
    """Options without a default of a function that reads a result of the demo: an organ, edges, a table."""
    edge = ("Fibroblast", "Malignant", "CXCL12", "CXCR4")
    names = ["source", "target", "ligand_complex", "receptor_complex", "lr_means"]
    known: dict[str, object] = {
        "organ": "bone",
        "edges": [edge],
        "table": pd.DataFrame([(*edge, 1.0)], columns=names),
    }
    options = parameters(function).values()
    return {p.name: known[p.name] for p in options if p.default is p.empty and p.name != "adata"}


def type_hints(function: Callable[..., object]) -> dict[str, object]:
    """Type hints of a function, names imported for type checkers only included."""
    module = sys.modules[function.__module__]
    names: dict[str, object] = {}
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for line in node.body:
                assert isinstance(line, ast.ImportFrom), "import names, not modules, for type checkers"
                home = import_module(str(line.module))
                names |= {alias.asname or alias.name: getattr(home, alias.name) for alias in line.names}
    return typing.get_type_hints(function, localns=names)
