"""Every error and warning niche raises; each is also the built-in type a caller would expect."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

__all__ = [
    "InputTypeError",
    "InputValueError",
    "MissingKeyError",
    "MissingPackageError",
    "NicheError",
    "NicheWarning",
    "StaleResultError",
    "warn",
]

_PACKAGE_FOLDER = str(Path(__file__).parent)


class NicheError(Exception):
    """Base of all errors raised on purpose by niche: bad input, or a missing prerequisite."""

    def __str__(self) -> str:
        # KeyError.__str__ would print the repr of the message, quotes and escapes included.
        return str(self.args[0]) if len(self.args) == 1 else super().__str__()


class MissingKeyError(NicheError, KeyError):
    """A column, layer or stored result is not there."""


class MissingPackageError(NicheError, ImportError):
    """An optional package that an option needs is not installed."""


class InputValueError(NicheError, ValueError):
    """An argument or the data have a value that cannot be worked with."""


class InputTypeError(NicheError, TypeError):
    """An argument has the wrong type."""


class StaleResultError(InputValueError):
    """A stored result does not belong to the data as they are now."""


class NicheWarning(UserWarning):
    """Base of the warnings niche issues; they point at the caller's code."""


def warn(message: str) -> None:
    """Issue a :class:`NicheWarning` that points at the first line outside niche."""
    level, frame = 2, sys._getframe(1).f_back
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE_FOLDER):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, NicheWarning, stacklevel=level)
