"""The page and the figure of ``organs.py``: what every tool found, and what it made up."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

NAMES = {
    "niche": "niche",
    "niche_flags": "niche, heeding its ambient flags",
    "liana": "LIANA per organ, subtracted",
    "liana_twofold": "LIANA per organ, twofold",
    "wilcoxon": "cell-level Wilcoxon",
    "deseq2": "LIANA + pydeseq2",
}
COLORS = {
    "niche": "#0072B2",
    "niche_flags": "#56B4E9",
    "liana": "#E69F00",
    "liana_twofold": "#F0E442",
    "wilcoxon": "#D55E00",
    "deseq2": "#009E73",
}
LEAST = 1e-4
SAYS = {"both": "both sides", "any": "any side"}
PLANTED_KINDS = {"both": ("both",), "any": ("both", "ligand", "receptor")}


PAGE = """# What differs between organs: found, missed and made up

{studies} simulated studies of four organs, {patients} patients each, 12 in all (some in two organs),
{cells} cells per sample, {genes:,} genes. Each organ has its known axes and {axes} more, on which both
sides, the ligand or the receptor really rise fourfold, and axes that only leak. Every tool gets the same
counts. Judged by `niche.testing.recovery` is every organ against the rest, on every edge between tumor and
host whose two sides are seen in a tenth of the cells of some organ: {asked:,} to {asked_most:,} rows per
study, {least:,} to {most:,} of which every tool scores (*scored*: the share of each). What a tool does not
score is not found.

*Says*: that both sides differ in one direction, or any of them. *Planted found*: axes of the organ itself.
*False*: share of the discoveries for which that is wrong, mean over studies; the next columns count what they
are. *Area*: under precision and recall over all true edges, by the tool's own ranking. *Driver*: right for so
many of the planted one-sided axes that were found. *Null called*: share of edges called different where
nothing differs, mean and standard error over {alike} and {apart} studies: all organs alike ({cells} cells per
sample), and one organ with a fifth of the cells ({cells_apart}), half the depth and twice the variance.

{table}

![what is found, and what is made up](organs.svg)

How each decides:

- **niche**: `tl.communication`, `tl.compare_communication`; `qval_joint` and `qval` at most 0.1. *Heeding its
  ambient flags*: without edges that are `ambient-suspect`, and without those of which
  `ambient_side` names a side where both are said to move.
- **LIANA per organ, subtracted**: its `cellphonedb` on the pooled cells of each organ, 1,000 permutations; an
  edge differs where it is significant (p at most 0.05) in this organ only, or in all but this one. *Twofold*:
  where `lr_means` differ twofold and the edge is significant on the higher side. Ranked by the difference of
  `lr_means`.
- **cell-level Wilcoxon**: `scanpy.tl.rank_genes_groups` of an organ against the rest in each cell type; the
  larger p of both sides, 1 where they point in opposite directions (any: twice the smaller p),
  Benjamini-Hochberg at 0.1.
- **LIANA + pydeseq2**: counts summed per sample and cell type, pydeseq2 per cell type, joined by
  `liana.multi.df_to_lr`; p as for the Wilcoxon test. Samples of one patient count as independent.

P-values where nothing differs: share not above the level (standard error over studies). It is the level
itself for a test that is well calibrated.

{levels}

Versions: {versions}. CPU seconds are of one process and include what is compiled or loaded on the way.
"""


def page(
    rates: pd.DataFrame,
    told: dict[str, list[dict]],
    common: list[int],
    nulls: dict[str, pd.DataFrame],
    settings: dict[str, int],
) -> str:
    """Return the Markdown page."""
    n_null = {kind: int(table["n_data_sets"].max()) if len(table) else 0 for kind, table in nulls.items()}
    made_by = NAMES | {"liana": "LIANA", "wilcoxon": "scanpy"}
    versions = [
        f"{made_by[tool]} {runs[0]['version']}" for tool, runs in told.items() if "version" in runs[0]
    ]
    return PAGE.format(
        studies=rates["study"].nunique(),
        patients=settings["patients"],
        cells=settings["balanced"],
        cells_apart=settings["unequal"] // 5,
        genes=settings["genes"],
        axes=3 * settings["axes"],
        asked=rates["edges_asked"].min(),
        asked_most=rates["edges_asked"].max(),
        least=min(common),
        most=max(common),
        alike=n_null["balanced"],
        apart=n_null["unequal"],
        table="\n".join(main_rows(rates, told, nulls)),
        levels="\n".join(level_rows(nulls)),
        versions=", ".join(versions),
    ).rstrip("\n")


def main_rows(rates: pd.DataFrame, told: dict[str, list[dict]], nulls: dict[str, pd.DataFrame]) -> list[str]:
    """Return the table: one row per tool and claim, and one per tool that did not run."""
    header = (
        "tool", "says", "scored", "planted found", "discoveries", "false", "one side only",
        "leaked or contaminated", "nothing moves", "wrong sign", "area (random)", "driver",
        "null called, organs alike", "one organ apart", "CPU s per study",
    )  # fmt: skip
    rows = [_line(header), "|" + "---|" * len(header)]
    for claim in SAYS:
        for tool, name in NAMES.items():
            part = rates[(rates["tool"] == tool) & (rates["claim"] == claim)]
            home = tool.split("_")[0]
            if part.empty:
                reason = told[tool][0].get("not_run", "") if tool in told and claim == "both" else ""
                rows += (
                    [_line((name, f"not run: {reason[:80]}", *[""] * (len(header) - 2)))] if reason else []
                )
                continue
            found = summary(part, claim)
            driver = f"{found['driver'][0]} of {found['driver'][1]}" if found["driver"][1] else ""
            called = [_called(table, tool, claim) for table in nulls.values()]
            rows.append(
                _line(
                    (
                        name,
                        SAYS[claim],
                        f"{part['scored'].mean() / part['edges_asked'].mean():.0%}",
                        f"{found['planted'][0]} of {found['planted'][1]}",
                        f"{found['discoveries']:,}",
                        f"{found['false']:.2f}",
                        f"{found['one_side']:,}" if claim == "both" else "",
                        f"{found['contaminated']:,}",
                        f"{found['none']:,}",
                        f"{found['wrong_sign']:,}",
                        f"{found['area']:.2f} ({found['random']:.3f})",
                        driver,
                        *called,
                        f"{np.mean([one['cpu'] for one in told[home]]):.0f}",
                    )
                )
            )
    return rows


def summary(part: pd.DataFrame, claim: str) -> dict[str, object]:
    """Return counts over studies and means of rates of one tool and claim."""

    def counts(measure: str, kinds: tuple[str, ...], edges: str = "all") -> tuple[int, int]:
        rows = part[(part["measure"] == measure) & part["kind"].isin(kinds) & (part["edges"] == edges)]
        return int(rows["count"].sum()), int(rows["total"].sum())

    false = part[part["measure"] == "false_discovery_share"]
    return {
        "planted": counts("recall", PLANTED_KINDS[claim], "planted"),
        "discoveries": int(false["total"].sum()),
        "false": float(false["value"].fillna(0).mean()),  # no discovery, none false
        "one_side": counts("discoveries", ("ligand", "receptor", "opposed"))[0],
        "contaminated": counts("discoveries", ("leaked", "contaminated"))[0],
        "none": counts("discoveries", ("none",))[0],
        "wrong_sign": counts("discoveries", ("wrong_sign",))[0],
        "area": float(part.loc[part["measure"] == "area_precision_recall", "value"].mean()),
        "random": float(part.loc[part["measure"] == "prevalence", "value"].mean()),
        "driver": counts("driver_accuracy", ("ligand", "receptor"), "planted"),
    }


def level_rows(nulls: dict[str, pd.DataFrame]) -> list[str]:
    """Return the table of type-I errors of p-values."""
    rows = ["| tool | p-value | level | organs alike | one organ apart |", "|---|---|---|---|---|"]
    for tool, name in ((tool, name) for tool, name in NAMES.items() if "_" not in tool):
        for what in ("p of the edge", "p of a side"):
            for level in (0.05, 0.001):
                cells = [_rate(table, tool, what, level) for table in nulls.values()]
                if any(cells):
                    rows.append(_line((name, what, f"{level:g}", *cells)))
    return rows


def figure(rates: pd.DataFrame, nulls: dict[str, pd.DataFrame], path: Path) -> None:
    """Draw planted axes found against false discoveries, and null edges called different."""
    fig, axes = plt.subplots(1, 3, figsize=(12.5, 4.2), width_ratios=(1, 1, 1.2), layout="constrained")
    for ax, claim in zip(axes[:2], SAYS, strict=True):
        for tool, name in NAMES.items():
            part = rates[(rates["tool"] == tool) & (rates["claim"] == claim)]
            if part.empty:
                continue
            found = summary(part, claim)
            recall = found["planted"][0] / found["planted"][1]
            size = 170 if tool == "niche" else 80  # the flags' dot lies on it where they change nothing
            ax.scatter(
                found["false"], recall, s=size, color=COLORS[tool], label=name, zorder=3, clip_on=False
            )
        ax.axvline(0.1, color="#999999", linestyle=":", linewidth=1)
        ax.set(
            xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), xlabel="share of false discoveries",
            ylabel="planted axes found", title=f"says: {SAYS[claim]}",
        )  # fmt: skip
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    tools = [tool for tool in NAMES if any(len(t) and (t["tool"] == tool).any() for t in nulls.values())]
    for shift, (kind, table) in zip((-0.2, 0.2), nulls.items(), strict=True):
        for place, tool in enumerate(tools):
            row = table[(table["tool"] == tool) & (table["what"] == "called any")] if len(table) else table
            if len(row):
                axes[2].barh(
                    place + shift, max(float(row["value"].iloc[0]), LEAST), 0.36, color=COLORS[tool],
                    xerr=np.nan_to_num(row["se"].iloc[0]), ecolor="#333333", edgecolor="white",
                    hatch=None if kind == "balanced" else "///",
                )  # fmt: skip
    axes[2].set(
        xscale="log", xlim=(LEAST, 1), xlabel="share of null edges called different",
        title="nothing differs (hatched: one organ apart)",
    )  # fmt: skip
    axes[2].set_yticks(range(len(tools)), [NAMES[tool] for tool in tools])
    axes[2].invert_yaxis()
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    fig.savefig(path, metadata={"Date": None})


def _called(table: pd.DataFrame, tool: str, claim: str) -> str:
    return _rate(table, tool, f"called {claim}", 0.05)


def _rate(table: pd.DataFrame, tool: str, what: str, level: float) -> str:
    if not len(table):
        return ""
    row = table[(table["tool"] == tool) & (table["what"] == what) & (table["level"] == level)]
    if not len(row):
        return ""
    value, se = float(row["value"].iloc[0]), float(row["se"].iloc[0])
    digits = 3 if level > 0.01 else 4
    return f"{value:.{digits}f}" + (f" ({se:.{digits}f})" if np.isfinite(se) else "")


def _line(cells: tuple[object, ...]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
