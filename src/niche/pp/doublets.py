"""Scrublet, sample by sample, saying where it was not run and where its threshold is not believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._log import logger

_TOO_MANY = 0.3
"""A threshold that calls more than this share of a sample doublets is not believed."""

_PCS = 30


@dataclass(frozen=True)
class Doublets:
    """Doublets of all cells.

    Attributes
    ----------
    score
        (n_obs,) Scrublet's score, NaN where not assessed.
    called
        (n_obs,) whether the score is above the sample's automatic threshold.
    status
        Of each sample: ``done``, ``done: ...`` with a remark, or ``skipped: reason``.
    """

    score: np.ndarray
    called: np.ndarray
    status: list[str]


def score_doublets(
    rows_of: Callable[[np.ndarray], sparse.csr_matrix] | None,
    codes: np.ndarray,
    names: Sequence[str],
    *,
    expected_rate: float,
    min_cells: int,
    rng: np.random.Generator,
) -> Doublets:
    """Score the cells of every sample.

    ``rows_of`` returns the counts of some cells, chosen by a mask; None where there are no counts.
    """
    from tqdm.auto import tqdm

    score = np.full(len(codes), np.nan)
    called = np.zeros(len(codes), dtype=bool)
    status = []
    streams = rng.spawn(len(names))
    sizes = np.bincount(codes, minlength=len(names))
    many = rows_of is not None and sizes[sizes >= min_cells].sum() > 5000
    for code, stream in enumerate(tqdm(streams, desc="scrublet", unit="sample", disable=not many)):
        if rows_of is None:
            status.append("skipped: no raw counts")
            continue
        rows = np.flatnonzero(codes == code)
        if len(rows) < min_cells:
            status.append(f"skipped: fewer than {min_cells} cells")
            continue
        counts = rows_of(codes == code).astype(np.float32)
        enough = np.asarray(counts.getnnz(axis=1)).ravel() >= 3
        filled = rows[enough]
        if len(filled) < min_cells:
            status.append(f"skipped: fewer than {min_cells} cells")
            continue
        found, is_doublet, text = _scrublet(counts[enough], expected_rate, int(stream.integers(2**31 - 1)))
        if found is not None:
            score[filled], called[filled] = found, is_doublet
        status.append(text)
        logger.info("scrublet, sample %s: %s", names[code], text)
    return Doublets(score, called, status)


def _scrublet(
    counts: sparse.csr_matrix, expected_rate: float, seed: int
) -> tuple[np.ndarray | None, np.ndarray | bool, str]:
    """Scores, calls and status of one sample."""
    import scanpy as sc

    n_cells = counts.shape[0]
    seen = np.flatnonzero(counts.getnnz(axis=0) >= 3)
    cells = ad.AnnData(
        counts[:, seen].astype(np.float32),
        obs=pd.DataFrame(index=pd.RangeIndex(n_cells).astype(str)),
        var=pd.DataFrame(index=pd.RangeIndex(len(seen)).astype(str)),
    )
    n_pcs = min(_PCS, n_cells - 1, len(seen) // 4)
    if n_pcs < 2:
        return None, False, "skipped: too few genes seen in 3 cells"
    try:
        sc.pp.scrublet(
            cells,
            expected_doublet_rate=expected_rate,
            n_prin_comps=n_pcs,
            use_approx_neighbors=False,
            random_state=seed,
            verbose=False,
        )
    except ValueError as error:
        return None, False, f"skipped: scrublet failed, {error}"
    found = cells.obs["doublet_score"].to_numpy(dtype=np.float64)
    if "threshold" not in cells.uns["scrublet"]:
        return found, False, "done: scored, no threshold found, none called"
    is_doublet = found > float(cells.uns["scrublet"]["threshold"])
    if is_doublet.mean() > _TOO_MANY:
        text = f"the threshold would call {100 * float(is_doublet.mean()):.0f} % and is not believed"
        return found, False, f"done: scored, {text}, none called"
    return found, is_doublet, "done"
