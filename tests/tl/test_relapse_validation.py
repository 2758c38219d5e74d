"""Error rates and coverage of hazard ratios and curves.

``python -m pytest -m validation tests/tl/test_relapse_validation.py`` writes ``docs/validation/relapse.md``.
"""

from __future__ import annotations

import newton_cox
import numpy as np
import pandas as pd
import pytest
from validation_page import table, write_section

from niche.datasets import simulate_relapse
from niche.tl import _cox, associate, relapse

pytestmark = pytest.mark.validation

HEAD = (
    "# Time to relapse",
    "Written by `python -m pytest -m validation tests/tl/test_relapse_validation.py`. Patients are draws of "
    "`simulate_relapse`: four organs and death compete, follow-up of 3 to 10 years. The models are fitted by Newton's "
    "method here, to save time; the first table is compared with what lifelines finds.",
)
DEATH = {"competing": "death"}


def deaths(drawn: pd.DataFrame) -> dict[str, str]:
    """Death as a competing event, where anybody died: in a small set nobody may."""
    return DEATH if (drawn["organ"] == "death").any() else {}


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(_cox, "_fitted", newton_cox.fitted)


def _wald(rows):
    from scipy import stats

    return 2 * stats.norm.sf(np.abs(rows["log_hr"] / rows["log_hr_error"]))


def test_newton_finds_what_lifelines_finds(monkeypatch):
    drawn = simulate_relapse(0, n_patients=120, late_entry=1.0)
    ask = {"group": "group", "score": "score", "covariates": (), "entry": "entry", **DEATH}
    mine = relapse(drawn, **ask)
    monkeypatch.undo()
    theirs = relapse(drawn, **ask)
    for name in ("log_hr", "log_hr_error", "pval", "ph_pval"):
        assert mine[name].to_numpy() == pytest.approx(
            theirs[name].to_numpy(), rel=1e-4, abs=1e-6, nan_ok=True
        )


def test_no_effect_and_no_discovery():
    scenarios = [
        ("60 patients, half and half", 800, {"n_patients": 60}, {}),
        ("120 patients, half and half", 500, {"n_patients": 120}, {}),
        ("120 patients, a quarter high", 500, {"n_patients": 120, "share_high": 0.25}, {}),
        ("120 patients, late entry", 500, {"n_patients": 120, "late_entry": 2.0}, {"entry": "entry"}),
        ("240 patients, half and half", 400, {"n_patients": 240}, {}),
    ]
    lines, rates = [], {}
    for k, (name, n, options, ask) in enumerate(scenarios):
        rates_ = dict.fromkeys(("bone", "brain", "liver", "lung"), 0.05)
        sets = (simulate_relapse(1000 * k + i, null=True, rates=rates_, **options) for i in range(n))
        parts = [relapse(drawn, group="group", score="score", **ask, **deaths(drawn)) for drawn in sets]
        found = pd.concat(parts)
        for kind in ("groups", "score"):
            rows = found[(found["kind"] == kind) & (found["status"] == "tested")]
            share = len(rows) / (found["kind"] == kind).sum()
            p = rows["pval"]
            rates[name, kind] = float((p < 0.05).mean()), float((rows["ph_pval"] < 0.05).mean()), len(rows)
            cover = ((rows["ci_low"] <= 1) & (rows["ci_high"] >= 1)).mean()
            lines.append(
                [
                    name, kind, f"{len(rows):,}", f"{share:.2f}", f"{rows['n_events'].median():.0f}",
                    f"{rates[name, kind][0]:.3f}", f"{(p < 0.001).mean():.4f}", f"{(_wald(rows) < 0.05).mean():.3f}",
                    f"{cover:.3f}", f"{rates[name, kind][1]:.3f}",
                ]
            )  # fmt: skip
    text = [
        "Groups and scores without an effect, 5 % relapses per year in each organ. *Testable*: the share with 10 events "
        "and with events in both groups. *Wald* is what would be rejected by the estimate over its error; coverage is that "
        "of its interval. *Drift*: share with p < 0.05 against proportional hazards, which hold.",
        "",
        *table(
            [
                "patients",
                "term",
                "tests",
                "testable",
                "median events",
                "p < 0.05",
                "p < 0.001",
                "Wald",
                "coverage",
                "drift",
            ],
            lines,
        ),
    ]
    write_section("relapse.md", HEAD, "No effect", text)
    for rate, drift, n in rates.values():
        assert n < 500 or 0.03 <= rate <= 0.065
        assert n < 500 or 0.025 <= drift <= 0.08
    total = sum(n for _, _, n in rates.values())
    assert sum(rate * n for rate, _, n in rates.values()) / total == pytest.approx(0.0475, abs=0.0125)


def test_scores_of_patients():
    """Through associate: two samples per patient, covariates that carry the effect."""
    lines, rates = [], {}
    for n, n_sets in ((100, 220),):
        parts = {"linear": [], "rank": [], "linear, covariate": []}
        for seed in range(n_sets):
            drawn = simulate_relapse(
                seed, n_patients=n, hazard_ratio=dict.fromkeys(("bone", "lung", "liver", "brain"), 2.5),
                score_hazard_ratio={}, rates=dict.fromkeys(("bone", "lung", "liver", "brain"), 0.05),
            )  # fmt: skip
            rng = np.random.default_rng(10_000 + seed)
            two = pd.DataFrame({"patient": np.repeat(drawn["patient"], 2), "value": rng.normal(size=2 * n)})
            high = two["patient"].map(drawn.set_index("patient")["group"]) == "high"
            for method in ("linear", "rank"):
                parts[method].append(associate(two, drawn, score="value", method=method, **DEATH)["pval"])
            carried = two.assign(value=two["value"] + 1.5 * high)
            parts["linear, covariate"].append(
                associate(carried, drawn, score="value", covariates="group", **DEATH)["pval"]
            )
        for name, found in parts.items():
            p = pd.concat(found).dropna()
            rates[n, name] = float((p < 0.05).mean())
            lines.append([str(n), name, f"{len(p):,}", f"{rates[n, name]:.3f}", f"{(p < 0.001).mean():.4f}"])
    text = [
        "`tl.associate` with two samples per patient whose scores say nothing beyond the group. With the covariate the "
        "scores of the group that relapses more often are higher, and the test is within groups.",
        "",
        *table(["patients", "method", "tests", "p < 0.05", "p < 0.001"], lines),
    ]
    write_section("relapse.md", HEAD, "Scores without any association", text)
    assert all(0.035 <= rate <= 0.06 for rate in rates.values())


def test_effects_are_covered():
    ratios, planted = {"bone": 2.5, "lung": 0.6}, {"bone": 0.08, "lung": 0.06, "brain": 0.04}
    lines, covered = [], []
    for n, n_sets in ((150, 1000),):
        parts = [
            relapse(
                simulate_relapse(i, n_patients=n, rates=planted, hazard_ratio=ratios, score_hazard_ratio={"brain": 2.0}),
                group="group", score="score", reference="low", **DEATH,
            )
            for i in range(n_sets)
        ]  # fmt: skip
        found = pd.concat(parts)
        found = found[found["status"] == "tested"]
        for organ, kind, truth in (("bone", "groups", 2.5), ("lung", "groups", 0.6), ("brain", "score", 2.0)):
            rows = found[(found["organ"] == organ) & (found["kind"] == kind)]
            cover = float(((rows["ci_low"] <= truth) & (truth <= rows["ci_high"])).mean())
            covered.append(cover)
            bias = np.exp(rows["log_hr"].mean()) / truth
            power = (rows["pval"] < 0.05).mean()
            lines.append(
                [
                    str(n),
                    organ,
                    kind,
                    f"{truth:g}",
                    f"{len(rows)}",
                    f"{bias * truth:.2f}",
                    f"{cover:.3f}",
                    f"{power:.2f}",
                ]
            )
    text = [
        "Planted hazard ratios of groups, and of a standard deviation of the score: geometric mean of the estimates, "
        "coverage of the 95 % interval, share with p < 0.05.",
        "",
        *table(["patients", "organ", "term", "planted", "tests", "found", "coverage", "p < 0.05"], lines),
    ]
    write_section("relapse.md", HEAD, "Planted effects", text)
    assert all(0.93 <= cover <= 0.97 for cover in covered)


def test_curves_are_covered():
    planted, year = {"bone": 0.08, "lung": 0.05}, 4.0
    whole = 0.08 + 0.05 + 0.02
    truth = {organ: rate / whole * (1 - np.exp(-whole * year)) for organ, rate in planted.items()}
    lines, covered = [], []
    for name, n, late in (
        ("100 patients", 100, 0.0),
        ("100 patients, late entry", 100, 2.0),
        ("300 patients", 300, 0.0),
    ):
        hits = {organ: [] for organ in (*planted, "none")}
        for seed in range(1000):
            drawn = simulate_relapse(seed, n_patients=n, rates=planted, null=True, late_entry=late)
            curves = relapse(drawn, entry="entry" if late else None, level="incidence", **DEATH)
            for organ in planted:
                curve = curves[(curves["organ"] == organ) & (curves["time"] <= year)].iloc[-1]
                hits[organ].append(curve["ci_low"] <= truth[organ] <= curve["ci_high"])
            free = relapse(drawn, entry="entry" if late else None, level="survival", **DEATH)
            free = free[free["time"] <= year].iloc[-1]
            hits["none"].append(free["ci_low"] <= np.exp(-whole * year) <= free["ci_high"])
        for organ, values in hits.items():
            covered.append(float(np.mean(values)))
            what = "without relapse" if organ == "none" else f"relapse in {organ}"
            known = np.exp(-whole * year) if organ == "none" else truth[organ]
            lines.append([name, what, f"{known:.3f}", f"{covered[-1]:.3f}"])
    text = [
        f"1,000 draws per row: coverage of the 95 % interval of the curve at {year:g} years. Late entry leaves few "
        "patients at risk in the first years, and intervals that are a little too narrow.",
        "",
        *table(["patients", "curve", "truth", "coverage"], lines),
    ]
    write_section("relapse.md", HEAD, "Curves", text)
    late = [cover for line, cover in zip(lines, covered, strict=True) if "late entry" in line[0]]
    assert all(0.90 <= cover <= 0.97 for cover in late)
    assert all(0.93 <= cover <= 0.97 for cover in covered if cover not in late)
