"""A stored comparison of organs, of edges or of genes, as a table: features in rows, contrasts in columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche.errors import InputValueError
from niche.get._ambient_edges import NOT_ASSESSED

Names = str | Sequence[str] | None

DIRECTED = ("enriched", "depleted", "specific")
"""Calls that name an organ."""


class Comparisons:
    """Features that were compared, then those that were not; each belongs to an owner (cell types).

    Attributes
    ----------
    owner, feature
        (n_rows,) codes.
    n_tested
        Rows with values; the rows behind them have a reason only.
    """

    def __init__(
        self, stored: Mapping[str, Any], owner: np.ndarray, feature: np.ndarray, left_out: Iterable[str] = ()
    ) -> None:
        """Features in the order of the values, and those with a reason that is not ``left_out``."""
        self.stored = stored
        untested = np.asarray(stored["untested"])
        names = read.strings(stored["reason_names"])
        hidden = [names.index(name) for name in left_out if name in names]
        more, other = np.nonzero((untested > 0) & ~np.isin(untested, hidden))
        self.n_tested = len(feature)
        self.owner = np.concatenate([owner, more]).astype(np.int64)
        self.feature = np.concatenate([feature, other]).astype(np.int64)
        self.untested_reason = untested[more, other]
        self.contrasts = read.strings(stored["contrasts"]["name"])
        groups = [*read.strings(stored["groups"]["name"]), ""]
        self.organ_of = [groups[int(g)] for g in stored["contrasts"]["plus"]]
        self.stored_calls = read.strings(stored["call_names"])
        self.calls = [*self.stored_calls, keys.AMBIENT_SUSPECT]

    def rows(
        self,
        kept: np.ndarray,
        contrast: Names,
        organ: Names,
        call: Names,
        qval: float | None,
        *,
        estimated: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of what is wanted of the ``kept`` (n_rows,) rows, by contrast, then feature.

        What ambient molecules explain is not stored, so ``call`` is met by :func:`with_ambient` only.
        """
        columns = is_wanted(contrast, "contrast", self.contrasts, self.contrasts)
        columns &= is_wanted(organ, "organ", self.organ_of, sorted(set(self.organ_of) - {""}))
        mask = kept[:, None] & columns[None]
        wanted = is_wanted(call, "call", self.calls, self.calls)
        wanted |= np.isin(self.calls, DIRECTED) & wanted[-1]
        mask[: self.n_tested] &= wanted[self.stored["call"]]
        if call is not None and "not_testable" not in ([call] if isinstance(call, str) else list(call)):
            mask[self.n_tested :] = False
        if qval is not None:
            with np.errstate(invalid="ignore"):
                mask[: self.n_tested] &= np.asarray(self.stored["values"]["qval"]) <= qval
            mask[self.n_tested :] = False
        if estimated:
            values = self.stored["values"]
            known = ~np.isnan(np.asarray(values["log2fc"])) | ~np.isnan(np.asarray(values["statistic"]))
            mask[: self.n_tested] &= known
            mask[self.n_tested :] = False
        column, row = np.nonzero(mask.T)
        return row, column

    def columns(self, row: np.ndarray, column: np.ndarray) -> dict[str, Any]:
        """Contrast, organ, values, patients, call and reason of rows and columns."""
        stored, tested = self.stored, row < self.n_tested
        out: dict[str, Any] = {
            "contrast": pd.Categorical.from_codes(column, self.contrasts),
            "organ": coded(self.organ_of, column),
        }
        for name, values in stored["values"].items():
            out[name] = self.of_tested(values, row, column, np.nan)
        for name in ("n_samples", "n_patients"):
            out[name] = self.of_tested(stored[name], row, column, 0)
        call = self.of_tested(stored["call"], row, column, self.calls.index("not_testable"))
        out["call"] = pd.Categorical.from_codes(call, self.calls)
        other = np.concatenate([np.zeros(self.n_tested, dtype=np.int64), self.untested_reason])[row]
        reason = np.where(tested, self.of_tested(stored["reason"], row, column, 0), other)
        out["reason"] = pd.Categorical.from_codes(reason, read.strings(stored["reason_names"]))
        return out

    def of_tested(self, values: Any, row: np.ndarray, column: np.ndarray, else_: float) -> np.ndarray:
        """Values (n_tested, n_contrasts) at rows and columns, and ``else_`` where a row has none."""
        tested = row < self.n_tested
        found = np.asarray(values)
        return np.where(tested, found[np.where(tested, row, 0), column] if len(found) else else_, else_)

    def against(self) -> list[list[str] | None]:
        """Organs on the other side of every contrast; None for the omnibus."""
        groups, tissue = (read.strings(self.stored["groups"][name]) for name in ("name", "tissue"))
        parts = self.stored["contrasts"]
        out: list[list[str] | None] = []
        for kind, plus, minus in zip(read.strings(parts["kind"]), parts["plus"], parts["minus"], strict=True):
            wanted = "primary" if kind == "primary" else "metastasis"
            if kind == "omnibus":
                out.append(None)
            elif minus >= 0:
                out.append([groups[int(minus)]])
            else:
                others = enumerate(zip(groups, tissue, strict=True))
                out.append([g for i, (g, t) in others if t == wanted and i != plus])
        return out


def with_ambient(frame: pd.DataFrame, share: Any, most: float, call: Names = None) -> pd.DataFrame:
    """Add the ambient share, and let no call that names an organ rest on ambient molecules.

    ``share`` (n_rows,) of the difference; NaN where nothing can be said, None where nothing was assessed.
    Calls of a share of ``most`` or more become ``ambient-suspect``; their reason keeps what they would
    be. Rows with one of the calls ``call`` are returned, all by default.
    """
    if share is None:
        share = pd.Categorical.from_codes(np.zeros(len(frame), dtype=np.int8), [NOT_ASSESSED])
        leaked = np.zeros(len(frame), dtype=bool)
    else:
        with np.errstate(invalid="ignore"):
            leaked = frame["call"].isin(DIRECTED).to_numpy() & (share >= most)
    frame = frame.assign(ambient_share=share)
    if leaked.any():
        frame = _suspected(frame, leaked, most)
    listed = [call] if isinstance(call, str) else call
    return frame if listed is None else frame[frame["call"].isin(listed)].reset_index(drop=True)


def _suspected(frame: pd.DataFrame, leaked: np.ndarray, most: float) -> pd.DataFrame:
    """Withhold calls of the ``leaked`` (n_rows,) rows; say what they would be, and why they are not."""
    would_be, reason = (frame[name].cat for name in ("call", "reason"))
    codes, names = reason.codes.to_numpy().copy(), [str(name) for name in reason.categories]
    both = pd.DataFrame({"call": would_be.codes, "reason": codes})[leaked]
    for (its_call, code), rows in both.groupby(["call", "reason"]).groups.items():
        codes[rows] = len(names)
        said = f"ambient molecules explain {most:.0%} of the difference or more, else "
        said += str(would_be.categories[its_call])
        names.append("; ".join(text for text in (said, names[code]) if text))
    calls = would_be.codes.to_numpy().copy()
    calls[leaked] = list(would_be.categories).index(keys.AMBIENT_SUSPECT)
    return frame.assign(
        reason=pd.Categorical.from_codes(codes, names),
        call=pd.Categorical.from_codes(calls, would_be.categories),
    )


def both_sides_move(edges: pd.DataFrame, largest_q: float = 0.1) -> pd.Series:
    """Whether ligand and receptor both differ, and neither because of ambient molecules; (n_edges,) bool."""
    return (edges["qval_joint"] <= largest_q) & edges["ambient_side"].isin(("", NOT_ASSESSED))


def coded(labels: Sequence[str], codes: np.ndarray) -> pd.Categorical:
    """Labels picked by code, some of them the same, as a category."""
    place, names = pd.factorize(np.array(labels, dtype=object), sort=True)
    return pd.Categorical.from_codes(place[codes], [str(name) for name in names])


def is_wanted(wanted: Names, name: str, labels: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """Which labels are asked for, all of them by default; refuse a name that is not known."""
    if wanted is None:
        return np.ones(len(labels), dtype=bool)
    listed = [wanted] if isinstance(wanted, str) else list(wanted)
    there = set(known)
    unknown = [item for item in listed if item not in there]
    if unknown:
        raise InputValueError(
            f"{name}: {validate.shown(unknown)} not in the result. Available: {validate.shown(known)}."
        )
    return np.isin(np.array(labels, dtype=object), listed)
