"""Every verdict over all universes: what became of it, and whether it holds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from niche._stats.agreement import STABILITIES, stability
from niche.get._comparisons import DIRECTED
from niche.recipes.universe_run import NAMES, NOT_TESTABLE, TEXT, Runner
from niche.recipes.universes import BASE, FACTORS

SAME, WEAKER, OPPOSITE, NOT_COMPARABLE = "same_call", "no_call", "opposite_sign", "not_comparable"
TESTED = (SAME, WEAKER, OPPOSITE)
UP, DOWN = ("enriched", "specific"), ("depleted",)
NO_ESTIMATE = "no effect can be estimated: too few molecules, cells or patients there"
_NAMED = 6


def chosen(estimates: pd.DataFrame, universes: pd.DataFrame) -> pd.DataFrame:
    """Edges and contrasts called in any universe, each once, with the direction of the call.

    That of the run, else the one most universes call, else that of the first. An edge that is called at
    another level only belongs here where some universe tests it at the level of the run.
    """
    same = universes.loc[universes["level"] == universes["level"].iloc[0], "universe"]
    tested = estimates["universe"].isin(same) & (estimates["call"] != NOT_TESTABLE)
    here = pd.MultiIndex.from_frame(estimates.loc[tested, list(NAMES)])
    estimates = estimates[pd.MultiIndex.from_frame(estimates[list(NAMES)]).isin(here)]
    called = estimates[estimates["call"].isin(DIRECTED)]
    sign = np.where(called["call"].isin(DOWN), -1, 1)
    base = (called["universe"] == BASE).to_numpy()
    weight = np.where(base, 1e9, 1.0) * sign
    votes = called[list(NAMES)].assign(vote=weight, first=sign)
    out = votes.groupby(list(NAMES), sort=True, as_index=False).agg(
        vote=("vote", "sum"), first=("first", "first")
    )
    out["direction"] = np.where(out["vote"] == 0, out["first"], np.sign(out["vote"])).astype(int)
    return out.drop(columns=["vote", "first"])


def calls_of(
    rows: pd.DataFrame, estimates: pd.DataFrame, universes: pd.DataFrame, runner: Runner
) -> pd.DataFrame:
    """One row per chosen edge and universe, with what it says there (``agreement``) and why not."""
    grid = rows.merge(universes[["universe", *FACTORS, "status", "reason"]], how="cross")
    failed = grid.pop("status").eq(NOT_TESTABLE).to_numpy()
    why = grid.pop("reason").to_numpy(dtype=object)
    out = grid.merge(estimates, on=["universe", *NAMES], how="left", sort=False)
    comparable, reason = _comparable(out, runner)
    sign = np.sign(out["log2fc"].fillna(0.0)).to_numpy()
    direction = out["direction"].to_numpy()
    called = np.select([out["call"].isin(UP), out["call"].isin(DOWN)], [1, -1], 0)
    untested = (out["log2fc"].isna() | out["call"].eq(NOT_TESTABLE)).to_numpy()
    met = pd.MultiIndex.from_frame(estimates[["universe", "contrast"]].drop_duplicates())
    organ = pd.MultiIndex.from_frame(out[["universe", "contrast"]]).isin(met)
    said = out["reason"].fillna("").to_numpy(dtype=object)
    out["agreement"] = np.select(
        [~comparable, sign == -direction, untested, called == direction],
        [NOT_COMPARABLE, OPPOSITE, NOT_TESTABLE, SAME],
        WEAKER,
    )
    nothing = np.where(organ, NO_ESTIMATE, "nothing can be estimated in this comparison there")
    nothing = np.where(failed, why, nothing)
    absent = out["log2fc"].isna().to_numpy()
    out["reason"] = np.select([~comparable, absent], [reason, nothing], said)
    out["call"] = np.select([~comparable, absent], [NOT_COMPARABLE, NOT_TESTABLE], out["call"].fillna(""))
    return out[
        [*NAMES, "universe", *FACTORS, "log2fc", "ci_low", "ci_high", "call", "agreement", "reason"]
    ]


def _comparable(out: pd.DataFrame, runner: Runner) -> tuple[np.ndarray, np.ndarray]:
    """Whether a universe can hold the edge at all, and why not."""
    kept, why = np.ones(len(out), dtype=bool), np.full(len(out), "", dtype=object)
    pairs = pd.MultiIndex.from_frame(out[["ligand_complex", "receptor_complex"]])
    for name in out["resource"].unique():
        listed = pd.MultiIndex.from_frame(runner.base.resources[name][["ligand", "receptor"]])
        lost = (out["resource"] == name).to_numpy() & ~pairs.isin(listed)
        kept[lost], why[lost] = False, f"the pair is not listed in {name}"
    for level in out["level"].unique():
        if level == runner.base.options["level"]:
            continue
        known = runner.counterparts(level)["type"]
        for end in ("source", "target"):
            lost = (out["level"] == level).to_numpy() & ~out[end].isin(known).to_numpy() & kept
            kept[lost] = False
            why[lost] = out.loc[lost, end] + f" has no single counterpart at the level {level}"
    return kept, why


def verdicts_of(calls: pd.DataFrame, universes: pd.DataFrame) -> pd.DataFrame:
    """One row per chosen edge and contrast: its call in the run, and what the universes make of it."""
    n = len(universes)
    rows = calls.iloc[::n][list(NAMES)].reset_index(drop=True)
    table = {name: calls[name].to_numpy().reshape(-1, n) for name in ("agreement", "log2fc", "call")}
    state = table["agreement"]
    tested = np.isin(state, TESTED)
    lost, turned = tested & (state != SAME), state == OPPOSITE
    options = np.stack([pd.factorize(universes[name])[0] for name in FACTORS], axis=1)
    without = (universes["left_out"] != universes["left_out"].iloc[0]).to_numpy()
    untried = (state[:, without] == NOT_TESTABLE).sum(axis=1)
    code, worst = stability(lost, turned, tested, options, untried > 0)
    n_tested, n_comparable = tested.sum(axis=1), (state != NOT_COMPARABLE).sum(axis=1)
    effect = np.where(tested, table["log2fc"].astype(float), np.nan)
    known = tested.any(axis=1)
    low, high = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    low[known], high[known] = np.nanmin(effect[known], axis=1), np.nanmax(effect[known], axis=1)
    names = universes["universe"].to_numpy(dtype=object)
    return rows.assign(
        call=table["call"][:, 0] if len(rows) else [],
        stability=pd.Categorical.from_codes(code, STABILITIES).astype(str),
        worst_factor=np.array([*FACTORS, ""], dtype=object)[worst],
        lost_in=[_listed(names[one]) for one in lost],
        turned_in=[_listed(names[one]) for one in turned],
        n_universes=n_comparable,
        n_tested=n_tested,
        n_patients_untried=untried,
        share_same_call=_share((state == SAME).sum(axis=1), n_tested),
        share_opposite_sign=_share(turned.sum(axis=1), n_tested),
        share_not_testable=_share((state == NOT_TESTABLE).sum(axis=1), n_comparable),
        log2fc=effect[:, 0] if len(rows) else [],
        log2fc_low=low,
        log2fc_high=high,
    )


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _listed(names: np.ndarray) -> str:
    """Names of universes in one line; of many the first few."""
    more = f"; and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return "; ".join(names[:_NAMED]) + more


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """A table as it is stored: text that repeats as a category."""
    text = [name for name in (*TEXT, "universe", "agreement", *FACTORS) if name in table]
    return table.astype({name: "category" for name in text if table[name].dtype == object})
