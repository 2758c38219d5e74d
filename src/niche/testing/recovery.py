"""How much of what was planted a tool finds, and how much of what it finds is true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import validate
from niche._stats.average_precision import average_precision
from niche.errors import InputValueError
from niche.testing import _edge_table
from niche.testing._contrast_names import OMNIBUS, contrasts
from niche.testing._rates import Rates
from niche.testing._truth import SUBUNIT, known_pairs, organs_of, shared_cell_types, truth_of
from niche.testing.true_contrasts import true_contrasts

REAL = ("both", "opposed", "ligand", "receptor")
WITH_DRIVER = ("both", "ligand", "receptor")
FALSE = ("leaked", "contaminated", "none")
_CLAIMS = {"both": ("both",), "any": REAL}


def recovery(
    adata: ad.AnnData,
    table: pd.DataFrame,
    *,
    contrast: str | Sequence[str] = "vs_rest",
    edges: pd.DataFrame | None = None,
    score: str = "qval_joint",
    threshold: float = 0.1,
    higher_is_better: bool = False,
    claim: Literal["both", "any"] = "both",
    effect: str | None = "log2fc",
    driver: str | None = "driver",
    driver_compartment: str | None = "driver_compartment",
) -> pd.DataFrame:
    r"""Score a tool's table of edges against the truth of a simulated study.

    Parameters
    ----------
    adata
        The draw of :func:`niche.datasets.simulate_metastases` that the tool was run on.
    table
        Any tool's edges, one row per contrast and edge: ``source, target, ligand_complex,
        receptor_complex`` (subunits joined by ``_``, as in the list ``consensus``), ``contrast`` as in
        :func:`niche.testing.true_contrasts`, or ``organ``, which is read as that organ against the rest.
        A row whose score is NaN was looked at and could not be tested. The defaults fit the table of
        ``niche.get.compare_communication``.
    contrast
        What is judged: a kind (``"vs_rest"``, ``"pairwise"``, ``"omnibus"``, ``"vs_primary"``), a name
        (``"bone_vs_rest"``) or several names.
    edges
        Judge these only, in the table and in the truth: any of the columns ``contrast, source, target,
        ligand_complex, receptor_complex``, one row per combination, such as the pairs of cell types between
        tumor and host. ``None`` judges all.
    score
        Column of the score.
    threshold
        An edge is discovered where the score is not above it.
    higher_is_better
        The score rises with the evidence: an edge is discovered where it is not below ``threshold``.
    claim
        What a discovery says: ``"both"`` sides differ, in one direction; or ``"any"`` side does.
    effect
        Column of the signed difference, positive where the first organ of the contrast is higher.
        Where the truth has a direction, a discovery of the other sign is false. ``None`` judges no
        sign; nor does the omnibus.
    driver, driver_compartment
        Columns naming the side that moves and whose cells these are; ``None`` judges them not.

    Returns
    -------
    DataFrame
        One row per rate: ``measure``, ``kind``, ``edges`` (``all``, or ``planted`` only), ``value``, and
        the counts behind it, ``count`` of ``total``. ``value`` is NaN where ``total`` is 0. In each kind
        of truth (``both, opposed, ligand, receptor, leaked``, see :func:`niche.testing.true_contrasts`):

        - ``recall``: discovered with the right sign, of all true ones (for ``leaked``, where nothing
          moves: falsely discovered, of all); ``recall_testable``: of those with a score.
        - ``not_testable``: true ones whose score is NaN; ``absent``: those without a row.
        - ``driver_accuracy``, ``driver_undetermined``: of the discovered; ``recall_with_driver``:
          discovered with the right driver, of all; ``driver_compartment_accuracy``: of the discovered.

        and over all kinds (``kind`` is ``claim`` unless said):

        - ``false_discovery_share``: discoveries that the claim does not hold for.
        - ``discoveries``: share of all discoveries by what they are: a kind of truth, ``wrong_sign``,
          ``contaminated`` (nothing moves, but a gene of the edge seems to, by molecules of organ-specific
          cells), ``none``.
        - ``area_precision_recall`` over the rows with a score, true edges without one never being found;
          ``area_precision_recall_testable`` leaves these out. ``count`` of ``total``: the true ones with
          a score, of all (of the testable).
        - ``prevalence``: true ones of the rows with a score, the area that a random order has.
        - ``null_not_testable`` (kind ``none``): rows of null edges whose score is NaN.
        - ``outside`` (kind empty): rows of edges whose truth is not known, which are not judged.

    Raises
    ------
    MissingKeyError
        A column is missing, or there is no truth.
    InputValueError
        An unknown contrast, a contrast without rows or without a single score, an edge given twice,
        ``edges`` without any of its columns, a discovery without a sign.
    InputTypeError
        ``adata`` is no AnnData, ``table`` no DataFrame, a column of numbers holds none.

    Notes
    -----
    The false discovery share is :math:`F / \max(1, R)` of this one table, with F false among R
    discoveries; the false discovery rate is its mean over data sets (doi:10.1111/j.2517-6161.1995.tb02031.x),
    to which a table without discoveries contributes 0: sum over ``count`` and ``total`` or average with
    that in mind. The area is the sum over distinct scores of precision times the rise in recall, ties in
    one step. A true edge that a tool leaves out is not found, so the areas of several tools compare when
    ``edges`` is the same; recall among the testable does not, each tool having its own.

    Examples
    --------
    A table that knows the truth, and one false edge:

    >>> import niche, pandas as pd
    >>> adata = niche.datasets.simulate_metastases(
    ...     1, organs=["bone", "lung"], patients_per_organ=2, cells=40, n_genes=1500
    ... )
    >>> truth = niche.testing.true_contrasts(adata)
    >>> table = truth[(truth["contrast"] == "bone_vs_rest") & (truth["kind"] == "both")]
    >>> wrong = table.iloc[[0]].assign(source="T cell", target="B cell")
    >>> table = pd.concat([table, wrong]).assign(qval_joint=0.01)
    >>> found = niche.testing.recovery(adata, table, contrast="bone_vs_rest")
    >>> found.loc[found["measure"] == "false_discovery_share", ["count", "total"]].to_numpy().tolist()
    [[1, 4]]
    """
    truth = truth_of(adata)
    organs = organs_of(truth)
    primary = bool((truth["samples"]["tissue"] == "primary").any())
    known = contrasts(organs, primary=primary)[0]
    names = _edge_table.chosen(known, contrast)
    validate.choice(claim, "claim", tuple(_CLAIMS))
    validate.flag(higher_is_better, "higher_is_better")
    validate.number(threshold, "threshold")
    wanted = {score: "score= names the column to rank by."}
    wanted |= {effect: "effect=None judges no direction."} if effect is not None else {}
    wanted |= {driver: "driver=None judges no driver."} if driver is not None else {}
    if driver_compartment is not None:
        wanted[driver_compartment] = "driver_compartment=None judges no compartment."
    rows = _edge_table.among(_edge_table.rows_of(_edge_table.columns(table, wanted), names), edges)
    inside = _inside(rows, shared_cell_types(truth), known_pairs(adata, truth))
    true = true_contrasts(adata)
    true = _edge_table.among(true[true["contrast"].isin(names)], edges)
    first = dict(zip(known["contrast"], known["organ"], strict=True))
    judged = _with_truth(rows[inside].reset_index(drop=True), true, _leaking(truth), first)
    values = _edge_table.numbers(judged, score)
    if np.isnan(values).all():
        raise InputValueError(
            f"Column {score!r} has no value in the {len(judged)} rows of {validate.shown(names)} "
            "whose truth is known: nothing was tested. Choose another score or contrast."
        )
    found = values >= threshold if higher_is_better else values <= threshold
    sign = _right_sign(judged, found, effect)
    rates = Rates()
    _recalls(rates, judged, true, found & sign, ~np.isnan(values), driver, driver_compartment)
    _shares(rates, judged, found, sign, claim)
    _areas(rates, judged, true, values if higher_is_better else -values, sign, claim)
    null = judged["kind"].isin(("none", "contaminated")).to_numpy()
    rates.add("null_not_testable", "none", "all", int((null & np.isnan(values)).sum()), int(null.sum()))
    rates.add("outside", "", "all", int((~inside).sum()), len(rows))
    return rates.table()


def _inside(rows: pd.DataFrame, types: list[str], pairs: set[tuple[str, str]]) -> np.ndarray:
    """Return which rows are edges of which the truth is known, (n_rows,) bool."""
    known = [pair in pairs for pair in zip(rows["ligand_complex"], rows["receptor_complex"], strict=True)]
    return (rows["source"].isin(types) & rows["target"].isin(types)).to_numpy() & np.array(known, dtype=bool)


def _leaking(truth: dict[str, pd.DataFrame]) -> set[tuple[str, str, str]]:
    """Return organ, cell type and gene of everything that only seems to move."""
    genes = truth["genes"]
    genes = genes[genes["cause"] == "ambient"]
    return set(zip(genes["organ"], genes["cell_type"], genes["gene"], strict=True))


def _with_truth(
    rows: pd.DataFrame, true: pd.DataFrame, leaking: set[tuple[str, str, str]], first: dict[str, str]
) -> pd.DataFrame:
    """Join what is true of every row: ``kind``, ``planted``, ``true_log2fc``, ``true_driver``, ..."""
    key = list(_edge_table.ROW)
    mine = {"kind", "planted", "true_log2fc", "true_driver", "true_compartment"}
    facts = true[[*key, "kind", "planted", "log2fc", "driver", "driver_compartment"]].rename(
        columns={"log2fc": "true_log2fc", "driver": "true_driver", "driver_compartment": "true_compartment"}
    )
    joined = rows.drop(columns=[name for name in rows if name in mine]).merge(facts, on=key, how="left")
    joined["planted"] = joined["planted"].eq(True)
    joined["kind"] = joined["kind"].fillna("none")
    organs_seen = {organ for organ, _, _ in leaking}
    null = np.flatnonzero(joined["kind"] == "none")
    contaminated = [
        any(
            (organ, cell_type, gene) in leaking
            for organ in _involved(row.contrast, first[row.contrast], organs_seen)
            for cell_type, name in ((row.source, row.ligand_complex), (row.target, row.receptor_complex))
            for gene in name.split(SUBUNIT)
        )
        for row in joined.loc[null, key].itertuples(index=False)
    ]
    joined.loc[null[np.array(contaminated, dtype=bool)], "kind"] = "contaminated"
    return joined


def _involved(contrast: str, first: str, organs: set[str]) -> set[str]:
    """Return the organs, of these, that a contrast compares."""
    if contrast == OMNIBUS or contrast.endswith("_vs_rest"):
        return organs
    return {first, contrast.removeprefix(f"{first}_vs_")} & organs


def _right_sign(judged: pd.DataFrame, found: np.ndarray, effect: str | None) -> np.ndarray:
    """Return where the sign is that of the truth, or the truth has none, (n_rows,) bool."""
    right = np.full(len(judged), True)
    if effect is None:
        return right
    estimate, real = _edge_table.numbers(judged, effect), judged["true_log2fc"].to_numpy(dtype=float)
    directed = np.abs(np.nan_to_num(real)) > 0
    blind = directed & found & np.isnan(estimate)
    if blind.any():
        row = judged.loc[np.flatnonzero(blind)[0], list(_edge_table.ROW)]
        raise InputValueError(
            f"{blind.sum()} discoveries have no sign: {effect!r} is NaN, first in {' | '.join(row)}. "
            "Fill it, or pass effect=None to judge no direction."
        )
    right[directed] = np.sign(estimate[directed]) == np.sign(real[directed])
    return right


def _recalls(
    rates: Rates,
    judged: pd.DataFrame,
    true: pd.DataFrame,
    hit: np.ndarray,
    tested: np.ndarray,
    driver: str | None,
    driver_compartment: str | None,
) -> None:
    """Add what was found of each kind of truth, and what could not be."""
    kinds, planted = judged["kind"].to_numpy(), judged["planted"].to_numpy()
    right = _agrees(judged, driver, "true_driver")
    where = _agrees(judged, driver_compartment, "true_compartment")
    for edges in ("all", "planted"):
        listed = true if edges == "all" else true[true["planted"]]
        mine = np.full(len(judged), True) if edges == "all" else planted
        for kind in (*REAL, "leaked"):
            total, here = int((listed["kind"] == kind).sum()), mine & (kinds == kind)
            n_hit = int((here & hit).sum())
            rates.add("recall", kind, edges, n_hit, total)
            rates.add("recall_testable", kind, edges, n_hit, int((here & tested).sum()))
            rates.add("not_testable", kind, edges, int((here & ~tested).sum()), total)
            rates.add("absent", kind, edges, total - int(here.sum()), total)
            if kind not in WITH_DRIVER:
                continue
            if driver is not None:
                undetermined = (judged[driver].astype(str) == "undetermined").to_numpy()
                rates.add("driver_accuracy", kind, edges, int((here & hit & right).sum()), n_hit)
                rates.add("driver_undetermined", kind, edges, int((here & hit & undetermined).sum()), n_hit)
                rates.add("recall_with_driver", kind, edges, int((here & hit & right).sum()), total)
            if driver_compartment is not None:
                rates.add("driver_compartment_accuracy", kind, edges, int((here & hit & where).sum()), n_hit)


def _agrees(judged: pd.DataFrame, column: str | None, real: str) -> np.ndarray:
    if column is None:
        return np.full(len(judged), False)
    return (judged[column].astype(str) == judged[real].astype(str)).to_numpy()


def _shares(rates: Rates, judged: pd.DataFrame, found: np.ndarray, sign: np.ndarray, claim: str) -> None:
    """Add what the discoveries are."""
    kinds, total = judged["kind"].to_numpy(), int(found.sum())
    holds = np.isin(kinds, _CLAIMS[claim]) & sign
    rates.add("false_discovery_share", claim, "all", int((found & ~holds).sum()), total)
    for kind in (*REAL, *FALSE):
        rates.add("discoveries", kind, "all", int((found & sign & (kinds == kind)).sum()), total)
    rates.add("discoveries", "wrong_sign", "all", int((found & ~sign).sum()), total)


def _areas(
    rates: Rates, judged: pd.DataFrame, true: pd.DataFrame, values: np.ndarray, sign: np.ndarray, claim: str
) -> None:
    """Add the areas under precision and recall, better scores being higher."""
    tested = ~np.isnan(values)
    of_claim = judged["kind"].isin(_CLAIMS[claim]).to_numpy()
    total, testable = int(true["kind"].isin(_CLAIMS[claim]).sum()), int((of_claim & tested).sum())
    holds = (of_claim & sign)[tested]
    area = average_precision(values[tested], holds, total)
    rates.add("area_precision_recall", claim, "all", testable, total, value=area)
    area = average_precision(values[tested], holds, testable)
    rates.add("area_precision_recall_testable", claim, "all", testable, testable, value=area)
    rates.add("prevalence", claim, "all", testable, int(tested.sum()))
