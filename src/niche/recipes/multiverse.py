"""Whether verdicts on edges between organs hold under other ways to analyse the same data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata as ad
import pandas as pd

from niche._log import logger
from niche._slots import fingerprint, keys, parts, read, write
from niche.recipes.config import InputConfig
from niche.recipes.load import load_as
from niche.recipes.multiverse_config import MultiverseConfig
from niche.recipes.preparation import own_copy
from niche.recipes.steps import Steps
from niche.recipes.universe_run import ESTIMATES, NOT_TESTABLE, TEXT, Outcome, Runner
from niche.recipes.universes import BASE, FACTORS, Base, base_of, universes_of
from niche.recipes.verdicts import calls_of, chosen, plain, verdicts_of

NAME = "multiverse"
DONE = "done"


def multiverse(
    adata: ad.AnnData, config: MultiverseConfig | Mapping[str, Any] | str | Path | None = None
) -> ad.AnnData:
    r"""Compare organs again under other choices, and say which verdicts hold.

    The run that :func:`niche.tl.compare_communication` stored is the base. Every universe is
    :func:`niche.tl.communication` and :func:`niche.tl.compare_communication` with another resource, level,
    filter or treatment of patients, or without one patient; all share one matrix. Give the result again with
    other settings: universes that are stored and fit the data are not computed anew.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.compare_communication` was run, such as the result of
        :func:`niche.recipes.communication_by_organ`; never changed.
    config
        :class:`MultiverseConfig`, a dict, the path of a TOML file, or None for the defaults.

    Returns
    -------
    AnnData
        A copy with ``uns["multiverse"]``, read by :func:`niche.get.multiverse`: ``verdicts`` (edges x
        contrasts that the base or any universe calls), ``universes``, ``calls`` (verdicts x universes),
        ``estimates`` (effects of every universe, from which a later run goes on), ``parts``, ``params``,
        ``fingerprint``.

    Raises
    ------
    MissingKeyError
        No comparison is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputValueError
        The config makes no sense, names an unknown resource, varies nothing or too much, or all samples are
        of one patient.
    InputTypeError
        ``adata`` is not an AnnData, or ``config`` none of these.

    Notes
    -----
    No p-value is made out of many: universes are the same patients looked at again, not replicates. Per
    verdict it is counted where the call of the base is made again, where it is not, and where the sign turns;
    for a verdict that the base does not make, the call is that of most universes that make one. The factor
    named is that with the largest share :math:`\eta^2` of the variance of "call lost" between its options,
    over the universes in which the edge can be tested:

    ============= ====================================================================================
    stability     means
    ============= ====================================================================================
    robust        the call is made in every universe in which the edge can be tested
    sensitive     it is lost, its sign never turned, and one factor decides where (:math:`\eta^2 = 1`)
    fragile       more than one factor, a turned sign, or a call that the base does not make
    not_testable  the base cannot test it, or no other universe can
    untried       robust as far as can be tested, but not without each patient: it may rest on one
    ============= ====================================================================================

    Edges between cell types meet the edges between the lineages of these types. What has no counterpart (a
    pair that a resource does not list, a type whose cells are parted) is ``not_comparable`` and counts
    nowhere. A verdict can be robust and wrong: what all universes share, such as labels or a confounded
    design, is not varied.

    References
    ----------
    Steegen et al. 2016, doi:10.1177/1745691616658637. Simonsohn et al. 2020 (specification curve),
    doi:10.1038/s41562-020-0912-z.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type", null=None)
    >>> niche.tl.compare_communication(adata)
    >>> few = {"resource": ["cellphonedb"], "level": [], "expr_prop": [0.2], "min_cells": [], "patients": []}
    >>> result = niche.recipes.multiverse(adata, {"vary": few | {"leave_out_patients": False}})
    >>> list(niche.get.multiverse(result, what="universes")["universe"])
    ['base', 'resource=cellphonedb', 'expr_prop=0.2']
    >>> "robust" in set(niche.get.multiverse(result)["stability"])
    True
    """
    asked = load_as(MultiverseConfig, config)
    adata = own_copy(adata, InputConfig())
    base = base_of(adata, asked)
    universes = universes_of(base, asked)
    runner = Runner(adata, base, asked.n_jobs)
    universes, estimates = _all(universes, runner)
    calls = calls_of(chosen(estimates, universes), estimates, universes, runner)
    write.result(
        adata,
        keys.MULTIVERSE,
        params=asked.model_dump(exclude={"n_jobs"}),
        payload={
            "verdicts": plain(verdicts_of(calls, universes)),
            "universes": universes,
            "calls": plain(calls),
            "estimates": plain(estimates),
            "parts": parts.table_of(adata, base.parts),
        },
        fingerprint=_fingerprint(adata, base),
    )
    return adata


def _all(universes: pd.DataFrame, runner: Runner) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Universes with their status and counts, and the estimates of all; those stored are taken over."""
    known = _stored(runner.adata)
    found, outcomes = [], []
    steps = Steps(runner.adata, n_steps=len(universes))
    with steps.progress(NAME):
        for row in universes.to_dict("records"):
            name = str(row["universe"])
            if name == BASE:
                outcome = runner.of_base()
                steps.done(name, "stored by the comparison")
            elif row["digest"] in known:
                outcome = known[row["digest"]]
                steps.resume(name, "the stored universe fits the data and the options")
            else:
                logger.info("multiverse: %s", name)
                outcome = runner.run({str(factor): row[factor] for factor in FACTORS})
                steps.done(name, outcome.reason)
            outcomes.append(outcome)
            if len(outcome.rows):
                found.append(outcome.rows.assign(universe=name)[["universe", *ESTIMATES]])
    more = {
        "status": [NOT_TESTABLE if one.reason else DONE for one in outcomes],
        "reason": [one.reason for one in outcomes],
        "n_tested": [one.n_tested for one in outcomes],
        "n_called": [one.n_called for one in outcomes],
    }
    return universes.assign(**more), pd.concat(found, ignore_index=True)


def _stored(adata: ad.AnnData) -> dict[str, Outcome]:
    """What an earlier run found in its universes, by digest."""
    if keys.MULTIVERSE not in read.ours(adata):
        return {}
    stored = adata.uns[keys.MULTIVERSE]
    if int(stored["schema_version"]) != keys.SCHEMA_VERSION:
        return {}
    names = ["universe", *TEXT]
    estimates = stored["estimates"].astype(dict.fromkeys(names, str))
    rows = dict(list(estimates[list(ESTIMATES)].groupby(estimates["universe"].to_numpy())))
    nothing = pd.DataFrame(columns=list(ESTIMATES))
    return {
        str(one.digest): Outcome(
            rows.get(str(one.universe), nothing), int(one.n_tested), int(one.n_called), str(one.reason)
        )
        for one in stored["universes"].itertuples()
    }


def _fingerprint(adata: ad.AnnData, base: Base) -> dict[str, Any]:
    """That of the comparison, and of the lineages where the data name them."""
    found = parts.fingerprint_of(adata, base.parts)
    lineage = [keys.LINEAGE] if keys.LINEAGE in adata.obs.columns else []
    more = fingerprint.compute(adata, obs=lineage, layers=[])
    seen = {
        name: digest
        for part in (found, more)
        for name, digest in zip(read.strings(part["names"]), read.strings(part["digests"]), strict=True)
    }
    return fingerprint.of(seen)
