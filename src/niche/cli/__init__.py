"""The command line: ``niche demo | init | check | run | report | resources | completion``."""

from __future__ import annotations

from collections.abc import Sequence

from niche.cli import commands
from niche.cli.guard import Guard
from niche.cli.parser import UsageError, build

__all__ = ["main"]

_COMMANDS = {
    "demo": commands.demo,
    "init": commands.init,
    "check": commands.check,
    "run": commands.run,
    "report": commands.report,
    "resources": commands.resources,
    "completion": commands.completion,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of the command line.

    Parameters
    ----------
    argv
        Arguments after the name of the program; those of the process by default.

    Returns
    -------
    int
        0: done. 1: an error of niche itself, told in two lines (``--debug`` shows where). 2: bad input,
        told in one message.

    Examples
    --------
    >>> from niche.cli import main
    >>> main(["resources", "list", "--kind", "lexicon"])
    name      kind     organism  rows  version  licence
    lineages  lexicon  any       ...
    """
    try:
        arguments = build().parse_args(argv)
    except UsageError as error:
        return Guard.bad_input(str(error))
    except SystemExit as stop:
        return int(stop.code or 0)
    guard = Guard(debug=arguments.debug, verbose=arguments.verbose)
    with guard:
        _COMMANDS[arguments.command](arguments)
    return guard.code
