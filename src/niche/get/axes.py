"""Published ligand-receptor axes of metastasis, looked up in a stored result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche import resources
from niche._slots import communication_codes as codes
from niche._slots import keys, read, validate
from niche.errors import InputValueError
from niche.get.communication import RUN_FIRST, Names
from niche.resources.genes import human_to_mouse

FOUND, NOT_SIGNIFICANT, NOT_ASSESSED = "found", "tested_not_significant", "not_assessed"
STATUSES = (FOUND, NOT_SIGNIFICANT, codes.NOT_EXPRESSED, codes.NOT_TESTABLE, NOT_ASSESSED)
MAX_QVAL = 0.05

STATEMENT = (
    "found: specific to a tumor-host pair of cell types within the samples of the organ (q <= 0.05); "
    "no evidence about patients, no comparison between organs"
)

_DIRECTIONS = {
    "tumor->host": (("tumor", "host"),),
    "host->tumor": (("host", "tumor"),),
    "host->host": (("host", "host"),),
    "autocrine": (("tumor", "tumor"),),
    "bidirectional": (("tumor", "host"), ("host", "tumor")),
}
_PUBLISHED = ("ligand", "receptor", "sender_cell_type", "receiver_cell_type", "direction", "direction_class")
_FOUND_COLUMNS = ("source", "target", "status", "reason", "n_tested", "lr_means", "pval", "qval")
_LITERATURE = ("citation", "rna_detectability", "note")


def axes(
    adata: ad.AnnData, *, organ: Names = None, everywhere: bool = False, key: str = keys.COMMUNICATION
) -> pd.DataFrame:
    """Return the published axes of each organ with what the result says about them.

    A published axis is looked for between compartments (tumor, host) in its published direction. Cell
    types are **not** matched by name: the authors' sender and receiver stand beside the pair of cell
    types that was found, to be compared by eye.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.communication` was run.
    organ
        Keep these organs of the result.
    everywhere
        ``False``: every organ with the axes published for it. ``True``: every published axis in every
        organ of the result, with a first column ``published_organ``.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        ``organ, ligand, receptor, sender_cell_type, receiver_cell_type, direction, direction_class,
        source, target, status, reason, n_tested, lr_means, pval, qval, citation, rna_detectability,
        note``. ``source`` and ``target`` are the tested pair of cell types with the smallest q-value,
        ``lr_means, pval, qval`` its values, ``n_tested`` the number of pairs tested in the direction.
        ``status`` is

        - ``found``: tested with ``qval <= 0.05`` in the published direction;
        - ``tested_not_significant``: tested, no pair up to that q-value;
        - ``not_expressed``: measured in at least one pair of cell types and expressed in none;
        - ``not_testable``: too few cells, gene or pair not there, or silent where the RNA is known to
          be hardly detectable in single cells, so that silence says nothing;
        - ``not_assessed``: the run did not ask for it.

        An organ for which nothing is published has one row that says so. ``attrs["statement"]`` says
        what ``found`` means.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes or values have changed since.
    InputValueError
        An organ that is not in the result.

    Notes
    -----
    ``found`` is the presence of specificity within samples, and no evidence about patients. The table of
    axes is not used in any score, so recovering it is a test of the analysis.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> table = niche.get.axes(adata, organ="bone")
    >>> table.loc[table["ligand"] == "CXCL12", ["receptor", "direction_class"]].to_numpy().tolist()
    [['CXCR4', 'host->tumor']]
    """
    validate.flag(everywhere, "everywhere")
    stored = read.result(adata, key, run_first=RUN_FIRST)
    names = read.strings(stored["organs"])
    lookup = _Lookup.of(stored)
    published = resources.axes()
    rows = []
    for name in _chosen(organ, names):
        mine = published if everywhere else published[published["organ"] == plain_organ(name)]
        rows += [_row(lookup, axis, name, everywhere=everywhere) for axis in mine.to_dict("records")]
        if not len(mine):
            rows.append(_nothing_published(name))
    table = pd.DataFrame(rows)
    if everywhere:
        table = _in_published_order(table, published, len(names if organ is None else _chosen(organ, names)))
    first = ("published_organ",) if everywhere else ()
    table = table[[*first, "organ", *_PUBLISHED, *_FOUND_COLUMNS, *_LITERATURE]]
    table.attrs["statement"] = STATEMENT
    return table


def plain_organ(name: str) -> str:
    """Name of an organ as niche's tables write it: ``"Lymph node"`` is ``"lymph_node"``."""
    return "_".join(name.strip().lower().replace("-", " ").split())


@dataclass(frozen=True)
class _Lookup:
    """What is needed of a stored result to find one pair of genes.

    Attributes
    ----------
    columns
        Columns of the grid of reasons that hold a pair; key: subunits of both sides, in any order.
    place
        Place of a tested edge in ``edges`` by ``cell_pair * n_pairs + pair``, sorted.
    """

    stored: Mapping[str, Any]
    organs: list[str]
    types: list[str]
    side_of_type: np.ndarray
    reasons: np.ndarray
    columns: dict[tuple[frozenset[str], frozenset[str]], list[int]]
    place: np.ndarray
    mouse: bool

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> _Lookup:
        """Index a stored result."""
        columns: dict[tuple[frozenset[str], frozenset[str]], list[int]] = {}
        pairs = stored["pairs"]
        sides = (read.strings(pairs["ligand_complex"]), read.strings(pairs["receptor_complex"]))
        for i, (ligand, receptor) in enumerate(zip(*sides, strict=True)):
            columns.setdefault((_subunits(ligand), _subunits(receptor)), []).append(i)
        compartment = read.strings(stored["cell_types"]["compartment"])
        side = ["tumor" if c == "tumor" else "host" if c in keys.HOST else "" for c in compartment]
        edges, reasons = stored["edges"], np.asarray(stored["reasons"])
        place = np.asarray(edges["cell_pair"], dtype=np.int64) * reasons.shape[1] + edges["pair"]
        return cls(
            stored,
            read.strings(stored["organs"]),
            read.strings(stored["cell_types"]["name"]),
            np.array(side, dtype=object),
            reasons,
            columns,
            place,
            str(stored["params"]["organism"]) == "mouse",
        )

    def cell_pairs(self, organ: str, direction: str) -> np.ndarray:
        """Cell pairs of an organ that run in a direction."""
        pairs = self.stored["cell_pairs"]
        source, target = (self.side_of_type[np.asarray(pairs[name])] for name in ("source", "target"))
        runs = np.zeros(len(source), dtype=bool)
        for sender, receiver in _DIRECTIONS[direction]:
            runs |= (source == sender) & (target == receiver)
        return np.flatnonzero(runs & (np.asarray(pairs["organ"]) == self.organs.index(organ)))


def _chosen(organ: Names, names: list[str]) -> list[str]:
    if organ is None:
        return names
    listed = [organ] if isinstance(organ, str) else list(organ)
    unknown = [item for item in listed if item not in names]
    if unknown:
        raise InputValueError(
            f"organ: {validate.shown(unknown)} not in the result. Available: {validate.shown(names)}."
        )
    return [name for name in names if name in listed]


def _row(lookup: _Lookup, axis: Mapping[Any, Any], organ: str, *, everywhere: bool) -> dict[str, Any]:
    row = {name: axis[name] for name in (*_PUBLISHED, *_LITERATURE)}
    row |= {"published_organ": axis["organ"], "organ": organ} | _empty()
    reason = "" if axis["scorable"] else str(axis["not_scorable_reason"])
    columns = np.array([], dtype=np.int64)
    if not reason:
        columns, reason = _columns(lookup, str(axis["ligand"]), str(axis["receptor"]))
    if reason:
        return row | {"status": codes.NOT_TESTABLE, "reason": reason}
    pairs = lookup.cell_pairs(organ, str(axis["direction_class"]))
    if not pairs.size:
        return row | {"status": NOT_ASSESSED, "reason": _not_asked(lookup, str(axis["direction_class"]))}
    grid = lookup.reasons[np.ix_(pairs, columns)]
    if (grid == 0).any():
        return row | _best(lookup, pairs, columns)
    return row | _untested(grid, str(axis["rna_detectability"]))


def _empty() -> dict[str, Any]:
    return {
        "source": "",
        "target": "",
        "status": "",
        "reason": "",
        "n_tested": 0,
        "lr_means": np.nan,
        "pval": np.nan,
        "qval": np.nan,
    }


def _nothing_published(organ: str) -> dict[str, Any]:
    row = dict.fromkeys((*_PUBLISHED, *_LITERATURE), "") | {"organ": organ} | _empty()
    reason = "niche's table has no published axis for this organ"
    tissue = next((t for t in keys.TISSUES if organ.endswith(f" ({t})")), None)
    if tissue is not None:
        reason = f"published axes are about metastases, and this is {tissue} tissue"
    return row | {"status": NOT_ASSESSED, "reason": reason}


def _columns(lookup: _Lookup, ligand: str, receptor: str) -> tuple[np.ndarray, str]:
    """Columns of a pair, or why there are none."""
    none = np.array([], dtype=np.int64)
    if lookup.mouse:
        mapping = human_to_mouse()
        lost = [gene for gene in (*ligand.split("_"), *receptor.split("_")) if gene not in mapping]
        if lost:
            return none, f"no one-to-one mouse ortholog: {', '.join(lost)}"
        sides = (side.split("_") for side in (ligand, receptor))
        ligand, receptor = ("_".join(mapping[gene] for gene in side) for side in sides)
    left, right = _subunits(ligand), _subunits(receptor)
    found = lookup.columns.get((left, right), [])
    if found:
        return np.array(found), ""
    names = (lookup.stored["pairs"][f"{side}_complex"] for side in ("ligand", "receptor"))
    first, second = (read.strings(values) for values in names)
    variants = [
        f"{first[at[0]]} -> {second[at[0]]}"
        for (a, b), at in lookup.columns.items()
        if (a == left and b > right) or (b == right and a > left)
    ]
    listed = f", which lists {', '.join(sorted(variants))}" if variants else ""
    return none, f"pair not in the resource{listed}"


def _subunits(name: str) -> frozenset[str]:
    return frozenset(name.split("_"))


def _not_asked(lookup: _Lookup, direction: str) -> str:
    sides = set(lookup.side_of_type)
    if sides == {""}:
        return "compartments unknown: the run was given no tumor and host cells"
    sender, receiver = _DIRECTIONS[direction][0]
    lacking = [name for name in dict.fromkeys((sender, receiver)) if name not in sides]
    if lacking:
        return f"no {' and no '.join(lacking)} cells in the run"
    return (
        f"{sender} to {receiver} edges were not asked for; "
        f"niche.tl.communication(..., senders={sender!r}, receivers={receiver!r}) does"
    )


def _best(lookup: _Lookup, pairs: np.ndarray, columns: np.ndarray) -> dict[str, Any]:
    """The tested edge with the smallest q-value; ties go to the higher mean, then to the first name."""
    stored, edges = lookup.stored, lookup.stored["edges"]
    at, column = np.nonzero(lookup.reasons[np.ix_(pairs, columns)] == 0)
    pair = pairs[at]
    place = np.searchsorted(lookup.place, pair * lookup.reasons.shape[1] + columns[column])
    mean = (np.asarray(edges["ligand_means"])[place] + np.asarray(edges["receptor_means"])[place]) / 2
    source, target = (np.asarray(stored["cell_pairs"][name])[pair] for name in ("source", "target"))
    has_null = "qval" in edges
    unknown = np.full(place.size, np.nan)
    pval, qval = (np.asarray(edges[name])[place] if has_null else unknown for name in ("pval", "qval"))
    best = np.lexsort((target, source, -mean, pval, qval))[0]
    status = FOUND if qval[best] <= MAX_QVAL else NOT_SIGNIFICANT
    return {
        "source": lookup.types[source[best]],
        "target": lookup.types[target[best]],
        "status": status if has_null else NOT_ASSESSED,
        "reason": "" if has_null else "expressed, without a p-value: the run had null=None",
        "n_tested": int(np.unique(pair).size),
        "lr_means": float(mean[best]),
        "pval": float(pval[best]),
        "qval": float(qval[best]),
    }


def _untested(grid: np.ndarray, detectability: str) -> dict[str, Any]:
    """Status of an axis none of whose cell pairs was tested: expression speaks before absence."""
    status = codes.STATUS_OF_REASON[grid]
    silent = grid[status == codes.STATUSES.index(codes.NOT_EXPRESSED)]
    if not silent.size:
        absent = (grid >= codes.ABSENT) & (grid < codes.TOO_FEW)
        there = grid[~absent] if (~absent).any() else grid
        return {"status": codes.NOT_TESTABLE, "reason": _most_frequent(there)}
    reason = _most_frequent(silent)
    if any(_says_nothing(int(code), detectability) for code in np.unique(silent)):
        hardly = f"RNA hardly detectable in single cells ({detectability}), so silence says nothing"
        return {"status": codes.NOT_TESTABLE, "reason": f"{reason}; {hardly}"}
    return {"status": codes.NOT_EXPRESSED, "reason": reason}


def _says_nothing(code: int, detectability: str) -> bool:
    """Whether only a side that is hardly detectable is silent."""
    if detectability in ("", "good"):
        return False
    ligand, receptor = code - codes.EXPRESSION in (0, 2), code - codes.EXPRESSION in (1, 2)
    if detectability.startswith("ligand"):
        return ligand and not receptor
    if detectability.startswith("receptor"):
        return receptor and not ligand
    return True


def _most_frequent(found: np.ndarray) -> str:
    code, count = np.unique(found, return_counts=True)
    top = int(np.argmax(count))
    reason = codes.REASONS[code[top]]
    return reason if len(code) == 1 else f"{reason} (most pairs of cell types)"


def _in_published_order(table: pd.DataFrame, published: pd.DataFrame, n_organs: int) -> pd.DataFrame:
    """All organs of the first axis, then those of the second."""
    order = np.arange(len(table)).reshape(n_organs, len(published)).T.ravel()
    return table.iloc[order].reset_index(drop=True)
