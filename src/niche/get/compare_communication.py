"""Tidy table of what differs between organs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche.errors import InputValueError
from niche.get._ambient_edges import NOT_ASSESSED, edge_shares

RUN_FIRST = "niche.tl.compare_communication"
NOT_MEASURED = "gene not measured"
"""Why an edge is in no row: :func:`niche.get.communication` lists those."""

Names = str | Sequence[str] | None

COLUMNS = (
    "contrast", "organ", "source", "target", "ligand_complex", "receptor_complex", "pathway", "log2fc", "ci_low",
    "ci_high", "statistic", "pval", "qval", "pval_joint", "qval_joint", "driver", "call", "reason", "n_samples",
    "n_patients", "sign_stability", "ambient_share", "min_detectable_log2fc", "driver_compartment",
    "log2fc_ligand", "log2fc_receptor", "pval_ligand", "pval_receptor",
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
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        One row per contrast and edge of measured genes: ``contrast, organ`` (the one that a positive log2fc raises; empty
        for omnibus), ``source, target, ligand_complex, receptor_complex, pathway, log2fc`` of the mean of both
        sides with its 95 % interval ``ci_low, ci_high``, ``statistic`` (moderated t, F for omnibus), ``pval,
        qval, pval_joint, qval_joint`` (both sides move), ``driver`` (``both``, ``ligand``, ``receptor``,
        ``undetermined``), ``call`` (``enriched``, ``depleted``, ``specific``, ``shared``, ``differs``,
        ``undetermined``, ``not_testable``), ``reason, n_samples, n_patients, sign_stability`` (share of
        left-out patients without whom the sign holds), ``ambient_share`` (of the difference; ``not_assessed``
        where :func:`niche.pp.ambient` was not run, NaN where nothing can be said),
        ``min_detectable_log2fc`` (80 % power at 0.05), ``driver_compartment`` (``tumor``: seed, ``host``:
        soil, ``both``), ``log2fc_ligand, log2fc_receptor, pval_ligand, pval_receptor``.

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
    stored = read.result(adata, key, run_first=RUN_FIRST)
    first = read.result(adata, str(stored["params"]["key"]), run_first="niche.tl.communication")
    if len(first["pairs"]["ligand_unit"]) != np.asarray(stored["untested"]).shape[1]:
        raise InputValueError(
            f"adata.uns[{stored['params']['key']!r}] is not the run that was compared. Run {RUN_FIRST} again."
        )
    table = _Table(stored, first)
    row, column = table.rows(contrast, organ, source, target, call, qval)
    return table.frame(adata, row, column)


class _Table:
    """Edges that were compared and those that were not, as rows; contrasts as columns."""

    def __init__(self, stored: Mapping[str, Any], first: Mapping[str, Any]) -> None:
        self.stored, self.first = stored, first
        edges = stored["edges"]
        untested = np.asarray(stored["untested"])
        unmeasured = read.strings(stored["reason_names"]).index(NOT_MEASURED)
        pair, lr = np.nonzero((untested > 0) & (untested != unmeasured))
        self.n_tested = len(edges["pair"])
        self.cell_pair = np.concatenate([edges["cell_pair"], pair]).astype(np.int64)
        self.lr = np.concatenate([edges["pair"], lr]).astype(np.int64)
        self.untested_reason = untested[pair, lr]
        self.contrasts = read.strings(stored["contrasts"]["name"])
        groups = [*read.strings(stored["groups"]["name"]), ""]
        self.organ_of = [groups[int(g)] for g in stored["contrasts"]["plus"]]
        self.types = read.strings(first["cell_types"]["name"])
        self.calls = read.strings(stored["call_names"])

    def rows(
        self, contrast: Names, organ: Names, source: Names, target: Names, call: Names, qval: float | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of what is kept, by contrast, then edge."""
        columns = np.ones(len(self.contrasts), dtype=bool)
        columns &= _is_wanted(contrast, "contrast", self.contrasts, self.contrasts)
        columns &= _is_wanted(organ, "organ", self.organ_of, sorted(set(self.organ_of) - {""}))
        kept = np.ones(self.lr.size, dtype=bool)
        for name, wanted in (("source", source), ("target", target)):
            ends = np.asarray(self.stored["cell_pairs"][name])[self.cell_pair]
            kept &= _is_wanted(wanted, name, self.types, self.types)[ends]
        mask = kept[:, None] & columns[None]
        mask[: self.n_tested] &= _is_wanted(call, "call", self.calls, self.calls)[self.stored["call"]]
        if call is not None and "not_testable" not in ([call] if isinstance(call, str) else list(call)):
            mask[self.n_tested :] = False
        if qval is not None:
            with np.errstate(invalid="ignore"):
                mask[: self.n_tested] &= np.asarray(self.stored["values"]["qval"]) <= qval
            mask[self.n_tested :] = False
        column, row = np.nonzero(mask.T)
        return row, column

    def frame(self, adata: ad.AnnData, row: np.ndarray, column: np.ndarray) -> pd.DataFrame:
        """The rows as a table."""
        stored, pairs = self.stored, self.first["pairs"]
        tested = row < self.n_tested
        at = (np.where(tested, row, 0), column)
        out: dict[str, Any] = {
            "contrast": pd.Categorical.from_codes(column, self.contrasts),
            "organ": _coded(self.organ_of, column),
        }
        for name in ("source", "target"):
            ends = np.asarray(stored["cell_pairs"][name])[self.cell_pair[row]]
            out[name] = pd.Categorical.from_codes(ends, self.types)
        for name in ("ligand_complex", "receptor_complex", "pathway"):
            codes, names = pd.factorize(np.asarray(pairs[name], dtype=object), sort=True)
            out[name] = pd.Categorical.from_codes(codes[self.lr[row]], [str(n) for n in names])
        for name, values in stored["values"].items():
            out[name] = np.where(tested, np.asarray(values)[at], np.nan) if self.n_tested else np.nan
        for name in ("n_samples", "n_patients"):
            out[name] = np.where(tested, np.asarray(stored[name])[at], 0)
        call = np.where(tested, np.asarray(stored["call"])[at], self.calls.index("not_testable"))
        out["call"] = pd.Categorical.from_codes(call, self.calls)
        other = np.concatenate([np.zeros(self.n_tested, dtype=np.int64), self.untested_reason])[row]
        reason = np.where(tested, np.asarray(stored["reason"])[at], other)
        out["reason"] = pd.Categorical.from_codes(reason, read.strings(stored["reason_names"]))
        drivers = read.strings(stored["driver_names"])
        out["driver"] = pd.Categorical.from_codes(
            np.where(tested, np.asarray(stored["driver"])[at], 0), drivers
        )
        frame = pd.DataFrame(out)
        frame["driver_compartment"] = self._compartment(frame)
        frame["ambient_share"] = self._ambient(adata, frame, column)
        return frame[list(COLUMNS)]

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

    def _ambient(self, adata: ad.AnnData, frame: pd.DataFrame, column: np.ndarray) -> Any:
        """Share of the difference that ambient molecules explain."""
        if keys.AMBIENT not in adata.uns:
            return pd.Categorical.from_codes(np.zeros(len(frame), dtype=np.int8), [NOT_ASSESSED])
        share = np.full(len(frame), np.nan)
        against = self._against()
        for c in np.unique(column):
            if against[c] is None:
                continue
            mine = np.flatnonzero((column == c) & frame["log2fc"].notna().to_numpy())
            share[mine] = edge_shares(adata, frame.iloc[mine], effect=True, against=against[c])[
                "ambient_share"
            ]
        return share

    def _against(self) -> list[list[str] | None]:
        """Organs on the other side of every contrast."""
        groups, tissue = (
            read.strings(self.stored["groups"]["name"]),
            read.strings(self.stored["groups"]["tissue"]),
        )
        out: list[list[str] | None] = []
        parts = self.stored["contrasts"]
        for kind, plus, minus in zip(read.strings(parts["kind"]), parts["plus"], parts["minus"], strict=True):
            wanted = "primary" if kind == "primary" else "metastasis"
            if kind == "omnibus":
                out.append(None)
            elif minus >= 0:
                out.append([groups[int(minus)]])
            else:
                out.append(
                    [
                        g
                        for i, (g, t) in enumerate(zip(groups, tissue, strict=True))
                        if t == wanted and i != plus
                    ]
                )
        return out


def _coded(labels: Sequence[str], codes: np.ndarray) -> pd.Categorical:
    """Labels picked by code, some of them the same, as a category."""
    place, names = pd.factorize(np.array(labels, dtype=object), sort=True)
    return pd.Categorical.from_codes(place[codes], [str(name) for name in names])


def _is_wanted(wanted: Names, name: str, labels: Sequence[str], known: Sequence[str]) -> np.ndarray:
    if wanted is None:
        return np.ones(len(labels), dtype=bool)
    listed = [wanted] if isinstance(wanted, str) else list(wanted)
    unknown = [item for item in listed if item not in known]
    if unknown:
        raise InputValueError(
            f"{name}: {validate.shown(unknown)} not in the result. Available: {validate.shown(known)}."
        )
    return np.isin(np.array(labels, dtype=object), listed)
