"""Run the steps of a recipe once each, skip what is current, and keep a record of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anndata as ad
import pandas as pd

from niche._log import logger
from niche._slots import fingerprint, keys, lazy, read, write
from niche.errors import InputValueError
from niche.recipes.checkpoint import Checkpoint
from niche.recipes.config import RecipeConfig

DONE, SKIPPED, RESUMED = "done", "skipped", "resumed"

Result = TypeVar("Result")


@dataclass
class Steps:
    """The steps of one run.

    Attributes
    ----------
    adata
        The data the steps work on; a step may replace it.
    checkpoint
        Where the state is kept while the steps go on, or None.
    rows
        Step, what became of it, and why.
    left_out
        Cells left out so far, by sample and cell type.
    taken
        What steps took into memory of data that lie on disk, in words.
    """

    adata: ad.AnnData
    n_steps: int
    checkpoint: Checkpoint | None = None
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    left_out: pd.DataFrame | None = None
    taken: list[str] = field(default_factory=list)
    _advance: Callable[[str], None] = lambda name: None

    def __post_init__(self) -> None:
        if self.checkpoint is not None:
            self.adata = self.checkpoint.resumed(self.adata)

    @contextmanager
    def progress(self, title: str) -> Iterator[None]:
        """Show a bar in a terminal or a notebook, and nothing where it would fill a log."""
        from tqdm.auto import tqdm

        in_notebook = any("notebook" in kind.__module__ for kind in tqdm.__mro__)
        shown = in_notebook or (sys.stderr is not None and sys.stderr.isatty())
        with tqdm(total=self.n_steps, desc=title, unit="step", disable=not shown, leave=False) as bar:

            def advance(name: str) -> None:
                bar.set_postfix_str(name)
                bar.update()

            self._advance = advance
            yield

    def run(
        self,
        name: str,
        call: Callable[[], object],
        *,
        key: str,
        params: Mapping[str, Any],
        fits: Callable[[Mapping[str, Any]], bool] = lambda stored: True,
    ) -> bool:
        """Call a step unless its stored result is current: same parameters, same data.

        Returns whether it was called.
        """
        if self._is_there(name, key, params, fits):
            return False
        logger.info("recipe: %s", name)
        self.call(name, call)
        self._record(name, DONE, "")
        return True

    def call(self, name: str, function: Callable[[], Result]) -> Result:
        """Call the function of a step, and note what it takes into memory of data that lie on disk."""
        with lazy.noting() as parts:
            result = function()
        if parts:
            most = max(parts, key=lambda part: part.n_bytes)
            n_cells, n_genes = most.shape
            self.taken.append(
                f"the data were read lazily; {name} held {n_cells:,} cells x {n_genes:,} genes in memory at "
                f"a time ({most.n_bytes / 1e6:,.1f} MB)"
            )
        return result

    def _is_there(
        self, name: str, key: str, params: Mapping[str, Any], fits: Callable[[Mapping[str, Any]], bool]
    ) -> bool:
        """Whether a current result is stored, which is then noted as resumed."""
        if not (read.is_current(self.adata, key, params) and fits(self.adata.uns[key])):
            return False
        self.resume(name, "the stored result fits the data and the parameters")
        return True

    def run_or_skip(
        self,
        name: str,
        call: Callable[[], object],
        *,
        key: str,
        params: Mapping[str, Any],
        fits: Callable[[Mapping[str, Any]], bool] = lambda stored: True,
    ) -> bool:
        """Run a step that the data may not allow; then nothing is stored under its key, and why is noted."""
        if self._is_there(name, key, params, fits):
            return False
        logger.info("recipe: %s", name)
        try:
            self.call(name, call)
        except InputValueError as error:
            self.adata.uns.pop(key, None)
            self.skip(name, str(error))
            return False
        self._record(name, DONE, "")
        return True

    def resume(self, name: str, reason: str) -> None:
        """Note a step whose stored result is used."""
        self._record(name, RESUMED, reason)

    def skip(self, name: str, reason: str) -> None:
        """Leave a step out and say why."""
        logger.info("recipe: %s skipped: %s", name, reason)
        self._record(name, SKIPPED, reason)

    def done(self, name: str, what: str) -> None:
        """Note a step the recipe does itself."""
        self._record(name, DONE, what)

    def _record(self, name: str, status: str, reason: str) -> None:
        self.rows.append((name, status, reason))
        if self.checkpoint is not None and status == DONE:
            self.checkpoint.save(self.adata, self.left_out)
        self._advance(name)

    def finish(self, name: str, config: RecipeConfig, notes: Sequence[str], left_out: pd.DataFrame) -> None:
        """Write the record to ``uns["recipe"]``: steps, settings, notes, and the cells left out."""
        table = pd.DataFrame(self.rows, columns=["step", "status", "reason"], dtype=object)
        told = [*dict.fromkeys([*config.notes, *notes, *self.taken])]
        write.result(
            self.adata,
            keys.RECIPE,
            params=config.model_dump(exclude={"n_jobs", "notes"}),
            payload={"name": name, "steps": table, "notes": told, "excluded": left_out},
            fingerprint=fingerprint.compute(self.adata, obs=[], layers=[]),
        )
        if self.checkpoint is not None:
            self.checkpoint.remove()
