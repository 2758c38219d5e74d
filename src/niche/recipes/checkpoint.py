"""What a run has found so far, kept in a file, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import anndata as ad
import pandas as pd

from niche._log import logger
from niche._slots import fingerprint, keys, read
from niche._slots.lazy import is_dask
from niche._version import __version__
from niche.errors import InputValueError, warn
from niche.recipes.config import RecipeConfig

SLOT = "niche_checkpoint"
_PATIENCE = 10.0
"""So many times longer than a checkpoint takes to be written it is not written again."""


@dataclass
class Checkpoint:
    """A file beside a run.

    Attributes
    ----------
    path
        The file.
    run
        What the run is of: its data and its settings.
    """

    path: Path
    run: str
    _written: float = field(default=float("-inf"), repr=False)
    _took: float = field(default=0.0, repr=False)
    _off: bool = field(default=False, repr=False)

    @classmethod
    def of(cls, path: str | Path | None, adata: ad.AnnData, config: RecipeConfig) -> Checkpoint | None:
        """The checkpoint of a run, None where none is wanted or the data are read lazily."""
        if path is None:
            return None
        if any(is_dask(values) for values in (adata.X, *adata.layers.values())):
            logger.info("recipe: data that are read lazily are not copied into a checkpoint")
            return None
        file = Path(path).expanduser()
        if file.suffix != ".h5ad":
            raise InputValueError(f"checkpoint must be the path of an h5ad file. Got {str(path)!r}.")
        return cls(file, _identity(adata, config))

    def resumed(self, adata: ad.AnnData) -> ad.AnnData:
        """The data with what was found before, where the file is of this very run; else the data given."""
        if not self.path.exists():
            return adata
        try:
            found = ad.read_h5ad(self.path)
        except (OSError, KeyError, ValueError) as error:
            logger.info("recipe: the checkpoint %s cannot be read and is left aside: %s", self.path, error)
            return adata
        if str(found.uns.pop(SLOT, "")) != self.run:
            logger.info("recipe: the checkpoint %s is of other data or settings and left aside", self.path)
            return adata
        logger.info("recipe: going on from the checkpoint %s", self.path)
        return found

    def save(self, adata: ad.AnnData, left_out: pd.DataFrame | None) -> None:
        """Write the state whole or not at all, unless that was done moments ago; warn where it cannot be."""
        begun = time.monotonic()
        if self._off or begun - self._written < _PATIENCE * self._took:
            return
        draft = self.path.with_name(f".{self.path.name}.draft")
        with _also(adata, self.run, left_out):
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                adata.write_h5ad(draft)
                draft.replace(self.path)
            except OSError as error:
                with suppress(OSError):
                    draft.unlink()
                self._off = True
                warn(
                    f"cannot write the checkpoint {str(self.path)!r}: {error.strerror or error}. The run "
                    "goes on without; if it is stopped it begins anew."
                )
        self._written = time.monotonic()
        self._took = self._written - begun

    def remove(self) -> None:
        """The run is done."""
        self.path.unlink(missing_ok=True)


def _identity(adata: ad.AnnData, config: RecipeConfig) -> str:
    """Version, settings and data in one line."""
    asked = config.model_dump(exclude={"n_jobs", "notes"}, mode="json")
    seen = fingerprint.compute(adata, obs=adata.obs.columns, layers=[None, *adata.layers])
    parts = {
        "version": __version__,
        "settings": asked,
        "data": dict(zip(read.strings(seen["names"]), read.strings(seen["digests"]), strict=True)),
        "results": {key: read.identity(adata, key) for key in read.ours(adata)},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@contextmanager
def _also(adata: ad.AnnData, run: str, left_out: pd.DataFrame | None) -> Iterator[None]:
    """For the time of writing: whose state it is, and which cells were left out."""
    before = adata.uns.get(keys.RECIPE)
    adata.uns[SLOT] = run
    if left_out is not None:
        adata.uns[keys.RECIPE] = {"excluded": left_out}
    try:
        yield
    finally:
        del adata.uns[SLOT]
        if left_out is not None:
            del adata.uns[keys.RECIPE]
        if before is not None:
            adata.uns[keys.RECIPE] = before
