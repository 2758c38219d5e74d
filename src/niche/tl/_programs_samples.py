"""Programs of single tumors that recur: metaprograms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from niche._kernels import nmf, program_genes
from niche._kernels.metaprograms import Metaprogram, Rule, metaprograms, overlaps, robust_programs
from niche.errors import InputValueError
from niche.tl._programs_input import Input
from niche.tl._programs_pooled import CELLS_PER_PROGRAM, Found, one_k

PER_SAMPLE = (4, 5, 6, 7, 8, 9)
MANY_CELLS = 300
_LEAST_WITHIN = 20
_STARTS = 10


@dataclass(frozen=True)
class Programs:
    """Programs of all samples and numbers of programs.

    Attributes
    ----------
    top, score
        (n, n_top) gene codes over all genes, and their coefficients.
    spectra
        (n, n_genes) over the variable genes.
    sample, k
        (n,) where each comes from.
    """

    top: np.ndarray
    score: np.ndarray
    spectra: np.ndarray
    sample: np.ndarray
    k: np.ndarray


def per_sample(
    given: Input, n_top: int, seed: np.random.SeedSequence, n_jobs: int, ks: tuple[int, ...] = PER_SAMPLE
) -> tuple[Found, pd.DataFrame]:
    """Metaprograms of robust programs, with one table of the programs of every sample.

    The table has ``sample, k, robust, metaprogram`` (in the order they were found; -1: none). The last
    spectrum is the mean profile, so that programs are not asked to explain what all cells express.
    """
    every = _programs(given, n_top, seed, n_jobs, ks)
    shared = overlaps(every.top, given.log.shape[1])
    n_cells = np.bincount(given.sample)
    kept = robust_programs(shared, every.sample, every.k, rule_of(int(np.median(n_cells)), n_top))
    tenth, n_samples = max(2, round(n_top / 5)), int(np.unique(given.sample).size)
    found = metaprograms(
        every.top[kept], every.score[kept], least_group=min(5, max(1, n_samples // 4)), least_first=tenth,
        least_join=tenth,
    )  # fmt: skip
    if not found:
        raise InputValueError(
            f"no program recurs: {len(every.top)} programs of {n_samples} samples gave {len(kept)} robust "
            "ones and no metaprogram. Samples may be too small for mode='per_sample'; use mode='pooled'."
        )
    table = pd.DataFrame({"sample": every.sample, "k": every.k, "robust": False, "metaprogram": -1})
    table.loc[kept, "robust"] = True
    for number, one in enumerate(found):
        table.loc[kept[one.members], "metaprogram"] = number
    return _found(every, kept, found, given), table


def rule_of(n_cells: int, n_top: int) -> Rule:
    """The published rule (35, 10, 10 of 50 genes) from 300 cells on, scaled to the number of genes.

    Fewer cells find fewer of the same genes again, by sampling alone: what has to recur within a tumor falls
    with the root of the median number of cells, to 20 of 50.
    """
    share = n_top / 50
    within = max(_LEAST_WITHIN, 35 * min(1.0, np.sqrt(n_cells / MANY_CELLS)))
    return Rule(round(within * share), round(10 * share), round(10 * share))


def _programs(
    given: Input, n_top: int, seed: np.random.SeedSequence, n_jobs: int, ks: tuple[int, ...]
) -> Programs:
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("top", "score", "spectra", "sample", "k")}
    for code in np.unique(given.sample):
        mine = np.flatnonzero(given.sample == code)
        x = nmf.prepare(given.x[mine])
        for k in ks:
            if k > mine.size // CELLS_PER_PROGRAM:
                continue
            own = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, int(code), k))
            spectra = one_k(x, k, _STARTS, own, n_jobs).consensus.spectra
            usage = shares(nmf.usage_of(given.x[mine], spectra))
            coefficients = program_genes.regressed_genes(given.log[mine], usage)
            coefficients[:, ~given.ranked] = -np.inf
            top = program_genes.top_genes(coefficients, n_top)
            parts["top"].append(top)
            parts["score"].append(np.take_along_axis(coefficients, top, axis=1))
            parts["spectra"].append(spectra)
            parts["sample"].append(np.full(k, code))
            parts["k"].append(np.full(k, k))
    if not parts["k"]:
        raise InputValueError(
            f"no sample has the {min(ks) * CELLS_PER_PROGRAM} cells that {min(ks)} programs need. Use "
            "mode='pooled'."
        )
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    return Programs(joined["top"], joined["score"], joined["spectra"], joined["sample"], joined["k"])


def shares(usage: np.ndarray) -> np.ndarray:
    """Usage of every cell as shares that sum to 1; 0 where a cell uses nothing."""
    total = usage.sum(axis=1, keepdims=True)
    return usage / np.where(total > 0, total, 1.0)


def _found(every: Programs, kept: np.ndarray, found: list[Metaprogram], given: Input) -> Found:
    spectra, support, stability = [], [], []
    n_samples = np.unique(every.sample).size
    for one in found:
        members = kept[one.members]
        spectra.append(every.spectra[members].mean(axis=0))
        support.append(np.unique(every.sample[members]).size / n_samples)
        near = overlaps(every.top[members], given.log.shape[1])
        many = len(members) > 1
        pairs = near[np.triu_indices(len(members), 1)].mean() if many else every.top.shape[1]
        stability.append(pairs / every.top.shape[1])
    profile = np.asarray(given.x.T @ given.weight).ravel()
    curve = pd.DataFrame(
        {"k": [len(found)], "stability": [float(np.mean(stability))], "loss": [np.nan], "n_outliers": [0],
         "converged": [1.0], "chosen": [True]}
    )  # fmt: skip
    return Found(
        np.vstack([*spectra, profile / profile.sum()]), np.array([*support, 1.0]),
        np.array([*stability, 1.0]), curve,
    )  # fmt: skip
