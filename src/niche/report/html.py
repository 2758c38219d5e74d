"""One HTML file with everything that was found, and everything that could not be."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from importlib.resources import files
from pathlib import Path

import anndata as ad

from niche._slots import fingerprint, validate
from niche._version import __version__
from niche.errors import InputTypeError, InputValueError
from niche.report import (
    account,
    between_organs,
    cells,
    communication,
    design,
    methods,
    programs,
    provenance,
    published,
    quality,
    spatial,
    species,
    summary,
    tumor_host,
)
from niche.report.blocks import Section
from niche.report.figures import ReportFigure
from niche.report.findings import Findings
from niche.report.gallery import figures

TITLE = "Ligand-receptor communication by organ"
TITLES = {
    "tumor_stroma": "Tumor and host",
    "programs_across_sites": "Programs of the tumor across organs",
    "spatial": "Ligand-receptor pairs in sections of tissue",
}
"""Recipe -> heading of its report; :data:`TITLE` for the others, and where there are edges."""

_SCRIPTS = ("sortable.min.js", "page.js")
"""Scripts inside the page: sorting is sortable-tablesort's (in the public domain), the rest is ours."""


def html(adata: ad.AnnData, path: str | Path, *, title: str | None = None, overwrite: bool = False) -> Path:
    """Write a report as one HTML file that needs nothing beside it.

    The report states in words what was asked and what can and cannot be concluded, then the account of seed
    and soil of every organ, the design and its limits, quality control, cells, tumor and host, the edges of
    every organ, what differs between organs, programs of the tumor, published axes, methods, parameters and
    versions; of a xenograft also how human and mouse cells were told apart, of sections of tissue what lies
    next to each other. What was not run reads
    *not assessed*; what could not be tested is counted with its reason.

    Parameters
    ----------
    adata
        Data with results of niche; any of them may be missing. Not changed.
    path
        File to write. Its folder must exist.
    title
        Heading of the report.
    overwrite
        Replace a file that exists.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputTypeError
        ``adata`` is not an AnnData, or ``title`` no text.
    InputValueError
        The file exists, its folder does not, or it cannot be written. An existing file stays as it is.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> _ = niche.pp.check(adata, "cell_type")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     niche.report.html(adata, Path(folder) / "report.html").name
    'report.html'
    """
    validate.anndata(adata)
    validate.flag(overwrite, "overwrite")
    if title is not None and not isinstance(title, str):
        raise InputTypeError(f"title must be text or None. Got {type(title).__name__}.")
    target = _target(path, overwrite=overwrite)
    with fingerprint.unchanged(adata):
        found = Findings.of(adata)
        page = render(found, figures(found), title or title_of(found))
    _write(target, page)
    return target


def title_of(found: Findings) -> str:
    """Heading of a report that was given none."""
    recipe = str(found.recipe.value["name"]) if found.recipe.there else ""
    return TITLE if found.communication.there else TITLES.get(recipe, TITLE)


def render(found: Findings, drawn: dict[str, ReportFigure], title: str = TITLE) -> str:
    """Return the page."""
    import jinja2

    folder = files("niche.report") / "page"
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("template.html.j2").render(
        title=title,
        subtitle=f"{found.adata.n_obs:,} cells × {found.adata.n_vars:,} genes",
        style=folder.joinpath("style.css").read_text(encoding="utf-8"),
        scripts=[_script(folder.joinpath(name).read_text(encoding="utf-8")) for name in _SCRIPTS],
        version=__version__,
        sections=_sections(found, drawn),
    )


def _script(text: str) -> dict[str, str]:
    """A script of the page, with the digest by which the page allows this one and no other."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return {"text": text, "digest": f"sha256-{digest}"}


def _sections(found: Findings, drawn: dict[str, ReportFigure]) -> list[Section]:
    return [
        summary.section(found),
        account.section(found, drawn),
        design.section(found, drawn),
        *([species.section(found, drawn)] if found.orthologs.there else []),
        quality.section(found),
        cells.section(found, drawn),
        tumor_host.section(found, drawn),
        communication.section(found, drawn),
        between_organs.section(found, drawn),
        *([spatial.section(found, drawn)] if spatial.wanted(found) else []),
        programs.section(found, drawn),
        published.section(found, drawn),
        methods.section(found),
        provenance.section(found),
    ]


def _target(path: str | Path, *, overwrite: bool) -> Path:
    if not isinstance(path, str | Path):
        raise InputTypeError(f"path must be text or a Path. Got {type(path).__name__}.")
    target = Path(path).expanduser()
    if target.is_dir():
        raise InputValueError(f"{str(target)!r} is a folder. Give the name of a file, such as report.html.")
    if not target.parent.is_dir():
        raise InputValueError(f"the folder {str(target.parent)!r} does not exist. Make it first.")
    if target.exists() and not overwrite:
        raise InputValueError(
            f"{str(target)!r} exists. Replace it with overwrite=True, or give another name."
        )
    return target


def _write(target: Path, page: str) -> None:
    """Write beside the target, then move in place, so that no half-written report is left."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise InputValueError(f"cannot write {str(target)!r}: {error.strerror}.") from error
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page)
        draft.chmod(0o644)
        draft.replace(target)
    except OSError as error:
        raise InputValueError(f"cannot write {str(target)!r}: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)
