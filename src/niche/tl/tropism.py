"""The seed-and-soil account of every organ, beside what is published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anndata as ad
import pandas as pd

from niche._slots import keys, parts, read, validate, write
from niche.get.compare_communication import compare_communication
from niche.get.compare_expression import compare_expression
from niche.tl import _account, _account_published, _account_screen, _account_seed, _account_soil
from niche.tl._account_parts import KINDS, missing_rows, organs_of, used_of


def tropism(
    adata: ad.AnnData,
    *,
    programs: str | None = keys.COMPARE_PROGRAMS,
    edges: str | None = keys.COMPARE_COMMUNICATION,
    expression: str | None = keys.COMPARE_EXPRESSION,
    signatures: str | None = keys.SIGNATURES,
    composition: str | None = keys.COMPOSITION,
    screen: pd.DataFrame | None = None,
    missing: Mapping[str, str] | None = None,
    organism: str = "human",
    key_added: str = keys.TROPISM,
    copy: bool = False,
) -> ad.AnnData | None:
    """Join what was found into one account per organ: the seed, the soil, and what is published of both.

    Every item keeps its own effect, interval, q-value and status. There is no score of an organ: items
    measure different things, and a sum of them would hide what could not be tested.

    Parameters
    ----------
    adata
        Data on which the parts were run.
    programs, edges, expression
        Slots of :func:`niche.tl.compare_programs`, :func:`niche.tl.compare_communication` and
        :func:`niche.tl.compare_expression`. ``None`` leaves a part out; the account says so.
    signatures, composition
        Slots of :func:`niche.tl.score_signatures` and :func:`niche.tl.composition`. Where they were not run
        the account reads ``not_assessed``.
    screen
        Hits of a functional screen: ``gene, organ, effect, qval``, one row per gene and organ. Hits
        (``qval <= 0.1``) among the genes of an item are named beside it, as evidence of another kind;
        nothing is ranked by them.
    missing
        Part (``"programs"``, ``"edges"``, ``"expression"``, ``"signatures"``, ``"composition"``) that could
        not be run to the reason: its items read ``not_testable`` with it.
    organism
        ``"human"`` or ``"mouse"``: published genes are read as mouse orthologs for the latter.
    key_added
        Where the result goes.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        Stored in ``uns[key_added]``, read by :func:`niche.get.tropism`: ``account`` (a table), ``parts``
        (which results were joined), ``params``, ``fingerprint``.

    Raises
    ------
    MissingKeyError
        A part was not run; the message names every function to run.
    StaleResultError
        Labels, genes or values have changed since a part was run.
    InputValueError
        All parts are left out, or the screen cannot be read, or nothing of it is in the study.
    InputTypeError
        ``adata`` is no AnnData, or an argument has the wrong type.

    Notes
    -----
    Organs are told against the mean of the other organs; with one organ only, against primary or normal
    tissue.

    *Seed*: every program and signature of the tumor. *Soil*: the called edges with the side that drives them
    (tumor or host), cell types that one organ alone has (described: there is nothing to compare them with),
    and the composition of the host.

    *Published*: a mediator of an organ is looked up in the test of its gene between organs, in cells of the
    compartment in which it was published to act: of several cell types the smallest p-value times their
    number (of those that differ by 0.5 or more, where there are any; cell types that differ the other way are
    named), then Benjamini-Hochberg over the mediators of all organs. It is ``found`` at q <= 0.1 and an
    absolute log2 fold change of at least 0.5 in the expected direction (a promoter higher, a suppressor
    lower), ``opposite`` in the other, else ``not_found``; so the same gene can be expected higher in one
    organ and lower in another. An axis has the status of the surest called edge in its direction. Both
    say how this organ differs from the others: a mediator that all organs have alike is ``not_found`` here.
    Where the publication was retracted the status is ``retracted`` and nothing is scored. Mediators that are
    published for no single organ are not listed.

    The account follows the seed and soil of Paget 1889 (doi:10.1016/S0140-6736(00)49915-0) as Lu and Kang
    2007 (doi:10.1007/s10911-007-9047-3) read it.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type", null=None)
    >>> niche.tl.compare_communication(adata)
    >>> niche.tl.compare_expression(adata, "cell_type")
    >>> niche.tl.tropism(adata, programs=None)
    >>> bone = niche.get.tropism(adata, organ="bone", account="published")
    >>> {"found", "not_found", "not_testable"} <= set(bone["status"])
    True
    """
    validate.anndata(adata)
    validate.choice(organism, "organism", keys.ORGANISMS)
    validate.flag(copy, "copy")
    write.slot_name(key_added)
    asked = {
        "programs": programs, "edges": edges, "expression": expression, "signatures": signatures,
        "composition": composition,
    }  # fmt: skip
    for name in missing or {}:
        validate.choice(name, "missing", tuple(KINDS))
    used = used_of(adata, asked)
    organs = organs_of(adata, used)
    hits = None if screen is None else _account_screen.checked(screen, adata, list(organs))
    absent = missing_rows(organs, used, asked, missing or {})
    account = _account.rows_of([*_rows(adata, used, organism), *absent])
    account = _in_order(account, list(organs))
    if hits is not None:
        key = str(adata.uns[used["programs"]]["params"]["key"]) if "programs" in used else None
        account = _account_screen.with_screen(account, hits, adata, key)
    joined = used | {"ambient": keys.AMBIENT}  # calls of edges and genes heed it, or that it was not run
    target = adata.copy() if copy else adata
    write.result(
        target, key_added,
        params={
            **{name: key if name in used else None for name, key in asked.items()},
            "organism": organism, "n_screen": 0 if hits is None else len(hits),
            "missing": [f"{name}: {why}" for name, why in (missing or {}).items()],
        },
        payload={"account": account, "parts": parts.table_of(adata, joined), "organs": list(organs)},
        fingerprint=parts.fingerprint_of(adata, joined),
    )  # fmt: skip
    return target if copy else None


def _rows(adata: ad.AnnData, used: dict[str, str], organism: str) -> list[dict[str, Any]]:
    """All items of the parts that were run."""
    rows: list[dict[str, Any]] = []
    if "programs" in used:
        rows += _account_seed.program_rows(adata, used["programs"])
    if "signatures" in used:
        rows += _account_seed.signature_rows(adata, used["signatures"])
    if "edges" in used:
        rows += _edge_rows(adata, used["edges"], organism)
    if "composition" in used:
        rows += _account_soil.composition_rows(adata, used["composition"])
    if "expression" in used:
        rows += _mediator_rows(adata, used["expression"], organism)
    return rows


def _edge_rows(adata: ad.AnnData, key: str, organism: str) -> list[dict[str, Any]]:
    stored = adata.uns[key]
    first_key = str(stored["params"]["key"])
    organs, sides = _account.main_contrasts(stored), _account_soil.sides_of(adata.uns[first_key])
    table = compare_communication(adata, contrast=sorted(set(organs.values())), key=key)
    text = ("contrast", "source", "target", "ligand_complex", "receptor_complex", "call", "reason")
    table = table.astype(dict.fromkeys(text, object))
    return [
        *_account_soil.edge_rows(table, sides, organs),
        *_account_soil.exclusive_rows(adata, first_key, organs),
        *_account_published.axis_rows(table, sides, organs, organism),
    ]


def _mediator_rows(adata: ad.AnnData, key: str, organism: str) -> list[dict[str, Any]]:
    stored = adata.uns[key]
    organs, sides = _account.main_contrasts(stored), stored["cell_types"]
    compartments = dict(zip(read.strings(sides["name"]), read.strings(sides["compartment"]), strict=True))
    wanted = [
        gene for gene in _account_published.published_genes(organs, organism) if gene in adata.var_names
    ]
    table = compare_expression(adata, gene=wanted, contrast=sorted(set(organs.values())), key=key)
    table = table.astype(dict.fromkeys(("contrast", "cell_type", "gene", "call", "reason"), object))
    return _account_published.mediator_rows(table, compartments, organs, organism)


def _in_order(account: pd.DataFrame, organs: list[str]) -> pd.DataFrame:
    """By organ, account and kind; within them as the parts gave them."""
    kinds = [kind for group in KINDS.values() for _, kind in group]
    order = pd.DataFrame({
        "organ": account["organ"].map({name: i for i, name in enumerate(organs)}),
        "account": account["account"].map({_account.SEED: 0, _account.SOIL: 1, _account.PUBLISHED: 2}),
        "kind": account["kind"].map({name: i for i, name in enumerate(kinds)}),
    })  # fmt: skip
    place = order.sort_values(["organ", "account", "kind"], kind="stable").index
    return account.loc[place].reset_index(drop=True)
