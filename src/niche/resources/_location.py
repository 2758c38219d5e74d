"""Where the knowledge tables are: inside an installed wheel, else in the source repository."""

from __future__ import annotations

import gzip
import hashlib
import io
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from niche.errors import InputValueError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["data_folder", "read_bytes", "read_table", "sha256_of"]


@lru_cache(maxsize=1)
def data_folder() -> Traversable:
    """Folder of the tables: ``niche/_data`` of a wheel, or ``data/`` of an editable install.

    Returns
    -------
    The folder, as an object with ``joinpath``, ``is_file`` and ``read_bytes``.

    Raises
    ------
    InputValueError
        Neither place holds the tables.
    """
    shipped = files("niche").joinpath("_data")
    repository = Path(__file__).resolve().parents[3] / "data"
    for folder in (shipped, repository):
        if folder.joinpath("tables.tsv").is_file():
            return folder
    raise InputValueError(
        f"The knowledge tables of niche were not found, neither in {shipped} (installed package) nor in "
        f"{repository} (source repository). Reinstall niche, or run it from a complete checkout."
    )


def read_bytes(name: str) -> bytes:
    """Bytes of one file of the data folder, exactly as stored."""
    file = data_folder().joinpath(name)
    if not file.is_file():
        raise InputValueError(f"The table {name!r} is missing from {data_folder()}. Reinstall niche.")
    return file.read_bytes()


def sha256_of(name: str) -> str:
    """Hexadecimal SHA-256 of one file of the data folder."""
    return hashlib.sha256(read_bytes(name)).hexdigest()


@lru_cache(maxsize=32)
def _parsed(name: str, booleans: tuple[str, ...], integers: tuple[str, ...]) -> pd.DataFrame:
    content = read_bytes(name)
    if name.endswith(".gz"):
        content = gzip.decompress(content)
    header = content[: content.index(b"\n")].decode().split("\t")
    kinds: dict[str, object] = {c: "int64" if c in integers else object for c in header if c not in booleans}
    return pd.read_csv(
        io.BytesIO(content),
        sep="\t",
        dtype=kinds,
        keep_default_na=False,
        converters=dict.fromkeys(booleans, _as_bool),
    )


def _as_bool(value: str) -> bool:
    return value == "True"


def read_table(name: str, *, booleans: tuple[str, ...] = (), integers: tuple[str, ...] = ()) -> pd.DataFrame:
    """Fresh copy of one tab-separated table; every other column is text, empty where nothing is known.

    Parameters
    ----------
    name
        File name inside the data folder, ``.tsv`` or ``.tsv.gz``.
    booleans, integers
        Columns holding ``True``/``False`` and whole numbers.

    Returns
    -------
    The table, which the caller may change.
    """
    return _parsed(name, booleans, integers).copy()
