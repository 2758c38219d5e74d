"""The seed account: programs and signatures of the tumor in every organ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anndata as ad
import pandas as pd

from niche.errors import InputValueError
from niche.get.compare_programs import compare_programs, compared_labels
from niche.get.programs import programs
from niche.get.signatures import signatures
from niche.resources.knowledge import signatures as published_signatures
from niche.tl import _account

_SHOWN = 5


def program_rows(adata: ad.AnnData, key: str) -> Iterator[dict[str, Any]]:
    """Every program in every organ: its difference to the others, its verdict and its first genes."""
    stored = adata.uns[key]
    compared_labels(adata, key)  # refuses programs that were found anew since they were compared
    table = compare_programs(adata, key=key)
    genes = programs(adata, key=str(stored["params"]["key"]))
    first = genes[genes["rank"] <= _SHOWN].groupby("program", observed=True)["gene"].agg(", ".join)
    told = compare_programs(adata, what="verdicts", key=key).set_index("program")
    for organ, contrast in _account.main_contrasts(stored).items():
        mine = table[table["contrast"] == contrast]
        for row in mine.to_dict("records"):
            name = str(row["program"])
            verdict = told.loc[name]
            yield _tested(organ, contrast, row) | {
                "kind": "program", "item": name, "gene": first.get(name, ""), "status": str(row["call"]),
                "evidence": ": ".join(t for t in (str(verdict["verdict"]), str(verdict["reason"])) if t),
                "reason": str(row["reason"]), "ambient_share": row["ambient_share"],
            }  # fmt: skip


def signature_rows(adata: ad.AnnData, key: str) -> Iterator[dict[str, Any]]:
    """Every signature in every organ, with its citation where it is one of ours."""
    stored = adata.uns[key]
    try:
        table = signatures(adata, key=key)
    except InputValueError as error:
        for organ in _organs(stored):
            yield _account.nothing(organ, _account.SEED, "signature", _account.NOT_TESTABLE, str(error))
        return
    cited = published_signatures().drop_duplicates("signature").set_index("signature")["citation"]
    for organ, contrast in _account.main_contrasts(stored).items():
        mine = table[table["contrast"] == contrast]
        for row in mine.to_dict("records"):
            name = str(row["signature"])
            yield _tested(organ, contrast, row) | {
                "kind": "signature", "item": name, "citation": cited.get(name, ""),
                "status": str(row["call"]), "reason": str(row["reason"]),
            }  # fmt: skip


def _tested(organ: str, contrast: str, row: dict[str, Any]) -> dict[str, Any]:
    """What every test of a seed item says."""
    called = str(row["call"]) in _account.CALLED
    return {
        "organ": organ, "account": _account.SEED, "contrast": contrast,
        "direction": _account.higher_or_lower(row["effect"]) if called else "",
        "min_detectable": row["min_detectable_effect"],
    } | {name: row[name] for name in _account.TEST}  # fmt: skip


def _organs(stored: Any) -> list[str]:
    groups = pd.DataFrame({name: stored["groups"][name] for name in ("name", "tissue")}).astype(str)
    return groups.loc[groups["tissue"] == "metastasis", "name"].tolist()
