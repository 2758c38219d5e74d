"""The options of the simulator in one checked object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any

import pandas as pd
from numpy.random import Generator

from niche.errors import InputTypeError, InputValueError

DESIGNS = ("unpaired", "partial", "paired")
ALIASES = ("study", "assay", "subtype")
LARGEST_AMBIENT = 0.6
_COUNTS = {
    "primaries": 0,
    "cells": 10,
    "n_genes": 500,
    "extra_axes": 0,
    "shared_programs": 0,
    "private_programs": 0,
    "program_genes": 10,
    "leaked_genes": 1,
    "max_clones": 1,
    "quiet_patients": 0,
}
_NOT_NEGATIVE = (
    "patient_sd",
    "dispersion",
    "program_shift",
    "program_sd",
    "composition_sd",
    "cnv_effect",
    "study_sd",
    "assay_sd",
    "ambient_sample_sd",
    "ambient_cell_sd",
)
_FRACTIONS = ("within_patient_correlation", "soil_in_normal", "doublets", "low_quality")
_NOT_WITH_A_TABLE = ("patients_per_organ", "samples_per_patient", "primaries", "normals")
_FACTORS = ("cell_factor", "depth_factor", "variance_factor")


@dataclass(frozen=True)
class Options:
    """Everything :func:`niche.datasets.simulate_metastases` can be asked for (see there)."""

    organs: Sequence[str] = ("bone", "lung", "brain", "liver")
    design: str | pd.DataFrame = "partial"
    patients_per_organ: int | Mapping[str, int] = 4
    samples_per_patient: int | Mapping[str, int] = 1
    primaries: int = 3
    normals: int | Mapping[str, int] = 1
    primary_organ: str = "breast"
    cells: int = 250
    depth: float = 4000.0
    cell_factor: Mapping[str, float] | None = None
    depth_factor: Mapping[str, float] | None = None
    variance_factor: Mapping[str, float] | None = None
    n_genes: int = 4000
    patient_sd: float = 0.3
    within_patient_correlation: float = 0.5
    dispersion: float = 0.25
    axes: str | pd.DataFrame | None = "default"
    extra_axes: int = 0
    axis_log2fc: float = 2.0
    soil_in_normal: float = 0.0
    shared_programs: int = 2
    organ_programs: bool = True
    private_programs: int = 2
    program_genes: int = 50
    program_shift: float = 2.0
    program_sd: float = 0.4
    parenchyma: bool = True
    leaked_genes: int = 40
    composition: Mapping[str, Mapping[str, float]] | None = None
    composition_sd: float = 0.25
    max_clones: int = 3
    cnv_effect: float = 1.0
    quiet_patients: int = 0
    subtypes: Sequence[str] = ("luminal", "HER2", "basal")
    assays: Sequence[str] = ("cell",)
    studies: Sequence[str] = ("study_A", "study_B")
    subtype_log2fc: float = 2.0
    study_sd: float = 0.0
    assay_sd: float = 0.0
    alias: Mapping[str, str] | None = None
    ambient: float | Mapping[str, float] = 0.08
    ambient_sample_sd: float = 0.3
    ambient_cell_sd: float = 0.5
    doublets: float = 0.04
    low_quality: float = 0.02
    null: bool = False

    def __post_init__(self) -> None:
        _check_organs(self)
        _check_numbers(self)
        _check_mappings(self)

    def resolved(self) -> Options:
        """Return the options in force: ``null=True`` switches every organ effect off."""
        if not self.null:
            return self
        return replace(
            self,
            axes=None,
            extra_axes=0,
            program_shift=0.0,
            parenchyma=False,
            composition=None,
        )

    def per_organ(self, name: str, organ: str, default: float = 1.0) -> float:
        """Return an option that may be one number or a mapping from organ to number."""
        value = getattr(self, name)
        if value is None:
            return default
        return value.get(organ, default) if isinstance(value, Mapping) else value

    def plain(self) -> dict[str, Any]:
        """Return the options as values that can be written: no None, no tuple, no frame."""
        found: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, pd.DataFrame):
                value = "custom"
            elif value is None:
                value = "none"
            elif isinstance(value, Mapping):
                value = {str(k): dict(v) if isinstance(v, Mapping) else v for k, v in value.items()} or "none"
            elif isinstance(value, (list, tuple)):
                value = ",".join(value)
            found[field.name] = value
        if isinstance(self.design, pd.DataFrame):
            for name in _NOT_WITH_A_TABLE:
                del found[name]
        return found


def _check_organs(options: Options) -> None:
    organs = options.organs
    if isinstance(organs, str) or not all(isinstance(organ, str) and organ for organ in organs):
        raise InputTypeError(f"organs must be a sequence of organ names. Got {organs!r}.")
    if any("/" in organ for organ in organs):
        raise InputValueError(f"organs must not contain '/', which files cannot store. Got {list(organs)!r}.")
    if len(organs) < 1 or len(set(organs)) != len(organs):
        raise InputValueError(f"organs must name at least one organ, each once. Got {list(organs)!r}.")
    if options.primary_organ in organs:
        raise InputValueError(f"primary_organ {options.primary_organ!r} is also listed in organs.")
    if isinstance(options.design, str) and options.design not in DESIGNS:
        raise InputValueError(
            f"design must be one of {', '.join(DESIGNS)} or a DataFrame. Got {options.design!r}."
        )
    if isinstance(options.axes, str) and options.axes != "default":
        raise InputValueError(f"axes must be 'default', None or a DataFrame. Got {options.axes!r}.")
    for name in ("subtypes", "assays", "studies"):
        value = getattr(options, name)
        if isinstance(value, str) or not value or not all(isinstance(v, str) and v for v in value):
            raise InputValueError(f"{name} must be a sequence of at least one name. Got {value!r}.")


def _check_numbers(options: Options) -> None:
    for name, least in _COUNTS.items():
        value = getattr(options, name)
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise InputValueError(f"{name} must be an integer of at least {least}. Got {value!r}.")
    for name in _NOT_NEGATIVE:
        if not _is_number(getattr(options, name)) or getattr(options, name) < 0:
            raise InputValueError(f"{name} must be a number of at least 0. Got {getattr(options, name)!r}.")
    for name in _FRACTIONS:
        if not _is_number(getattr(options, name)) or not 0 <= getattr(options, name) <= 1:
            raise InputValueError(f"{name} must be a number in [0, 1]. Got {getattr(options, name)!r}.")
    for name in ("axis_log2fc", "subtype_log2fc"):
        if not _is_number(getattr(options, name)) or abs(getattr(options, name)) > 8:
            raise InputValueError(f"{name} must be a number in [-8, 8]. Got {getattr(options, name)!r}.")
    if not _is_number(options.depth) or options.depth <= 0:
        raise InputValueError(f"depth must be a positive number. Got {options.depth!r}.")


def _check_mappings(options: Options) -> None:
    for name in _FACTORS:
        _check_per_organ(options, name, lambda v: v > 0, "a positive number")
    _check_per_organ(
        options, "ambient", lambda v: 0 <= v <= LARGEST_AMBIENT, f"a number in [0, {LARGEST_AMBIENT}]"
    )
    for name, least in (("patients_per_organ", 1), ("samples_per_patient", 1), ("normals", 0)):
        _check_per_organ(
            options,
            name,
            lambda v, least=least: isinstance(v, Integral) and v >= least,
            f"an integer of at least {least}",
        )
    for organ, shares in (options.composition or {}).items():
        _known_organ(options, "composition", organ)
        if not isinstance(shares, Mapping) or not all(_is_number(v) and v >= 0 for v in shares.values()):
            raise InputValueError(f"composition[{organ!r}] must map cell types to numbers of at least 0.")
    for column, organ in (options.alias or {}).items():
        if column not in ALIASES:
            raise InputValueError(f"alias knows {', '.join(ALIASES)}. Got {column!r}.")
        _known_organ(options, "alias", organ)


def _check_per_organ(options: Options, name: str, good: Any, wanted: str) -> None:
    value = getattr(options, name)
    if value is None:
        return
    if isinstance(value, Mapping):
        for organ in value:
            _known_organ(options, name, organ)
    for number in value.values() if isinstance(value, Mapping) else [value]:
        if not _is_number(number) or not good(number):
            raise InputValueError(f"{name} must be {wanted}, or a mapping from organ to it. Got {value!r}.")


def _known_organ(options: Options, name: str, organ: str) -> None:
    known = [*options.organs, options.primary_organ]
    if organ not in known:
        raise InputValueError(f"{name} names the organ {organ!r}. Organs of the draw: {', '.join(known)}.")


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and value == value


def checked_rng(rng: object) -> None:
    """Refuse what is neither a seed nor a Generator."""
    if isinstance(rng, Generator):
        return
    if isinstance(rng, bool) or not isinstance(rng, Integral):
        raise InputTypeError(f"rng must be an integer or a numpy Generator. Got {type(rng).__name__}.")
    if rng < 0:
        raise InputValueError(f"rng must not be negative. Got {rng}.")
