"""Programs: weights, the shift of the organ's own, private and leaked ones, usage per cell."""

from __future__ import annotations

import numpy as np
import pytest

from niche.datasets._simulate.options import Options
from niche.datasets._simulate.plan import Plan
from niche.datasets._simulate.programs import block_names, cell_usage, expected_usage, sample_levels


def test_names() -> None:
    assert block_names(Options(), ["bone"]) == [
        *("cell_cycle", "shared_1", "shared_2", "organ_bone", "private_1", "private_2", "leaked_bone")
    ]
    bare = Options(shared_programs=0, private_programs=0, organ_programs=False, parenchyma=False)
    assert block_names(bare, ["bone"]) == ["cell_cycle"]


def test_weights_are_shares_of_their_genes(plan: Plan) -> None:
    np.testing.assert_allclose(plan.programs.weights.sum(axis=1), 1)
    for weights, genes in zip(plan.programs.weights, plan.universe.blocks.values(), strict=True):
        assert set(np.flatnonzero(weights)) == set(plan.universe.positions(genes))


def test_levels_of_a_sample(plan: Plan) -> None:
    programs, options = plan.programs, Options(organs=("bone", "liver"), program_sd=0.0, program_shift=0.0)
    sample = plan.design.iloc[0]
    level = sample_levels(np.random.default_rng(0), programs, options, sample, np.zeros(len(programs.table)))
    table = programs.table.assign(level=level).set_index("program")
    assert table.loc["shared_1", "level"] == pytest.approx(0.045)
    own = table.loc[f"organ_{sample['organ']}"]
    assert own["level"] == pytest.approx(0.045 * np.exp(own["shift"])) and own["shift"] == pytest.approx(0.8)
    private = table[table["kind"] == "patient-private"]
    assert ((private["level"] > 0) == (private["patient"] == sample["patient"])).all()
    assert (table.loc[table["kind"] == "leaked", "level"] == 0).all()


def test_usage_of_cells(plan: Plan) -> None:
    levels = expected_usage(plan.programs, "bone")
    malignant = np.arange(6000) < 4000
    usage = cell_usage(np.random.default_rng(0), plan.programs, levels, malignant)
    assert not usage[~malignant].any() and usage.sum(axis=1).max() <= 0.8 + 1e-9
    np.testing.assert_allclose(usage[malignant].mean(axis=0), levels, rtol=0.12, atol=0.003)
    cycling = usage[malignant, 0] > 0.05
    assert cycling.mean() == pytest.approx(0.15, abs=0.03)


def test_expected_usage_of_an_organ(plan: Plan) -> None:
    nowhere, bone = expected_usage(plan.programs, ""), expected_usage(plan.programs, "bone")
    assert (bone != nowhere).tolist() == (plan.programs.table["program"] == "organ_bone").tolist()
