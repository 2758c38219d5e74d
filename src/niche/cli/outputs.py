"""Write a result folder so that it is either whole or not there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from niche.errors import InputValueError

if TYPE_CHECKING:
    from anndata import AnnData

    from niche.recipes.load import AnyConfig

RESULT, REPORT, RECIPE, TABLES, FIGURES = "result.h5ad", "report.html", "recipe.toml", "tables", "figures"
_MINE = (RESULT, REPORT, RECIPE, TABLES, FIGURES)


def checkpoint(out: str) -> Path:
    """Where a run that writes to ``out`` keeps what it has found so far: beside the folder, hidden."""
    target = Path(out).expanduser()
    return target.with_name(f".{target.name}.checkpoint.h5ad")


@contextmanager
def folder(out: str, *, overwrite: bool) -> Iterator[Path]:
    """Yield a draft folder that is moved to ``out`` when all went well, and removed when not.

    With ``overwrite`` what niche wrote in ``out`` before is replaced; other files there are left alone.
    """
    target = Path(out).expanduser()
    _refuse(target, overwrite=overwrite)
    draft = _draft(target)
    try:
        yield draft
        try:
            _move(draft, target)
        except OSError as error:
            raise InputValueError(f"cannot write to {str(target)!r}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _refuse(target: Path, *, overwrite: bool) -> None:
    if target.exists() and not target.is_dir():
        raise InputValueError(f"{str(target)!r} is a file. Give the name of a folder with --out.")
    if not target.is_dir():
        return
    try:
        held = sorted(item.name for item in target.iterdir())
    except OSError as error:
        raise InputValueError(f"cannot look into {str(target)!r}: {error.strerror}.") from error
    if held and not overwrite:
        raise InputValueError(
            f"the folder {str(target)!r} is not empty. Give another one with --out, or replace what niche "
            "wrote there with --overwrite."
        )


def _draft(target: Path) -> Path:
    """A folder beside the target (inside it when it exists), on the same disk."""
    home = target if target.is_dir() else target.parent
    try:
        home.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".niche-", dir=home))
    except OSError as error:
        raise InputValueError(
            f"cannot write to {str(home)!r}: {error.strerror}. Give another folder with --out."
        ) from error


def _move(draft: Path, target: Path) -> None:
    """Put every item in its place; what was there before is kept in the draft until then."""
    if not target.exists():
        draft.chmod(0o755)
        draft.rename(target)
        return
    former = Path(tempfile.mkdtemp(prefix="former-", dir=draft))
    for name in _MINE:
        if (target / name).exists():
            (target / name).rename(former / name)
        if (draft / name).exists():
            (draft / name).rename(target / name)


def write(adata: AnnData, config: AnyConfig, place: Path, title: str | None) -> dict[str, int]:
    """Write the result, its tables, its figures and the report; returns how many of each."""
    from niche.recipes import to_toml
    from niche.report.exports import tables
    from niche.report.findings import Findings
    from niche.report.gallery import figures
    from niche.report.html import render, title_of

    found = Findings.of(adata)
    drawn, made = figures(found), tables(found)
    try:
        (place / RECIPE).write_text(to_toml(config), encoding="utf-8")
        (place / REPORT).write_text(render(found, drawn, title or title_of(found)), encoding="utf-8")
        (place / TABLES).mkdir()
        for name, frame in made.items():
            frame.to_csv(place / TABLES / f"{name}.tsv", sep="\t", index=False, lineterminator="\n")
        (place / FIGURES / "source").mkdir(parents=True)
        for name, figure in drawn.items():
            (place / FIGURES / f"{name}.svg").write_bytes(figure.content("svg"))
            source = figure.source()
            source.to_csv(
                place / FIGURES / "source" / f"{name}.tsv", sep="\t", index=False, lineterminator="\n"
            )
        adata.write_h5ad(place / RESULT, compression="gzip")
    except (OSError, RuntimeError) as error:  # HDF5 says some faults of a disk by the latter
        told = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise InputValueError(f"cannot write the results in {str(place.parent)!r}: {told}.") from error
    return {"tables": len(made), "figures": len(drawn)}
