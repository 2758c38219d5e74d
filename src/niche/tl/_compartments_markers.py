"""Which lineage the markers of every cell speak for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from niche import resources
from niche._kernels import lineage_evidence
from niche._slots import passes
from niche._slots.matrix import Matrix
from niche._slots.validate import Factor
from niche.resources import gene_identity

GROUPS = ("immune", "stromal", "endothelial", "parenchymal", "epithelial")
"""Lineage groups; malignant and normal epithelium share their markers."""

REFERENCE_GROUPS = GROUPS[:3]
UNKNOWN = "unknown"

_GROUP_OF = {"tumor": "epithelial", "epithelial_normal": "epithelial"}
_RELATED = (("parenchymal", "epithelial"),)
"""Cholangiocytes and alveolar cells are epithelium: both being on is no doublet."""

LEAST_MARKERS = 3
"""Markers of a type that must be in the data; with fewer a single gene would decide."""


@dataclass(frozen=True)
class Lineages:
    """Lineage of every cell by its markers.

    Attributes
    ----------
    groups
        (n, 6) probability of each of :data:`GROUPS`, and of unknown.
    log_odds
        (n, 5) log odds of each group against unknown.
    mixed
        (n,) probability of markers of two lineages.
    best
        (n,) object: the likeliest cell type, or ``unknown``.
    n_markers
        Markers found in the data.
    """

    groups: np.ndarray
    log_odds: np.ndarray
    mixed: np.ndarray
    best: np.ndarray
    n_markers: int

    def of(self, *names: str) -> np.ndarray:
        """Probability of being in one of these groups."""
        listed = (*GROUPS, UNKNOWN)
        return self.groups[:, [listed.index(name) for name in names]].sum(axis=1).astype(float)


def lineages_of(
    values: Matrix, var: pd.DataFrame, samples: Factor, organs: list[str] | None, organism: str | None
) -> Lineages:
    """Read the markers once and judge every cell.

    ``organs`` names the organ of each sample, which limits the parenchyma it can hold; None allows all.
    """
    chosen = gene_identity.best_organism(var)[0] if organism is None else organism
    table = _table(chosen)
    symbols = gene_identity.identify(var, chosen)["symbol"].to_numpy(dtype=object)
    place = {str(gene): i for i, gene in reversed(list(enumerate(symbols))) if gene}
    table = table[table["gene"].isin(place)]
    sizes = table.groupby(["organ", "cell_type"])["gene"].transform("size")
    table = table[sizes >= LEAST_MARKERS]
    if table.empty:
        n = values.shape[0]
        groups = np.zeros((n, len(GROUPS) + 1), dtype=np.float32)
        groups[:, -1] = 1
        nothing = np.zeros((n, len(GROUPS)), dtype=np.float32)
        return Lineages(groups, nothing, np.zeros(n, np.float32), np.full(n, UNKNOWN, dtype=object), 0)
    genes = sorted(set(table["gene"]))
    types = table.drop_duplicates(["organ", "cell_type"])
    marks = np.zeros((len(types), len(genes)), dtype=bool)
    keyed = list(zip(types["organ"], types["cell_type"], strict=True))
    rows = [keyed.index(key) for key in zip(table["organ"], table["cell_type"], strict=True)]
    marks[rows, [genes.index(gene) for gene in table["gene"]]] = True
    group = np.array([GROUPS.index(_GROUP_OF.get(name, name)) for name in types["compartment"]])
    found = lineage_evidence.evidence(
        lineage_evidence.on_matrix(_columns(values, np.array([place[gene] for gene in genes]))),
        marks,
        samples.codes,
        _allowed(types["organ"].to_numpy(dtype=object), organs, len(samples.names)),
        group,
        _related(),
    )
    sums = np.stack([found.types[:, :-1][:, group == g].sum(axis=1) for g in range(len(GROUPS))], axis=1)
    names = np.array([*types["cell_type"], UNKNOWN], dtype=object)
    return Lineages(
        np.hstack([sums, found.types[:, -1:]]), found.log_odds, found.mixed,
        names[found.types.argmax(axis=1)], len(genes),
    )  # fmt: skip


def organ_name(name: str) -> str:
    """Name of an organ as the marker table writes it."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _table(organism: str) -> pd.DataFrame:
    """Markers of cell types; states of a type that is listed too are left out, they share its lineage."""
    table = resources.markers(None, organism)
    state = (table["cell_ontology_id"] == "") & (table["parent"] != "")
    return table[(table["kind"] == "cell_type") & ~state]


def _columns(values: Matrix, columns: np.ndarray) -> sparse.csc_matrix:
    everything = np.ones(values.shape[0], dtype=bool)
    return passes.chosen(values, everything, columns, 1).tocsc()


def _allowed(organ_of_type: np.ndarray, organs: list[str] | None, n_samples: int) -> np.ndarray:
    """Types of an organ are allowed in its samples, and everywhere where the organ is not known."""
    allowed = np.ones((n_samples, organ_of_type.size), dtype=bool)
    known = set(organ_of_type) - {"shared"}
    for k, organ in enumerate(organs or []):
        name = organ_name(organ)
        if name in known:
            allowed[k] = np.isin(organ_of_type, ["shared", name])
    return allowed


def _related() -> np.ndarray:
    related = np.eye(len(GROUPS), dtype=bool)
    for first, second in _RELATED:
        a, b = GROUPS.index(first), GROUPS.index(second)
        related[a, b] = related[b, a] = True
    return related
