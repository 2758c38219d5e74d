"""What each command does."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from niche.cli import inputs, outputs
from niche.cli.guard import say, tell
from niche.errors import InputValueError

if TYPE_CHECKING:
    from anndata import AnnData

    from niche.recipes.load import AnyConfig


DEMO_PROGRAMS, DEMO_STARTS = (12, 16, 20), 10
"""Numbers of programs, and random starts of each, that are tried in the demo."""

_OWN_STEPS = (
    "niche.pp.harmonize_genes", "niche.pp.normalize", "niche.pp.qc", "niche.tl.call_compartments"
)  # fmt: skip
"""Advice of the design report that a recipe follows by itself."""


def demo(arguments: argparse.Namespace) -> None:
    """Run everything on the bundled data; fewer numbers of programs are tried, so that it takes minutes."""
    from niche import datasets
    from niche.recipes import OrganotropismConfig

    with outputs.folder(arguments.out, overwrite=arguments.overwrite) as draft:
        adata = datasets.demo()
        config = inputs.settings(arguments)
        config.notes = [*config.notes, "simulated data: the bundled demo of niche, not patients"]
        if isinstance(config, OrganotropismConfig) and config.programs.k is None:
            config.programs.k, config.programs.n_starts = list(DEMO_PROGRAMS), DEMO_STARTS
        _run(
            adata, config, arguments, draft, arguments.title or "Demo: simulated metastases of eight patients"
        )


def run(arguments: argparse.Namespace) -> None:
    """Run the recipe on a file and write everything; only say what would be done for a dry run."""
    config = inputs.settings(arguments)
    if arguments.dry_run:
        adata = inputs.read(arguments.input)
        _plan(adata, inputs.completed(adata, config))
        return
    with outputs.folder(arguments.out, overwrite=arguments.overwrite) as draft:
        adata = inputs.read(arguments.input, lazy=arguments.lazy)
        _run(adata, inputs.completed(adata, config), arguments, draft, arguments.title)


def _run(
    adata: AnnData, config: AnyConfig, arguments: argparse.Namespace, draft: Path, title: str | None
) -> None:
    from niche import recipes

    result = getattr(recipes, config.recipe)(adata, config, checkpoint=outputs.checkpoint(arguments.out))
    for note in result.uns["recipe"]["notes"]:
        if note not in config.notes:
            tell(f"note: {note}")
    made = outputs.write(result, config, draft, title)
    say(
        f"{Path(arguments.out)}: {outputs.REPORT}, {outputs.RESULT}, {made['tables']} tables, "
        f"{made['figures']} figures"
    )


def _plan(adata: AnnData, config: AnyConfig) -> None:
    from niche import recipes
    from niche.cli import tables

    steps = recipes.plan(adata, config)
    shown = steps.assign(
        cells=[f"{n:,}" if n else "" for n in steps["n_cells"]],
        seconds=[f"{seconds:,.0f}" if seconds else "" for seconds in steps["seconds"]],
        state=[f"{row.state}: {row.reason}" if row.reason else row.state for row in steps.itertuples()],
    )
    say(f"{config.recipe}: {adata.n_obs:,} cells x {adata.n_vars:,} genes")
    say(tables.aligned(shown[["step", "does", "cells", "seconds", "state"]]))
    say(
        f"About {_duration(steps['seconds'].sum())} on one core, an order of magnitude; report and figures "
        "come on top. Nothing was written."
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def completion(arguments: argparse.Namespace) -> None:
    """Print a script that completes the command in a shell."""
    from niche.cli import parser

    try:
        import shtab
    except ImportError as error:
        raise InputValueError(
            "completion needs the package shtab. Install it with: python -m pip install 'niche[completion]'."
        ) from error
    say(shtab.complete(parser.build(), shell=arguments.shell))


def init(arguments: argparse.Namespace) -> None:
    """Guess the columns of a file and write a commented recipe."""
    from niche.cli.counts import patients
    from niche.recipes import guess_config, to_toml

    out = Path(arguments.out).expanduser()
    if out.exists() and not arguments.overwrite:
        raise InputValueError(
            f"{str(out)!r} exists. Replace it with --overwrite, or name another file with --out."
        )
    adata = inputs.read(arguments.input)
    guess = guess_config(adata, inputs.settings(arguments))
    available = f"Columns: {', '.join(map(str, adata.obs.columns))}."
    comments = {"input": "Guessed from the file: look this section over. All others hold defaults."}
    comments |= {
        f"input.{name}": f"FILL IN: no column could be recognised. {available}" for name in guess.missing
    }
    if guess.unrecognised:
        listed = ", ".join(f'"{name}" ({n} cells)' for name, n in guess.unrecognised.items())
        comments["input.compartments"] = (
            f'Not recognised, unresolved unless you say more, as in "Cancer" = "tumor": {listed}'
        )
    try:
        out.write_text(to_toml(guess.config, comments=comments), encoding="utf-8")
    except OSError as error:
        raise InputValueError(f"cannot write {str(out)!r}: {error.strerror}.") from error
    for note in guess.notes:
        say(f"guessed: {note}")
    counted = patients(adata, guess.config.input)
    if counted:
        say(f"found: {counted}")
    for name in guess.missing:
        say(f"fill in: input.{name}.{inputs.without_cell_types((name,))}".rstrip("."))
    if guess.unrecognised:
        say(f"look at: input.compartments ({_unknown(list(guess.unrecognised))})")
    known = guess.config.input.malignant is not None or guess.config.input.compartment is not None
    if not known and guess.config.recipe == "communication_by_organ":
        say("look at: input.malignant or input.compartments, unless a cell type says that it is malignant")
    given = f"{shlex.quote(arguments.input)} --config {shlex.quote(str(out))}"
    say(f"wrote {out}; next, to see what the study can answer: niche check {given}")
    say(f"then: niche run {given} --out results")


def _unknown(names: list[str]) -> str:
    one = len(names) == 1
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (
        f"{len(names)} cell type{' is' if one else 's are'} not recognised by name: "
        f"{', '.join(map(repr, names[:5]))}{more}"
    )


def check(arguments: argparse.Namespace) -> None:
    """Print the design report."""
    from niche import pp
    from niche.recipes.columns import resolve

    adata = inputs.read(arguments.input, lazy=arguments.lazy)
    config = inputs.completed(adata, inputs.settings(arguments))
    columns = resolve(adata, config.input, named_cells=config.recipe == "communication_by_organ")
    for note in columns.notes:
        tell(f"note: {note}")
    found = pp.check(
        adata,
        columns.cell_type,
        compartment_key=columns.compartment,
        organism=config.organism,
        min_cells=config.least_cells,
        **columns.design,
    )
    say(repr(found))
    steps = [step for step in _OWN_STEPS if any(step in str(issue) for issue in found.issues["advice"])]
    if steps:
        say(f"niche run takes {', '.join(steps)} itself; the other points stay.")


def report(arguments: argparse.Namespace) -> None:
    """Write the report of a stored result."""
    from niche import report as reports

    adata = inputs.read(arguments.input)
    out = arguments.out or Path(arguments.input).expanduser().parent / outputs.REPORT
    target = Path(out)
    if target.exists() and not arguments.overwrite:
        raise InputValueError(
            f"{str(target)!r} exists. Replace it with --overwrite, or name another file with --out."
        )
    say(str(reports.html(adata, target, title=arguments.title, overwrite=arguments.overwrite)))


def resources(arguments: argparse.Namespace) -> None:
    """List the tables that come with niche, or show one."""
    from niche.cli import tables

    if arguments.action == "list":
        say(tables.listing(arguments.kind))
        return
    if not arguments.name:
        raise InputValueError(
            "name the table to show: niche resources show NAME (niche resources list has the names)."
        )
    say(tables.shown(arguments.name, whole=arguments.all))
