"""Organ contrasts of a design: which exist, which can be estimated, and who stands on each side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

OMNIBUS, REST, PAIR, PRIMARY, NORMAL = "omnibus", "rest", "pair", "primary", "normal"


@dataclass(frozen=True)
class Groups:
    """Organs, and primary and normal tissue, that samples come from.

    Attributes
    ----------
    name
        Names, ``"<organ> (primary)"`` and ``"<organ> (normal)"`` among them.
    organ, tissue
        Organ and tissue of each.
    replicate
        What a replicate is called.
    origin
        What primary tissue is called in the names of contrasts.
    lone_origin
        Whether one replicate of primary tissue is enough to test against: a parental line is one.
    """

    name: list[str]
    organ: list[str]
    tissue: list[str]
    replicate: str = "patient"
    origin: str = "primary"
    lone_origin: bool = False

    def of(self, tissue: str) -> np.ndarray:
        """(n_groups,) whether a group is of a tissue."""
        return np.array([t == tissue for t in self.tissue], dtype=bool)


@dataclass(frozen=True)
class Contrast:
    """A comparison; ``plus`` is the group that it raises, ``minus`` the one opposite, -1 for several."""

    name: str
    kind: str
    plus: int = -1
    minus: int = -1


def contrasts_of(groups: Groups) -> list[Contrast]:
    """Every comparison that the groups allow, the omnibus first, whether or not it can be tested."""
    organs = np.flatnonzero(groups.of("metastasis"))
    names = [groups.name[g] for g in organs]
    found = [Contrast("omnibus", OMNIBUS)] if len(organs) > 1 else []
    if len(organs) > 1:
        found += [
            Contrast(f"{name}_vs_rest", REST, plus=int(g)) for g, name in zip(organs, names, strict=True)
        ]
    found += [
        Contrast(f"{groups.name[a]}_vs_{groups.name[b]}", PAIR, int(a), int(b))
        for a, b in combinations(organs, 2)
    ]
    if groups.of("primary").any():
        found += [
            Contrast(f"{name}_vs_{groups.origin}", PRIMARY, plus=int(g))
            for g, name in zip(organs, names, strict=True)
        ]
    for g in organs:
        own = [i for i, t in enumerate(groups.tissue) if t == "normal" and groups.organ[i] == groups.organ[g]]
        if own:
            found.append(Contrast(f"{groups.name[g]}_vs_normal", NORMAL, plus=int(g), minus=own[0]))
    return found


def as_columns(wanted: list[Contrast]) -> dict[str, Any]:
    """Contrasts as they are stored."""
    return {
        "name": [c.name for c in wanted], "kind": [c.kind for c in wanted],
        "plus": np.array([c.plus for c in wanted]), "minus": np.array([c.minus for c in wanted]),
    }  # fmt: skip


def sides_of(
    contrast: Contrast, groups: Groups, present: np.ndarray, replicated: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Groups that enter with a plus, and with a minus; empty where a side has none.

    ``present`` (n_groups,) may be used here; the rest and the primaries are those of ``replicated``
    (n_groups,), so that no single patient stands for an organ in a mean. The omnibus has all on its plus
    side.
    """
    plus, minus = np.zeros((2, present.size), dtype=bool)
    many = present & replicated
    if contrast.kind == OMNIBUS:
        return many & groups.of("metastasis"), minus
    plus[contrast.plus] = present[contrast.plus]
    if contrast.kind == REST:
        minus = many & groups.of("metastasis")
        minus[contrast.plus] = False
    elif contrast.kind == PRIMARY:
        primary = groups.of("primary")
        minus = primary & (many if (many & primary).any() else present)
    else:
        minus[contrast.minus] = present[contrast.minus]
    return plus, minus


@dataclass(frozen=True)
class Design:
    """A model of some samples: group means and covariates, reduced to full rank.

    Attributes
    ----------
    matrix
        (n_samples, rank).
    reduce
        (n_columns, rank): a contrast of columns becomes one of the matrix.
    columns
        (n_samples, n_columns) before the reduction: groups present, then covariates.
    groups
        Codes of the group columns.
    terms
        Covariate that each further column belongs to.
    """

    matrix: np.ndarray
    reduce: np.ndarray
    columns: np.ndarray
    groups: np.ndarray
    terms: tuple[str, ...]

    def contrast(self, weights: np.ndarray) -> np.ndarray:
        """Weights of groups (n_all_groups,) as a row over all columns."""
        return np.concatenate([weights[self.groups], np.zeros(len(self.terms))])

    def reduced(self, row: np.ndarray) -> np.ndarray | None:
        """A row over the columns as one over the matrix; None where it cannot be estimated."""
        found = row @ self.reduce
        return found if np.allclose(self.reduce @ found, row, atol=1e-8) else None

    def aliased_with(self, row: np.ndarray) -> list[str]:
        """Covariates without which a row could be estimated."""
        n_groups = self.groups.size
        found = []
        for term in dict.fromkeys(self.terms):
            kept = [i for i in range(row.size) if i < n_groups or self.terms[i - n_groups] != term]
            basis = row_space(self.columns[:, kept])
            if np.allclose(basis @ (row[kept] @ basis), row[kept], atol=1e-8):
                found.append(term)
        return found or list(dict.fromkeys(self.terms))


def design_of(group: np.ndarray, covariates: np.ndarray, terms: tuple[str, ...]) -> Design:
    """Model of samples in groups (n_samples,) with covariate columns (n_samples, n_covariates)."""
    met = np.unique(group)
    moving = np.flatnonzero(np.ptp(covariates, axis=0) > 0) if covariates.size else np.zeros(0, dtype=int)
    columns = np.concatenate([(group[:, None] == met[None]).astype(float), covariates[:, moving]], axis=1)
    basis = row_space(columns)
    if basis.shape[1] == columns.shape[1]:
        basis = np.eye(columns.shape[1])
    return Design(columns @ basis, basis, columns, met, tuple(terms[i] for i in moving))


def row_space(columns: np.ndarray) -> np.ndarray:
    """Orthonormal basis (n_columns, rank) of what the columns can tell apart."""
    scale = np.maximum(np.abs(columns).max(axis=0), 1e-300) if columns.size else np.ones(columns.shape[1])
    _, singular, right = np.linalg.svd(columns / scale, full_matrices=False)
    rank = int((singular > 1e-9 * singular.max(initial=0)).sum())
    if rank == columns.shape[1]:
        return np.eye(rank)
    basis, _ = np.linalg.qr((right[:rank] * scale).T)
    return basis
