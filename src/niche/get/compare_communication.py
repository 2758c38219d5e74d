"""Tidy table of what differs between organs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche.get._ambient_edges import NOT_ASSESSED, SIDES, edge_shares
from niche.get._ambient_result import largest_share
from niche.get._compared_run import compared_run
from niche.get._comparisons import Comparisons, Names, coded, is_wanted, with_ambient
from niche.get.communication import SPECIES, species_of

RUN_FIRST = "niche.tl.compare_communication"
NOT_MEASURED = "gene not measured"
"""Why an edge is in no row: :func:`niche.get.communication` lists those."""

COLUMNS = (
    "contrast", "organ", "source", "target", "ligand_complex", "receptor_complex", "pathway", "log2fc",
    "ci_low", "ci_high", "statistic", "pval", "qval", "pval_joint", "qval_joint", "driver", "call",
    "reason", "n_samples", "n_patients", "sign_stability", "ambient_share", "min_detectable_log2fc",
    "driver_compartment", "log2fc_ligand", "log2fc_receptor", "pval_ligand", "pval_receptor",
    "ambient_side",
)  # fmt: skip


def compare_communication(
    adata: ad.AnnData,
    *,
    contrast: Names = None,
    organ: Names = None,
    source: Names = None,
    target: Names = None,
    call: Names = None,
    qval: float | None = None,
    estimated: bool = False,
    key: str = keys.COMPARE_COMMUNICATION,
) -> pd.DataFrame:
    """Return the edges of :func:`niche.tl.compare_communication` as a long table.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    contrast
        Keep these contrasts: ``"omnibus"``, ``"<organ>_vs_rest"``, ``"<a>_vs_<b>"``,
        ``"<organ>_vs_primary"``, ``"<organ>_vs_normal"``.
    organ
        Keep contrasts that raise these organs.
    source, target
        Keep these senders, receivers.
    call
        Keep these calls. All by default, so that nothing is absent without a word.
    qval
        Keep rows with a q-value up to this.
    estimated
        Keep rows with a number only: a log2fc, or the F of the omnibus, whether or not there is a p-value.
        The others, often most, hold nothing but their reason.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        One row per contrast and edge of measured genes: ``contrast, organ`` (the one that a positive log2fc
        raises; empty for omnibus), ``source, target, ligand_complex, receptor_complex, pathway, log2fc`` of
        the mean of both sides with its 95 % interval ``ci_low, ci_high``, ``statistic`` (moderated t, F for
        omnibus), ``pval, qval, pval_joint, qval_joint`` (both sides move), ``driver`` (``both``,
        ``ligand``, ``receptor``, ``undetermined``), ``call`` (``enriched``, ``depleted``, ``specific``,
        ``shared``, ``differs``, ``undetermined``, ``not_testable``, and ``ambient-suspect`` where one of the
        first three would rest on ambient molecules; the reason says which), ``reason, n_samples,
        n_patients, sign_stability`` (share of left-out patients without whom the sign holds),
        ``ambient_share`` (of the difference; ``not_assessed`` where :func:`niche.pp.ambient` was not run,
        NaN where nothing can be said), ``ambient_side`` (``ligand``, ``receptor`` or ``both`` where
        ambient molecules explain how that side moves, else empty), ``min_detectable_log2fc`` (80 % power
        at 0.05), ``driver_compartment`` (``tumor``: seed, ``host``: soil, ``both``), ``log2fc_ligand,
        log2fc_receptor, pval_ligand, pval_receptor``. That both sides move is shown by ``qval_joint <= 0.1``
        where ``ambient_side`` is empty. In xenografts ``ligand_species`` and ``receptor_species`` follow
        ``target`` (``mixed`` where less than 95 % of the cells of the type are of one species).

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since, or the communication result is gone.
    InputValueError
        A name to keep does not exist.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> niche.tl.compare_communication(adata)
    >>> table = niche.get.compare_communication(adata, contrast="lung_vs_rest", call="specific")
    >>> bool((table["log2fc"] > 0.5).all())
    True
    """
    if qval is not None:
        validate.number(qval, "qval", low=0, high=1)
    validate.flag(estimated, "estimated")
    stored = read.result(adata, key, run_first=RUN_FIRST)
    first = compared_run(adata, stored, RUN_FIRST)
    table = _Table(stored, first)
    row, column = table.rows(table.between(source, target), contrast, organ, call, qval, estimated=estimated)
    return table.frame(adata, row, column, call)


class _Table(Comparisons):
    """Edges that were compared and those that were not, as rows; contrasts as columns."""

    def __init__(self, stored: Mapping[str, Any], first: Mapping[str, Any]) -> None:
        edges = stored["edges"]
        super().__init__(stored, edges["cell_pair"], edges["pair"], left_out=[NOT_MEASURED])
        self.first = first
        self.types = read.strings(first["cell_types"]["name"])

    def between(self, source: Names, target: Names) -> np.ndarray:
        """(n_rows,) edges between these cell types."""
        kept = np.ones(self.feature.size, dtype=bool)
        for name, wanted in (("source", source), ("target", target)):
            ends = np.asarray(self.stored["cell_pairs"][name])[self.owner]
            kept &= is_wanted(wanted, name, self.types, self.types)[ends]
        return kept

    def frame(self, adata: ad.AnnData, row: np.ndarray, column: np.ndarray, call: Names) -> pd.DataFrame:
        """The rows as a table, those with one of the calls ``call``."""
        stored, pairs = self.stored, self.first["pairs"]
        out = self.columns(row, column)
        ends = [np.asarray(stored["cell_pairs"][name])[self.owner[row]] for name in ("source", "target")]
        for name, types in zip(("source", "target"), ends, strict=True):
            out[name] = pd.Categorical.from_codes(types, self.types)
        out |= species_of(self.first, *ends)
        for name in ("ligand_complex", "receptor_complex", "pathway"):
            out[name] = coded(read.strings(pairs[name]), self.feature[row])
        drivers = read.strings(stored["driver_names"])
        out["driver"] = pd.Categorical.from_codes(self.of_tested(stored["driver"], row, column, 0), drivers)
        frame = pd.DataFrame(out)
        frame["driver_compartment"] = self._compartment(frame)
        share, side = self._ambient(adata, frame, column)
        frame["ambient_side"] = side
        listed = [name for name in (*COLUMNS[:4], *SPECIES, *COLUMNS[4:]) if name in (*COLUMNS, *out)]
        return with_ambient(frame, share, largest_share(adata), call)[listed]

    def _compartment(self, frame: pd.DataFrame) -> pd.Categorical:
        """Whether tumor or host cells drive the edge."""
        kinds = ["", "tumor", "host", "both", "undetermined"]
        compartments = read.strings(self.first["cell_types"]["compartment"])
        kind = np.array([1 if c == "tumor" else 2 if c in keys.HOST else 0 for c in compartments])
        source, target = (kind[frame[end].cat.codes.to_numpy()] for end in ("source", "target"))
        driver = frame["driver"].cat.codes.to_numpy()
        name = {label: code for code, label in enumerate(frame["driver"].cat.categories)}
        both = np.where(source == target, source, 3)
        choices = [source, target, both, np.full(len(frame), 4)]
        is_driver = [driver == name[one] for one in ("ligand", "receptor", "both", "undetermined")]
        return pd.Categorical.from_codes(np.select(is_driver, choices, 0), kinds)

    def _ambient(
        self, adata: ad.AnnData, frame: pd.DataFrame, column: np.ndarray
    ) -> tuple[np.ndarray | None, pd.Categorical]:
        """Share of the difference that ambient molecules explain (None: not assessed), and the sides."""
        side = np.zeros(len(frame), dtype=np.int8)
        if keys.AMBIENT not in adata.uns:
            return None, pd.Categorical.from_codes(side, [NOT_ASSESSED])
        share = np.full(len(frame), np.nan)
        against = self.against()
        for c in np.unique(column):
            if against[c] is None:
                continue
            mine = np.flatnonzero((column == c) & frame["log2fc"].notna().to_numpy())
            found = edge_shares(adata, frame.iloc[mine], effect=True, against=against[c])
            share[mine], side[mine] = found["ambient_share"], found["ambient_side"]
        return share, pd.Categorical.from_codes(side, SIDES)
