"""Arguments of every command."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from niche._slots import keys
from niche._version import __version__

RECIPES = (
    "communication_by_organ", "tumor_stroma", "programs_across_sites", "organotropism", "xenograft",
    "spatial",
)  # fmt: skip
"""Recipes by name, the one that is run by default first."""

SHELLS = ("bash", "zsh", "tcsh")
"""Shells that can complete the command."""

COLUMN_FLAGS = {
    "sample": "column of the sample (one biopsy)",
    "patient": "column of the patient or animal",
    "organ": "column of the organ",
    "tissue": "column saying primary, metastasis or normal (or true/false for metastasis)",
    "cell-type": "column of the cell types",
    "compartment": "column of the compartments",
    "malignant": "true/false column: is the cell malignant?",
}
"""Flag -> help; each names a column of obs."""

_FIRST_STEPS = """\
first steps:
  niche demo                         everything on simulated data: open niche_demo/report.html
  niche init STUDY.h5ad              guess the columns; look over the recipe.toml it writes
  niche check STUDY.h5ad --config recipe.toml
                                     what the study can answer, and what it cannot
  niche run STUDY.h5ad --config recipe.toml --out results
                                     open results/report.html

exit codes: 0 done, 1 a fault of niche, 2 something is wrong with the input"""


class UsageError(Exception):
    """The command line cannot be understood."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def build() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = _Parser(
        prog="niche",
        description="Single-cell niche analysis of metastasis, organ by organ.",
        epilog=_FIRST_STEPS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"niche {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command", parser_class=_Parser)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.add_argument("--debug", action="store_true", help="show the traceback of an error")
        made.add_argument("-v", "--verbose", action="store_true", help="say what is being done")
        return made

    _demo(add)
    _init(add)
    _check(add)
    _run(add)
    _report(add)
    _resources(add)
    _completion(add)
    return parser


Add = Callable[[str, str], argparse.ArgumentParser]


def _demo(add: Add) -> None:
    made = add("demo", "Run the whole analysis on the bundled simulated data.")
    made.add_argument(
        "--out", default="niche_demo", metavar="DIR", help="folder to write (default: niche_demo)"
    )
    made.set_defaults(recipe="organotropism")
    _run_options(made)


def _init(add: Add) -> None:
    made = add("init", "Look at a file, guess its columns and write a commented recipe.")
    made.add_argument("input", metavar="INPUT", help="an h5ad file or a zarr folder")
    made.add_argument(
        "--out", default="recipe.toml", metavar="FILE", help="file to write (default: recipe.toml)"
    )
    made.add_argument("--overwrite", action="store_true", help="replace the file if it exists")
    _recipe(made)
    _columns(made)


def _check(add: Add) -> None:
    made = add("check", "Say what a study can answer and what limits it. Writes nothing.")
    made.add_argument("input", metavar="INPUT", help="an h5ad file or a zarr folder")
    _lazy(made)
    _config(made)


def _run(add: Add) -> None:
    made = add("run", "From an h5ad file to its results: h5ad, tables, figures and report.")
    made.add_argument("input", metavar="INPUT", help="an h5ad file or a zarr folder")
    made.add_argument("--out", required=True, metavar="DIR", help="folder to write")
    made.add_argument(
        "--dry-run", action="store_true", help="show the steps, cells and about the time; write nothing"
    )
    _lazy(made)
    _recipe(made)
    _config(made)
    _run_options(made)


def _report(add: Add) -> None:
    made = add("report", "Write the report of a result again.")
    made.add_argument("input", metavar="RESULT.h5ad", help="a result of niche run, or of niche in Python")
    made.add_argument("--out", metavar="FILE", help="file to write (default: report.html beside the result)")
    made.add_argument("--title", help="heading of the report")
    made.add_argument("--overwrite", action="store_true", help="replace the file if it exists")


def _resources(add: Add) -> None:
    made = add("resources", "List or show the tables that come with niche.")
    made.add_argument("action", choices=("list", "show"))
    made.add_argument("name", nargs="?", help="name of the table to show")
    made.add_argument("--kind", help="list only tables of this kind")
    made.add_argument("--all", action="store_true", help="show every row, as plain TSV")


def _completion(add: Add) -> None:
    made = add("completion", "Print a script that completes this command in a shell.")
    made.add_argument("shell", choices=SHELLS)


def _lazy(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--lazy",
        action="store_true",
        help="leave the matrices on disk and read what each step needs, for files larger than the memory; "
        "results are the same, and no checkpoint is kept",
    )


def _recipe(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--recipe",
        choices=RECIPES,
        help="communication_by_organ (default): ligand-receptor edges per organ, needs cell types; "
        "tumor_stroma: malignant cells, clusters, cell types and ambient RNA, with or without cell types; "
        "programs_across_sites: programs of malignant cells, brought along, of an organ, or leaked; "
        "organotropism: all of it, up to the seed-and-soil account of every organ; "
        "xenograft: human tumor in mouse organs, counts on a combined reference; "
        "spatial: sections of tissue, with places in obsm",
    )


def _columns(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("columns of obs (guessed when left out)")
    for flag, text in COLUMN_FLAGS.items():
        group.add_argument(f"--{flag}", metavar="COLUMN", help=text)
    made.add_argument(
        "--organism",
        choices=keys.ORGANISMS,
        help="default: human, or mouse where the gene names say so",
    )


def _config(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--config", metavar="recipe.toml", help="settings (niche init writes one); flags win over it"
    )
    _columns(made)


def _run_options(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--resource",
        metavar="NAME",
        help="ligand-receptor list, or a CSV or TSV file (communication_by_organ)",
    )
    made.add_argument(
        "--tissues",
        nargs="+",
        choices=keys.TISSUES,
        help="tissues to analyse (communication_by_organ; default: metastasis)",
    )
    made.add_argument("--seed", type=int, help="seed of everything random (default: 0)")
    made.add_argument("--n-jobs", type=int, metavar="N", help="threads (default: all cores)")
    made.add_argument("--title", help="heading of the report")
    made.add_argument(
        "--overwrite", action="store_true", help="replace what an earlier run wrote in the folder"
    )
