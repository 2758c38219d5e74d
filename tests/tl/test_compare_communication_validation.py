"""Long proof that tests between organs are calibrated, and that they find what is planted.

``python -m pytest -m validation tests/tl/test_compare_communication_validation.py`` writes
``docs/validation/organ_tests.md``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pseudobulk_study import DESIGNS, Setting, compare

import niche

pytestmark = pytest.mark.validation

TABLE = Path(__file__).parents[2] / "docs" / "validation" / "organ_tests.md"
HEAD = """# Tests between organs

Written by `python -m pytest -m validation tests/tl/test_compare_communication_validation.py`. Rates are shares of
p-values below the level where nothing differs; a rate is right at the level itself.
"""
STUDIES, EDGES = 5, 4_000
UNEQUAL = {"cells": 0.2, "depth": 0.5, "variance": 2.0}
SETTINGS = [
    (name, Setting(design, n, **factors))
    for name, factors in (("balanced", {}), ("unequal", UNEQUAL))
    for design in DESIGNS
    for n in (3, 4, 6)
]
SEEDS = range(3)
_SECTIONS: dict[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def _written():
    """Write the page when every part is there; a part alone changes nothing."""
    _SECTIONS.clear()
    yield
    names = ("pseudobulk", "cells", "planted")
    if set(names) <= set(_SECTIONS):
        TABLE.write_text("\n".join([HEAD, *(_SECTIONS[name] for name in names)]), encoding="utf-8")


def section(name: str, title: str, text: str, table: pd.DataFrame) -> None:
    head = "| " + " | ".join(table.columns) + " |\n|" + "---|" * table.shape[1]
    rows = ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
    _SECTIONS[name] = "\n".join([f"## {title}", "", text, "", head, *rows, ""])


def below(p: np.ndarray, level: float) -> tuple[int, int]:
    known = p[~np.isnan(p)]
    return int((known < level).sum()), known.size


def rates_of(setting: Setting, seeds: list[int]) -> dict[str, float]:
    """Rates over several studies of independent edges, of which a tenth move on the ligand side alone."""
    hits: dict[str, np.ndarray] = {}
    fc = np.zeros(EDGES)
    fc[:200], fc[200:400] = 2.0, -2.0
    for seed in seeds:
        found, wanted = compare(np.random.default_rng(seed), setting, EDGES, ligand_fc=fc)
        kind = np.array([c.kind for c in wanted])
        bone = np.array(["bone" in c.name for c in wanted])
        null = found.feature >= 400
        p, joint = found.columns["pval"], found.columns["pval_joint"]
        driver = found.driver[~null][:, 1]
        for name, values, level in (
            ("omnibus", p[null][:, kind == "omnibus"], 0.05),
            ("vs rest", p[null][:, kind == "rest"], 0.05),
            ("pairs", p[null][:, kind == "pair"], 0.05),
            ("with bone", p[null][:, bone], 0.05),
            ("at 0.001", p[null][:, kind != "omnibus"], 0.001),
            ("joint, one side", joint[~null][:, bone], 0.05),
            ("joint, none", joint[null][:, kind != "omnibus"], 0.05),
        ):
            hits[name] = hits.get(name, np.zeros(2)) + below(values, level)
        right = np.array([(driver == 2).sum(), (driver > 0).sum()])
        hits["driver"] = hits.get("driver", np.zeros(2)) + right
    return {name: float(x / n) for name, (x, n) in hits.items()} | {"tests": int(hits["pairs"][1])}


def test_rates_of_independent_edges():
    """Type I errors, the size of the joint test, and who drives, in every design of the issue."""
    rows = []
    for i, (name, setting) in enumerate(SETTINGS):
        found = rates_of(setting, [1000 * i + s for s in range(STUDIES)])
        rows.append({"organ bone": name, "design": setting.design, "patients": setting.patients, **found})
    table = pd.DataFrame(rows)
    shown = table.copy()
    for column in shown.columns[3:-1]:
        shown[column] = [f"{value:.4f}" for value in shown[column]]
    section(
        "pseudobulk",
        "Independent edges",
        f"{STUDIES} studies of {EDGES:,} edges with genes of their own in each setting; patients per organ, four "
        "organs. A tenth of the edges have a ligand that moves by two doublings in bone; rates are of the others, "
        "*with bone* of their contrasts that hold this organ. *Joint, one side*: size of `pval_joint` where "
        "only the ligand moves. *Driver*: share of `ligand` among those edges. *Unequal*: bone has 5 x fewer "
        "cells, 2 x less depth, 2 x the variance.",
        shown,
    )
    for column in ("omnibus", "vs rest", "pairs"):
        assert table[column].between(0.035, 0.06).all(), table[["organ bone", "design", "patients", column]]
    assert (table["at 0.001"] <= 0.0025).all()
    assert (table["joint, one side"] <= 0.05).all()
    assert (table["joint, none"] <= 0.05).all()


def study(seed: int, **options) -> tuple[object, pd.DataFrame]:
    adata = niche.datasets.simulate_metastases(seed, primaries=0, normals=0, **options)
    niche.pp.normalize(adata)
    niche.pp.ambient(adata)
    niche.tl.communication(adata, "cell_type", null=None, scores=["lr_means"])
    niche.tl.compare_communication(adata)
    return adata, niche.get.compare_communication(adata)


def test_rates_from_simulated_cells():
    """The whole way from cells: ambient molecules, doublets, clones, uneven types; nothing planted."""
    rows = []
    unequal = {"cell_factor": {"bone": 0.2}, "depth_factor": {"bone": 0.5}, "variance_factor": {"bone": 2.0}}
    for name, options in (("balanced", {}), ("unequal", unequal)):
        for design in DESIGNS:
            rates = []
            for seed in SEEDS:
                _, table = study(
                    seed, null=True, design=design, patients_per_organ=4, n_genes=1500, cells=400, **options
                )
                tested = table[table["pval"].notna()]
                kind = tested["contrast"].astype(str)
                parts = (
                    kind == "omnibus",
                    kind.str.endswith("_vs_rest"),
                    (kind != "omnibus") & ~kind.str.endswith("_vs_rest"),
                )
                rates.append(
                    [
                        *[(tested.loc[part, "pval"] < 0.05).mean() for part in parts],
                        (tested["pval"] < 0.001).mean(),
                        int(tested["call"].isin(["enriched", "depleted", "specific", "differs"]).sum()),
                        len(tested),
                    ]
                )
            mean = np.mean(rates, axis=0)
            rows.append([name, design, *[f"{x:.4f}" for x in mean[:4]], f"{mean[4]:.1f}", int(mean[5])])
    columns = ["organ bone", "design", "omnibus", "vs rest", "pairs", "at 0.001", "false calls", "tests"]
    section(
        "cells",
        "Whole studies without any difference",
        f"{len(SEEDS)} draws of `simulate_metastases(null=True)` per setting, 4 patients per organ; means over the "
        "draws. Edges of a study share genes, so a single draw scatters widely.",
        pd.DataFrame(rows, columns=columns),
    )
    rates = np.array([[float(x) for x in row[2:6]] for row in rows])
    assert 0.035 <= rates[:, :3].mean() <= 0.06
    assert rates[:, 3].mean() <= 0.0025


def test_planted_axes_are_found():
    """12 patients, 4 organs: axes that move on both sides, on one, and such that only leak."""
    rows, found = [], []
    for seed in SEEDS:
        adata, table = study(seed, design="paired", patients_per_organ=12, extra_axes=3)
        clean = table[table["ambient_side"].isin(["", "not_assessed"])]
        both = niche.testing.recovery(adata, clean)
        flagged = niche.testing.recovery(adata, table)
        any_side = niche.testing.recovery(adata, table, score="qval", claim="any")

        def rate(frame, measure, kind, edges="planted"):
            row = frame[(frame["measure"] == measure) & (frame["kind"] == kind) & (frame["edges"] == edges)]
            return int(row["count"].iloc[0]), int(row["total"].iloc[0])

        found.append(
            [
                rate(both, "recall", "both"),
                rate(both, "false_discovery_share", "both", "all"),
                rate(any_side, "recall", "ligand"),
                rate(any_side, "driver_accuracy", "ligand"),
                rate(any_side, "recall", "receptor"),
                rate(any_side, "driver_accuracy", "receptor"),
                rate(flagged, "recall", "both"),
                rate(flagged, "false_discovery_share", "both", "all"),
            ]
        )
        leaked = niche.testing.true_contrasts(adata)
        keys = ["contrast", "source", "target", "ligand_complex", "receptor_complex"]
        leaked = leaked[
            (leaked["kind"] == "leaked") & leaked["contrast"].astype(str).str.endswith("_vs_rest")
        ]
        text = table.astype(dict.fromkeys(keys, str))
        suspect = text[text["call"] == "ambient-suspect"].merge(leaked[keys].astype(str), on=keys)
        called = text[text["call"].isin(["enriched", "specific"])].merge(leaked[keys].astype(str), on=keys)
        said = f"{len(suspect)} of {len(suspect) + len(called)}"
        rows.append([seed, *[f"{a} of {b}" for a, b in found[-1]], said])
    columns = ["seed", "both: recall", "both: false", "ligand: recall", "ligand: driver", "receptor: recall"]
    columns += ["receptor: driver", "both, flags ignored: recall", "false", "leaked: ambient-suspect"]
    section(
        "planted",
        "Planted axes",
        "`simulate_metastases(design='paired', patients_per_organ=12, extra_axes=3)`, 4 organs, against the rest. "
        "Both sides: discovered at `qval_joint <= 0.1` where `ambient_side` is empty (no side moves because of "
        "ambient molecules), *false* of all discoveries. One side: at `qval <= 0.1`, and *driver* right, of those "
        "found. *Flags ignored*: discovered at `qval_joint <= 0.1` alone; what is false then are leaks. *Leaked*: "
        "planted leaks that are higher in their organ, and how many of them are `ambient-suspect` instead of called.",
        pd.DataFrame(rows, columns=columns),
    )
    total = np.array(found).sum(axis=0)
    share = total[:, 0] / np.maximum(total[:, 1], 1)
    assert share[0] >= 0.9
    false = [a / max(b, 1) for (_, (a, b), *_) in found]
    assert np.mean(false) <= 0.1
    assert share[3] >= 0.8
    assert share[5] >= 0.8
