"""The seed-and-soil account of every organ as a table."""

from __future__ import annotations

from typing import Literal

import anndata as ad
import pandas as pd

from niche._slots import keys, parts, read, validate
from niche.get._organ_results import Names, kept_rows

RUN_FIRST = "niche.tl.tropism"
ACCOUNTS = ("seed", "soil", "published")
STATEMENT = (
    "every item says how an organ differs from the others (with one organ, from primary or normal tissue, "
    "see contrast), patients being the replicates; no item, and no number of items, is a score of the "
    "organ. What is published stands beside the account and ranks nothing."
)


def tropism(
    adata: ad.AnnData,
    *,
    organ: Names = None,
    account: Names = None,
    kind: Names = None,
    status: Names = None,
    what: Literal["items", "summary"] = "items",
    key: str = keys.TROPISM,
) -> pd.DataFrame:
    """Return the account of :func:`niche.tl.tropism`, item by item or counted.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    organ, account, kind, status
        Keep these. Accounts are ``"seed"``, ``"soil"``, ``"published"``; kinds ``"program"``,
        ``"signature"``, ``"edge"``, ``"exclusive_cell_type"``, ``"cell_type"``, ``"mediator"``, ``"axis"``.
    what
        ``"items"``: one row per item. ``"summary"``: number of items by organ, account, kind and status.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        ``items``: ``organ, account, item, direction`` (of a signal ``tumor->host`` or ``host->tumor``; of
        what is called otherwise ``higher`` or ``lower``), ``effect`` (log2 fold change of edges and genes,
        log2 ratio of the usage of programs, difference of scores, of log2 odds) with its 95 % interval
        ``ci_low, ci_high``, ``qval, status`` (seed and soil: the call, ``none_called``, ``described``;
        published: ``found``, ``opposite``, ``not_found``, ``retracted``; all: ``not_testable``,
        ``not_assessed``), ``reason, citation, kind, contrast, pval, n_patients, min_detectable,
        ambient_share, source, target`` (cell types; of a mediator the one it was tested in),
        ``ligand_complex, receptor_complex, gene, driver, driver_compartment`` (tumor: seed, host: soil),
        ``expected`` (direction by the publication), ``evidence`` (kind of the published evidence; verdict of
        a program),
        ``publication`` (``ok``, ``contested``, ``other-cancer``, ``retracted``), ``doi, screen`` (hits of a
        screen among its genes). ``summary``: ``organ, account, kind, status, n``.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes or values have changed since, or a part was run anew.
    InputValueError
        A name to keep does not exist.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.tl.compare_expression(adata, "cell_type")
    >>> niche.tl.tropism(adata, programs=None, edges=None)
    >>> table = niche.get.tropism(adata, kind="mediator").query("gene == 'DKK1'")
    >>> dict(zip(table["organ"], table["expected"]))
    {'bone': 'higher', 'lung': 'lower'}
    """
    validate.choice(what, "what", ("items", "summary"))
    stored = read.result(adata, key, run_first=RUN_FIRST)
    parts.check(adata, stored["parts"], RUN_FIRST)
    frame = stored["account"].reset_index(drop=True).copy()
    wanted = {"organ": organ, "account": account, "kind": kind, "status": status}
    known = {name: sorted(set(frame[name].astype(str))) for name in wanted}
    known["account"] = list(ACCOUNTS)
    frame = kept_rows(frame, wanted, known, None)
    if what == "summary":
        by = ["organ", "account", "kind", "status"]
        frame = frame.groupby(by, sort=False).size().rename("n").reset_index()
    frame.attrs["statement"] = STATEMENT
    return frame
