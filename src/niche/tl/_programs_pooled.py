"""Programs of all tumors together: how many, and which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import sparse

from niche._kernels import nmf
from niche._log import logger
from niche.tl._programs_consensus import Consensus, consensus
from niche.tl._programs_input import Input

ROOM, STEPS = 4, (0, 2, 4, 6, 8, 10, 12)
"""Programs that are tried beyond one for every patient, and steps up from there."""

MANY_PATIENTS = 20
"""More patients share programs more; one for each is not asked for."""

CELLS_PER_PROGRAM = 10


@dataclass(frozen=True)
class Found:
    """Programs and how they were chosen.

    Attributes
    ----------
    spectra
        (k, n_genes) over the scaled variable genes, each summing to 1.
    support, stability
        (k,) share of starts with the program, and its silhouette among all spectra.
    curve
        One row per number tried: ``k, stability, loss`` (share of the sum of squares), ``n_outliers,
        converged`` (share of starts), ``chosen``.
    near
        Spectra of the numbers tried just below and above, by number.
    """

    spectra: np.ndarray
    support: np.ndarray
    stability: np.ndarray
    curve: pd.DataFrame
    near: dict[int, np.ndarray] = field(default_factory=dict)


def pooled(
    given: Input, ks: Sequence[int], n_starts: int, seed: np.random.SeedSequence, n_jobs: int
) -> Found:
    """Consensus programs of all cells, every patient counting alike, for the most stable k of ``ks``."""
    weighted = sparse.csr_matrix(sparse.diags(np.sqrt(given.weight)) @ given.x).astype(np.float32)
    x = nmf.prepare(weighted)
    rows, found = [], []
    for k in ks:
        own = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, k))
        part = one_k(x, k, n_starts, own, n_jobs)
        logger.info("programs: k=%d, stability %.3f", k, part.consensus.stability)
        found.append(part.consensus)
        rows.append(
            {
                "k": k, "stability": part.consensus.stability, "loss": part.loss / x.square,
                "n_outliers": part.consensus.n_outliers, "converged": part.converged,
            }
        )  # fmt: skip
    curve = pd.DataFrame(rows)
    chosen = int(np.nan_to_num(curve["stability"].to_numpy(), nan=-1.0).argmax())
    curve["chosen"] = np.arange(len(curve)) == chosen
    best = found[chosen]
    beside = [i for i in (chosen - 1, chosen + 1) if 0 <= i < len(found)]
    near = {int(ks[i]): found[i].spectra for i in beside}
    return Found(best.spectra, best.support, best.program_stability, curve, near)


@dataclass(frozen=True)
class OneK:
    """The consensus of one number of programs, the lowest loss, and the share of starts that converged."""

    consensus: Consensus
    loss: float
    converged: float


def one_k(x: nmf.Input, k: int, n_starts: int, seed: np.random.SeedSequence, n_jobs: int) -> OneK:
    """Factorise from every start and gather the spectra."""
    factors = nmf.factorise(x, k, seed.spawn(n_starts), n_jobs=n_jobs)
    gathered = consensus([one.spectra for one in factors], int(seed.generate_state(1)[0]))
    return OneK(gathered, min(f.loss for f in factors), float(np.mean([f.converged for f in factors])))


def candidates(n_cells: int, n_genes: int, n_patients: int) -> list[int]:
    """Numbers of programs to try: room for one of every patient, for no two tumors are alike, and for more.

    Where cells are too few for that, what 25 cells a program allow.
    """
    least = min(n_patients, MANY_PATIENTS) + ROOM
    most = max(2, min(n_cells // 25, n_genes - 1))
    return [least + step for step in STEPS if least + step <= most] or [most]
