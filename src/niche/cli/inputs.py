"""Read what a command is given: the data, the settings, and what has to be guessed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from niche.cli.guard import tell
from niche.errors import InputValueError

if TYPE_CHECKING:
    from anndata import AnnData

    from niche.recipes.load import AnyConfig

_INPUT = ("sample", "patient", "organ", "tissue", "cell_type", "compartment", "malignant")
_TOP = ("organism", "seed", "n_jobs")
_EDGES = ("resource", "tissues")


def read(path: str, *, lazy: bool = False) -> AnnData:
    """Read an h5ad file or a zarr folder; say in words what is wrong with one that cannot be read.

    With ``lazy`` matrices stay on disk, and every step reads what it needs.
    """
    import anndata as ad

    file = Path(path).expanduser()
    if _is_zarr(file):
        _whole_zarr(file, path)
        reader, kind = (ad.experimental.read_lazy if lazy else ad.read_zarr), "zarr folder"
    else:
        _is_h5ad(file, path)
        reader, kind = (ad.experimental.read_lazy if lazy else ad.read_h5ad), "h5ad file"
    try:
        return reader(file)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise _unreadable(path, kind, error) from error


def _unreadable(path: str, kind: str, error: Exception) -> InputValueError:
    return InputValueError(f"{path!r} cannot be read as an {kind}: {' '.join(str(error).split())[:200]}")


def _is_h5ad(file: Path, path: str) -> None:
    """Refuse what is no h5ad file, and one that is cut off."""
    import h5py

    if file.is_dir():
        raise InputValueError(f"{path!r} is a folder, and neither an h5ad file nor a zarr store.")
    if not file.is_file():
        raise InputValueError(f"the file {path!r} does not exist.")
    if not h5py.is_hdf5(file):
        raise InputValueError(
            f"{path!r} is not an h5ad file: it is no HDF5 file. Write one with adata.write_h5ad(path)."
        )
    try:
        with h5py.File(file) as content:
            held = sorted(content)
    except OSError as error:
        raise _unreadable(path, "h5ad file", error) from error
    if not {"obs", "var"} <= set(held):
        raise InputValueError(f"{path!r} is HDF5 but no h5ad file: it holds {', '.join(held) or 'nothing'}.")


def _is_zarr(file: Path) -> bool:
    return file.is_dir() and any((file / name).is_file() for name in ("zarr.json", ".zgroup"))


def _whole_zarr(file: Path, path: str) -> None:
    """Refuse a zarr store in which values of a matrix are missing, which zarr would read as zeros."""
    import zarr

    try:
        store: Any = zarr.open_group(file, mode="r")
        layers = [store["layers"][name] for name in store["layers"]] if "layers" in store else []
        parts = [
            matrix[part]
            for matrix in (*([store["X"]] if "X" in store else []), *layers)
            for part in ("data", "indices")
            if hasattr(matrix, "keys") and part in matrix
        ]
        short = [part.path for part in parts if part.nchunks_initialized < part.nchunks]
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise _unreadable(path, "zarr folder", error) from error
    if short:
        raise InputValueError(
            f"{path!r} is incomplete: chunks of {', '.join(short)} are missing. Copy or write it again."
        )


def settings(arguments: argparse.Namespace) -> AnyConfig:
    """Settings of the config file, with the flags on top."""
    from niche.recipes import load_config
    from niche.recipes.multiverse_config import MultiverseConfig

    file, recipe = getattr(arguments, "config", None), getattr(arguments, "recipe", None)
    known = load_config(file, recipe=recipe)
    if isinstance(known, MultiverseConfig):
        raise InputValueError(
            "the recipe multiverse goes on from a result and is called in Python: "
            "niche.recipes.multiverse(result, config)."
        )
    fields: dict[str, Any] = {**known.model_dump(exclude_unset=True), "recipe": known.recipe}
    for section, names in (("input", _INPUT), ("communication", _EDGES), ("", _TOP)):
        for name in names:
            value = getattr(arguments, name, None)
            if value is None:
                continue
            if section and section not in type(known).model_fields:
                raise InputValueError(f"--{name} is no option of the recipe {known.recipe}.")
            place = fields.setdefault(section, {}) if section else fields
            place[name] = value
    return cast("AnyConfig", load_config(fields))


def without_cell_types(missing: tuple[str, ...]) -> str:
    """Where to go on when a study has no cell types yet; empty where something else is missing too."""
    if missing != ("cell_type",):
        return ""
    return " Without cell types start with --recipe tumor_stroma, which names cells itself."


def completed(adata: AnnData, config: AnyConfig) -> AnyConfig:
    """Fill in what is not named, saying each guess, and keep the guesses for the report."""
    from niche.recipes import guess_config

    guess = guess_config(adata, config)
    for note in guess.notes:
        tell(f"guessed: {note}")
    if guess.missing:
        names = [name.replace("_", " ") for name in guess.missing]
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in guess.missing)
        raise InputValueError(
            f"no column of obs could be recognised as {', '.join(names)}. Name it with {flags}. Columns: "
            f"{', '.join(map(str, adata.obs.columns)) or 'none'}.{without_cell_types(guess.missing)}"
        )
    found = guess.config
    found.notes = [*dict.fromkeys([*found.notes, *(f"guessed: {note}" for note in guess.notes)])]
    return found
