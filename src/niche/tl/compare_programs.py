"""Compare programs of the tumor between organs, with patients as the replicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._settings import settings
from niche._slots import fingerprint, keys, matrix, passes, read, tables, validate, write
from niche.errors import InputValueError
from niche.get.programs import RUN_FIRST, cell_usage
from niche.get.programs import programs as programs_table
from niche.tl import _program_ambient as leak
from niche.tl import _program_usage as usage_of
from niche.tl._communication_pass import organ_names
from niche.tl._compare_input import METHODS, Study, study_of_samples
from niche.tl._program_evidence import Evidence
from niche.tl._program_incoming import incoming_signals
from niche.tl._program_leaks import CALLS_OF_PROGRAMS, leaking, suspect_calls
from niche.tl._program_sensitivity import sensitivity
from niche.tl._program_verdicts import VERDICTS, verdict
from niche.tl._programs_describe import PROGRAM


def compare_programs(
    adata: ad.AnnData,
    *,
    key: str = keys.PROGRAMS,
    covariates: str | Sequence[str] | None = (),
    patients: Literal["averaged", "consensus", "fixed"] = "averaged",
    min_cells: int = 20,
    max_share: float = 0.5,
    tissues: Sequence[str] = ("metastasis", "primary"),
    organ_key: str | None = None,
    tissue_key: str | None = None,
    key_added: str = keys.COMPARE_PROGRAMS,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Tell programs the tumor brings from those an organ goes with, and from what merely leaked.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.programs` was run; with :func:`niche.pp.ambient` its shares are used,
        with :func:`niche.tl.compare_communication` signals of an organ are named.
    key
        The ``key_added`` of that run.
    covariates
        Columns of ``obs``, one value per sample, such as subtype or assay.
    patients
        How samples of one patient in several organs are treated, as in
        :func:`niche.tl.compare_communication`.
    min_cells
        Cells a patient needs in an organ.
    max_share
        Share of a rise that ambient molecules must explain to be suspected.
    tissues
        Tissues whose samples are used. Only metastases enter contrasts between organs; primary and normal
        samples are compared with each organ.
    organ_key, tissue_key
        Columns of ``obs``; defaults in ``niche.settings``. Samples and patients are those of the programs.
    key_added
        Where the result goes.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        Stored in ``uns[key_added]``, read by :func:`niche.get.compare_programs`: ``programs``, ``samples``,
        ``contrasts``, ``groups``, ``values`` (n_programs x n_contrasts arrays), ``status``, ``reason``,
        ``verdict``, ``verdict_reason``, ``ambient_share``, ``control``, ``variance``, ``level``,
        ``sensitivity``, ``params``, ``fingerprint``.

    Raises
    ------
    MissingKeyError
        Programs or a column do not exist.
    StaleResultError
        The programs no longer fit the data, or what they are set beside (ambient molecules, signals).
    InputValueError
        One organ only, missing labels, a sample in two organs, a covariate that varies within a sample or
        hides every comparison, or an option that cannot be worked with.

    Notes
    -----
    All cells of a patient in an organ give one mean usage m, taken as :math:`\log_2(m + c)` with c a
    twentieth of the mean of all patients, so that effects are log2 ratios and a program that is off has a
    floor. Its precision is :math:`1 / (\tau^2 + SE^2)`, with the spread between patients of this program and
    the error of its number of cells; the scale of both is estimated again from the residuals and tested with
    t. Nothing is moderated, as programs are few. Linear model, contrasts, correlation within patients,
    refusals and numbers of patients are those of :func:`niche.tl.compare_communication`; q-values are over
    programs of kind ``program``, without those whose largest rise ambient molecules explain: leaks are sure
    differences, and with them in the family the others would pass too easily.

    Verdicts, the first that holds:

    - ``ambient-suspect``: in every organ where it is called higher, ambient molecules explain ``max_share``
      of the difference, or its genes rise in host cells (median of compartments) by half of what they rise
      in the tumor, on the scale of counts: what leaks rises in all droplets alike. Where nothing is called,
      the same is asked of the organ with clearly most usage, with the share of its expression.
    - ``patient-private``: no other patient reaches a quarter of the usage.
    - ``organ-associated``: against the rest q <= 0.1 and an effect of 0.5 or more, with 3 patients on both
      sides. Whether patients with several sites show it within themselves is said; without such patients it
      stays an association.
    - ``intrinsic``: every pair of organs alike (90 % interval within one log2 unit) and present in two organs
      or the primary.
    - ``undetermined``, ``not_testable``.

    A contrast is called ``ambient-suspect`` instead of ``enriched`` or ``depleted`` where the organ that is
    higher leaks by these rules, so that a table filtered by ``call`` holds no leaks.

    Sensitivity: the contrasts against the rest with purer cells, within each assay, and for the same program
    (35 of 50 genes) at the numbers of programs tried next to the one taken.

    Shares of variance are moments of cells in patients in organs, on the scale of usage.

    References
    ----------
    Precision weights with the scale estimated again and t, as in random-effects meta-regression: Knapp &
    Hartung 2003, doi:10.1002/sim.1482. Correlation within patients: Smyth et al. 2005,
    doi:10.1093/bioinformatics/bti270. Stage-wise q-values: Van den Berge et al. 2017,
    doi:10.1186/s13059-017-1277-0. Equivalence by an interval: Schuirmann 1987, doi:10.1007/BF01068419.
    Shares of variance of donors and conditions: Hoffman & Schadt 2016, doi:10.1186/s12859-016-1323-z (by
    restricted likelihood; here by moments). Why patients: Squair et al. 2021,
    doi:10.1038/s41467-021-25960-2.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.programs(adata, k=6, n_starts=5)
    >>> niche.tl.compare_programs(adata)
    >>> table = niche.get.compare_programs(adata, what="verdicts")
    >>> table.columns[:2].tolist()
    ['program', 'verdict']
    """
    validate.anndata(adata)
    validate.choice(patients, "patients", METHODS)
    validate.number(min_cells, "min_cells", low=2, high=1e9, integer=True)
    validate.number(max_share, "max_share", low=0, high=1, open_low=True)
    validate.flag(copy, "copy")
    write.slot_name(key_added)
    stored = read.result(adata, key, run_first=RUN_FIRST)
    given = stored["params"]
    samples = validate.samples(
        adata, str(given["sample_key"]), str(given["patient_key"]), organ_key, tissue_key
    )
    organs, organ_of_sample = organ_names(samples, tissues)
    if len(organs) < 2:
        raise InputValueError(
            f"nothing to compare: {validate.shown(organs)} is the only organ. Add primary or normal tissue "
            "with tissues=, or an organ."
        )
    listed = list(tables.names(covariates, "covariates"))
    study = study_of_samples(adata, listed, samples, organs, organ_of_sample, patients)
    found = _Compared(
        adata, stored, key, study, samples.cells.codes, int(min_cells), patients, float(max_share)
    )

    params: dict[str, Any] = {
        "key": key, "covariates": listed, "patients": patients, "min_cells": int(min_cells),
        "max_share": float(max_share), "tissues": [tissues] if isinstance(tissues, str) else list(tissues),
        "sample_key": samples.cells.key, "patient_key": str(given["patient_key"]),
        "organ_key": organ_key or settings.organ_key, "tissue_key": tissue_key or settings.tissue_key,
        "compartment_key": str(given["compartment_key"]),
        "beside": [read.identity(adata, name) for name in (key, *keys.BESIDE_PROGRAMS)],
    }  # fmt: skip
    columns = [params[name] for name in ("sample_key", "patient_key", "organ_key", "compartment_key")]
    columns += listed
    columns += [params["tissue_key"]] if params["tissue_key"] in adata.obs else []
    payload = found.payload() | {
        "samples": {
            "name": list(samples.cells.names), "patient": list(samples.patient),
            "tissue": list(samples.tissue), "organ_code": organ_of_sample,
        }
    }  # fmt: skip
    digest = fingerprint.compute(adata, obs=dict.fromkeys(columns), layers=[_layer(given)])
    target = adata.copy() if copy else adata
    write.result(target, key_added, params=params, payload=payload, fingerprint=digest)
    return target if copy else None


def _layer(given: Any) -> str | None:
    return None if str(given["layer"]) == write.NONE else str(given["layer"])


class _Compared:
    """Tests, ambient evidence and verdicts of all programs."""

    def __init__(
        self, adata: ad.AnnData, stored: Any, key: str, study: Study, sample: np.ndarray, min_cells: int,
        method: Any, max_share: float,
    ) -> None:  # fmt: skip
        self.study, self.names = study, read.strings(stored["names"])
        table = stored["table"]
        self.kind = [str(kind) for kind in table["kind"]]
        units, groups = study.units, study.groups
        unit = np.append(units.of_sample, -1)[sample]
        compartment = str(stored["params"]["compartment"])
        cells = cell_usage(adata, key)
        whose = f"{compartment} cells"
        kept = np.flatnonzero([kind == PROGRAM for kind in self.kind])
        others = sorted(set(range(len(self.names))) - set(kept.tolist()))
        refused = {j: f"{self.kind[j]}: {table['reason'].iloc[j]}" for j in others}
        self.usage = usage_of.unit_usage(cells, unit, units.n_samples.size, min_cells)
        self.results = usage_of.compare_usage(self.usage, kept, refused, study, method, whose)

        measured = np.isfinite(cells[:, 0])
        genes = programs_table(adata, key=key)
        self.shares = leak.ambient_shares(adata, genes, groups.name, measured)
        self.control = self._control(adata, stored, genes, unit, measured)
        self.variance = usage_of.variance_shares(
            cells[measured], unit[measured], units.samples.group, self._metastases()
        )
        self.level = self._level()
        self.sensitivity = sensitivity(
            adata, stored, cells, unit, kept, self.names, study, min_cells, method, whose,
        )  # fmt: skip
        self.evidence = Evidence(
            self.kind, [str(text) for text in table["reason"]], self.results, self.results.q_values()[0],
            usage_of.alike(self.results), self.level, groups.of("metastasis"),
            None if self.shares is None else self.shares[0], None if self.shares is None else self.shares[1],
            self.control, self._within(), incoming_signals(adata, groups, compartment), max_share,
        )  # fmt: skip
        self.leaking = leaking(self.evidence)
        self.evidence = replace(self.evidence, q=self.results.q_values(self.leaking)[0])
        decided = [verdict(self.evidence, j) for j in range(len(self.names))]
        self.verdicts, self.reasons = [one[0] for one in decided], [one[1] for one in decided]

    def _metastases(self) -> np.ndarray:
        """Units with enough cells that are metastases."""
        group = self.study.units.samples.group[self.usage.rows]
        return self.usage.rows[self.study.groups.of("metastasis")[group]]

    def _control(
        self, adata: ad.AnnData, stored: Any, genes: pd.DataFrame, unit: np.ndarray, measured: np.ndarray
    ) -> np.ndarray:
        labels = validate.compartments(
            adata, str(stored["params"]["compartment_key"]), run_first="niche.tl.call_compartments"
        )
        compartment = str(stored["params"]["compartment"])
        hosts = [name for name in keys.HOST if name != compartment and (labels == name).any()]
        part = np.full(adata.n_obs, -1, dtype=np.int64)
        part[measured] = 0
        for number, name in enumerate(hosts, start=1):
            part[labels == name] = number
        log = matrix.resolve(adata, _layer(stored["params"]), "lognorm")
        found = adata.var_names.get_indexer(genes["gene"]).reshape(len(self.names), -1)
        used, code = np.unique(found, return_inverse=True)
        everyone, code = np.ones(adata.n_obs, dtype=bool), code.reshape(found.shape)
        values = passes.chosen(log, everyone, used, settings.threads(None))
        level = leak.levels(values, code, unit, part, self.study.units.n_samples.size, len(hosts) + 1)
        metastasis = self.study.groups.of("metastasis")
        group = self.study.units.samples.group
        level = np.where(metastasis[group], level, np.nan)
        return leak.control(leak.rises(level, group, metastasis.size))

    def _level(self) -> np.ndarray:
        group = self.study.units.samples.group[self.usage.rows]
        out = np.full((len(self.names), len(self.study.groups.name)), np.nan)
        for g in np.unique(group):
            out[:, g] = self.usage.mean[:, group == g].mean(axis=1)
        return out

    def _within(self) -> list[list[str]]:
        """How many patients with an organ and another show the rise within themselves."""
        samples = self.study.units.samples.take(self.usage.rows)
        metastasis = self.study.groups.of("metastasis")[samples.group]
        out = [["" for _ in self.study.groups.name] for _ in self.names]
        for g in range(len(self.study.groups.name)):
            pairs = []
            for person in np.unique(samples.patient[(samples.group == g) & metastasis]):
                here = (samples.patient == person) & (samples.group == g)
                there = (samples.patient == person) & (samples.group != g) & metastasis
                if there.any():
                    value = self.usage.value
                    pairs.append(value[:, here].mean(axis=1) - value[:, there].mean(axis=1))
            if pairs:
                more = (np.array(pairs) > 0).sum(axis=0)
                for j in range(len(self.names)):
                    out[j][g] = f"within {more[j]} of {len(pairs)} patients with another site"
        return out

    def payload(self) -> dict[str, Any]:
        """Everything that is stored."""
        share = np.full((2, *self.control.shape), np.nan) if self.shares is None else np.array(self.shares)
        units, rows = self.study.units, self.usage.rows
        tests = self.results.payload(keys.SMALLEST_PROGRAM_EFFECT, self.leaking)
        tests["call"], tests["reason"] = suspect_calls(self.evidence, tests["call"])
        tests["call_names"], tests["reason_names"] = list(CALLS_OF_PROGRAMS), self.results.reasons.names
        tests["values"] = {
            name: values for name, values in tests["values"].items() if not name.startswith("ci90")
        }
        return tests | {
            "programs": {"name": self.names, "kind": self.kind},
            "verdict": self.verdicts, "verdict_reason": self.reasons, "verdict_names": list(VERDICTS),
            "ambient_assessed": self.shares is not None, "ambient_share": share[0], "effect_share": share[1],
            "control": self.control, "variance": self.variance, "level": self.level,
            "unit_cells": self.usage.n, "unit_usage": self.usage.mean,
            "unit_group": units.samples.group[rows],
            "unit_patient": [units.patient_names[p] for p in units.samples.patient[rows]],
            "sensitivity": self.sensitivity,
        }  # fmt: skip
