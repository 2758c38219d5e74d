"""Pairs of cell types whose edges are compared between organs, and why others are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from niche._kernels.units import Units
from niche._slots import communication_codes
from niche.get._compare_types import SidesOfTypes
from niche.get.compare_communication import NOT_MEASURED
from niche.tl._compare_edges import EdgesOfTypes
from niche.tl._compare_input import Study
from niche.tl._compare_reasons import Reasons, missing_groups

DEPTH = "depth in all organs, or all but one"


@dataclass(frozen=True)
class PairOfTypes:
    """A pair of cell types.

    Attributes
    ----------
    source, target
        Codes of the cell types.
    missing
        Why each group does not hold both types, empty where it does.
    edges
        Edges deep enough in two groups; None where there is none.
    """

    source: int
    target: int
    missing: list[str]
    edges: EdgesOfTypes | None


def pairs_of_types(
    stored: Mapping[str, Any], study: Study, sides: SidesOfTypes, lr_units: Units, reasons: Reasons
) -> tuple[list[PairOfTypes], np.ndarray]:
    """Every pair of a communication result, and reason codes (n_pairs_of_types, n_ligand_receptor_pairs).

    The code of an edge that can be compared between two groups at least is 0.
    """
    ligand, receptor = (np.asarray(stored["pairs"][f"{side}_unit"]) for side in ("ligand", "receptor"))
    cell_pairs = stored["cell_pairs"]
    ends = np.unique(np.stack([cell_pairs["source"], cell_pairs["target"]], axis=1), axis=0)
    measured = lr_units.measured[ligand] & lr_units.measured[receptor]
    untested = np.zeros((len(ends), ligand.size), dtype=np.uint16)
    untested[:, ~measured] = reasons.code(NOT_MEASURED)
    groups, found = study.groups, []
    why = np.asarray(stored["reasons"])
    unreactive = np.where(np.isin(why, communication_codes.UNREACTIVE), why, 0)
    for i, (source, target) in enumerate(ends):
        rows = sides.units_with(source, target)
        cells = np.array([sides.cells(t) for t in (source, target)])
        held = np.isin(np.arange(len(groups.name)), study.units.samples.group[rows])
        missing = missing_groups(groups, cells[:, 0], cells[:, 1], held, int(stored["params"]["min_cells"]))
        edges = None
        here = (np.asarray(cell_pairs["source"]) == source) & (np.asarray(cell_pairs["target"]) == target)
        excluded = unreactive[here].max(axis=0)
        reacts = measured & (excluded == 0)
        if held.sum() < 2:
            untested[i, measured] = reasons.code("; ".join(dict.fromkeys(text for text in missing if text)))
        else:
            left, right = sides.of(source), sides.of(target)
            usable = left.deep[ligand] & right.deep[receptor] & held
            kept = reacts & (usable.sum(axis=1) > 1)
            untested[i, measured & ~kept] = reasons.code(DEPTH)
            pair = np.flatnonzero(kept)
            if pair.size:
                edges = EdgesOfTypes(left, right, ligand[pair], receptor[pair], pair, rows, usable[pair])
        for code in communication_codes.UNREACTIVE:
            untested[i, measured & (excluded == code)] = reasons.code(communication_codes.REASONS[code])
        found.append(PairOfTypes(int(source), int(target), missing, edges))
    return found, untested
