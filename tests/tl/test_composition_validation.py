"""Long proofs of the composition tests: error rates, planted shifts, coverage.

``python -m pytest -m validation tests/tl/test_composition_validation.py`` writes
``docs/validation/composition.md``.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import niche
from niche._kernels.threads import limited_to
from niche._power.designs import planned
from niche._stats.contrasts import Groups, contrasts_of
from niche._stats.organ_tests import Samples
from niche.tl._composition_parts import part_of, part_tests

pytestmark = pytest.mark.validation

PAGE = Path(__file__).parents[2] / "docs" / "validation" / "composition.md"
ORGANS = ["bone", "brain", "liver", "lung"]
N_TYPES, N_SETS = 6, 350
SCENARIOS = {"balanced": (1, 1), "bone 5x fewer cells": (5, 1), "bone 2x variance": (1, 2)}
DESIGNS = [(pairing, n) for pairing in ("unpaired", "partial", "paired") for n in (3, 4, 6)]
KINDS = ("omnibus", "rest", "pair")

HEAD = """# Composition between organs

Written by `python -m pytest -m validation tests/tl/test_composition_validation.py`.

"""


def cells(rng, design, fewer, variance):
    """Cells of six types in every sample: logit-normal shares, correlated within patients, drawn multinomially."""
    organ = pd.factorize(design["organ"], sort=True)[0]
    patient = pd.factorize(design["patient"])[0]
    correlation = rng.beta(3, 3, N_TYPES)
    own = rng.normal(size=(patient.max() + 1, N_TYPES))[patient]
    deviation = np.sqrt(correlation) * own + np.sqrt(1 - correlation) * rng.normal(size=own.shape)
    spread = np.where(organ == 0, np.sqrt(variance), 1)[:, None]
    share = np.exp(rng.normal(0, 0.8, N_TYPES) + 0.4 * spread * deviation)
    n = rng.poisson(100 / np.where(organ == 0, fewer, 1) * np.exp(rng.normal(0, 0.3, len(design))))
    return organ, patient, rng.multinomial(n, share / share.sum(axis=1, keepdims=True))


def null_rates(pairing, n, fewer, variance):
    """Tests and rejections per kind of contrast, and for those of bone."""
    rng = np.random.default_rng(5)
    groups = Groups(ORGANS, ORGANS, ["metastasis"] * 4)
    wanted = contrasts_of(groups)
    design = planned(ORGANS, n, pairing)
    found = []
    for _ in range(N_SETS):
        organ, patient, counts = cells(rng, design, fewer, variance)
        samples = Samples(organ, patient, np.zeros((len(design), 0)), ())
        part = part_of(counts, "immune", samples, groups, 10)
        if (part.usable.sum(axis=1) > 1).any():
            family, _ = part_tests(part, samples, groups, wanted, "averaged")
            p = family.tests.p.copy()
            p[:, 0] = family.tests.f_p
            found.append(p)
    p = np.concatenate(found)
    rows = {kind: p[:, [c.kind == kind for c in wanted]].ravel() for kind in KINDS}
    rows["bone_vs_rest"] = p[:, [c.name for c in wanted].index("bone_vs_rest")]
    return {name: values[~np.isnan(values)] for name, values in rows.items()}


def test_error_rates():
    lines, rates = [], {"0.05": [], "0.001": []}
    with limited_to(1):
        for pairing, n in DESIGNS:
            for scenario, (fewer, variance) in SCENARIOS.items():
                found = null_rates(pairing, n, fewer, variance)
                at = {name: (p < 0.05).mean() for name, p in found.items()}
                rare = np.concatenate([found[kind] for kind in KINDS])
                lines.append(
                    f"| {pairing} | {n} | {scenario} | {found['omnibus'].size} | "
                    + " | ".join(f"{at[name]:.3f}" for name in (*KINDS, "bone_vs_rest"))
                    + f" | {(rare < 0.001).mean():.4f} |"
                )
                rates["0.05"].append([at[kind] for kind in KINDS])
                rates["0.001"].append((rare < 0.001).mean())
    mean = np.mean(rates["0.05"], axis=0)
    text = [
        "## Error rates",
        "",
        f"{N_SETS} data sets per row without any difference between four organs: six cell types of one "
        "compartment, logit-normal shares (sd 0.4, natural log) with correlations within patients drawn from "
        "Beta(3, 3) for every type, about 100 cells per sample. Share of p-values below 0.05, and below 0.001.",
        "",
        "| pairing | patients per organ | scenario | nulls | omnibus | organ vs rest | pairs | bone vs rest | < 0.001 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *lines,
        "",
        f"Mean over all rows: omnibus {mean[0]:.3f}, organ vs rest {mean[1]:.3f}, pairs {mean[2]:.3f}; below "
        f"0.001: {np.mean(rates['0.001']):.4f}. An organ that scatters more than the others is tested too "
        "liberally, as six cell types are too few to learn its variance from: look at the samples.",
    ]
    _write("Error rates", text)
    assert ((mean >= 0.035) & (mean <= 0.06)).all()
    assert np.mean(rates["0.001"]) <= 0.0025


def test_planted_shifts():
    planted = {"bone": {"T cell": 3.0}, "brain": {"NK cell": 0.3}, "liver": {"Macrophage": 2.5}}
    rows = [
        _draw(seed, pairing, planted) for pairing in ("unpaired", "partial", "paired") for seed in range(4)
    ]
    found = pd.concat(rows)
    tested = found[found["status"] == "tested"]
    lines = []
    for pairing, part in tested.groupby("pairing", sort=False):
        real = part[part["planted"]]
        hit = real["call"].isin(["enriched", "depleted"])
        right = np.sign(real["effect"]) == np.sign(real["truth"])
        called = part[part["call"].isin(["enriched", "depleted"])]
        inside = (part["ci_low"] <= part["truth"]) & (part["truth"] <= part["ci_high"])
        lines.append(
            f"| {pairing} | {len(real)} | {(hit & right).mean():.2f} | {real['effect'].abs().mean():.2f} | "
            f"{real['truth'].abs().mean():.2f} | {len(called)} | {(np.abs(called['truth']) < 0.1).mean():.2f} | "
            f"{len(part)} | {inside.mean():.3f} |"
        )
    text = [
        "## Planted shifts",
        "",
        "`simulate_metastases(composition={'bone': {'T cell': 3}, 'brain': {'NK cell': 0.3}, 'liver': "
        "{'Macrophage': 2.5}})`, six patients per organ, about 400 cells per sample, immune compartment, four draws "
        "per design; doublets and damaged cells stay in. *Planted* are the three types in their organ against the "
        "rest. The truth of every other contrast follows from the expected shares, and is not zero: odds against a "
        "type that expanded fall. *False* are calls whose true effect is below 0.1.",
        "",
        "| pairing | planted | found, right sign | mean effect | mean truth | calls | false | contrasts | 95 % coverage |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *lines,
    ]
    _write("Planted shifts", text)
    real = tested[tested["planted"]]
    assert (
        real["call"].isin(["enriched", "depleted"]) & (np.sign(real["effect"]) == np.sign(real["truth"]))
    ).mean() >= 0.8
    assert abs((real["effect"] - real["truth"]).mean()) < 0.2
    inside = (tested["ci_low"] <= tested["truth"]) & (tested["truth"] <= tested["ci_high"])
    assert inside.mean() > 0.92
    absent = found[(found["cell_type"] == "Kupffer cell") & (found["contrast"] == "bone_vs_liver")]
    assert (absent["status"] == "absent").all() and len(absent)


def _draw(seed, pairing, planted):
    """Contrasts of one draw with their true log2 odds ratios."""
    adata = niche.datasets.simulate_metastases(
        seed, design=pairing, patients_per_organ=6, primaries=0, normals=0, cells=400, n_genes=1500,
        composition=planted, composition_sd=0.4,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", niche.errors.NicheWarning)
        niche.tl.composition(adata)
    table = niche.get.composition(adata)
    table = table[(table["compartment"] == "immune") & (table["contrast"] != "omnibus")].copy()
    shares = adata.uns["truth"]["composition"]
    shares = shares[shares["tissue"] == "metastasis"].pivot_table(
        index="cell_type", columns="organ", values="share", aggfunc="first", observed=True
    )
    immune = ["Macrophage", "Monocyte", "T cell", "NK cell", "B cell"]
    shares = shares.loc[immune]
    odds = np.log2(shares / (shares.sum() - shares))
    table["truth"] = [
        _true_effect(odds, name, contrast) if name in immune else np.nan
        for name, contrast in zip(table["cell_type"].astype(str), table["contrast"].astype(str), strict=True)
    ]
    table["planted"] = [
        contrast.endswith("_vs_rest") and name in planted.get(contrast.removesuffix("_vs_rest"), {})
        for name, contrast in zip(table["cell_type"].astype(str), table["contrast"].astype(str), strict=True)
    ]
    return table.assign(pairing=pairing, seed=seed)


def _true_effect(odds, name, contrast):
    first, second = contrast.split("_vs_")
    others = [organ for organ in odds if organ != first] if second == "rest" else [second]
    return odds.loc[name, first] - odds.loc[name, others].mean()


def _write(title, text):
    """Put a section into the page, keeping the others."""
    body = "\n".join(text).removeprefix("## ")
    kept = PAGE.read_text(encoding="utf-8").split("\n## ")[1:] if PAGE.is_file() else []
    kept = [part.strip() for part in kept if not part.startswith(title)]
    PAGE.write_text(
        HEAD.rstrip() + "\n\n## " + "\n\n## ".join(sorted([*kept, body])) + "\n", encoding="utf-8"
    )
