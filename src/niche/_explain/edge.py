"""Which edge is meant: a text, a tuple or a row, found in a stored comparison, or what is near to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeAlias

import pandas as pd

from niche._slots import read, validate
from niche.errors import InputTypeError, InputValueError
from niche.get._compare_chosen import EDGE, Comparison

Edge: TypeAlias = tuple[str, str, str, str]
What: TypeAlias = str | Sequence[str] | Mapping[str, Any] | pd.Series | pd.DataFrame

FORM = "'source -> target: LIGAND - RECEPTOR'"
_TEXT = re.compile(
    r"\s*(?P<source>.+?)\s*->\s*(?P<target>.+)\s*:\s*(?P<ligand>\S+)\s+->?\s+(?P<receptor>\S+)\s*"
)
_SHOWN = 6


def text_of(edge: Edge) -> str:
    """An edge as :func:`niche.explain` takes it."""
    source, target, ligand, receptor = edge
    return f"{source} -> {target}: {ligand} - {receptor}"


def edge_of(what: Any) -> Edge:
    """Names of an edge in any of the forms that :func:`niche.explain` takes."""
    if isinstance(what, str):
        found = _TEXT.fullmatch(what)
        if found is None:
            raise InputValueError(
                f"what: {what!r} names no edge. Write {FORM}, or give a row of "
                "niche.get.compare_communication."
            )
        return found["source"], found["target"].strip(), found["ligand"], found["receptor"]
    if isinstance(what, pd.DataFrame):
        edges = what.drop_duplicates(list(EDGE)) if set(EDGE) <= set(what) else what
        if len(edges) != 1:
            raise InputValueError(f"what: one edge is explained at a time, the table has {len(edges)}.")
        what = edges.iloc[0]
    if isinstance(what, (Mapping, pd.Series)):
        missing = [name for name in EDGE if name not in what]
        if missing:
            raise InputValueError(
                f"what: the row has no {validate.shown(missing)}. Give a row of "
                "niche.get.compare_communication."
            )
        names = [str(what[name]) for name in EDGE]
    elif isinstance(what, Sequence) and all(isinstance(name, str) for name in what):
        names = list(what)
    else:
        raise InputTypeError(f"what must be {FORM}, four names, or a row of a table. Got {what!r}.")
    if len(names) != len(EDGE):
        raise InputValueError(f"what: an edge has four names ({', '.join(EDGE)}). Got {len(names)}.")
    source, target, ligand, receptor = names
    return source, target, ligand, receptor


def check_known(edge: Edge, comparison: Comparison) -> None:
    """Refuse an edge that is not in the comparison, and say what is near to it."""
    source, target, ligand, receptor = edge
    ends, types = comparison.stored["cell_pairs"], comparison.types
    between = [(types[int(s)], types[int(t)]) for s, t in zip(ends["source"], ends["target"], strict=True)]
    for role, name in (("source", source), ("target", target)):
        known = list(dict.fromkeys(types))
        if name not in known:
            raise InputValueError(f"what: no cell type {name!r} as {role}. {_near(name, known)}")
    if (source, target) not in between:
        reverse = (
            " The reverse was compared: swap source and target." if (target, source) in between else ""
        )
        listed = [f"{s} -> {t}" for s, t in between if s == source or t == target]
        raise InputValueError(
            f"what: {source!r} -> {target!r} was not compared.{reverse} "
            f"{_near(f'{source} -> {target}', listed)} niche.tl.communication(senders=, receivers=) chooses."
        )
    pairs = comparison.first["pairs"]
    left, right = read.strings(pairs["ligand_complex"]), read.strings(pairs["receptor_complex"])
    if (ligand, receptor) in set(zip(left, right, strict=True)):
        return
    listed = [f"{a} - {b}" for a, b in zip(left, right, strict=True)]
    turned = f"{receptor} - {ligand}"
    hint = f" The resource has it the other way round: {turned}." if turned in listed else ""
    same = [
        f"{a} - {b}"
        for a, b in zip(left, right, strict=True)
        if _subunits(a) & _subunits(ligand) or _subunits(b) & _subunits(receptor)
    ]
    both = [
        f"{a} - {b}"
        for a, b in zip(left, right, strict=True)
        if _subunits(a) & _subunits(ligand) and _subunits(b) & _subunits(receptor)
    ]
    raise InputValueError(
        f"what: the pair {ligand} - {receptor} is not among the {len(listed)} of the run.{hint} "
        f"{_near(f'{ligand} - {receptor}', both or same or listed)}"
    )


def _subunits(name: str) -> set[str]:
    return set(name.upper().split("_"))


def _near(name: str, known: Iterable[str]) -> str:
    """What is meant perhaps, else what there is."""
    by_lower = {item.lower(): item for item in known}
    near = get_close_matches(name.lower(), list(by_lower), n=_SHOWN, cutoff=0.6)
    if near:
        return f"Near: {validate.shown(by_lower[item] for item in near)}."
    return f"Available: {validate.shown(by_lower.values())}."
