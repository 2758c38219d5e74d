"""From signatures to scores of cells, with controls drawn once for all cells."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from niche._kernels import signature_scores as kernel
from niche._kernels.marker_scores import expression_bins
from niche._kernels.row_tiles import Work
from niche._slots import passes
from niche._slots.matrix import Matrix
from niche._slots.validate import shown
from niche.errors import InputValueError
from niche.tl._signature_sets import Signature


@dataclass(frozen=True)
class Coverage:
    """What of the signatures was measured.

    Attributes
    ----------
    up, down
        Columns of the matrix, one array per signature: genes that were detected in a cell.
    table
        What is stored: ``name, n_up, n_down, measured_up, measured_down, missing``, one entry each.
    reason
        Why a signature cannot be scored, empty where it can.
    """

    up: list[np.ndarray]
    down: list[np.ndarray]
    table: dict[str, Any]
    reason: list[str]

    @property
    def scored(self) -> np.ndarray:
        """Signatures that can be scored."""
        return np.flatnonzero([not why for why in self.reason])


def gene_means(values: Matrix, threads: int) -> np.ndarray:
    """Mean (n_vars,) of every gene over all cells, with the same bits for any blocks."""
    return passes.trees(values, [Work(kernel.column_sums)], threads)[0].root() / values.shape[0]


def coverage_of(sets: list[Signature], var_names: pd.Index, detected: np.ndarray, min_genes: int) -> Coverage:
    """Find the genes of the signatures; refuse genes of another kind than those of the data."""
    found: dict[str, list[np.ndarray]] = {"up": [], "down": []}
    missing, reason = [], []
    known = False
    for one in sets:
        lost: list[str] = []
        for side, genes in (("up", one.up), ("down", one.down)):
            place = var_names.get_indexer(list(genes)) if genes else np.zeros(0, dtype=np.int64)
            known |= bool((place >= 0).any())
            there = (place >= 0) & detected[place]
            found[side].append(place[there].astype(np.int64))
            lost += [gene for gene, is_there in zip(genes, there, strict=True) if not is_there]
        missing.append(", ".join(lost))
        reason.append(_too_few(one, found["up"][-1].size, found["down"][-1].size, min_genes))
    if not known:
        raise InputValueError(
            "no gene of the signatures is in adata.var_names. Signatures hold "
            f"{shown([*sets[0].up, *sets[0].down][:3])}, adata.var_names {shown(var_names[:3])}. Use the "
            "same names, for example with niche.pp.harmonize_genes(adata), or organism= for signatures that "
            "niche ships."
        )
    table = {
        "name": [one.name for one in sets],
        "n_up": np.array([len(one.up) for one in sets]),
        "n_down": np.array([len(one.down) for one in sets]),
        "measured_up": np.array([genes.size for genes in found["up"]]),
        "measured_down": np.array([genes.size for genes in found["down"]]),
        "missing": missing,
        "no_direction": [", ".join(one.left_out) for one in sets],
    }
    return Coverage(found["up"], found["down"], table, reason)


def _too_few(one: Signature, up: int, down: int, min_genes: int) -> str:
    total = len(one.up) + len(one.down)
    if up + down < min_genes:
        return f"too few genes measured: {up + down} of {total}, {min_genes} needed"
    for side, given, measured in (("up", one.up, up), ("down", one.down, down)):
        if given and not measured:
            return f"no gene of the {side} set measured"
    return ""


def weights_of(
    coverage: Coverage, var_names: pd.Index, means: np.ndarray, n_controls: int, entropy: int
) -> sparse.csr_matrix:
    """Weights (n_vars, n_signatures) of the scores.

    Every signature draws its controls from a stream of its own, seeded by ``entropy`` and its genes, so that
    its scores do not depend on which others are scored. Signatures without controls get their reason.
    """
    bins = np.full(means.size, -1, dtype=np.int64)
    bins[means > 0] = expression_bins(means[means > 0])
    columns = []
    for k, (up, down) in enumerate(zip(coverage.up, coverage.down, strict=True)):
        weights = None
        if not coverage.reason[k]:
            rng = np.random.default_rng([entropy, _digest(var_names[up], var_names[down])])
            weights = kernel.set_weights(bins, np.sort(up), np.sort(down), n_controls, rng)
            if weights is None:
                coverage.reason[k] = "no control genes: the signature holds all genes of like expression"
        columns.append(sparse.csc_matrix((weights if weights is not None else np.zeros(means.size))[:, None]))
    return sparse.hstack(columns, format="csr")


def _digest(up: pd.Index, down: pd.Index) -> int:
    text = "\n".join([*sorted(map(str, up)), "", *sorted(map(str, down))])
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def cell_scores(values: Matrix, weights: sparse.csr_matrix, threads: int) -> np.ndarray:
    """Scores (n_obs, n_signatures), tile by tile."""
    return np.concatenate(passes.rows(values, Work(kernel.products, (weights,)), threads))
