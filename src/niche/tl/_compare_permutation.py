"""Is the comparison of organs calibrated on these data? The organs permuted over patients."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd

from niche._stats.contrasts import OMNIBUS
from niche._stats.organ_tests import Method, Models, Samples, family_tests
from niche.tl._compare_edges import EdgesOfTypes
from niche.tl._compare_input import Study

MOST_EDGES = 2_000
"""Edges that are tested in every permutation, drawn at random from those usable in all organs."""

_TRIES = 20


@dataclass(frozen=True)
class Permutable:
    """Edges of one pair of cell types usable in every organ, and the units they were measured in."""

    values: np.ndarray
    weights: np.ndarray
    rows: np.ndarray


def permutable(edges: EdgesOfTypes, metastases: np.ndarray) -> Permutable:
    """The edges that are usable in every metastatic organ; ``metastases`` (n_groups,)."""
    value, weight = edges.means()
    kept = edges.usable[:, metastases].all(axis=1)
    return Permutable(value[kept], weight[kept], edges.rows)


def calibration(
    parts: list[Permutable], study: Study, method: Method, n_permutations: int, rng: np.random.Generator,
    threads: int,
) -> pd.DataFrame:  # fmt: skip
    """Share of omnibus p-values below 0.05 as observed (row 0), then in every distinct permutation.

    Within a patient the organs of the samples are permuted, and between patients with one organ each; this
    leaves everything but a difference between organs as it was.
    """
    empty = pd.DataFrame({name: np.zeros(0) for name in ("permutation", "n_tests", "share")})
    sizes = np.array([len(part.values) for part in parts])
    if not n_permutations or not sizes.sum() or study.wanted[0].kind != OMNIBUS:
        return empty
    drawn = np.sort(rng.choice(int(sizes.sum()), min(MOST_EDGES, int(sizes.sum())), replace=False))
    bounds = np.cumsum([0, *sizes])
    chosen = [drawn[(drawn >= a) & (drawn < b)] - a for a, b in pairwise(bounds)]
    samples = study.units.samples
    arrangements = [
        samples.group,
        *permuted_groups(samples, study.groups.of("metastasis"), n_permutations, rng),
    ]
    rows = []
    with ThreadPoolExecutor(threads) as pool:
        for number, group in enumerate(arrangements):
            moved = Samples(group, samples.patient, samples.covariates, samples.terms)
            omnibus = partial(_omnibus, samples=moved, study=study, method=method)
            tested = np.concatenate(list(pool.map(omnibus, parts, chosen)))
            tested = tested[~np.isnan(tested)]
            rows.append((number, tested.size, float((tested < 0.05).mean()) if tested.size else np.nan))
    return pd.DataFrame(rows, columns=list(empty))


def permuted_groups(
    samples: Samples, metastases: np.ndarray, n: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Up to ``n`` distinct ways to give the metastatic samples other organs, none the observed one."""
    metastatic = metastases[samples.group]
    size = np.bincount(samples.patient[metastatic], minlength=int(samples.patient.max()) + 1)
    single = np.flatnonzero(metastatic & (size[samples.patient] == 1))
    repeated = [np.flatnonzero(metastatic & (samples.patient == p)) for p in np.flatnonzero(size > 1)]
    seen, found = {samples.group.tobytes()}, []
    for _ in range(_TRIES * n):
        group = samples.group.copy()
        for rows in (single, *repeated):
            group[rows] = rng.permutation(group[rows])
        if group.tobytes() not in seen:
            seen.add(group.tobytes())
            found.append(group)
        if len(found) == n:
            break
    return found


def _omnibus(
    part: Permutable, edges: np.ndarray, samples: Samples, study: Study, method: Method
) -> np.ndarray:
    """Omnibus p-values of some edges with the organs of ``samples``."""
    if not edges.size:
        return np.zeros(0)
    mine = samples.take(part.rows)
    models = Models(mine, study.groups, study.wanted[:1], method)
    usable = np.isin(np.arange(len(study.groups.name)), mine.group)
    usable = np.broadcast_to(usable, (edges.size, usable.size))
    return family_tests(part.values[edges], part.weights[edges], usable, models).tests.f_p
