"""Statistics of sections as values of patients, ready to be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from niche._slots import read
from niche._slots import spatial_codes as codes

_LARGEST = 0.999


@dataclass(frozen=True)
class SectionValues:
    """A statistic of pairs in sections on Fisher's scale.

    Attributes
    ----------
    value, variance
        (n_sections, n_pairs), NaN where a pair was not tested.
    reason
        (n_sections, n_pairs) codes of why not.
    """

    value: np.ndarray
    variance: np.ndarray
    reason: np.ndarray


def section_values(stored: Mapping[str, Any], statistic: str, names: Sequence[str]) -> SectionValues:
    r"""Values :math:`\operatorname{artanh}(R)`, of the section or across the border one way.

    Sections come in the order of ``names``: categories may have been reordered since they were stored.
    """
    reasons = np.asarray(stored["reasons"])
    found = stored["tests"]
    chosen = np.ones(len(found["section"]), dtype=bool)
    if statistic != codes.SECTION:
        way = codes.DIRECTIONS.index(statistic)
        found, reasons = stored["interface"], np.asarray(stored["interface_reasons"])[:, way]
        chosen = np.asarray(found["direction"]) == way
    value, variance = np.full((2, *reasons.shape), np.nan)
    where = (np.asarray(found["section"])[chosen], np.asarray(found["pair"])[chosen])
    value[where] = np.arctanh(np.clip(np.asarray(found["statistic"])[chosen], -_LARGEST, _LARGEST))
    variance[where] = np.asarray(found["null_sd"])[chosen] ** 2
    known = read.strings(stored["sections"]["name"])
    order = [known.index(name) for name in names]
    return SectionValues(value[order], variance[order], reasons[order])


def unit_values(sections: SectionValues, unit: np.ndarray, n_units: int) -> tuple[np.ndarray, np.ndarray]:
    """Means over the sections of every unit, and their variance: (n_pairs, n_units); NaN without a section.

    ``unit`` (n_sections,) is -1 for sections that take no part.
    """
    shape = (n_units, sections.value.shape[1])
    n, total, variance = np.zeros((3, *shape))
    for s in np.flatnonzero(unit >= 0):
        known = np.isfinite(sections.value[s])
        n[unit[s], known] += 1
        total[unit[s], known] += sections.value[s, known]
        variance[unit[s], known] += sections.variance[s, known]
    with np.errstate(invalid="ignore", divide="ignore"):
        return (total / n).T, (variance / n**2).T
