"""niche: why a cancer metastasises to the organs it does, from single-cell data.

Data flows one way: ``AnnData -> niche.pp -> niche.tl -> niche.get -> niche.pl / niche.report``.
Everything is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from niche._version import __version__

if TYPE_CHECKING:
    from niche import datasets, errors, get, pl, pp, recipes, report, resources, testing, tl
    from niche._explain import explain
    from niche._power import power
    from niche._settings import settings

_MODULES = ("datasets", "errors", "get", "pl", "pp", "recipes", "report", "resources", "testing", "tl")

__all__ = [
    "__version__",
    "datasets",
    "errors",
    "explain",
    "get",
    "pl",
    "power",
    "pp",
    "recipes",
    "report",
    "resources",
    "settings",
    "testing",
    "tl",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"niche.{name}")
    if name == "explain":
        from niche._explain import explain

        return explain
    if name == "power":
        from niche._power import power

        return power
    if name == "settings":
        from niche._settings import settings

        return settings
    raise AttributeError(f"module 'niche' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
