"""Expected expression: totals, markers, planted levels, effects."""

from __future__ import annotations

import numpy as np
import pandas as pd

from niche.datasets._simulate.plan import Plan
from niche.datasets._simulate.profiles import MILLION, apply_effects


def at(plan: Plan, cell_type: str, genes: list[str]) -> np.ndarray:
    row = list(plan.types["cell_type"]).index(cell_type)
    return plan.profiles[row, plan.universe.positions(genes)]


def test_rows_are_counts_per_million(plan: Plan) -> None:
    assert (plan.profiles > 0).all()
    np.testing.assert_allclose(plan.profiles.sum(axis=1), MILLION)


def test_markers_mark(plan: Plan) -> None:
    planted = set(plan.universe.var.index[plan.universe.var["truth_role"] == "planted"])
    for row in plan.types.itertuples():
        own = [gene for gene in plan.universe.markers[row.markers] if gene not in planted]
        inside = at(plan, row.cell_type, own)
        columns = plan.universe.positions(own)
        assert (inside >= 0.99 * np.median(plan.profiles[:, columns], axis=0)).all()
        assert np.median(inside) > 150


def test_planted_levels(plan: Plan) -> None:
    np.testing.assert_allclose(at(plan, "Fibroblast", ["CXCL12"]), 150, rtol=0.05)
    np.testing.assert_allclose(at(plan, "Malignant", ["CXCR4"]), 400, rtol=0.05)
    assert at(plan, "T cell", ["CXCL12"]) < 40
    assert at(plan, "Osteoblast", ["SPP1"]) > 10_000 > 1000 * at(plan, "Fibroblast", ["SPP1"])


def test_the_own_program_of_an_organ_holds_two_fifths(plan: Plan) -> None:
    share = at(plan, "Hepatocyte", plan.universe.blocks["leaked_liver"]).sum() / MILLION
    assert abs(share - 0.4) < 0.02
    assert at(plan, "T cell", plan.universe.blocks["leaked_liver"]).sum() / MILLION < 1e-3


def test_effects_add_on_the_log_scale(plan: Plan) -> None:
    effects = pd.DataFrame(
        {"cell_type": ["T cell", "T cell"], "gene": ["CD3D", "CD3D"], "log2fc": [1.0, 2.0]}
    )
    changed = apply_effects(plan.profiles, plan.universe, plan.types, effects, scale=0.5)
    ratio = np.log2(changed / plan.profiles)
    row, column = list(plan.types["cell_type"]).index("T cell"), plan.universe.positions(["CD3D"])[0]
    assert np.isclose(ratio[row, column], 1.5) and np.count_nonzero(ratio) == 1
    assert np.array_equal(apply_effects(plan.profiles, plan.universe, plan.types, effects[:0]), plan.profiles)
