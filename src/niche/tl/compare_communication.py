"""Which ligand-receptor edges differ between organs, with patients as the replicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np

from niche._kernels.units import Units
from niche._settings import settings
from niche._slots import fingerprint, keys, read, tables, validate, write
from niche.errors import InputValueError
from niche.get._compare_types import SidesOfTypes
from niche.get._compared_run import run_digest
from niche.get.communication import geometry_of, group_means, units_of
from niche.tl._compare_calls import joint_q
from niche.tl._compare_edges import DRIVERS, Compared, compare_edges
from niche.tl._compare_input import METHODS, RUN_FIRST, Study, study_of_stored
from niche.tl._compare_pairs import pairs_of_types
from niche.tl._compare_permutation import calibration, permutable
from niche.tl._compare_reasons import Reasons
from niche.tl._compare_result import result_of


def compare_communication(
    adata: ad.AnnData,
    *,
    key: str = keys.COMMUNICATION,
    covariates: str | Sequence[str] | None = (),
    patients: Literal["averaged", "consensus", "fixed"] = "averaged",
    n_permutations: int = 0,
    key_added: str = keys.COMPARE_COMMUNICATION,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Test every ligand-receptor edge between organs, patients being the replicates.

    Reads the sums that :func:`niche.tl.communication` stored; what that run found significant does not
    matter here. Every edge is compared by omnibus, each organ against the mean of the others, each pair of
    organs, and against primary and normal tissue where these took part in the run (``tissues=``).

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.communication` was run.
    key
        The ``key_added`` of that run.
    covariates
        Columns of ``obs``, one value per sample, numeric or categorical: subtype, assay, study. A comparison
        that a covariate hides is not testable, and says so.
    patients
        How samples of one patient in several organs are treated. ``"averaged"``: correlated by an amount
        that differs between edges; p-values are averaged over what is possible. ``"consensus"``: by one
        amount for all edges of a pair of cell types (as limma's ``duplicateCorrelation``), faster, too
        liberal with incomplete pairs. ``"fixed"``: patients are a factor; needs every patient in every organ.
    n_permutations
        Permute the organs over patients so many times (or as often as they differ) on up to 2,000 edges, and
        store how often p falls below 0.05: a check of calibration.
    key_added
        Where the result goes.
    rng
        Seed or generator of the permutations.
    n_jobs
        Threads; the result has the same bits for any number.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        Stored in ``uns[key_added]``, read by :func:`niche.get.compare_communication`: ``contrasts``,
        ``edges`` and ``values`` (n_edges x n_contrasts arrays) of what could be estimated, ``untested``
        reasons of the others, ``families`` (number of tests), ``confounding``, ``calibration``, ``params``,
        ``fingerprint``.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``, or a covariate does not exist.
    StaleResultError
        Labels, genes or values have changed since.
    InputValueError
        One organ only, a result of pooled samples, a covariate that varies within a sample or that hides
        every comparison, or an option that cannot be worked with.

    Notes
    -----
    All samples of a patient in an organ are summed first, so a patient counts once there. For ligand and
    receptor, :math:`l = \log_2((c + 0.5) / (N + 1) \cdot 10^6)` with counts c and the library N of the cell
    type times its TMM factor; a complex is its lowest subunit. A side is used in an organ when the median
    count *expected* there from the fraction in all samples together is at least 3, whatever was observed in
    that organ. Precisions w are voom weights times a variance factor per organ; without counts they follow
    the numbers of cells. The edge is :math:`y = (l + r) / 2` with weight :math:`4 / (1/w_l + 1/w_r)`,
    modelled by organ and covariates; *rest* is the mean of the coefficients of the other organs that have
    two patients. Residual variances are moderated over the edges of a pair of cell types (trended and
    robust; not below 50 edges). A p-value needs two patients on each side, a call three; with less the
    estimate is still given.

    ``pval_joint`` :math:`= \min(1, 2 \min(p_{up}, p_{down}))`, each the larger one-sided p of both sides,
    says that *both* sides move; ``driver`` says which side does, and is no condition of a call: a
    constitutive receptor meeting an organ-specific ligand is the canonical case of seed and soil. ``qval``
    of contrasts between organs is stage-wise: edges are screened by the omnibus, then confirmed.

    Calls: ``enriched``/``depleted`` (q <= 0.1, absolute log2 fold change >= 0.5, both sides expressed where
    it is higher), ``specific`` (enriched, above every other organ and silent in them), ``shared`` (every 90
    % interval between organs within one doubling), ``differs`` (omnibus), else ``undetermined``.

    References
    ----------
    Law et al. 2014, doi:10.1186/gb-2014-15-2-r29. Smyth 2004, doi:10.2202/1544-6115.1027. Phipson et al.
    2016, doi:10.1214/16-AOAS920. Robinson & Oshlack 2010, doi:10.1186/gb-2010-11-3-r25. Van den Berge et
    al. 2017, doi:10.1186/s13059-017-1277-0. Squair et al. 2021 (why patients),
    doi:10.1038/s41467-021-25960-2.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> niche.tl.compare_communication(adata)
    >>> table = niche.get.compare_communication(adata, contrast="omnibus")
    >>> bool((table["n_patients"] > 2).any())
    True
    """
    validate.choice(patients, "patients", METHODS)
    validate.number(n_permutations, "n_permutations", low=0, high=10_000, integer=True)
    validate.flag(copy, "copy")
    write.slot_name(key_added)
    listed = list(tables.names(covariates, "covariates"))
    stream = validate.generator(rng)
    threads = settings.threads(n_jobs)
    stored = read.result(adata, key, run_first=RUN_FIRST)
    study = study_of_stored(adata, stored, listed, patients)
    lr_units, reasons = units_of(stored), Reasons()
    sides = SidesOfTypes(stored, study.units, lr_units)
    sides.make({int(t) for end in ("source", "target") for t in stored["cell_pairs"][end]}, threads)

    pairs, untested = pairs_of_types(stored, study, sides, lr_units, reasons)
    testable = [(pair.edges, pair.missing) for pair in pairs if pair.edges is not None]
    if not testable:
        raise InputValueError(
            f"no edge can be compared: {reasons.most_frequent(untested)}. niche.pp.check(adata) shows "
            "the design."
        )
    parts, missing = [edges for edges, _ in testable], [texts for _, texts in testable]
    found = compare_edges(parts, missing, study.units, study.wanted, patients, reasons, threads)
    checked = calibration(
        [permutable(edges, study.groups.of("metastasis")) for edges in parts],
        study, patients, int(n_permutations), stream, threads,
    )  # fmt: skip
    owner = np.repeat(
        [i for i, pair in enumerate(pairs) if pair.edges is not None],
        [edges.pair.size for edges in parts],
    )
    cell_pairs = {end: np.array([getattr(pair, end) for pair in pairs]) for end in ("source", "target")}
    payload = _payload(found, owner, cell_pairs, stored, study, reasons, untested, lr_units)
    target = adata.copy() if copy else adata
    write.result(
        target, key_added,
        params={
            "key": key, "run": run_digest(stored), "covariates": listed, "patients": patients,
            "n_permutations": int(n_permutations),
            "rng": rng if isinstance(rng, int) else "generator",
        },
        payload=payload | {"calibration": checked},
        fingerprint=_fingerprint(adata, stored, listed),
    )  # fmt: skip
    return target if copy else None


def _payload(
    found: Compared, owner: np.ndarray, cell_pairs: dict[str, Any], stored: Mapping[str, Any], study: Study,
    reasons: Reasons, untested: np.ndarray, lr_units: Units,
) -> dict[str, Any]:  # fmt: skip
    """Everything stored but parameters and fingerprint."""
    expressed = _expressed(stored, lr_units, owner, found.feature, cell_pairs, len(study.groups.name))
    out = result_of(found, study, expressed, untested, reasons)
    out["values"]["qval_joint"] = joint_q(found.columns["pval_joint"], study.wanted)
    return out | {
        "cell_pairs": cell_pairs,
        "edges": {"cell_pair": owner.astype(np.int32), "pair": found.feature.astype(np.int32)},
        "driver": found.driver,
        "driver_names": list(DRIVERS),
    }


def _expressed(
    stored: Mapping[str, Any], lr_units: Units, owner: np.ndarray, pair: np.ndarray,
    cell_pairs: dict[str, Any], n_groups: int,
) -> np.ndarray:  # fmt: skip
    """(n_edges, n_groups) whether both sides are expressed there, by the rule of the communication run."""
    geometry, fraction = geometry_of(stored), lr_units.lowest(group_means(stored)[1])
    share = {side: geometry.average(fraction, side) for side in ("source", "target")}
    n_types = len(stored["cell_types"]["name"])
    place = np.full((n_groups, n_types, n_types), -1, dtype=np.int64)
    place[geometry.organ, geometry.source, geometry.target] = np.arange(geometry.organ.size)
    row = place[:, cell_pairs["source"][owner], cell_pairs["target"][owner]].T
    limit = float(stored["params"]["expr_prop"])
    out = row >= 0
    for side, name in (("source", "ligand"), ("target", "receptor")):
        unit = np.asarray(stored["pairs"][f"{name}_unit"])[pair]
        out &= share[side][row, unit[:, None]] >= limit
    return out & (geometry.n_samples[row] > 0)


def _fingerprint(
    adata: ad.AnnData, stored: Mapping[str, Any], covariates: list[str]
) -> dict[str, np.ndarray]:
    """That of the communication run, and of the covariates."""
    first = stored["fingerprint"]
    more = fingerprint.compute(adata, obs=dict.fromkeys(covariates), layers=[])
    names = [*read.strings(first["names"]), *read.strings(more["names"])]
    digests = [*read.strings(first["digests"]), *read.strings(more["digests"])]
    return fingerprint.of(dict(zip(names, digests, strict=True)))
