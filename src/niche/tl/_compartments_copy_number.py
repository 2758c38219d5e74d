"""Copy-number evidence in every sample, and what it says about every cell."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from niche._kernels import malignant_call
from niche._kernels.coherence import Coherence, coherence
from niche._kernels.malignant_call import OPEN_GATE, PARENCHYMA_GATE, Copies, Rows, Scene
from niche._kernels.mixture import Mixture
from niche._slots.validate import Factor
from niche.tl._compartments_profile import Profiles

YES, NO, NOT_ASSESSED = "yes", "no", "not_assessed"
OPEN, PARENCHYMA = "open", "parenchyma"
_POOLS = (OPEN, PARENCHYMA)

_NOTHING = Coherence(np.nan, np.nan, 0)


@dataclass
class Evidence:
    """Copy-number evidence of all cells and samples.

    Attributes
    ----------
    signal, correlation
        (n_obs,) features; NaN where there is no profile, or no putative tumor to correlate with.
    log_odds
        (n_obs,) what copy number says about each cell; 0 where nothing.
    state, reason
        (n_samples,) ``yes``, ``no`` or ``not_assessed``, and why.
    table
        Columns of the per-sample table.
    """

    signal: np.ndarray
    correlation: np.ndarray
    log_odds: np.ndarray
    state: np.ndarray
    reason: np.ndarray
    table: pd.DataFrame


@dataclass
class _Sample:
    """A sample on its way through the passes."""

    rows: np.ndarray
    scene: Scene
    pools: dict[str, np.ndarray]
    seeds: dict[str, np.ndarray] = field(default_factory=dict)
    found: dict[str, Coherence] = field(default_factory=dict)


def nothing_assessed(n_obs: int, n_samples: int, reason: str) -> Evidence:
    """No profile could be made."""
    nan = np.full(n_obs, np.nan)
    reasons = np.full(n_samples, reason, dtype=object)
    state = np.full(n_samples, NOT_ASSESSED, dtype=object)
    return Evidence(nan, nan.copy(), np.zeros(n_obs), state, reasons, _table([_row()] * n_samples))


def evidence_of(
    profiles: Profiles,
    samples: Factor,
    *,
    open_: np.ndarray,
    parenchyma: np.ndarray,
    trusted: np.ndarray,
    min_cells: int,
) -> Evidence:
    """Look for a putative tumor in every sample, test it for copy number, and judge the cells.

    Parameters
    ----------
    profiles
        Profiles and their reference.
    samples
        The sample of every cell.
    open_, parenchyma
        (n_obs,) bool: cells whose lineage leaves malignancy open; cells that look like parenchyma.
    trusted
        (n_obs,) bool: cells that may be seeds of a tumor, neither doublets nor of low quality.
    min_cells
        Cells a sample must have.
    """
    n_samples = len(samples.names)
    anchors = np.flatnonzero(profiles.is_reference)
    found: dict[int, _Sample] = {}
    signal = np.empty(samples.codes.size)
    for k in range(n_samples):
        rows = np.flatnonzero(samples.codes == k)
        cells = Rows.of(profiles.values[rows])
        signal[rows] = cells.signal
        if rows.size < min_cells:
            continue
        pools = {"open": (open_ & trusted)[rows], "parenchyma": (parenchyma & trusted)[rows]}
        scene = Scene(cells, Rows.of(profiles.values[_anchors_of(rows, anchors)]))
        item = _Sample(rows, scene, pools)
        for name in _POOLS:
            seeds = malignant_call.grow(scene, pools[name])
            if seeds is not None:
                item.seeds[name] = seeds
        found[k] = item
    _add_coherence(profiles, found)
    out = nothing_assessed(samples.codes.size, n_samples, f"fewer than {min_cells} cells")
    out.signal = signal
    table = [_row()] * n_samples
    for k, item in found.items():
        out.state[k], out.reason[k], table[k] = _decide(item, out)
    out.table = _table(table)
    return out


def _anchors_of(rows: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Normal cells of the sample, and evenly spaced ones of the others where it has few."""
    own = np.intersect1d(rows, anchors)
    if own.size >= malignant_call.OWN_ANCHORS:
        return own
    others = np.setdiff1d(anchors, rows)
    n = min(malignant_call.BORROWED_ANCHORS, others.size)
    return np.concatenate([own, others[np.linspace(0, others.size - 1, n).astype(np.int64)]]) if n else own


def _add_coherence(profiles: Profiles, found: dict[int, _Sample]) -> None:
    """Test all putative tumors in one pass over the expression.

    They are held against the normal cells of all samples: more cells, less noise, and what differs between
    samples gene by gene agrees in no two halves.
    """
    listed = [(k, name) for k, item in found.items() for name in item.seeds]
    if not listed:
        return
    group = np.full(profiles.values.shape[0], -1, dtype=np.int32)
    for number, (k, name) in enumerate(listed):
        group[found[k].rows[found[k].seeds[name]]] = number
    means = profiles.means(group, len(listed))
    for number, (k, name) in enumerate(listed):
        found[k].found[name] = coherence(means[number], profiles.lower, profiles.upper, profiles.chromosome)


def _decide(item: _Sample, out: Evidence) -> tuple[str, str, dict[str, object]]:
    """State, reason and table row of a sample; writes what it says about the cells."""
    passed = [
        name
        for name, gate in zip(_POOLS, (OPEN_GATE, PARENCHYMA_GATE), strict=True)
        if name in item.found and gate.passed(item.found[name])
    ]
    if not item.seeds:
        return NO, "no group of cells stands out from the normal cells", _row()
    best = max(passed or item.seeds, key=lambda name: int(item.seeds[name].sum()))
    pool = item.pools[best]
    copies = malignant_call.judge(item.scene, pool, item.seeds[best])
    row = _row(item.found[best], copies, best, int(item.seeds[best].sum()))
    out.correlation[item.rows] = copies.correlation
    if not passed:
        found, n = item.found[best], int(item.seeds[best].sum())
        reason = (
            f"the cells that stand out ({n}, {best}) share no gains and losses: halves of the "
            f"{found.n_genes} genes agree with correlation {found.correlation:.2f} (z {found.z:.1f})"
        )
        return NO, reason, row
    needed = ("correlation", "signal") if best == PARENCHYMA else ("correlation",)
    flat = [name for name in needed if not row[f"{name}_bimodal"]]
    if flat:
        return NO, f"the {' and the '.join(flat)} of the cells that stand out ({best}) is not bimodal", row
    out.log_odds[item.rows] = copies.log_odds
    return YES, "", row


def _row(
    found: Coherence = _NOTHING, copies: Copies | None = None, pool: str = "", n_seeds: int = 0
) -> dict[str, object]:
    """Numbers of a sample for the table."""
    row: dict[str, object] = {
        "n_putative": n_seeds,
        "putative_lineage": pool,
        "coherence": found.correlation,
        "coherence_z": found.z,
    }
    for name in ("signal", "correlation"):
        mixture: Mixture | None = None if copies is None else getattr(copies, f"by_{name}")
        row[f"{name}_bic_gain"] = np.nan if mixture is None else mixture.bic_gain
        row[f"{name}_separation"] = np.nan if mixture is None else mixture.separation
        row[f"{name}_bimodal"] = bool(mixture is not None and mixture.bimodal)
    return row


def _table(rows: list[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows)
