"""Expected levels: effects exactly where planted, contamination only in what is observed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from niche.datasets._simulate.expectation import Expectation, expect, gene_effects
from niche.datasets._simulate.plan import Plan


def work_out(plan: Plan, **options: object) -> Expectation:
    asked = replace(plan.options, **options)
    return expect(plan.profiles, plan.universe, plan.types, plan.effects, plan.programs, asked)


def test_real_effects_are_the_planted_ones(plan: Plan) -> None:
    found = gene_effects(work_out(plan), plan.universe, plan.programs)
    axis = found[found["cause"] == "axis"].set_index(["organ", "cell_type", "gene"])["log2fc"]
    wanted = plan.effects.set_index(["organ", "cell_type", "gene"])["log2fc"]
    assert set(axis.index) == set(wanted.index)
    np.testing.assert_allclose(axis, wanted.loc[axis.index], atol=0.01)
    program = found[found["cause"] == "program"]
    assert (program["cell_type"] == "Malignant").all() and (program["log2fc"] > 0.5).all()
    assert set(program.loc[program["organ"] == "bone", "gene"]) == set(plan.universe.blocks["organ_bone"])
    assert found.loc[found["cause"] == "dilution", "log2fc"].abs().max() < 0.3


def test_leaked_genes_are_observed_everywhere_and_real_nowhere(plan: Plan) -> None:
    found = gene_effects(work_out(plan), plan.universe, plan.programs)
    leaked = found[(found["cause"] == "ambient") & (found["organ"] == "liver")]
    block = set(plan.universe.blocks["leaked_liver"])
    assert (leaked["log2fc"] == 0).all()
    for _, rows in leaked.groupby("cell_type"):
        assert len(block & set(rows["gene"])) >= 39


def test_without_contamination_observed_is_real(plan: Plan) -> None:
    clean = work_out(plan, ambient=0.0, doublets=0.0)
    np.testing.assert_allclose(clean.observed, clean.real, atol=1e-9)
