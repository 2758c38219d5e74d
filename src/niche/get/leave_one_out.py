"""The effect of an edge without each of the patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys
from niche._stats import averaged_tests
from niche._stats.contrasts import Contrast
from niche._stats.organ_tests import Family, Models, family_tests
from niche.get._compare_chosen import EDGE, Comparison, Edges, comparison_of, named_edges

COLUMNS = (*EDGE, "contrast", "left_out", "log2fc", "ci_low", "ci_high", "pval", "reason")


def leave_one_out(
    adata: ad.AnnData,
    edges: Edges,
    *,
    contrast: str | Sequence[str] | None = None,
    key: str = keys.COMPARE_COMMUNICATION,
) -> pd.DataFrame:
    """Return how much edges differ between organs when a patient is left out.

    All edges of the pair of cell types are tested again without the patient by the test of
    :func:`niche.tl.compare_communication`; values and precision weights are those of all patients.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    edges
        Rows of :func:`niche.get.compare_communication` (any table with ``source, target, ligand_complex,
        receptor_complex``), or a list of such tuples.
    contrast
        Comparisons; all but the omnibus by default.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        One row per edge, contrast and patient on either side of it: ``source, target, ligand_complex,
        receptor_complex, contrast, left_out`` (the patient; empty for the row with all of them), ``log2fc,
        ci_low, ci_high, pval, reason`` (why there is no effect or no p-value without the patient). Edges that
        were not compared have no rows.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since, or the communication result is gone.
    InputValueError
        An edge or contrast that was not in the run, or the omnibus, which has no effect.
    InputTypeError
        ``edges`` is neither a table nor a list of names.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> niche.tl.compare_communication(adata)
    >>> called = niche.get.compare_communication(adata, contrast="lung_vs_rest", call="specific")
    >>> table = niche.get.leave_one_out(adata, called, contrast="lung_vs_rest")
    >>> bool((table["log2fc"] > 0).all())
    True
    """
    names = named_edges(edges)
    comparison = comparison_of(adata, key)
    codes = comparison.cell_pair_and_pair(names)
    wanted = comparison.named_contrasts(contrast)
    rows: list[tuple[Any, ...]] = []
    for ends in dict.fromkeys(code[:2] for code in codes):
        mine = [i for i, code in enumerate(codes) if code[:2] == ends]
        rows += _without_each(comparison, ends, {codes[i][2]: i for i in mine}, wanted)
    rows.sort(key=lambda row: (row[0], row[1]))
    table = pd.DataFrame([(*names[row[0]], *row[2:]) for row in rows], columns=list(COLUMNS))
    for name in (*EDGE, "contrast", "left_out", "reason"):
        table[name] = pd.Categorical(table[name].astype(str))
    return table.astype(dict.fromkeys(("log2fc", "ci_low", "ci_high", "pval"), float))


def _without_each(
    comparison: Comparison, ends: tuple[int, int], chosen: dict[int, int], wanted: list[Contrast]
) -> list[tuple[Any, ...]]:
    """Rows of some edges between two cell types, with the place of the edge and of the contrast in front."""
    stored, units, sides, first = comparison.stored, comparison.units, comparison.sides, comparison.first
    found = np.asarray(stored["cell_pairs"]["source"]), np.asarray(stored["cell_pairs"]["target"])
    (at,) = np.flatnonzero((found[0] == ends[0]) & (found[1] == ends[1]))
    pair = np.asarray(stored["edges"]["pair"])[np.asarray(stored["edges"]["cell_pair"]) == at]
    if not np.isin(pair, list(chosen)).any():
        return []
    ligand, receptor = (np.asarray(first["pairs"][f"{name}_unit"])[pair] for name in ("ligand", "receptor"))
    rows = sides.units_with(*ends)
    left, right = (sides.of(end) for end in ends)
    held = np.isin(np.arange(len(units.groups.name)), units.samples.group[rows])
    usable = left.deep[ligand] & right.deep[receptor] & held
    (l_value, l_weight), (r_value, r_weight) = left.at(rows), right.at(rows)
    value = (l_value[ligand] + r_value[receptor]) / 2
    weight = 4 / (1 / l_weight[ligand] + 1 / r_weight[receptor])
    every = comparison.contrasts
    columns = [every.index(one) for one in wanted]
    samples = units.samples.take(rows)
    method = str(stored["params"]["patients"])

    def tested(kept: np.ndarray) -> Family:
        models = Models(samples.take(np.flatnonzero(kept)), units.groups, every, method)  # type: ignore[arg-type]
        return family_tests(value[:, kept], weight[:, kept], usable, models)

    out = []
    whole = tested(np.ones(rows.size, dtype=bool))
    for patient in [-1, *np.unique(samples.patient)]:
        kept = samples.patient != patient
        if not kept.any():
            continue
        family = whole if patient < 0 else tested(kept)
        low, high = averaged_tests.interval(family.tests, 0.95)
        for e in np.flatnonzero(np.isin(pair, list(chosen))):
            sides_with = whole.comparisons[whole.pattern[e]]
            met = np.isin(np.arange(len(units.groups.name)), samples.group[samples.patient == patient])
            for order, c in enumerate(columns):
                if patient >= 0 and not ((sides_with.plus[c] | sides_with.minus[c]) & met).any():
                    continue
                effect, p = family.tests.effect[e, c], family.tests.p[e, c]
                reason = (
                    "cannot be estimated"
                    if np.isnan(effect)
                    else "fewer than 2 patients on a side"
                    if np.isnan(p)
                    else ""
                )
                name = "" if patient < 0 else units.patient_names[patient]
                out.append(
                    (
                        chosen[int(pair[e])],
                        order,
                        every[c].name,
                        name,
                        effect,
                        low[e, c],
                        high[e, c],
                        p,
                        reason,
                    )
                )
    return out
