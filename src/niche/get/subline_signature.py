"""The signed signature that sublines selected for an organ share."""

from __future__ import annotations

from typing import Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._kernels.signed_genes import signed_genes
from niche._slots import keys, read, validate
from niche._stats.contrasts import PRIMARY, REST
from niche.errors import InputValueError, warn
from niche.get._comparisons import Names
from niche.get.compare_sublines import RUN_FIRST, compare_sublines


def subline_signature(
    adata: ad.AnnData,
    organ: Names = None,
    *,
    against: Literal["rest", "parental"] = "rest",
    n_genes: int | None = None,
    max_q: float | None = None,
    key: str = keys.COMPARE_SUBLINES,
) -> pd.DataFrame:
    """Return signed signatures of organs, as :func:`niche.tl.score_signatures` takes them.

    Genes of a contrast with a q-value up to ``max_q`` and an absolute log2 fold change of 0.5 or more, ranked
    by moderated t: the ``n_genes`` that are raised most surely, and the ``n_genes`` lowered most surely.
    Against the rest a gene must also differ from the parental line by 0.5 in the same direction: a gene that
    the sublines of another organ raise is not one that these lower. The same rule built the signatures that
    :func:`niche.tl.compare_sublines` tried on sublines left out.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.compare_sublines` was run.
    organ
        Organs; all by default.
    against
        ``"rest"``: what tells the sublines of an organ from those of other organs. ``"parental"``: from the
        parental line, with what every passage through an animal does.
    n_genes
        Most genes of each side; default that of the run.
    max_q
        Largest q-value; default that of the run.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        ``signature`` (name of the contrast), ``gene, direction`` (``up``, ``down``), ``log2fc, statistic,
        qval, sign_stability``; surest genes first. Organs without a gene that passes have no rows.

    Warns
    -----
    NicheWarning
        Organs that could not be tested, and why: they have no signature, and no rows.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputValueError
        An organ or contrast that was not in the run (one organ has no rest), or an option out of range.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_sublines(n_genes=600)
    >>> niche.tl.compare_sublines(adata)
    >>> signature = niche.get.subline_signature(adata, "bone")
    >>> signature["signature"].unique().tolist(), signature["direction"].unique().tolist()
    (['bone_vs_rest'], ['up', 'down'])

    Score it in tumors of patients:

    >>> tumors = niche.datasets.demo()
    >>> niche.pp.normalize(tumors)
    >>> niche.tl.score_signatures(tumors, signature, min_genes=3)
    """
    validate.choice(against, "against", ("rest", "parental"))
    stored = read.result(adata, key, run_first=RUN_FIRST)
    n_genes = int(stored["params"]["n_genes"]) if n_genes is None else n_genes
    max_q = float(stored["params"]["max_q"]) if max_q is None else max_q
    validate.number(n_genes, "n_genes", low=1, high=1e6, integer=True)
    validate.number(max_q, "max_q", low=0, high=1)
    kinds = read.strings(stored["contrasts"]["kind"])
    names = np.array(read.strings(stored["contrasts"]["name"]), dtype=object)
    wanted, parental = (
        names[[kind == one for kind in kinds]].tolist()
        for one in (REST if against == "rest" else PRIMARY, PRIMARY)
    )
    if not wanted:
        raise InputValueError(
            "against='rest': there is one organ only, so there is no rest. Take against='parental'."
        )
    table = compare_sublines(adata, contrast=wanted, organ=organ, key=key)
    _warn_of_untested(table)
    beside = compare_sublines(adata, contrast=parental, key=key).set_index(["organ", "gene"])["log2fc"]
    found = table.groupby("contrast", observed=True)
    parts = [_chosen(rows, beside, n_genes, max_q).assign(signature=str(name)) for name, rows in found]
    out = pd.concat(parts, ignore_index=True)
    for name in ("signature", "gene", "direction"):
        out[name] = out[name].astype(str)
    return out[["signature", "gene", "direction", "log2fc", "statistic", "qval", "sign_stability"]]


def _warn_of_untested(table: pd.DataFrame) -> None:
    """Name the contrasts in which no gene was tested, and why."""
    found = table.groupby("contrast", observed=True)
    reasons = {
        str(name): str(rows["reason"].astype(str).mode().iloc[0])
        for name, rows in found
        if rows["qval"].isna().all()
    }
    if reasons:
        said = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        warn(
            f"{len(reasons)} of {found.ngroups} contrasts have no signature, as no gene could be tested. "
            f"{said}. A test needs two sublines of an organ."
        )


def _chosen(rows: pd.DataFrame, beside: pd.Series, n_genes: int, max_q: float) -> pd.DataFrame:
    """Rows of one contrast that form its signature, surest first on each side."""
    own = beside.reindex(pd.MultiIndex.from_frame(rows[["organ", "gene"]].astype(str)))
    t, q, effect = (rows[name].to_numpy() for name in ("statistic", "qval", "log2fc"))
    sides = signed_genes(t, q, effect, n_genes, max_q, own.to_numpy())
    direction = np.repeat(["up", "down"], [side.size for side in sides])
    return rows.iloc[np.concatenate(sides)].assign(direction=direction)
