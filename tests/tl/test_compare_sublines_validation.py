"""Calibration of the comparison of sublines; writes its part of docs/validation/sublines.md."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import niche

PAGE = Path(__file__).parents[2] / "docs" / "validation" / "sublines.md"
DRAWS = 8
SETTINGS: dict[str, dict[str, object]] = {
    "3 sublines per organ": {"sublines": 3},
    "4 sublines per organ": {"sublines": 4},
    "6 sublines per organ": {"sublines": 6},
    "5, 3 and 2 sublines": {"sublines": {"bone": 5, "lung": 3, "brain": 2}},
    "1, 2 or 5 cultures": {"replicates": (1, 2, 5), "culture_sd": 0.2},
    "1 or 5 cultures, that differ more than sublines": {"replicates": (1, 5), "culture_sd": 0.5},
    "4 parental lines": {"parentals": 4},
    "a parental line that did not drift": {"parental_drifts": False},
    "drift of 0.8": {"drift_sd": 0.8},
    "shallow, little drift": {"depth": 2e5, "drift_sd": 0.1, "dispersion": 0.05},
}
HEAD = """# Sublines selected for an organ

Written by `python -m pytest -m validation tests/tl/test_compare_sublines_validation.py`. `simulate_sublines`, three
organs, four sublines of each and one parental line with three cultures each unless told, 1,000 genes.

## Where nothing is selected

Shares of p-values up to 0.05 (and 0.001) in {draws} draws without any effect; right at the level itself. *Right
direction*: held-out sublines that a signature of genes of whatever q-value scores above the sublines held out beside
them, of those that could be tried: half of them, where there is nothing to find. (Few can be tried where sublines are
alike: a gene of a signature differs by 0.5 or more.)

| study | vs rest | pairs | vs parental | at 0.001 | tests | false calls per 1,000 | right direction |
|---|---|---|---|---|---|---|---|
"""
FOUND = """
## What was selected

40 genes planted per organ, and 40 that move in every subline, all by 1.5 doublings; {draws} draws. *Called*: planted
genes of the organ enriched, specific or depleted against the rest; *false*: calls of genes that do not differ from the
rest. *Signature*: genes of `get.subline_signature`, how many of them were planted for that organ, and the share of
planted ones whose direction is right. *Held out*: sublines scored on the right side by a signature built without
them, of those that could be tried.

| sublines per organ | called | false | signature | planted in it | direction | held out, vs rest | held out, vs 3 parental lines |
|---|---|---|---|---|---|---|---|
"""


def _null_rates(options: dict[str, object], seeds: Iterable[int]) -> dict[str, float]:
    tables, directions, calls = [], [], 0
    for seed in seeds:
        adata = niche.datasets.simulate_sublines(seed, n_genes=1000, null=True, **options)
        niche.tl.compare_sublines(adata, replicate_key="culture", max_q=1.0)
        table = niche.get.compare_sublines(adata)
        tables.append(table)
        calls += int(table["call"].isin(["enriched", "depleted", "specific", "differs"]).sum())
        directions.append(niche.get.compare_sublines(adata, what="held_out")["direction"])
    table, direction = pd.concat(tables), pd.concat(directions).astype(str)
    p, kind = table["pval"], table["contrast"].astype(str)
    parental, rest = kind.str.endswith("_vs_parental"), kind.str.endswith("_vs_rest")
    pair = ~parental & ~rest & (kind != "omnibus")
    tried = direction[direction != "not_testable"]
    return {
        "rest": (p[rest].dropna() <= 0.05).mean(),
        "pairs": (p[pair].dropna() <= 0.05).mean(),
        "parental": (p[parental].dropna() <= 0.05).mean(),
        "low": (p.dropna() <= 0.001).mean(),
        "tests": int(p.notna().sum()),
        "calls": 1000 * calls / int(p.notna().sum()),
        "right": (tried == "right").mean(),
        "tried": len(tried),
    }


def _found(n: int, seeds: Iterable[int]) -> dict[str, float]:
    sums: dict[str, list[float]] = {}
    for seed in seeds:
        adata = niche.datasets.simulate_sublines(seed, sublines=n, parentals=3, n_genes=1000)
        niche.tl.compare_sublines(adata)
        truth = adata.uns["truth"]["genes"]
        planted = {organ: part.set_index("gene")["log2fc"] for organ, part in truth.groupby("organ")}
        moving = {gene for organ in ("bone", "lung", "brain") for gene in planted[organ].index}
        for organ in ("bone", "lung", "brain"):
            called = niche.get.compare_sublines(
                adata, contrast=f"{organ}_vs_rest", call=["enriched", "depleted", "specific"]
            )["gene"].astype(str)
            signature = niche.get.subline_signature(adata, organ)
            hit = signature[signature["gene"].isin(planted[organ].index)]
            right = np.sign(planted[organ].reindex(hit["gene"])).to_numpy() == np.where(
                hit["direction"] == "up", 1, -1
            )
            tried = niche.get.compare_sublines(adata, what="held_out", organ=organ)
            for name, value in {
                "called": called.isin(planted[organ].index).mean() * len(called) / len(planted[organ]),
                "false": (~called.isin(moving)).sum(),
                "n_called": len(called),
                "signature": len(signature),
                "planted": len(hit),
                "direction": right.mean(),
            }.items():
                sums.setdefault(name, []).append(value)
            for against in ("rest", "parental"):
                rows = tried[tried["contrast"] == f"{organ}_vs_{against}"]
                rows = rows[rows["direction"] != "not_testable"]
                sums.setdefault(f"right_{against}", []).extend(rows["direction"] == "right")
    return {
        name: (np.sum if name in ("false", "n_called") else np.mean)(values) for name, values in sums.items()
    } | {f"tried_{against}": len(sums[f"right_{against}"]) for against in ("rest", "parental")}


@pytest.mark.validation
def test_where_nothing_is_selected_and_where_something_is() -> None:
    lines = [HEAD.format(draws=DRAWS)]
    null = {name: _null_rates(options, range(DRAWS)) for name, options in SETTINGS.items()}
    for name, r in null.items():
        right = f"{r['right'] * r['tried']:.0f} of {r['tried']}" if r["tried"] else "0 of 0"
        lines.append(
            f"| {name} | {r['rest']:.4f} | {r['pairs']:.4f} | {r['parental']:.4f} | {r['low']:.4f} | {r['tests']} | "
            f"{r['calls']:.2f} | {right} |\n"
        )
    adata = niche.datasets.simulate_sublines(0, n_genes=1000, null=True)
    niche.tl.compare_sublines(adata, subline_key="culture")
    wrong = (niche.get.compare_sublines(adata)["pval"].dropna() <= 0.05).mean()
    lines.append(f"\nWith every culture taken for a subline, in the first draw: {wrong:.2f} at 0.05.\n")
    lines.append(FOUND.format(draws=5))
    found = {n: _found(n, range(100, 105)) for n in (3, 4, 6)}
    for n, r in found.items():
        held = [
            f"{r[f'right_{against}'] * r[f'tried_{against}']:.0f} of {r[f'tried_{against}']}"
            for against in ("rest", "parental")
        ]
        lines.append(
            f"| {n} | {r['called']:.2f} | {r['false']:.0f} of {r['n_called']:.0f} | {r['signature']:.0f} | "
            f"{r['planted']:.0f} | {r['direction']:.3f} | {held[0]} | {held[1]} |\n"
        )
    PAGE.write_text("".join(lines), encoding="utf-8")
    for name, r in null.items():
        assert 0.035 <= r["rest"] <= 0.06, name
        assert 0.035 <= r["pairs"] <= 0.06, name
        assert r["parental"] <= 0.06, name
        assert name.endswith("did not drift") or r["parental"] >= 0.035, name
        assert r["low"] <= 0.0025, name
        assert r["tried"] < 60 or 0.35 <= r["right"] <= 0.65, name
    assert null["drift of 0.8"]["tried"] >= 60
    for r in found.values():
        assert r["direction"] >= 0.99
        assert r["right_rest"] >= 0.95
        assert r["right_parental"] >= 0.95
