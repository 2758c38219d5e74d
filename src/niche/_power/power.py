"""The smallest difference between organs that a design detects, by its patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._power.contrasts import PATIENTS_TEST, Assumed, contrasts
from niche._power.designs import PAIRINGS, planned, samples_of
from niche._power.report import PowerReport
from niche._slots import validate
from niche._stats.detectable_effect import cut_of_fdr
from niche.errors import InputValueError

if TYPE_CHECKING:
    from niche.pp.design_report import DesignReport

SDS = (0.4, 0.6, 0.8)
"""Assumed standard deviations between patients, log2."""

_TABLE = (
    "contrast", "organ", "n_patients", "n_patients_other", "n_patients_both", "sd", "standard_error", "df",
    "alpha", "min_detectable_log2fc", "min_detectable_fold", "status", "reason",
)  # fmt: skip
_CURVE = ("n_patients", "pairing", "contrast", "sd", "df", "min_detectable_log2fc", "status")


def power(
    design: ad.AnnData | DesignReport | pd.DataFrame | Mapping[str, int],
    *,
    pairing: Literal["unpaired", "partial", "paired"] = "unpaired",
    sd: float | Sequence[float] = SDS,
    correlation: float = 0.5,
    cells: float | None = None,
    depth: float = 4000.0,
    cpm: float = 50.0,
    dispersion: float = 0.25,
    alpha: float = 0.05,
    n_tests: int = 1,
    share_true: float | None = None,
    prior_df: float = 0.0,
    power: float = 0.8,
    max_patients: int = 12,
) -> PowerReport:
    r"""Tell the smallest difference between organs a design detects, before any sequencing.

    Patients are the replicates, so their number decides: more cells make a sample more exact and leave the
    differences between patients as they are. Nothing is measured here: the spread between patients is
    **assumed**, and the answer is as good as that assumption. Try several.

    Parameters
    ----------
    design
        Numbers of patients per organ, ``{"bone": 4, "brain": 3}``, which ``pairing`` makes a design of; a
        DataFrame with the columns patient and organ (names of :data:`niche.settings`; tissue where there
        is one), one row per sample; a DataFrame of patients in rows and organs in columns with numbers of
        samples; the report of :func:`niche.pp.check`; or an AnnData, whose stored report is used, else the
        columns of ``obs``. Of a report only the usable samples count.
    pairing
        Of a design given as numbers: ``"unpaired"`` (a patient gives one organ), ``"partial"`` (one patient
        in each round gives two organs) or ``"paired"`` (every patient gives every organ). The curve always
        shows all three.
    sd
        Standard deviation between patients, in log2, of a gene's expression in one cell type and organ; one
        or several. See Notes for where the default comes from.
    correlation
        Correlation between samples of one patient in two organs, from 0 up to but below 1.
    cells
        Cells of the cell type per sample. Given, the variance of counting is added to that between patients.
    depth
        Counts per cell. Used with ``cells``, as the next two.
    cpm
        Expression of the gene, in counts per million.
    dispersion
        Negative-binomial dispersion of the gene between cells.
    alpha
        Level of the two-sided test; with ``share_true`` the false discovery rate.
    n_tests
        Tests in the family, of which ``alpha`` is shared by Bonferroni, or by Benjamini-Hochberg where
        ``share_true`` is given.
    share_true
        Share of the tests in which there is a difference, above 0 up to 1: false discoveries are then
        controlled instead of any false one. ``None`` assumes the worst.
    prior_df
        Degrees of freedom that moderation adds by borrowing the variance of other tests. 0, the default,
        is a single test; families of thousands of genes often give 3 to 10.
    power
        Chance of finding the difference, above ``alpha`` and below 1.
    max_patients
        Most patients per organ of the curve, 2 to 50.

    Returns
    -------
    PowerReport
        A :class:`~niche._power.report.PowerReport` with ``.table`` (the contrasts of this design:
        ``<organ>_vs_rest``, ``<a>_vs_<b>`` and, where there is such tissue, ``<organ>_vs_primary``,
        ``<organ>_vs_normal``), ``.curve`` (by patients per organ) and ``.assumptions``.

    Raises
    ------
    InputTypeError
        The design is none of these, or an option has the wrong type.
    InputValueError
        The design has no usable sample; a table that is no design; an option out of range.
    MissingKeyError
        A column of ``obs`` that does not exist.
    StaleResultError
        The labels of the AnnData have changed since the report was made.

    Notes
    -----
    A sample deviates from the mean of its organ by a part of its patient and one of its own,

    .. math::

        V = \sigma^2 r Z Z' + (\sigma^2 (1 - r) + \tau^2) I, \quad
        \tau^2 = \frac{1}{\ln^2 2} \left(\frac{1}{n m} + \frac{\phi}{n}\right)

    with the counting part :math:`\tau^2` of the sum over n cells that hold m counts each on average
    (0 without ``cells``; below 3 expected counts nothing is tested). The standard error of a contrast is
    that of generalised least squares, *rest* being the mean of the other organs that have 2 patients. The
    effect returned solves :math:`P(|T_{df}(\delta)| > t_{df, 1 - \alpha / 2}) = power` for the noncentral t
    exactly. Without patients in several organs df = samples - organs; when every patient has every organ
    (patients - 1)(organs - 1), the paired t-test; between the two, one is given up per patient with several
    organs for not knowing the correlation. Methods that share it between tests do a little better.

    ``test and call`` needs 3 patients on both sides, 2 give ``test, no call``, fewer ``not_testable``. A
    call also asks for a difference of 0.5, whatever is detectable. The effect is on one measured value; that
    of an edge is the mean of ligand and receptor, so a side that moves alone must move twice as much.

    With ``share_true`` s the level of a test is the Benjamini-Hochberg cut
    :math:`q s P / (1 - q (1 - s))` with power P (Jung 2005, doi:10.1093/bioinformatics/bti456).

    The default ``sd``: 0.6 is the biological coefficient of variation 0.4 that edgeR names as typical of
    human samples (McCarthy et al. 2012, doi:10.1093/nar/gks042); between lung cancer biopsies of Maynard et
    al. 2020 (doi:10.1016/j.cell.2020.07.017) the median gene varied by 0.4 to 0.5 in T cells, 0.6 in
    macrophages and 0.65 in epithelial cells, counting and cell noise subtracted, the mean variance being a
    third to a half higher. :func:`niche.datasets.simulate_metastases` draws 0.43 with correlation 0.5.
    Genetically identical animals vary about 0.15.
    ``docs/validation/power.md`` has the numbers, and the power of niche's own tests at these effects.

    Examples
    --------
    >>> import niche
    >>> report = niche.power({"bone": 5, "lung": 5, "brain": 2, "liver": 1}, sd=0.6)
    >>> table = report.table.set_index("contrast")
    >>> table.loc[["bone_vs_rest", "brain_vs_rest", "liver_vs_rest"], "status"].tolist()
    ['test and call', 'test, no call', 'not_testable']
    >>> print(f"{table.loc['bone_vs_lung', 'min_detectable_log2fc']:.2f}")
    1.20
    >>> paired = niche.power({"bone": 5, "lung": 5}, pairing="paired", sd=0.6, correlation=0.7)
    >>> print(f"{paired.table['min_detectable_log2fc'].min():.2f}")
    0.78
    """
    validate.choice(pairing, "pairing", PAIRINGS)
    sds = _sds(sd)
    validate.number(correlation, "correlation", low=0, high=0.999)
    validate.number(alpha, "alpha", low=0, high=0.5, open_low=True)
    validate.number(n_tests, "n_tests", low=1, high=1e9, integer=True)
    validate.number(prior_df, "prior_df", low=0, high=1e6)
    validate.number(power, "power", low=alpha, high=0.9999, open_low=True)
    validate.number(max_patients, "max_patients", low=PATIENTS_TEST, high=50, integer=True)
    counting, expected = _counting(cells, depth, cpm, dispersion)
    level = _level(float(alpha), int(n_tests), share_true, float(power))
    assumed = Assumed(float(correlation), counting, expected, level, float(power), float(prior_df))
    samples = samples_of(design, pairing)

    table = [contrast.row(value, assumed) for contrast in contrasts(samples) for value in sds]
    organs = sorted(set(samples.loc[samples["tissue"] == "metastasis", "organ"]))
    curve: list[dict[str, Any]] = []
    for kind in PAIRINGS if len(organs) > 1 else ():
        for n in range(PATIENTS_TEST, max_patients + 1):
            curve += _typical(planned(organs, n, kind), len(organs), sds, assumed, kind, n)
    assumptions = _assumptions(
        {
            "sd": sds, "correlation": correlation, "cells": cells, "depth": depth, "cpm": cpm,
            "dispersion": dispersion, "n_tests": n_tests, "share_true": share_true, "prior_df": prior_df,
            "alpha": alpha, "power": power,
        }
    )  # fmt: skip
    return PowerReport(
        pd.DataFrame(table, columns=list(_TABLE)), pd.DataFrame(curve, columns=list(_CURVE)), assumptions
    )


def _typical(
    samples: pd.DataFrame, n_organs: int, sds: tuple[float, ...], assumed: Assumed, pairing: str, n: int
) -> list[dict[str, Any]]:
    """Rows of the curve: the least precise contrast of each kind, as partial pairing is not quite even."""
    found = contrasts(samples)
    kinds = {"organ_vs_rest": found[:n_organs], "organ_vs_organ": found[n_organs:]}
    if n_organs == 2:
        del kinds["organ_vs_rest"]
    rows = []
    for name, alike in kinds.items():
        worst = max(alike, key=lambda contrast: contrast.row(sds[0], assumed)["min_detectable_log2fc"])
        own = {"n_patients": n, "pairing": pairing, "contrast": name}
        rows += [worst.row(sd, assumed) | own for sd in sds]
    return rows


def _sds(sd: Any) -> tuple[float, ...]:
    values = np.atleast_1d(np.asarray(sd, dtype=object))
    if values.ndim != 1 or not values.size:
        raise InputValueError(f"sd must be one or more numbers. Got {sd!r}.")
    for value in values:
        validate.number(value, "sd", low=0, high=20, open_low=True)
    return tuple(sorted({float(value) for value in values}))


def _counting(cells: float | None, depth: float, cpm: float, dispersion: float) -> tuple[float, float]:
    """Variance of counting (log2) and the expected count of a sample; none without ``cells``."""
    validate.number(depth, "depth", low=0, high=1e9, open_low=True)
    validate.number(cpm, "cpm", low=0, high=1e6, open_low=True)
    validate.number(dispersion, "dispersion", low=0, high=1e3)
    if cells is None:
        return 0.0, float("inf")
    validate.number(cells, "cells", low=1, high=1e9)
    expected = cells * depth * cpm / 1e6
    return (1.0 / expected + dispersion / cells) / np.log(2) ** 2, expected


def _level(alpha: float, n_tests: int, share_true: float | None, power: float) -> float:
    """Level of one test of the family."""
    if share_true is None:
        return alpha / n_tests
    validate.number(share_true, "share_true", low=0, high=1, open_low=True)
    return min(alpha, max(alpha / n_tests, cut_of_fdr(alpha, power, share_true)))


_MEANING = {
    "sd": "standard deviation between patients, log2",
    "correlation": "between two organs of one patient",
    "cells": "cells of the cell type per sample; without them counting adds no variance",
    "depth": "counts per cell",
    "cpm": "expression of the gene, counts per million",
    "dispersion": "of the gene between cells",
    "n_tests": "tests in the family",
    "share_true": "share of the tests with a difference; without it no false one is allowed",
    "prior_df": "degrees of freedom borrowed from other tests",
    "alpha": "of the family, two-sided",
    "power": "chance to find the difference",
}


def _assumptions(options: Mapping[str, Any]) -> pd.DataFrame:
    if options["cells"] is None:
        options = {name: v for name, v in options.items() if name not in ("depth", "cpm", "dispersion")}
    rows = []
    for name, value in options.items():
        if isinstance(value, tuple):
            shown = ", ".join(f"{item:g}" for item in value)
        else:
            shown = "not given" if value is None else f"{value:g}"
        rows.append((name, shown, _MEANING[name]))
    return pd.DataFrame(rows, columns=["assumption", "value", "meaning"])
