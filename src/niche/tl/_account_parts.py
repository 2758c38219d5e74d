"""The results that an account is joined from: which there are, which are missing, and their organs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anndata as ad

from niche._slots import read, validate
from niche.errors import InputValueError, MissingKeyError
from niche.tl import _account

NEEDED = {
    "programs": "niche.tl.compare_programs",
    "edges": "niche.tl.compare_communication",
    "expression": "niche.tl.compare_expression",
}
ALSO = {"signatures": "niche.tl.score_signatures", "composition": "niche.tl.composition"}
KINDS = {
    "programs": ((_account.SEED, "program"),),
    "signatures": ((_account.SEED, "signature"),),
    "edges": ((_account.SOIL, "edge"), (_account.SOIL, "exclusive_cell_type"), (_account.PUBLISHED, "axis")),
    "composition": ((_account.SOIL, "cell_type"),),
    "expression": ((_account.PUBLISHED, "mediator"),),
}
"""Items of the account that each part gives."""


def used_of(adata: ad.AnnData, asked: dict[str, str | None]) -> dict[str, str]:
    """Part to its slot; refuses at once all that are missing, and reads each through the door."""
    missing = [
        f"{function} (adata.uns[{asked[name]!r}])"
        for name, function in NEEDED.items()
        if asked[name] is not None and asked[name] not in adata.uns
    ]
    if missing:
        raise MissingKeyError(
            f"the account is joined from parts that were not run: run {'; '.join(missing)}. "
            f"{', '.join(f'{name}=None' for name in NEEDED)} leave a part out. Results of niche stored here: "
            f"{validate.shown(read.ours(adata)) or 'none'}."
        )
    used = {name: key for name, key in asked.items() if key is not None and key in adata.uns}
    if not used:
        raise InputValueError("every part of the account is left out: nothing is left to join.")
    for name, key in used.items():
        read.result(adata, key, run_first=(NEEDED | ALSO)[name])
    return used


def organs_of(adata: ad.AnnData, used: Mapping[str, str | None]) -> dict[str, str]:
    """Organs of all parts with the comparison that tells them."""
    found: dict[str, str] = {}
    for key in [key for key in used.values() if key is not None]:
        stored = adata.uns[key]
        if "contrasts" in stored:
            found |= {
                organ: name for organ, name in _account.main_contrasts(stored).items() if organ not in found
            }
    if not found:
        raise InputValueError("no part compares organs: nothing is left to join.")
    return dict(sorted(found.items()))


def missing_rows(
    organs: dict[str, str], used: dict[str, str], asked: dict[str, str | None], missing: Mapping[str, str]
) -> list[dict[str, Any]]:
    """A row for every organ and item of a part that was not run, left out, or, by ``missing``, impossible."""
    rows = []
    for name, kinds in KINDS.items():
        if name in used:
            continue
        function = (NEEDED | ALSO)[name]
        why = f"{function} was not run" if asked[name] is not None else f"left out ({name}=None)"
        status = _account.NOT_TESTABLE if name in missing else _account.NOT_ASSESSED
        rows += [
            _account.nothing(organ, account, kind, status, missing.get(name, why))
            for organ in organs
            for account, kind in kinds
        ]
    return rows
