"""Edges that a reader chose of a comparison of organs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import anndata as ad
import numpy as np
import pandas as pd

from niche._kernels.units import Units
from niche._slots import read, validate
from niche._stats.contrasts import OMNIBUS, Contrast
from niche.errors import InputTypeError, InputValueError
from niche.get._compare_types import SidesOfTypes
from niche.get._compare_units import AnalysisUnits, analysis_units, groups_of, sample_covariates
from niche.get._compared_run import compared_run
from niche.get.communication import units_of
from niche.get.compare_communication import RUN_FIRST

EDGE = ("source", "target", "ligand_complex", "receptor_complex")
"""What names an edge."""

Edges: TypeAlias = pd.DataFrame | Sequence[Sequence[str]]
"""A table with the columns of :data:`EDGE`, or tuples of these names."""


def named_edges(edges: Edges) -> list[tuple[str, str, str, str]]:
    """Names of the chosen edges, each once, in their order."""
    if isinstance(edges, pd.DataFrame):
        missing = [name for name in EDGE if name not in edges]
        if missing:
            raise InputValueError(
                f"edges: the table has no column {validate.shown(missing)}. Give rows of "
                "niche.get.compare_communication."
            )
        rows: Iterable[Any] = edges[list(EDGE)].astype(str).itertuples(index=False, name=None)
    elif isinstance(edges, str) or not isinstance(edges, Sequence):
        raise InputTypeError(f"edges must be a table or a list of ({', '.join(EDGE)}). Got {edges!r}.")
    else:
        rows = [edges] if len(edges) == len(EDGE) and all(isinstance(e, str) for e in edges) else edges
    found = []
    for row in rows:
        names = () if isinstance(row, str) else tuple(row)
        if len(names) != len(EDGE) or not all(isinstance(name, str) for name in names):
            raise InputTypeError(f"edges: every edge is ({', '.join(EDGE)}), all strings. Got {row!r}.")
        found.append(names)
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Comparison:
    """A stored comparison with what it was computed from.

    Attributes
    ----------
    stored, first
        Result of the comparison, and of the communication run it reads.
    units
        Patients in organs.
    lr_units
        Subunits of ligands and receptors.
    sides
        Expression of every cell type, made when asked for.
    types
        Names of the cell types.
    """

    stored: Mapping[str, Any]
    first: Mapping[str, Any]
    units: AnalysisUnits
    lr_units: Units
    sides: SidesOfTypes
    types: list[str]

    @property
    def contrasts(self) -> list[Contrast]:
        """Every comparison of organs that was asked for."""
        parts = self.stored["contrasts"]
        return [
            Contrast(name, kind, int(plus), int(minus))
            for name, kind, plus, minus in zip(
                read.strings(parts["name"]), read.strings(parts["kind"]), parts["plus"], parts["minus"],
                strict=True,
            )
        ]  # fmt: skip

    def named_contrasts(self, wanted: str | Sequence[str] | None) -> list[Contrast]:
        """Those of some names, in the order of the run; all that have an effect by default."""
        known = {one.name: one for one in self.contrasts}
        if wanted is None:
            return [one for one in known.values() if one.kind != OMNIBUS]
        listed = [wanted] if isinstance(wanted, str) else list(wanted)
        unknown = [name for name in listed if name not in known]
        if unknown:
            raise InputValueError(
                f"contrast: {validate.shown(unknown)} not in the result. Available: {validate.shown(known)}."
            )
        if any(known[name].kind == OMNIBUS for name in listed):
            raise InputValueError(
                "contrast: 'omnibus' compares all organs at once and has no effect with a sign. Choose one "
                f"of {validate.shown(one.name for one in known.values() if one.kind != OMNIBUS)}."
            )
        return [one for one in known.values() if one.name in listed]

    def cell_pair_and_pair(self, names: Sequence[tuple[str, str, str, str]]) -> list[tuple[int, int, int]]:
        """Codes of source, target and ligand-receptor pair of each edge; refuse one that is not there."""
        pairs, ends = self.first["pairs"], self.stored["cell_pairs"]
        place = {
            (str(a), str(b)): i
            for i, (a, b) in enumerate(zip(pairs["ligand_complex"], pairs["receptor_complex"], strict=True))
        }
        known = {
            (self.types[int(s)], self.types[int(t)]): (int(s), int(t))
            for s, t in zip(ends["source"], ends["target"], strict=True)
        }
        out = []
        for source, target, ligand, receptor in names:
            if (source, target) not in known:
                listed = validate.shown(f"{s} -> {t}" for s, t in known)
                raise InputValueError(
                    f"edges: {source!r} -> {target!r} was not compared. Available: {listed}."
                )
            if (ligand, receptor) not in place:
                raise InputValueError(
                    f"edges: the pair {ligand!r}, {receptor!r} is not among the {len(place)} of the run. "
                    "niche.get.compare_communication(adata) lists them."
                )
            out.append((*known[source, target], place[ligand, receptor]))
        return out


def comparison_of(adata: ad.AnnData, key: str) -> Comparison:
    """Read a comparison, and build again the units that it tested."""
    stored = read.result(adata, key, run_first=RUN_FIRST)
    first = compared_run(adata, stored, RUN_FIRST)
    units, lr_units = units_of_stored(adata, stored, first), units_of(first)
    types = read.strings(first["cell_types"]["name"])
    return Comparison(stored, first, units, lr_units, SidesOfTypes(first, units, lr_units), types)


def units_of_stored(
    adata: ad.AnnData, stored: Mapping[str, Any], first: Mapping[str, Any]
) -> AnalysisUnits:
    """Patients in organs as the comparison joined them."""
    samples, covariates = first["samples"], stored["params"]["covariates"]
    listed = read.strings(covariates) if len(covariates) else []
    name, patient, organ, tissue = (
        np.array(read.strings(samples[key]), dtype=object) for key in ("name", "patient", "organ", "tissue")
    )
    code = np.asarray(samples["organ_code"])
    table = sample_covariates(adata, str(first["params"]["sample_key"]), list(name), listed)
    return analysis_units(groups_of(read.strings(first["organs"]), code, organ, tissue), code, patient, table)
