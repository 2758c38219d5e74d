"""Which cell types make up more or less of their compartment in an organ, with patients as the replicates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np

from niche._settings import settings
from niche._slots import fingerprint, keys, tables, validate, write
from niche.errors import InputValueError
from niche.tl._cell_types import CellTypes, cell_types
from niche.tl._communication_pass import organ_names
from niche.tl._compare_input import METHODS, Study, study_of_samples
from niche.tl._composition_parts import ABSENT, Part, part_of, part_tests
from niche.tl._organ_results import OrganResults

STATUSES = ("tested", "absent", "not_testable")
SMALLEST_EFFECT = 0.5
"""Difference in log2 odds that a call asks for."""


def composition(
    adata: ad.AnnData,
    groupby: str | None = None,
    *,
    covariates: str | Sequence[str] | None = (),
    within: Literal["compartment", "side"] = "compartment",
    patients: Literal["averaged", "consensus", "fixed"] = "averaged",
    min_cells: int = 10,
    tissues: Sequence[str] = ("metastasis",),
    sample_key: str | None = None,
    patient_key: str | None = None,
    organ_key: str | None = None,
    tissue_key: str | None = None,
    compartment_key: str | None = None,
    key_added: str = keys.COMPOSITION,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Test between organs how much of its compartment a cell type makes up, patients being the replicates.

    **A share is relative**: when one cell type expands, the shares of all others fall though none of their
    cells is gone, and dissociation loses some types more than others, in one organ more than in another. A
    difference says that the *proportion to the other types* differs, not which type changed, nor how many
    cells a gram of tissue holds.

    Parameters
    ----------
    adata
        Cells with labels of sample, patient, organ and cell type; no matrix is read.
    groupby
        Column of cell types; default ``niche.settings.groupby``. A type that holds tumor and host cells is
        split, as in :func:`niche.tl.communication`; unresolved cells are left out.
    covariates
        Columns of ``obs``, one value per sample, numeric or categorical. A comparison that a covariate hides
        is not testable, and says so.
    within
        ``"compartment"``: every compartment is a whole of its own (T cells among immune cells).
        ``"side"``: the tumor is one, all host compartments together are the other (T cells among host
        cells). Without compartments all cells are one whole.
    patients
        How samples of one patient in several organs are treated, as in
        :func:`niche.tl.compare_communication`.
    min_cells
        Cells of the compartment that a patient needs in an organ.
    tissues
        Tissues whose samples are used; primary and normal ones appear as ``"<organ> (primary)"`` and
        ``"<organ> (normal)"``.
    sample_key, patient_key, organ_key, tissue_key, compartment_key
        Columns of ``obs``; defaults in ``niche.settings``.
    key_added
        Where the result goes.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        Stored in ``uns[key_added]``, read by :func:`niche.get.composition`: ``cell_types``, ``samples``,
        ``counts`` (n_samples x n_types cells), ``contrasts``, ``groups``, ``values`` (n_types x
        n_contrasts arrays), ``status``, ``call``, ``reason``, ``families``, ``confounding``, ``params``,
        ``fingerprint``.

    Raises
    ------
    MissingKeyError
        A column does not exist.
    InputValueError
        One organ only, missing labels, a sample in two organs, a covariate that varies within a sample or
        hides every comparison, or an option that cannot be worked with.
    InputTypeError
        Not an AnnData, or ``copy`` is not True or False.

    Notes
    -----
    All samples of a patient in an organ are summed. A type with x cells is set against the y cells of the
    other types of its compartment that *every* organ has, :math:`\log_2((x + 0.5) / (y + 0.5))`. Log odds,
    because a factor on the abundance of a type is the same difference at any share, and because odds against
    types that all organs have do not fall in bone for the osteoblasts there. (The arcsine of the square
    root, the other choice of propeller, has differences without a unit.)
    Values have the precision :math:`1 / (\tau^2 + 1 / (n p (1 - p) \ln^2 2))`, with the spread
    :math:`\tau^2` between patients of this type and the counting error of n cells at the mean share p of all
    organs, so that a biopsy of few cells weighs less.

    Linear model, contrasts, correlation within patients and the numbers of patients asked for are those of
    :func:`niche.tl.compare_communication`. Variances are not moderated, as there are few cell types; that an
    organ scatters more than others cannot be learnt from so few either. q-values are over all cell types.

    A cell type that none of an organ's samples holds is ``absent`` there, which is not a share of zero:
    hepatocytes are no depleted cell type of bone. It is shown, and compared between the organs that have it.
    Where fewer than 3 of its cells are expected per patient from the mean share of all organs, the
    comparison is ``not_testable``.

    Proportions with replicates: propeller, Phipson et al. 2022, doi:10.1093/bioinformatics/btac582.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.tl.composition(adata, "cell_type")
    >>> table = niche.get.composition(adata, contrast="bone_vs_rest")
    >>> table.set_index("cell_type").loc["Osteoblast", ["status", "reason"]].tolist()[0]
    'absent'
    """
    validate.anndata(adata)
    validate.choice(within, "within", ("compartment", "side"))
    validate.choice(patients, "patients", METHODS)
    validate.number(min_cells, "min_cells", low=1, high=1e9, integer=True)
    validate.flag(copy, "copy")
    write.slot_name(key_added)
    samples = validate.samples(adata, sample_key, patient_key, organ_key, tissue_key)
    types = cell_types(adata, groupby, compartment_key, level="cell_type", need_compartment=False)
    organs, organ_of_sample = organ_names(samples, tissues)
    listed = list(tables.names(covariates, "covariates"))
    if len(organs) < 2:
        raise InputValueError(
            f"nothing to compare: {validate.shown(organs)} is the only organ. Add primary or normal tissue "
            "with tissues=, or an organ."
        )
    study = study_of_samples(adata, listed, samples, organs, organ_of_sample, patients)
    counts = _counts(samples.cells.codes, len(samples.cells.names), types)
    found = _Tested(study, types, counts, within, int(min_cells), patients)

    params: dict[str, Any] = {
        "groupby": groupby or settings.groupby, "covariates": listed, "within": within, "patients": patients,
        "min_cells": int(min_cells), "tissues": [tissues] if isinstance(tissues, str) else list(tissues),
        "sample_key": sample_key, "patient_key": patient_key, "organ_key": organ_key,
        "tissue_key": tissue_key, "compartment_key": compartment_key,
    }  # fmt: skip
    for name in ("sample_key", "patient_key", "organ_key", "tissue_key", "compartment_key"):
        params[name] = params[name] or getattr(settings, name)
    payload = found.payload(SMALLEST_EFFECT) | {
        "cell_types": {
            "name": types.names, "compartment": types.compartment, "whole": list(found.whole)
        },
        "samples": {
            "name": list(samples.cells.names), "patient": list(samples.patient),
            "tissue": list(samples.tissue), "organ_code": organ_of_sample,
        },
        "counts": counts, "n_unresolved": types.n_unresolved, "tissue_given": samples.tissue_given,
    }  # fmt: skip
    columns = [params[name] for name in ("groupby", "sample_key", "patient_key", "organ_key")] + listed
    columns += [params[name] for name in ("tissue_key", "compartment_key") if params[name] in adata.obs]
    target = adata.copy() if copy else adata
    write.result(
        target, key_added, params=params, payload=payload,
        fingerprint=fingerprint.compute(adata, obs=dict.fromkeys(columns), layers=[]),
    )  # fmt: skip
    return target if copy else None


def _counts(sample: np.ndarray, n_samples: int, types: CellTypes) -> np.ndarray:
    """Cells of every type in every sample."""
    n_types, kept = len(types.names), types.codes >= 0
    key = sample[kept].astype(np.int64) * n_types + types.codes[kept]
    return np.bincount(key, minlength=n_samples * n_types).reshape(n_samples, n_types)


class _Tested(OrganResults):
    """Values, status and reasons of all cell types, compartment by compartment."""

    def __init__(
        self, study: Study, types: CellTypes, counts: np.ndarray, within: str, min_cells: int, method: Any
    ) -> None:
        super().__init__(study, len(types.names), STATUSES, ("share", "share_other"))
        self.types = types
        self.whole = np.array([_whole(name, within) for name in types.compartment], dtype=object)
        units = study.units
        used = units.of_sample >= 0
        per_unit = np.zeros((units.n_samples.size, len(types.names)), dtype=np.int64)
        np.add.at(per_unit, units.of_sample[used], counts[used])
        for whole in dict.fromkeys(self.whole):
            mine = np.flatnonzero(self.whole == whole)
            part = part_of(per_unit[:, mine], whole, units.samples, study.groups, min_cells)
            self._untested(mine, part)
            if (part.usable.sum(axis=1) > 1).any():
                self._tested(mine, part, method)

    def _untested(self, mine: np.ndarray, part: Part) -> None:
        """What stands where a type can be compared in one organ at most."""
        for k, texts in zip(mine, part.missing, strict=True):
            first = [text for text in texts if text.startswith(ABSENT)]
            self.refuse([k], "; ".join(dict.fromkeys([*first, *(text for text in texts if text)])))
            gone = np.array([text.startswith(ABSENT) for text in texts])
            organ_gone = gone.sum() >= gone.size - 1
            for c, contrast in enumerate(self.study.wanted):
                ends = [g for g in (contrast.plus, contrast.minus) if g >= 0]
                if organ_gone or any(gone[g] for g in ends):
                    self.status[k, c] = STATUSES.index("absent")

    def _tested(self, mine: np.ndarray, part: Part, method: Any) -> None:
        study, units = self.study, self.study.units
        family, kept = part_tests(part, units.samples, study.groups, study.wanted, method)
        texts = self.record(mine[kept], family, part.rows, [part.missing[k] for k in kept])
        group, n_groups = units.samples.group[part.rows], len(study.groups.name)
        share = part.counts / np.maximum(part.counts + part.others, 1)
        for i, k in enumerate(kept):
            place, comparison = mine[k], family.comparisons[family.pattern[i]]
            means = np.array(
                [share[group == g, k].mean() if (group == g).any() else 0.0 for g in range(n_groups)]
            )
            sides = (("share", comparison.plus), ("share_other", comparison.minus))
            for name, side in sides:
                n = side.sum(axis=1)
                self.values[name][place] = np.where(n > 0, side @ means / np.maximum(n, 1), np.nan)
            for c, (why, _) in enumerate(texts[i]):
                if ABSENT in why:
                    self.status[place, c] = STATUSES.index("absent")


def _whole(compartment: str, within: str) -> str:
    if within == "side" and compartment in keys.HOST:
        return "host"
    return compartment
