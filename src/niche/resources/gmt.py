"""Gene sets from GMT files, such as those of MSigDB."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from niche.errors import InputTypeError, InputValueError

__all__ = ["read_gmt"]


def read_gmt(path: str | Path) -> dict[str, list[str]]:
    r"""Read gene sets from a GMT file.

    Parameters
    ----------
    path
        File with one set per line: name, description, genes, separated by tabs. May be gzipped (``.gz``).

    Returns
    -------
    dict of list of str
        Genes by set, in the order of the file, each gene once.

    Raises
    ------
    InputTypeError
        ``path`` is not a path.
    InputValueError
        No such file; not text; no set in it; a line without genes; a set name that occurs twice.

    Notes
    -----
    Format: Subramanian A, PNAS 2005;102:15545-50, doi 10.1073/pnas.0506580102.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from niche import resources
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "sets.gmt"
    ...     _ = file.write_text("HOMING\tmy notes\tCXCR4\tCCR7\n")
    ...     resources.read_gmt(file)
    {'HOMING': ['CXCR4', 'CCR7']}
    """
    if not isinstance(path, str | Path):
        raise InputTypeError(f"path must be a string or a Path. Got {type(path).__name__}.")
    sets: dict[str, list[str]] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(_lines(Path(path)), start=1):
        if not line.strip():
            continue
        name, *rest = line.split("\t")
        genes = list(dict.fromkeys(gene.strip() for gene in rest[1:] if gene.strip()))
        if not name.strip() or not genes:
            raise InputValueError(
                f"{path}, line {number}: expected a name, a description and at least one gene, separated by "
                f"tabs. Got {line[:60]!r}."
            )
        if name.strip() in sets:
            raise InputValueError(
                f"{path}, line {number}: the gene set {name.strip()!r} occurs twice, first in line "
                f"{lines[name.strip()]}. Rename one of them, or join their genes."
            )
        sets[name.strip()], lines[name.strip()] = genes, number
    if not sets:
        raise InputValueError(f"{path} holds no gene set.")
    return sets


def file_digest(sets: object) -> str:
    """SHA-256 of the file of gene sets at a path; empty for gene sets that are no file."""
    return hashlib.sha256(Path(sets).read_bytes()).hexdigest() if isinstance(sets, str | Path) else ""


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise InputValueError(f"There is no file {path}.")
    content = path.read_bytes()
    try:
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        return content.decode("utf-8-sig").splitlines()
    except (UnicodeDecodeError, OSError, EOFError) as error:
        raise InputValueError(f"{path} is not a text file in GMT format: {error}") from error
