"""The genes of a cell type by pydeseq2: negative binomial models of the same sums, the same comparisons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from niche._stats.averaged_tests import SMALLEST_P, Tests
from niche._stats.contrasts import OMNIBUS, Design
from niche._stats.organ_tests import PATIENTS_TEST, Comparisons, Family, Models
from niche.errors import InputValueError, MissingPackageError
from niche.get._compare_sides import Side
from niche.get._compare_units import AnalysisUnits
from niche.tl._compare_genes import OfType
from niche.tl._compare_reasons import Reasons

OUTLIER = "an outlying count (Cook's distance)"
NOT_MODELLED = "patients in several organs are taken as independent: pydeseq2 does not model them"
NEEDED = ("pydeseq2", 'python -m pip install "niche[deseq2]"')

_NORMAL_DF = 1e10


def check_backend(*, has_counts: bool) -> None:
    """Refuse what pydeseq2 cannot do, and its absence."""
    name, install = NEEDED
    if find_spec(name) is None:
        raise MissingPackageError(
            f"backend='pydeseq2' needs the package {name}, which is not installed: {install}"
        )
    if not has_counts:
        raise InputValueError(
            "backend='pydeseq2' models counts, and layers['counts'] is missing. Use backend='niche', which "
            "takes log values, or run niche.pp.normalize(adata) on raw counts, which keeps them."
        )


@dataclass(frozen=True)
class Fitted:
    """Negative binomial fits.

    Attributes
    ----------
    beta
        (n_genes, rank) coefficients, natural log.
    covariance
        (n_genes, rank, rank) of the coefficients.
    outlying
        (n_genes,) whether a count has an outlying Cook's distance.
    """

    beta: np.ndarray
    covariance: np.ndarray
    outlying: np.ndarray

    def wald(self, rows: np.ndarray, genes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Estimates (n, q) of linear hypotheses (q, rank) on ``genes`` (n,), and their covariances."""
        return self.beta[genes] @ rows.T, rows @ self.covariance[genes] @ rows.T


class ByDeseq2:
    """Tests genes of a cell type with pydeseq2; made for one set of sums."""

    def __init__(self, aggregate: dict[str, Any], units: AnalysisUnits, min_cells: int, threads: int) -> None:
        self._aggregate, self._units = aggregate, units
        self._min_cells, self._threads = min_cells, threads

    def __call__(
        self, side: Side, genes: np.ndarray, usable: np.ndarray, cell_type: int, models: Models
    ) -> Family:
        """Test ``genes`` (n_tested,) with ``usable`` groups (n_tested, n_groups).

        All units of the cell type enter one fit, so that dispersions are learnt from all genes together.
        """
        masks, pattern = np.unique(usable, axis=0, return_inverse=True)
        pattern = pattern.ravel()
        comparisons = [models.of(mask).comparisons for mask in masks]
        whole = models.of(np.ones(usable.shape[1], dtype=bool))
        fitted = None
        if whole.comparisons.df > 0:
            counts = self._counts(cell_type, side.rows)[np.ix_(whole.rows, genes)]
            fitted = fit(counts, whole.design.matrix, self._threads)
        tests = _tests(fitted, whole.design, comparisons, pattern, models)
        none = np.zeros(tests.effect.shape, dtype=np.int64)
        return Family(tests, pattern, comparisons, np.zeros(1), np.ones((genes.size, 1)), none, none)

    def _counts(self, cell_type: int, rows: np.ndarray) -> np.ndarray:
        """Counts (n_rows, n_genes) of a cell type in its units."""
        a = self._aggregate
        unit = self._units.of_sample[a["sample"]]
        mine = (a["cell_type"] == cell_type) & (a["n"] >= self._min_cells) & (unit >= 0)
        out = np.zeros((rows.size, a["pseudobulk"].shape[1]))
        np.add.at(out, np.searchsorted(rows, unit[mine]), a["pseudobulk"][mine])
        return out


def fit(counts: np.ndarray, design: np.ndarray, threads: int) -> Fitted:
    """Fit ``counts`` (n_units, n_genes) on ``design`` (n_units, rank), with pydeseq2's defaults."""
    from pydeseq2.dds import DeseqDataSet

    names = [f"unit {i}" for i in range(len(counts))]
    genes = [f"gene {i}" for i in range(counts.shape[1])]
    data = DeseqDataSet(
        counts=pd.DataFrame(counts.astype(np.int64), index=names, columns=genes),
        metadata=pd.DataFrame({"unit": names}, index=names),
        design=pd.DataFrame(design, index=names, columns=[f"column {i}" for i in range(design.shape[1])]),
        size_factors_fit_type="ratio" if (counts > 0).all(axis=0).any() else "poscounts",
        n_cpus=threads,
        quiet=True,
    )
    data.deseq2()
    outlying = np.asarray(data.cooks_outlier(), dtype=bool)
    beta = data.varm["LFC"].to_numpy(dtype=float)
    size, spread = (
        np.asarray(values, dtype=float) for values in (data.obs["size_factors"], data.var["dispersions"])
    )
    return Fitted(beta, covariances(design, beta, size, spread), outlying)


def covariances(
    design: np.ndarray, beta: np.ndarray, size_factors: np.ndarray, dispersions: np.ndarray
) -> np.ndarray:
    """Covariance (n_genes, rank, rank) of coefficients by the information, with pydeseq2's ridge of 1e-6."""
    mean = np.exp(beta @ design.T) * size_factors[None]
    weight = mean / (1 + mean * dispersions[:, None])
    information = np.einsum("gi,ia,ib->gab", weight, design, design)
    inverse = np.linalg.inv(information + 1e-6 * np.eye(design.shape[1]))
    return inverse @ information @ inverse


def _tests(
    fitted: Fitted | None, design: Design, comparisons: list[Comparisons], pattern: np.ndarray, models: Models
) -> Tests:
    """Wald tests of every gene, NaN where the comparison is refused."""
    shape = (pattern.size, len(models.wanted))
    effect, se = np.full((2, *shape), np.nan)
    f, f_p = np.full((2, pattern.size), np.nan)
    allowed = np.zeros(shape, dtype=bool)
    for i, comparison in enumerate(comparisons):
        mine = np.flatnonzero(pattern == i)
        allowed[mine] = comparison.enough(PATIENTS_TEST)
        for c, contrast in enumerate(models.wanted):
            if fitted is None or not comparison.estimable[c]:
                continue
            if contrast.kind == OMNIBUS:
                f[mine], f_p[mine] = _joint(fitted, design, comparison.plus[c], mine)
                continue
            plus, minus = comparison.plus[c], comparison.minus[c]
            row = design.reduced(design.contrast(plus / plus.sum() - minus / minus.sum()))
            if row is not None:
                value, spread = fitted.wald(row[None], mine)
                effect[mine, c] = value[:, 0] / np.log(2)
                se[mine, c] = np.sqrt(spread[:, 0, 0]) / np.log(2)
    if fitted is not None:
        allowed &= ~fitted.outlying[:, None]
    first = models.wanted[0].kind == OMNIBUS
    gone = ~allowed[:, 0] if first else np.ones(pattern.size, dtype=bool)
    f[gone] = f_p[gone] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(allowed, effect / se, np.nan)
    up, down = (np.clip(special.ndtr(side), SMALLEST_P, 1.0) for side in (-z, z))
    p = np.minimum(2 * np.minimum(up, down), 1.0)
    return Tests(effect, se, z, p, up, down, np.full(pattern.size, _NORMAL_DF), f, f_p, moderated=True)


def _joint(
    fitted: Fitted, design: Design, groups: np.ndarray, mine: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Wald statistic over its rank, and p, that genes are alike in all ``groups`` (n_groups,)."""
    met = np.flatnonzero(groups)
    rows = []
    for g in met[1:]:
        weights = np.zeros(groups.size)
        weights[g], weights[met[0]] = 1.0, -1.0
        rows.append(design.contrast(weights) @ design.reduce)
    value, spread = fitted.wald(np.array(rows), mine)
    square = np.einsum("gq,gq->g", value, np.linalg.solve(spread, value[:, :, None])[:, :, 0])
    return square / len(rows), np.clip(special.chdtrc(len(rows), square), SMALLEST_P, 1.0)


def stated(part: OfType, *, independent: bool, reasons: Reasons) -> OfType:
    """Say which genes have outlying counts, and that patients were taken as independent where they were."""
    found, family = part.found, part.family
    allowed = np.array([one.enough(PATIENTS_TEST) for one in family.comparisons])[family.pattern]
    outlying = allowed & (found.reason == 0) & np.isnan(found.columns["pval"])
    reason = np.where(outlying, reasons.code(OUTLIER), found.reason).astype(np.uint16)
    note = found.note
    if independent:
        joined = [
            reasons.code("; ".join([*([text] if text else []), NOT_MODELLED])) for text in list(reasons.names)
        ]
        note = np.array(joined, dtype=np.uint16)[note]
    changed = replace(found, reason=reason, note=note, callable=found.callable & ~outlying)
    return replace(part, found=changed)
