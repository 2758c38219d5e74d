"""One universe: the edges between organs of data that share the matrix, under other options."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche import get, tl
from niche._settings import settings
from niche._slots import keys
from niche._stats.contrasts import OMNIBUS
from niche.errors import InputValueError, NicheWarning
from niche.get._compare_chosen import EDGE
from niche.get._comparisons import DIRECTED
from niche.recipes.universes import FACTORS, Base, Options
from niche.tl._cell_types import cell_types

KEPT = "multiverse_kept"
"""Column of the compartments in which the cells of a patient left out are unresolved."""
NAMES = ("contrast", *EDGE)
ESTIMATES = (*NAMES, "log2fc", "ci_low", "ci_high", "call", "reason")
TEXT = (*NAMES, "call", "reason")
NOT_TESTABLE = "not_testable"
_ONE_SCORE = "expr_prod"


@dataclass(frozen=True)
class Outcome:
    """What a universe found.

    Attributes
    ----------
    rows
        Estimates in the cell types of the run.
    n_tested, n_called
        Edges x contrasts with a p-value, and with a call that names an organ.
    reason
        Why there are none, or ``""``.
    """

    rows: pd.DataFrame
    n_tested: int
    n_called: int
    reason: str = ""


@dataclass
class Runner:
    """Runs universes of one data set; a communication run is kept for the next that can use it."""

    adata: ad.AnnData
    base: Base
    n_jobs: int | None
    _last: tuple[tuple[Any, ...], Mapping[str, Any]] | None = None
    _counterparts: dict[str, pd.DataFrame] = field(default_factory=dict)

    def of_base(self) -> Outcome:
        """The run itself, which is stored."""
        return _outcome(_estimates(get.compare_communication(self.adata, estimated=True, key=self.base.key)))

    def run(self, options: Options) -> Outcome:
        """Compare the organs under these options."""
        shell = self._shell(str(options["left_out"]))
        try:
            with warnings.catch_warnings():  # the run itself has warned of the design
                warnings.simplefilter("ignore", NicheWarning)
                self._communication(shell, options)
                tl.compare_communication(
                    shell,
                    covariates=self.base.covariates,
                    patients=options["patients"],
                    n_jobs=self.n_jobs,
                )
        except InputValueError as error:
            return Outcome(pd.DataFrame(columns=list(ESTIMATES)), 0, 0, str(error))
        found = _outcome(_estimates(get.compare_communication(shell, estimated=True)))
        if options["level"] == self.base.options["level"]:
            return found
        return replace(found, rows=self._renamed(found.rows, str(options["level"])))

    def _shell(self, left_out: str) -> ad.AnnData:
        """The same matrices with columns of their own; a patient left out has unresolved cells only."""
        adata, given = self.adata, self.base.given
        layers = {name: values for name, values in adata.layers.items() if name is not None}
        shell = ad.AnnData(X=adata.X, obs=adata.obs.copy(), var=adata.var, layers=layers)
        if keys.AMBIENT in adata.uns:
            shell.uns[keys.AMBIENT] = adata.uns[keys.AMBIENT]
        if left_out:
            patient = shell.obs[given["patient_key"] or settings.patient_key].astype(str)
            column = given["compartment_key"]
            # without compartments all cells stand on one side: which one plays no part in what is compared
            side = "parenchymal" if column is None else shell.obs[column].astype(str)
            shell.obs[KEPT] = pd.Categorical(np.where(patient == left_out, "unresolved", side))
        return shell

    def _communication(self, shell: ad.AnnData, options: Options) -> None:
        wanted = tuple(options[name] for name in FACTORS if name != "patients")
        if self._last is None or self._last[0] != wanted:
            given = self.base.given | ({"compartment_key": KEPT} if options["left_out"] else {})
            tl.communication(
                shell,
                resource=self.base.resources[options["resource"]],
                level=options["level"],
                expr_prop=float(options["expr_prop"]),
                min_cells=int(options["min_cells"]),
                scores=_ONE_SCORE,
                null=None,
                n_jobs=self.n_jobs,
                **given,
            )
            self._last = wanted, shell.uns[keys.COMMUNICATION]
        shell.uns[keys.COMMUNICATION] = self._last[1]

    def counterparts(self, level: str) -> pd.DataFrame:
        """Cell types of the run (``type``) with the one that holds all their cells at a level (``there``).

        A type whose cells are parted there has none.
        """
        if level not in self._counterparts:
            codes = [self._types(one) for one in (self.base.options["level"], level)]
            both = pd.DataFrame({"type": codes[0], "there": codes[1]}).dropna().drop_duplicates()
            once = ~both["type"].duplicated(keep=False)
            self._counterparts[level] = both[once & both["type"].isin(self.base.types)]
        return self._counterparts[level]

    def _types(self, level: str) -> np.ndarray:
        given = self.base.given
        named = given["senders"] is None and given["receivers"] is None
        found = cell_types(
            self.adata, given["groupby"], given["compartment_key"], level=level, need_compartment=named
        )
        return np.array([*found.names, None], dtype=object)[found.codes]

    def _renamed(self, found: pd.DataFrame, level: str) -> pd.DataFrame:
        """Rows in the cell types of the run; a row of several types there is one of each of them."""
        known = self.counterparts(level)
        for end in ("source", "target"):
            here = known.rename(columns={"type": "here", "there": end})
            found = found.merge(here, on=end, how="inner").drop(columns=end).rename(columns={"here": end})
        return found[list(ESTIMATES)]


def _outcome(rows: pd.DataFrame) -> Outcome:
    return Outcome(rows, int((rows["call"] != NOT_TESTABLE).sum()), int(rows["call"].isin(DIRECTED).sum()))


def _estimates(table: pd.DataFrame) -> pd.DataFrame:
    """What is kept of a comparison: effects with their interval and call."""
    kept = table.loc[(table["contrast"] != OMNIBUS) & table["log2fc"].notna(), list(ESTIMATES)]
    return kept.astype(dict.fromkeys(TEXT, str)).reset_index(drop=True)
