"""What is published for every organ, and what the tests of this study say of it.

Nothing here feeds back: items are neither ranked nor chosen by what is published.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from niche import resources
from niche._slots import keys
from niche._stats.fdr import benjamini_hochberg
from niche.get.axes import plain_organ
from niche.resources.genes import human_to_mouse
from niche.tl import _account

NOTHING = "nothing is published for this organ in the tables of niche"
FOUND, OPPOSITE, NOT_FOUND, RETRACTED = "found", "opposite", "not_found", "retracted"
LARGEST_Q, SMALLEST_EFFECT = 0.1, 0.5

_SIDES = {
    "tumor_ligand": ("tumor",), "receptor_on_tumor": ("tumor",), "tumor_intrinsic": ("tumor",),
    "stroma_ligand": keys.HOST, "receptor_on_stroma": keys.HOST, "stroma_intrinsic": keys.HOST,
    "enzyme": ("tumor", *keys.HOST),
}  # fmt: skip
"""Compartments in which a mediator of each side acts."""
_ENDS = {
    "tumor->host": (("tumor", "host"),), "host->tumor": (("host", "tumor"),),
    "host->host": (("host", "host"),), "autocrine": (("tumor", "tumor"),),
    "bidirectional": (("tumor", "host"), ("host", "tumor")),
}  # fmt: skip


def mediator_rows(
    genes: pd.DataFrame, compartments: Mapping[str, str], organs: Mapping[str, str], organism: str
) -> list[dict[str, Any]]:
    """Every published mediator of every organ.

    ``genes`` are those of :func:`niche.get.compare_expression` for published genes, with ``compartments`` of
    its cell types; ``organs`` organ to its contrast. Each test is that of the cell type of the right
    compartment with the smallest p-value, times the number of such cell types (of those that differ by 0.5
    or more, where there are any); q-values are over all mediators of all organs.
    """
    rows, tests = [], {}
    for organ, contrast in organs.items():
        mine = genes[genes["contrast"] == contrast]
        listed = _of_organ(resources.mediators(), organ).to_dict("records")
        if not listed:
            rows.append(_account.nothing(organ, _account.PUBLISHED, "mediator", "none", NOTHING))
        for one in listed:
            gene, sides = _symbol(one["gene_symbol"], organism), _SIDES[one["side"]]
            row = _mediator(one, gene, organ, contrast)
            if one["scored"]:
                asked = (organ, gene, sides)
                if asked not in tests:
                    tests[asked] = _best(mine, gene, compartments, sides)
                row["test"] = asked
            rows.append(row)
    wanted = [asked for asked, found in tests.items() if np.isfinite(found["pval"])]
    q = benjamini_hochberg(np.array([tests[asked]["pval"] for asked in wanted], dtype=float))
    for asked, value in zip(wanted, q, strict=True):
        tests[asked]["qval"] = float(value)
    return [_judged(row, tests[row.pop("test")]) if "test" in row else row for row in rows]


def published_genes(organs: Mapping[str, str], organism: str) -> list[str]:
    """Genes of the mediators of some organs."""
    table = resources.mediators()
    table = table[table["organ"].isin([plain_organ(organ) for organ in organs])]
    return sorted({_symbol(gene, organism) for gene in table["gene_symbol"]})


def _of_organ(table: pd.DataFrame, organ: str) -> pd.DataFrame:
    return table[table["organ"] == plain_organ(organ)]


def _symbol(gene: str, organism: str) -> str:
    return human_to_mouse().get(gene, gene) if organism == "mouse" else gene


def _mediator(one: Mapping[str, Any], gene: str, organ: str, contrast: str) -> dict[str, Any]:
    """What is published, and that nothing is scored where it cannot be."""
    retracted = one["status"] == RETRACTED
    note = "" if pd.isna(one["not_scored_reason"]) else str(one["not_scored_reason"])
    doi = one["doi"] if isinstance(one["doi"], str) else ""
    return {
        "organ": organ, "account": _account.PUBLISHED, "kind": "mediator", "contrast": contrast,
        "item": f"{gene} ({str(one['side']).replace('_', ' ')})", "gene": gene,
        "expected": "higher" if one["effect"] == "promoter" else "lower",
        "evidence": str(one["evidence"]), "publication": str(one["status"]),
        "citation": str(one["citation"]), "doi": doi,
        "status": RETRACTED if retracted else _account.NOT_TESTABLE,
        "reason": "the publication was retracted: shown, never scored" if retracted else note,
    }  # fmt: skip


def _best(
    tests: pd.DataFrame, gene: str, compartments: Mapping[str, str], sides: tuple[str, ...]
) -> dict[str, Any]:
    """The surest test of a gene in cells of some compartments, or why there is none."""
    none = {"pval": np.nan, "qval": np.nan}
    mine = tests[tests["gene"] == gene]
    if not len(mine):
        return none | {"reason": f"{gene} was not measured"}
    where = mine["cell_type"].map(compartments)
    mine = mine[where.isin(sides)]
    if not len(mine):
        return none | {"reason": f"no cells of the compartment {' or '.join(sides[:2])} were compared"}
    can = mine[(mine["call"] != _account.NOT_TESTABLE) & mine["pval"].notna()]
    if not len(can):
        return none | {"reason": _account.most_frequent(mine["reason"])}
    clean = can[can["call"] != keys.AMBIENT_SUSPECT]
    if not len(clean):
        return none | {"reason": f"ambient molecules explain the difference in {', '.join(can['cell_type'])}"}
    clean = clean.assign(pval=np.minimum(1.0, clean["pval"].astype(float) * len(clean)))
    large = clean[clean["log2fc"].abs() >= SMALLEST_EFFECT]
    best = (large if len(large) else clean).sort_values(["pval", "cell_type"], kind="stable").iloc[0]
    against = clean[(clean["pval"] <= LARGEST_Q) & (clean["log2fc"] * best["log2fc"] < 0)]
    found = {
        name: best[name] for name in ("log2fc", "ci_low", "ci_high", "n_patients", "ambient_share", "pval")
    }
    return none | found | {
        "cell_type": str(best["cell_type"]), "min_detectable": best["min_detectable_log2fc"],
        "n_types": len(clean), "against": ", ".join(against["cell_type"].astype(str)), "reason": "",
    }  # fmt: skip


def _judged(row: dict[str, Any], test: Mapping[str, Any]) -> dict[str, Any]:
    """A mediator with its test."""
    if not np.isfinite(test["pval"]):
        return row | {"reason": test["reason"]}
    effect, q = float(test["log2fc"]), float(test["qval"])
    sure = q <= LARGEST_Q and abs(effect) >= SMALLEST_EFFECT
    as_expected = (effect > 0) == (row["expected"] == "higher")
    status = NOT_FOUND if not sure else FOUND if as_expected else OPPOSITE
    size = test["min_detectable"]
    more = (
        f"; a log2 difference of {size:.2f} would have been seen with power 0.8" if np.isfinite(size) else ""
    )
    said = f"in {test['cell_type']}" + (
        f", surest of {test['n_types']} cell types" if test["n_types"] > 1 else ""
    )
    if test["against"]:
        said += f"; {'lower' if effect > 0 else 'higher'} in {test['against']}"
    return row | {
        "status": status, "effect": effect, "qval": q, "source": test["cell_type"],
        "direction": _account.higher_or_lower(effect) if sure else "",
        "reason": said + (more if status == NOT_FOUND else ""),
    } | {name: test[name] for name in ("ci_low", "ci_high", "pval", "min_detectable", "ambient_share",
                                       "n_patients")}  # fmt: skip


def axis_rows(
    edges: pd.DataFrame, sides: Mapping[str, str], organs: Mapping[str, str], organism: str
) -> Iterator[dict[str, Any]]:
    """Every published axis of every organ; ``edges`` are those of :func:`niche.get.compare_communication`."""
    published = resources.axes()
    wanted = {
        organ: [(axis, _axis_key(axis, organism)) for axis in _of_organ(published, organ).to_dict("records")]
        for organ in organs
    }
    pair = _pair_keys(edges)
    known = pair.isin({key for axes in wanted.values() for _, key in axes})
    edges, pair = edges[known], pair[known]
    ends = pd.Series(
        list(zip(edges["source"].map(sides), edges["target"].map(sides), strict=True)),
        index=edges.index,
        dtype=object,
    )
    for organ, contrast in organs.items():
        mine = edges["contrast"] == contrast
        for axis, key in wanted[organ]:
            rows = edges[mine & (pair == key)]
            inside = rows[ends[rows.index].isin(_ENDS[axis["direction_class"]])]
            yield _axis(axis, organ, contrast) | _axis_status(axis, inside, rows, known=bool(sides))
        if not wanted[organ]:
            yield _account.nothing(organ, _account.PUBLISHED, "axis", "none", NOTHING)


def _axis_key(axis: Mapping[str, Any], organism: str) -> str:
    ligand, receptor = (
        frozenset(_symbol(gene, organism) for gene in str(axis[side]).split("_"))
        for side in ("ligand", "receptor")
    )
    return _key(ligand, receptor)


def _key(ligand: frozenset[str], receptor: frozenset[str]) -> str:
    return f"{'_'.join(sorted(ligand))}|{'_'.join(sorted(receptor))}"


def _pair_keys(edges: pd.DataFrame) -> pd.Series:
    """A pair of genes whatever the order of subunits."""
    pairs = edges[["ligand_complex", "receptor_complex"]].astype(str)
    met = pairs.drop_duplicates()
    key = {
        (a, b): _key(frozenset(a.split("_")), frozenset(b.split("_"))) for a, b in met.itertuples(index=False)
    }
    return pd.Series(
        [key[one] for one in pairs.itertuples(index=False, name=None)], index=edges.index, dtype=object
    )


def _axis(axis: Mapping[str, Any], organ: str, contrast: str) -> dict[str, Any]:
    return {
        "organ": organ, "account": _account.PUBLISHED, "kind": "axis", "contrast": contrast,
        "item": f"{axis['ligand']} - {axis['receptor']}", "direction": str(axis["direction_class"]),
        "ligand_complex": axis["ligand"], "receptor_complex": axis["receptor"], "expected": "higher",
        "evidence": f"{axis['sender_cell_type']} to {axis['receiver_cell_type']}", "publication": "ok",
        "citation": str(axis["citation"]), "doi": axis["doi"] if isinstance(axis["doi"], str) else "",
    }  # fmt: skip


def _axis_status(
    axis: Mapping[str, Any], rows: pd.DataFrame, anywhere: pd.DataFrame, *, known: bool
) -> dict[str, Any]:
    """What the tests between organs say of an axis: the surest of its called pairs of cell types.

    ``rows`` are its edges in the published direction, ``anywhere`` all of them; ``known`` says whether
    compartments are.
    """
    if not axis["scorable"]:
        return {"status": _account.NOT_TESTABLE, "reason": str(axis["not_scorable_reason"])}
    if not len(rows):
        return _not_there(axis, anywhere, known=known)
    called = rows[rows["call"].isin((*_account.HIGHER, *_account.LOWER))]
    if len(called):
        best = called.sort_values("pval", kind="stable").iloc[0]
        up = best["call"] in _account.HIGHER
        other = int(called["call"].isin(_account.LOWER if up else _account.HIGHER).sum())
        against = f"; {other} other pairs of cell types are called in the other direction" if other else ""
        return _surest(best, FOUND if up else OPPOSITE, len(rows), against)
    can = rows[~rows["call"].isin((_account.NOT_TESTABLE, keys.AMBIENT_SUSPECT))]
    if len(can):
        return _surest(can.sort_values("pval", kind="stable").iloc[0], NOT_FOUND, len(rows), "")
    return {"status": _account.NOT_TESTABLE, "reason": _account.most_frequent(rows["reason"])}


def _not_there(axis: Mapping[str, Any], anywhere: pd.DataFrame, *, known: bool) -> dict[str, Any]:
    """Why no edge of an axis was compared in the published direction."""
    if not known:
        return {"status": _account.NOT_ASSESSED, "reason": "which cells are tumor is not known"}
    asked = "senders= and receivers= of niche.tl.communication ask for more"
    if len(anywhere):
        why = f"the pair was compared, but not {axis['direction_class']}: {asked}"
        return {"status": _account.NOT_ASSESSED, "reason": why}
    if axis["direction_class"] in ("host->host", "autocrine"):
        why = f"no {axis['direction_class']} edges of the pair were compared: {asked}"
        return {"status": _account.NOT_ASSESSED, "reason": why}
    why = "the pair was not compared: not in the list of pairs, or a gene was not measured"
    return {"status": _account.NOT_TESTABLE, "reason": why}


def _surest(best: pd.Series, status: str, n: int, against: str) -> dict[str, Any]:
    """Status with the numbers of one pair of cell types."""
    said = f"surest of {n} pairs of cell types" + (f"; {best['reason']}" if best["reason"] else "")
    return {
        "status": status, "effect": best["log2fc"], "min_detectable": best["min_detectable_log2fc"],
        "reason": said + against,
    } | {
        name: best[name]
        for name in (
            "ci_low", "ci_high", "pval", "qval", "n_patients", "ambient_share", "source", "target", "driver",
            "driver_compartment",
        )
    }  # fmt: skip
