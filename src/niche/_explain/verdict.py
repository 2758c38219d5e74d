"""The verdict of an edge in one organ, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from niche._slots import keys
from niche._stats.contrasts import NORMAL, PAIR, PRIMARY, REST

_CALLED = ("enriched", "depleted", "specific", keys.AMBIENT_SUSPECT)


@dataclass(frozen=True)
class Facts:
    """What is known of an edge in an organ.

    Attributes
    ----------
    organ, source, target, ligand, receptor
        Names.
    compartments
        Of source and target.
    tests
        Rows of :func:`niche.get.compare_communication` about this organ, with ``kind, raised`` (the organ)
        and ``other`` (whom it is compared with), turned so that a positive effect raises this organ.
    within
        Row of :func:`niche.get.communication` in this organ; None without one.
    patients
        Rows of :func:`niche.get.compare_samples` in this organ.
    published
        What is published on the genes of the edge in this organ.
    min_cells
        Cells a type needs in a sample.
    """

    organ: str
    source: str
    target: str
    ligand: str
    receptor: str
    compartments: tuple[str, str]
    tests: pd.DataFrame
    within: pd.Series | None
    patients: pd.DataFrame
    published: pd.DataFrame
    min_cells: int

    @property
    def main(self) -> pd.Series | None:
        """The test that the verdict is about: against the rest, else against what there is."""
        for kind in (REST, PAIR, PRIMARY, NORMAL):
            mine = self.tests[self.tests["kind"] == kind]
            if len(mine):
                return mine.iloc[0]
        return None


def verdict(facts: Facts) -> str:
    """One paragraph: the call, the driver, the patients, what would change it, what it does not say."""
    main = facts.main
    parts = [
        _call(facts, main), _driver(facts, main), _pairs(facts, main), _patients(facts, main),
        _within(facts), _ambient(main), _published(facts), _change(facts, main), _silence(facts, main),
    ]  # fmt: skip
    return " ".join(part for part in parts if part)


def _call(facts: Facts, main: pd.Series | None) -> str:
    where = facts.organ
    if main is None:
        return f"{where}: not tested, the run compared it with nothing."
    call, why = str(main["call"]), str(main["reason"]) or "no reason stored"
    effect = f"The mean of ligand and receptor is {_estimate(main)}."
    if call == "specific":
        return f"{where}: specific. {effect} It is above each other organ, and silent in all of them."
    if call in _CALLED:
        return f"{where}: {call}. {effect}"
    if call == "shared":
        return f"{where}: shared. {effect} Every interval between organs lies within one doubling."
    if call == "undetermined":
        return f"{where}: undetermined ({why}). {effect}"
    alone = f" The estimate alone is {_estimate(main)}." if np.isfinite(main["log2fc"]) else ""
    return f"{where}: not testable ({why}).{alone}"


def fold(log2fc: float) -> str:
    """A log2 fold change in words."""
    return f"{2 ** abs(log2fc):.3g}-fold {'higher' if log2fc >= 0 else 'lower'}"


def _estimate(main: pd.Series) -> str:
    known = [f"log2 {main['log2fc']:+.2f}"]
    if np.isfinite(main["ci_low"]):
        known.append(f"95 % interval {main['ci_low']:.2f} to {main['ci_high']:.2f}")
    if np.isfinite(main["qval"]):
        known.append(f"q = {small(main['qval'])}")
    return f"{fold(main['log2fc'])} in {main['raised']} than in {main['other']} ({', '.join(known)})"


def small(p: float) -> str:
    """A p- or q-value as it is read."""
    return "unknown" if not np.isfinite(p) else f"{p:.2g}"


def _side(compartment: str) -> str:
    if compartment == "tumor":
        return "tumor side, the seed"
    return "host side, the soil" if compartment in keys.HOST else "side of unknown compartment"


def _driver(facts: Facts, main: pd.Series | None) -> str:
    """Who moves."""
    if main is None or not str(main["driver"]) or str(main["call"]) == "shared":
        return ""
    numbers = (
        f"ligand {facts.ligand} in {facts.source} log2 {main['log2fc_ligand']:+.2f} "
        f"(p = {small(main['pval_ligand'])}), receptor {facts.receptor} in {facts.target} "
        f"log2 {main['log2fc_receptor']:+.2f} (p = {small(main['pval_receptor'])})"
    )
    driver = str(main["driver"])
    sure = str(main["call"]) in _CALLED
    if driver == "both":
        sides = " and ".join(dict.fromkeys(_side(c) for c in facts.compartments))
        return f"Both move ({numbers}): {sides}; q that both do = {small(main['qval_joint'])}."
    if driver == "undetermined":
        return f"Which side moves is not decided ({numbers})."
    at = ("ligand", "receptor").index(driver)
    who = f"The {driver} drives it" if sure else f"What moves, if anything, is the {driver}"
    return f"{who} ({numbers}): the {_side(facts.compartments[at])}."


def _pairs(facts: Facts, main: pd.Series | None) -> str:
    """The other comparisons of the organ, one by one."""
    rest = facts.tests[facts.tests["contrast"] != main["contrast"]] if main is not None else facts.tests
    known = rest[rest["log2fc"].notna()]
    if known.empty:
        return ""
    listed = []
    for _, row in known.iterrows():
        q = f"q {small(row['qval'])}" if np.isfinite(row["qval"]) else "no q"
        listed.append(f"{row['other']} {row['log2fc']:+.2f} ({q})")
    return f"Against each, log2: {', '.join(listed)}."


def _patients(facts: Facts, main: pd.Series | None) -> str:
    used = facts.patients[facts.patients["used"]]
    n, n_all = used["patient"].nunique(), facts.patients["patient"].nunique()
    text = f"{_count(n, 'patient')} of {n_all} with a sample of {facts.organ} enter"
    if main is not None and np.isfinite(main["log2fc"]):
        text += f", {_count(int(main['n_patients']), 'patient')} on both sides"
    text += "."
    out = facts.patients[~facts.patients["used"]]
    if len(out):
        why = out["reason"].astype(str).value_counts(sort=False)
        text += f" Left out: {'; '.join(f'{k} ({v})' for k, v in why.items() if v)}."
    if main is not None and np.isfinite(main["sign_stability"]):
        share = float(main["sign_stability"])
        text += (
            " No single patient decides the direction."
            if share == 1
            else f" The direction rests on single patients: it holds in {share:.0%} of analyses without one."
        )
    return text


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _within(facts: Facts) -> str:
    row = facts.within
    if row is None:
        return ""
    if str(row["status"]) != "tested":
        return f"Within samples: {str(row['status']).replace('_', ' ')} ({row['reason']})."
    q = row.get("qval", np.nan)
    said = f"q = {small(q)}" if np.isfinite(q) else "without a p-value"
    n = _count(int(row["n_samples"]), "sample")
    return f"Within samples the pair was tested for specificity to these cell types: {said}, {n}."


def _ambient(main: pd.Series | None) -> str:
    if main is None or not np.isfinite(main["log2fc"]):
        return ""
    share = main["ambient_share"]
    if isinstance(share, str):
        return "Ambient RNA was not assessed (niche.pp.ambient)."
    if not np.isfinite(share):
        return "What ambient RNA explains of it cannot be said."
    if str(main["call"]) == keys.AMBIENT_SUSPECT:
        return f"Ambient RNA can explain {share:.0%} of the difference: it may have leaked from other cells."
    side = f", and how its {main['ambient_side']} moves" if main["ambient_side"] else ""
    return f"Ambient RNA explains {share:.0%} of the difference{side}."


def _published(facts: Facts) -> str:
    table = facts.published
    said = []
    for row in table[table["kind"] == "axis"].itertuples():
        said.append(f"published for {row.organ} as {row.claim} ({row.citation})")
    for row in table[table["kind"] == "mediator"].itertuples():
        status = "" if row.status == "ok" else f", {row.status}"
        said.append(f"{row.what} is a published mediator{status} ({row.claim.split(',')[0]}; {row.citation})")
    return f"Literature: {'; '.join(dict.fromkeys(said))}." if said else ""


def _change(facts: Facts, main: pd.Series | None) -> str:
    """What would change the verdict."""
    if main is None:
        return "Another organ, primary or normal tissue in the run would allow a comparison."
    reason, call = str(main["reason"]), str(main["call"])
    if call == "not_testable":
        return f"What would change it: {_missing(reason, facts)}."
    size = main["min_detectable_log2fc"]
    if call == "undetermined":
        found = f"a difference of log2 {size:.2f} or more would have been found with power 0.8"
        return f"What would change it: more patients; {found}." if np.isfinite(size) else ""
    if call == "shared":
        return "What would change it: patients in whom the organs differ by more than one doubling."
    changes = ["patients in whom it does not hold"]
    if call == keys.AMBIENT_SUSPECT:
        changes.append("samples with less ambient RNA")
    if str(main["driver"]) in ("ligand", "receptor"):
        still = "receptor" if str(main["driver"]) == "ligand" else "ligand"
        changes.append(f"proof that the {still} is not there as a protein")
    return f"What would change it: {' or '.join(changes)}."


def _missing(reason: str, facts: Facts) -> str:
    hidden = reason.partition("aliased with ")[2].split(";")[0]
    needs: Sequence[tuple[str, str]] = (
        ("absent", "nothing at this level; niche.tl.communication(adata, level='lineage') compares such "
         "types as their lineage"),
        ("aliased with", f"samples that break the tie with {hidden}"),
        ("too few cells", f"samples with at least {facts.min_cells} cells of both types"),
        ("no sample", f"samples with at least {facts.min_cells} cells of both types"),
        ("gene not measured", "data in which both genes are measured"),
        ("a call needs", "at least 3 patients on each side"),
        ("depth", "more cells or deeper sequencing of the two cell types"),
        ("patient", "at least 2 patients on each side for a p-value, 3 for a call"),
        ("no primary", "samples of the primary tumor"),
    )  # fmt: skip
    for mark, need in needs:
        if mark in reason:
            return need
    return "more patients"


def _silence(facts: Facts, main: pd.Series | None) -> str:
    """What the verdict does not say."""
    call = "not_testable" if main is None else str(main["call"])
    if call in _CALLED:
        return (
            f"It does not say that {facts.source} and {facts.target} touch, that the proteins are there, or "
            f"that {facts.target} responds."
        )
    if call == "shared":
        return "It does not say that the organs are identical, nor that the pair is active in any of them."
    if call == "undetermined":
        return "It does not say that the organs are alike."
    return "It does not say that there is no difference, nor that the pair is absent."
