"""Cells of one sample: type, clone, usage, depth, ambient, doublets, and their counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp

from niche.datasets._simulate.cell_types import MALIGNANT
from niche.datasets._simulate.options import LARGEST_AMBIENT, Options
from niche.datasets._simulate.programs import Programs, cell_usage

CHUNK = 500
_CELLS_SD, _SAMPLE_DEPTH_SD, _CELL_DEPTH_SD, _MITOCHONDRIAL_SD = 0.1, 0.15, 0.3, 0.4
_LOW_DEPTH, _LOW_MITOCHONDRIAL = 0.2, 8.0


@dataclass(frozen=True)
class SampleInput:
    """What a sample's cells are drawn from.

    Attributes
    ----------
    sample
        Row of the design table.
    shares
        Expected share of every cell type.
    sizes
        Relative library size of every cell type.
    profiles
        Expected counts per million of this sample, cell types x genes.
    clones, copy_factor
        Names of the patient's clones and their factor on expression (clones x genes).
    levels
        Expected usage per program in this sample's malignant cells.
    mitochondrial
        True for mitochondrial genes.
    """

    sample: pd.Series
    shares: pd.Series
    sizes: np.ndarray
    profiles: np.ndarray
    clones: list[str]
    copy_factor: np.ndarray
    levels: np.ndarray
    mitochondrial: np.ndarray


@dataclass(frozen=True)
class SampleDraw:
    """Counts (csr, float32), cell table, usage (cells x programs) and ambient profile of a sample."""

    counts: sp.csr_matrix
    obs: pd.DataFrame
    usage: np.ndarray
    soup: np.ndarray


def draw_sample(
    rng: np.random.Generator, given: SampleInput, programs: Programs, options: Options
) -> SampleDraw:
    """Draw the cells of one sample.

    ``counts ~ Poisson(d (1 - a) p G + d a s)`` with ``G ~ Gamma(1/phi, phi)``: negative binomial
    with dispersion ``phi`` around depth ``d`` times the cell's own profile ``p``, plus ambient
    molecules drawn from ``s``, the pooled expression of the sample. A doublet is the sum of two
    cells of the sample and keeps the label of the first.
    """
    cells_rng, depth_rng, count_rng = rng.spawn(3)
    organ = given.sample["organ"]
    wanted = options.cells * options.per_organ("cell_factor", organ)
    n = max(2, round(wanted * np.exp(cells_rng.normal(0.0, _CELLS_SD))))
    n_doublets = round(options.doublets * n)
    kind = _draw_types(cells_rng, given.shares.to_numpy(), options.composition_sd, n + n_doublets)
    malignant = np.asarray(given.shares.index)[kind] == MALIGNANT
    clone = _draw_clone_codes(cells_rng, malignant, len(given.clones))
    usage = cell_usage(cells_rng, programs, given.levels, malignant)
    low = cells_rng.random(n + n_doublets) < options.low_quality
    depth = _draw_depth(depth_rng, given.sizes[kind], options, organ) * np.where(low, _LOW_DEPTH, 1.0)
    fraction = _draw_ambient(depth_rng, options, organ, n + n_doublets)
    own = _own_profiles(given, programs, kind, clone, usage)
    stress = np.exp(depth_rng.normal(0.0, _MITOCHONDRIAL_SD, len(low)))
    stress *= np.where(low, _LOW_MITOCHONDRIAL, 1.0)
    own[:, given.mitochondrial] *= stress[:, None].astype(np.float32)
    soup = depth[:n] @ own[:n] / depth[:n].sum()
    soup /= soup.sum()
    counts = _draw_counts(count_rng, own, soup, depth, fraction, options.dispersion)
    first = cells_rng.choice(n, n_doublets, replace=False)
    counts = _merge_doublets(counts, first, n)
    obs = _cell_table(given, kind, clone, malignant, first, n)
    obs["truth_low_quality"] = low[:n]
    obs["truth_depth"] = depth[:n].astype(np.float32)
    obs["truth_ambient"] = fraction[:n].astype(np.float32)
    for index in np.flatnonzero((programs.table["kind"] == "leaked").to_numpy()):
        usage[:, index] = fraction * soup[programs.weights[index] > 0].sum()
    return SampleDraw(counts=counts, obs=obs, usage=usage[:n].astype(np.float32), soup=soup)


def _draw_types(rng: np.random.Generator, shares: np.ndarray, sd: float, n: int) -> np.ndarray:
    jittered = shares * np.exp(rng.normal(0.0, sd, len(shares)))
    return rng.choice(len(shares), size=n, p=jittered / jittered.sum())


def _draw_clone_codes(rng: np.random.Generator, malignant: np.ndarray, n_clones: int) -> np.ndarray:
    """Return the clone of every cell; -1 for host cells. Clone shares differ between samples."""
    shares = rng.dirichlet(np.full(n_clones, 2.0))
    drawn = rng.choice(n_clones, size=len(malignant), p=shares)
    return np.where(malignant, drawn, -1)


def _draw_depth(rng: np.random.Generator, sizes: np.ndarray, options: Options, organ: str) -> np.ndarray:
    scale = options.depth * options.per_organ("depth_factor", organ)
    sample = np.exp(rng.normal(0.0, _SAMPLE_DEPTH_SD))
    return scale * sample * sizes * np.exp(rng.normal(0.0, _CELL_DEPTH_SD, len(sizes)))


def _draw_ambient(rng: np.random.Generator, options: Options, organ: str, n: int) -> np.ndarray:
    sample = rng.normal(0.0, options.ambient_sample_sd)
    cells = rng.normal(0.0, options.ambient_cell_sd, n)
    mean = options.per_organ("ambient", organ, 0.08)
    return np.minimum(mean * np.exp(sample + cells), LARGEST_AMBIENT)


def _own_profiles(
    given: SampleInput, programs: Programs, kind: np.ndarray, clone: np.ndarray, usage: np.ndarray
) -> np.ndarray:
    """Return each cell's own expression as shares of its transcripts (cells x genes, float32)."""
    n_types = len(given.profiles)
    tumor = list(given.shares.index).index(MALIGNANT)
    rows = np.vstack([given.profiles, given.profiles[tumor] * given.copy_factor])
    rows = (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)
    own = rows[np.where(clone >= 0, n_types + clone, kind)]
    running = np.flatnonzero(clone >= 0)
    used = usage[running].astype(np.float32)
    own[running] *= 1 - used.sum(axis=1, keepdims=True)
    own[running] += used @ programs.weights.astype(np.float32)
    return own


def _draw_counts(
    rng: np.random.Generator,
    own: np.ndarray,
    soup: np.ndarray,
    depth: np.ndarray,
    fraction: np.ndarray,
    dispersion: float,
) -> sp.csr_matrix:
    blocks = []
    for start in range(0, len(own), CHUNK):
        here = slice(start, start + CHUNK)
        mean = own[here] * (depth[here] * (1 - fraction[here]))[:, None].astype(np.float32)
        if dispersion > 0:
            mean *= rng.standard_gamma(1 / dispersion, mean.shape, dtype=np.float32)
            mean *= np.float32(dispersion)
        mean += ((depth[here] * fraction[here])[:, None] * soup[None, :]).astype(np.float32)
        blocks.append(sp.csr_matrix(rng.poisson(mean).astype(np.float32)))
    return sp.vstack(blocks, format="csr")


def _merge_doublets(counts: sp.csr_matrix, first: np.ndarray, n: int) -> sp.csr_matrix:
    """Add the hidden cells after row ``n`` to the rows ``first``."""
    extra = counts.shape[0] - n
    place = sp.csr_matrix((np.ones(extra, np.float32), (first, np.arange(extra))), shape=(n, extra))
    merged = (counts[:n] + place @ counts[n:]).tocsr()
    merged.sort_indices()
    return merged


def _cell_table(
    given: SampleInput,
    kind: np.ndarray,
    clone: np.ndarray,
    malignant: np.ndarray,
    first: np.ndarray,
    n: int,
) -> pd.DataFrame:
    names = np.asarray(given.shares.index, dtype=object)
    partner = np.full(n, "", dtype=object)
    partner[first] = names[kind[n:]]
    clones = np.asarray([*given.clones, ""], dtype=object)
    return pd.DataFrame(
        {
            "sample": given.sample["sample"],
            "cell_type": names[kind[:n]],
            "truth_malignant": malignant[:n],
            "truth_clone": clones[clone[:n]],
            "truth_doublet": partner != "",
            "truth_doublet_partner": partner,
        },
        index=[f"{given.sample['sample']}-{i:05d}" for i in range(n)],
    )
