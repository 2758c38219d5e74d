"""Long proof that species are told apart, and that edges across species are found like any others.

``python -m pytest -n 0 -m validation tests/pp/test_species_validation.py`` writes
``docs/validation/xenograft.md``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from two_species import in_one_genome, in_one_space

import niche

pytestmark = pytest.mark.validation

PAGE = Path(__file__).parents[2] / "docs" / "validation" / "xenograft.md"
CROSS = (0.03, 0.05, 0.08, 0.10)
SPLITS, STUDIES = 6, 3
ORGANS = ("bone", "lung", "liver")
PATIENT = "animal"
HEAD = """# Xenografts: species, and edges across species

Written by `python -m pytest -n 0 -m validation tests/pp/test_species_validation.py`.
"""
SPLIT_HEAD = f"""
## Species of every cell

`simulate_xenograft`: {SPLITS} draws per row, each of six animals with one organ and about 300 cells; the ambient fraction of
a cell varies by a factor of 1.6 (one standard deviation), 4 % of the cells fall together with another one. *Cross*: mean
share of a cell's counts that is of the other species; *most*: its largest mean in the cells of one species of one sample.
*Right*: share of the calls human and mouse that are right, of single cells, and of all (a doublet of both species is never
right). *In the band*: single cells called doublet. *Doublets found*: those of both species called so. *Off*: mean absolute
error of the leak rates of the samples, relative to the true rate.

| cross | most | cells | outside the band | right, single cells | right, all | single cells in the band | doublets found | off |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
EDGES_HEAD = f"""
## Edges across species

{STUDIES} draws per row: {len(ORGANS)} organs, six animals each, about 200 cells per sample, three further axes per organ and kind
beside the planted default ones, every organ against the rest, edges between tumor and host that every organ has. *One
genome*: the same droplets with the counts of both species added up under human symbols, as the study would look before
it was put into two species. *Two species*: `split_species`, `collapse_orthologs`. *Recall*: planted two-sided axes found
on `qval_joint <= 0.1`, and planted one-sided ones found on `qval <= 0.1` with any side moving; *testable*: of those that
have a p-value (in two species: whose genes all have an ortholog). *False*: share of the discoveries that are none. *Driver*: of
the one-sided axes that were found, those with the right driver.

| cross | analysis | two-sided | testable | recall | recall, testable | false | one-sided | testable | recall | recall, testable | driver right | false |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def _write(head: str, lines: list[str]) -> None:
    """Replace or add a part of the page."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else HEAD
    title = head.strip().splitlines()[0]
    before, found, after = text.partition(f"\n{title}\n")
    rest = after[after.index("\n## ") :] if found and "\n## " in after else ""
    PAGE.write_text(before + head + "\n".join(lines) + "\n" + rest, encoding="utf-8")


def _judge(adata) -> dict[str, np.ndarray]:
    obs = adata.obs
    call, truth = obs["species"].astype(str).to_numpy(), obs["truth_species"].astype(str).to_numpy()
    crossed = obs["truth_species_doublet"].to_numpy()
    pure = np.isin(call, ["human", "mouse"])
    rates = niche.get.species(adata).set_index("sample")
    single = obs[~crossed & pure]
    true = single.groupby(["sample", "truth_species"], observed=True)["truth_other_species"].mean().unstack()
    told = rates[["mouse_in_human", "human_in_mouse"]].loc[true.index].to_numpy()
    return {
        "cross": true.to_numpy(), "off": np.abs(told / true.to_numpy() - 1).ravel(), "pure": pure,
        "right": ((call == truth) & ~crossed)[pure], "right_single": (call == truth)[pure & ~crossed],
        "band": (call == "doublet")[~crossed], "found": (call == "doublet")[crossed],
    }  # fmt: skip


def test_species_of_cells() -> None:
    lines = []
    for cross in CROSS:
        found = [
            _judge(_split(niche.datasets.simulate_xenograft(
                100 * seed + round(1000 * cross), animals_per_organ=3, cells=300, n_genes=1500, cross_ambient=cross
            )))
            for seed in range(SPLITS)
        ]  # fmt: skip
        joined = {name: np.concatenate([one[name].ravel() for one in found]) for name in found[0]}
        mean = {name: values.mean() for name, values in joined.items()}
        assert mean["right_single"] >= 0.99 and mean["right"] >= 0.99
        assert mean["band"] <= 0.01 and mean["pure"] >= 0.95
        lines.append(
            f"| {mean['cross']:.1%} | {joined['cross'].max():.0%} | {joined['pure'].size:,} | {mean['pure']:.2%} | "
            f"{mean['right_single']:.3%} | {mean['right']:.2%} | {mean['band']:.2%} | {mean['found']:.0%} of "
            f"{joined['found'].size} | {mean['off']:.1%} |"
        )
    _write(SPLIT_HEAD, lines)


def _split(adata):
    niche.pp.split_species(adata)
    return adata


def _compared(adata) -> pd.DataFrame:
    adata.obs["cell_type"] = adata.obs["cell_type"].astype(str)
    niche.pp.normalize(adata)
    niche.tl.call_compartments(adata, labels={"Malignant": "tumor"})
    niche.tl.communication(adata, "cell_type", null=None, scores="expr_prod", patient_key=PATIENT)
    niche.tl.compare_communication(adata, n_permutations=0)
    return niche.get.compare_communication(adata)


def _rates(adata, table: pd.DataFrame) -> dict[str, np.ndarray]:
    ends = table[["source", "target"]].astype(str).drop_duplicates()
    both = niche.testing.recovery(adata, table, edges=ends)
    one = niche.testing.recovery(adata, table, edges=ends, score="qval", claim="any")

    def count(rates: pd.DataFrame, measure: str, kind: str, edges: str) -> np.ndarray:
        row = rates[(rates["measure"] == measure) & (rates["kind"] == kind) & (rates["edges"] == edges)]
        return row[["count", "total"]].to_numpy(dtype=float).sum(axis=0)

    sides = ("ligand", "receptor")
    return {
        "both": count(both, "recall", "both", "planted"),
        "both_testable": count(both, "recall_testable", "both", "planted"),
        "false": count(both, "false_discovery_share", "both", "all"),
        "one": sum(count(one, "recall", side, "planted") for side in sides),
        "one_testable": sum(count(one, "recall_testable", side, "planted") for side in sides),
        "driver": sum(count(one, "driver_accuracy", side, "planted") for side in sides),
        "false_any": count(one, "false_discovery_share", "any", "all"),
    }


def test_edges_across_species() -> None:
    lines: list[str] = []
    pooled: dict[str, dict[str, np.ndarray]] = {}
    for cross in (0.03, 0.10):
        sums: dict[str, dict[str, np.ndarray]] = {}
        for seed in range(STUDIES):
            study = niche.datasets.simulate_xenograft(
                7 + 100 * seed + round(1000 * cross), organs=ORGANS, animals_per_organ=6, cells=200, extra_axes=3,
                cross_ambient=cross,
            )  # fmt: skip
            for name, made in (("one genome", in_one_genome(study)), ("two species", in_one_space(study))):
                for what, counts in _rates(made, _compared(made)).items():
                    sums.setdefault(name, {}).setdefault(what, np.zeros(2))
                    sums[name][what] += counts
        for name, found in sums.items():
            share = {what: counts[0] / counts[1] for what, counts in found.items()}
            for what, counts in found.items():
                pooled.setdefault(name, {}).setdefault(what, np.zeros(2))
                pooled[name][what] += counts
            lines.append(
                f"| {cross:.0%} | {name} | {found['both'][1]:.0f} | {found['both_testable'][1]:.0f} | "
                f"{share['both']:.2f} | {share['both_testable']:.2f} | {share['false']:.3f} | "
                f"{found['one'][1]:.0f} | {found['one_testable'][1]:.0f} | "
                f"{share['one']:.2f} | {share['one_testable']:.2f} | {share['driver']:.2f} | {share['false_any']:.3f} |"
            )
    _write(EDGES_HEAD, lines)
    one, two = (
        {what: counts[0] / counts[1] for what, counts in pooled[name].items()}
        for name in ("one genome", "two species")
    )
    assert two["both_testable"] >= one["both_testable"] - 0.05
    assert two["one_testable"] >= one["one_testable"] - 0.05
    assert two["false"] <= one["false"] + 0.02 and two["false_any"] <= one["false_any"] + 0.02
