"""What stands between a command and its user: notes in one line, errors in one message."""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from types import TracebackType
from typing import Literal

from niche._log import logger
from niche.errors import NicheError, NicheWarning

DONE, INTERNAL_ERROR, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def tell(text: str) -> None:
    """Say something about the run, on stderr."""
    sys.stderr.write(f"{text}\n")


def say(text: str) -> None:
    """Print a result, on stdout."""
    sys.stdout.write(f"{text}\n")


class _Notes(logging.Handler):
    """Messages of niche's logger as single lines, on the stderr of the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "note: " if record.levelno >= logging.WARNING else ""
        tell(f"{prefix}{record.getMessage()}")


class Guard:
    """Turn what a command raises into an exit code and a message.

    Attributes
    ----------
    code
        Exit code of the command.
    """

    def __init__(self, *, debug: bool, verbose: bool) -> None:
        self.code = DONE
        self._debug = debug
        self._level = logging.INFO if verbose or debug else logging.WARNING
        self._notes = _Notes()
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> Guard:
        self._caught.__enter__()
        warnings.simplefilter("always", NicheWarning)
        warnings.showwarning = self._show_warning
        self._before = (logger.level, logging.getLogger("anndata").level)
        logger.addHandler(self._notes)
        logger.setLevel(self._level)
        logging.getLogger("anndata").setLevel(logging.WARNING)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[True]:
        logger.removeHandler(self._notes)
        logger.setLevel(self._before[0])
        logging.getLogger("anndata").setLevel(self._before[1])
        self._caught.__exit__(kind, error, trace)
        if error is not None:
            self.code = self._code_of(error)
        return True

    def _code_of(self, error: BaseException) -> int:
        if self._debug:
            traceback.print_exception(error, file=sys.stderr)
        if isinstance(error, NicheError):
            return self.bad_input(str(error))
        if isinstance(error, KeyboardInterrupt):
            tell("niche: interrupted; nothing was written")
            return INTERRUPTED
        if isinstance(error, BrokenPipeError):
            return DONE
        if not isinstance(error, Exception):
            raise error
        told = " ".join(str(error).split()) or "no message"
        tell(f"niche: internal error: {type(error).__name__}: {told[:300]}")
        if not self._debug:
            tell(
                "This is a fault of niche, not of your data. Repeat the command with --debug and report "
                "what it shows."
            )
        return INTERNAL_ERROR

    @staticmethod
    def bad_input(message: str) -> int:
        """Say what is wrong with the input, in one message."""
        tell(f"niche: error: {' '.join(message.split())}")
        return BAD_INPUT

    def _show_warning(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: object = None,
        line: str | None = None,
    ) -> None:
        """Warnings of niche are notes; those of other packages are of no use to a reader."""
        if issubclass(category, NicheWarning):
            tell(f"note: {' '.join(str(message).split())}")
        elif self._debug:
            tell(f"{category.__name__} ({filename}:{lineno}): {message}")
