"""Run the steps of a recipe once each, skip what is current, and keep a record of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anndata as ad
import pandas as pd

from niche._log import logger
from niche._slots import fingerprint, keys, read, write

"""Where in ``uns`` a recipe keeps its record."""

DONE, SKIPPED, RESUMED = "done", "skipped", "resumed"


@dataclass
class Steps:
    """The steps of one run.

    Attributes
    ----------
    adata
        The data the steps work on; a step may replace it.
    rows
        Step, what became of it, and why.
    """

    adata: ad.AnnData
    n_steps: int
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    _advance: Callable[[str], None] = lambda name: None

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
    ) -> None:
        """Call a step unless its stored result is current: same parameters, same data."""
        if read.is_current(self.adata, key, params) and fits(self.adata.uns[key]):
            self._record(name, RESUMED, "the stored result fits the data and the parameters")
            return
        logger.info("recipe: %s", name)
        call()
        self._record(name, DONE, "")

    def skip(self, name: str, reason: str) -> None:
        """Leave a step out and say why."""
        logger.info("recipe: %s skipped: %s", name, reason)
        self._record(name, SKIPPED, reason)

    def done(self, name: str, what: str) -> None:
        """Note a step the recipe does itself."""
        self._record(name, DONE, what)

    def _record(self, name: str, status: str, reason: str) -> None:
        self.rows.append((name, status, reason))
        self._advance(name)

    def store(self, *, name: str, params: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
        """Write the record to ``uns["recipe"]``."""
        table = pd.DataFrame(self.rows, columns=["step", "status", "reason"], dtype=object)
        write.result(
            self.adata,
            keys.RECIPE,
            params=params,
            payload={"name": name, "steps": table, **payload},
            fingerprint=fingerprint.compute(self.adata, obs=[], layers=[]),
        )
