"""Pseudobulk counts of two cell types whose ligand-receptor edges are independent of one another.

Every edge has genes of its own, so thousands of edges are as many independent tests, which the edges of a real
list are not: their genes repeat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niche._stats.contrasts import Contrast, Groups, contrasts_of
from niche._stats.organ_tests import Samples
from niche.get._compare_sides import Side, side_of
from niche.get._compare_units import AnalysisUnits
from niche.tl._compare_edges import Compared, EdgesOfTypes, compare_edges
from niche.tl._compare_reasons import Reasons

ORGANS = ["bone", "brain", "liver", "lung"]
PAIRS = [(0, 1), (2, 3), (0, 2), (1, 3), (0, 3), (1, 2)]
DESIGNS = ("unpaired", "partial", "paired")
OTHERS = 1_000


@dataclass(frozen=True)
class Setting:
    """How a study is drawn; the organ ``bone`` may have fewer cells, less depth and more variance."""

    design: str
    patients: int
    cells: float = 1.0
    depth: float = 1.0
    variance: float = 1.0


def units_of(design: str, n: int) -> AnalysisUnits:
    """``n`` patients in each of four organs: all different, two organs of one patient a round, or the same."""
    rows: list[tuple[int, int]] = []
    patient = 0
    for turn in range(n):
        two = {"unpaired": (), "partial": PAIRS[turn % 6], "paired": (0, 1, 2, 3)}[design]
        rows += [(patient, g) for g in two]
        patient += bool(two)
        for g in range(4):
            if g not in two:
                rows.append((patient, g))
                patient += 1
    codes, group = np.array(rows, dtype=np.int64).T
    samples = Samples(group, codes, np.zeros((len(rows), 0)), ())
    groups = Groups(ORGANS, ORGANS, ["metastasis"] * 4)
    names = [f"P{i}" for i in range(patient)]
    return AnalysisUnits(np.arange(len(rows)), samples, groups, names, np.ones(len(rows), dtype=np.int64))


def counts_of(
    rng: np.random.Generator, setting: Setting, units: AnalysisUnits, n_genes: int, log2fc: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts (n_units, n_genes) of a cell type, its library and cells; ``log2fc`` (n_genes,) acts in bone."""
    group, patient = units.samples.group, units.samples.patient
    n, total = group.size, n_genes + OTHERS
    base = rng.normal(0.0, 1.5, total)
    spread = 0.35 * np.exp(rng.normal(0, 0.3, total))
    rho = rng.beta(2, 2, total)
    shared = rng.normal(size=(int(patient.max()) + 1, total))[patient]
    effect = spread * (np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.normal(size=(n, total)))
    bone = group == 0
    effect[bone] *= np.sqrt(setting.variance)
    effect[bone, :n_genes] += np.log(2) * log2fc
    profile = np.exp(base + effect)
    profile /= np.exp(base).sum()
    cells = np.maximum(np.round(60 * np.exp(rng.normal(0, 0.4, n)) * np.where(bone, setting.cells, 1.0)), 10)
    depth = 4000 * np.exp(rng.normal(0, 0.2, n)) * np.where(bone, setting.depth, 1.0)
    shape = cells[:, None] / 0.25
    counts = rng.poisson(profile * (cells * depth)[:, None] * rng.gamma(shape, 1 / shape, (n, total)))
    return counts[:, :n_genes].astype(float), counts.sum(axis=1).astype(float), cells


def compare(
    rng: np.random.Generator,
    setting: Setting,
    n_edges: int = 4_000,
    ligand_fc: np.ndarray | None = None,
    receptor_fc: np.ndarray | None = None,
    method: str = "averaged",
) -> tuple[Compared, list[Contrast]]:
    """Draw a study and test its edges; every edge is edge i of ligand i and receptor i."""
    units = units_of(setting.design, setting.patients)
    wanted = contrasts_of(units.groups)
    sides: list[Side] = []
    for fc in (ligand_fc, receptor_fc):
        counts, library, cells = counts_of(
            rng, setting, units, n_edges, np.zeros(n_edges) if fc is None else fc
        )
        rows = np.arange(len(cells))
        sides.append(side_of(counts, library, cells, (counts > 0) * 1.0, rows, units, has_counts=True))
    usable = sides[0].deep & sides[1].deep
    kept = np.flatnonzero(usable.sum(axis=1) > 1)
    rows = np.arange(len(units.n_samples))
    edges = EdgesOfTypes(sides[0], sides[1], kept, kept, kept, rows, usable[kept])
    found = compare_edges([edges], [[""] * 4], units, wanted, method, Reasons(), 1)
    return found, wanted
