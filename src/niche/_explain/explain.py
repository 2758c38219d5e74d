"""Explain one edge: its verdict in every organ, and the numbers of every patient behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche import get
from niche._explain.edge import Edge, check_known, edge_of, text_of
from niche._explain.explanation import EdgeExplanation
from niche._explain.published import of_organ, published
from niche._explain.verdict import Facts, verdict
from niche._slots import keys, read
from niche._stats.contrasts import OMNIBUS
from niche.get._ambient_edges import NOT_ASSESSED, edge_shares
from niche.get._compare_chosen import Comparison, comparison_of

_TURNED = ("log2fc", "log2fc_ligand", "log2fc_receptor")


def explain(
    adata: ad.AnnData,
    what: str | Sequence[str] | Mapping[str, Any] | pd.Series | pd.DataFrame,
    *,
    key: str = keys.COMPARE_COMMUNICATION,
) -> EdgeExplanation:
    """Explain an edge, from the verdict in each organ down to every patient's numbers.

    An edge that could not be tested is explained as fully as one that was: why not, what is known all the
    same, and what would make it testable.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.communication` and :func:`niche.tl.compare_communication` were run.
    what
        An edge: ``"source -> target: LIGAND - RECEPTOR"``, the four names as a tuple, or a row of
        :func:`niche.get.compare_communication` (of any table with ``source, target, ligand_complex,
        receptor_complex``). Subunits of a complex are joined by ``_``.
    key
        The ``key_added`` of :func:`niche.tl.compare_communication`.

    Returns
    -------
    EdgeExplanation
        Prints as text, and as HTML in a notebook; ``.verdicts, .table, .tests, .communication, .published,
        .params`` are what it was written from.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputValueError
        The edge is not in the run; the message lists what is near to it.
    InputTypeError
        ``what`` has none of these forms.

    Notes
    -----
    Everything is read from what is stored; nothing is tested again. The paragraph of an organ is about the
    contrast of that organ with the mean of the others; where there is none, about its first pair, primary or
    normal tissue. What is published is quoted, and no part of any test.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type", null="analytic")
    >>> niche.tl.compare_communication(adata)
    >>> found = niche.explain(adata, "Fibroblast -> Malignant: CXCL12 - CXCR4")
    >>> found.table.loc[found.table["organ"] == "bone", "patient"].tolist()
    ['P01', 'P02', 'P04', 'P07']
    """
    edge = edge_of(what)
    comparison = comparison_of(adata, key)
    check_known(edge, comparison)
    source, target, ligand, receptor = edge
    params = comparison.first["params"]
    first_key = str(comparison.stored["params"]["key"])

    table = get.compare_samples(adata, [edge], key=key)
    tests = _of_pair(get.compare_communication(adata, source=source, target=target, key=key), edge)
    within = _of_pair(get.communication(adata, source=source, target=target, key=first_key), edge)
    within["ambient_share"] = _ambient(adata, within)
    literature = published(ligand, receptor, str(params["organism"]))

    types = comparison.types
    compartments = read.strings(comparison.first["cell_types"]["compartment"])
    verdicts = {}
    for organ in (g for g, t in zip(*_groups(comparison), strict=True) if t == "metastasis"):
        mine = within[within["organ"] == organ]
        facts = Facts(
            organ, source, target, ligand, receptor,
            (compartments[types.index(source)], compartments[types.index(target)]),
            _about(tests, organ, comparison), mine.iloc[0] if len(mine) else None,
            table[table["organ"] == organ], of_organ(literature, organ), int(params["min_cells"]),
        )  # fmt: skip
        verdicts[organ] = verdict(facts)
    return EdgeExplanation(
        text_of(edge), verdicts, table, tests, within, literature, _params(comparison, first_key, key)
    )


def _of_pair(table: pd.DataFrame, edge: Edge) -> pd.DataFrame:
    """Rows of one ligand-receptor pair."""
    mine = (table["ligand_complex"] == edge[2]) & (table["receptor_complex"] == edge[3])
    return table[mine].reset_index(drop=True)


def _ambient(adata: ad.AnnData, within: pd.DataFrame) -> Any:
    if keys.AMBIENT not in adata.uns:
        return NOT_ASSESSED
    return edge_shares(adata, within, effect=False)["ambient_share"].to_numpy()


def _groups(comparison: Comparison) -> tuple[list[str], list[str]]:
    """Names and tissues of the groups."""
    groups = comparison.stored["groups"]
    return read.strings(groups["name"]), read.strings(groups["tissue"])


def _about(tests: pd.DataFrame, organ: str, comparison: Comparison) -> pd.DataFrame:
    """Tests in which an organ takes part, turned so that a positive effect raises it."""
    names, _ = _groups(comparison)
    parts = comparison.stored["contrasts"]
    rows = []
    by_name = tests.set_index(tests["contrast"].astype(str))
    for name, kind, plus, minus in zip(
        read.strings(parts["name"]), read.strings(parts["kind"]), parts["plus"], parts["minus"], strict=True
    ):
        if name not in by_name.index or kind == OMNIBUS:
            continue
        ends = [names[int(g)] if g >= 0 else "" for g in (plus, minus)]
        if organ not in ends:
            continue
        row = by_name.loc[name].copy()
        other = ends[1] or {"rest": "the mean of the other organs"}.get(kind, "the primary tumors")
        if ends[1] == organ:
            other = ends[0]
            for column in _TURNED:
                row[column] = -row[column]
            row["ci_low"], row["ci_high"] = -row["ci_high"], -row["ci_low"]
            row["call"] = {"enriched": "depleted", "depleted": "enriched"}.get(row["call"], row["call"])
        rows.append(row.to_dict() | {"kind": kind, "raised": organ, "other": other})
    columns = [*tests, "kind", "raised", "other"]
    return pd.DataFrame(rows, columns=columns) if rows else pd.DataFrame({c: [] for c in columns})


def _params(comparison: Comparison, first_key: str, key: str) -> pd.DataFrame:
    """Parameters and versions of both runs."""
    rows = []
    for run, stored in ((first_key, comparison.first), (key, comparison.stored)):
        rows.append((run, "niche_version", str(stored["niche_version"])))
        for name, value in stored["params"].items():
            listed = isinstance(value, np.ndarray)
            rows.append((run, name, ", ".join(read.strings(value)) if listed and value.size else str(value)))
    return pd.DataFrame(rows, columns=["run", "parameter", "value"])
