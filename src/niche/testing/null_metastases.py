"""Simulated studies in which no organ differs from another."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import anndata as ad
import numpy as np

from niche._slots import validate
from niche.datasets import simulate_metastases
from niche.errors import InputTypeError, InputValueError
from niche.testing.designs import designs

_FACTORS = ("cell_factor", "depth_factor", "variance_factor")
_FIXED = ("design", "patients_per_organ", *_FACTORS, "null", "rng", "n_jobs")


def null_metastases(
    n: int,
    design: str = "partial_4_balanced",
    *,
    options: Mapping[str, Any] | None = None,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
) -> Iterator[ad.AnnData]:
    """Draw studies without any difference between organs, one after the other.

    Parameters
    ----------
    n
        Number of studies.
    design
        One of the names of :func:`niche.testing.designs`.
    options
        Further options of :func:`niche.datasets.simulate_metastases`, such as ``{"cells": 600}``. The
        organ set apart in an unequal design is the first of ``organs``. Without them there are only
        metastases: ``primaries`` and ``normals`` are 0.
    rng
        Seed or Generator. Study i is the same whatever ``n`` and ``n_jobs``.
    n_jobs
        Threads over the samples of a study; ``None`` takes ``niche.settings.n_jobs``.

    Returns
    -------
    Iterator of AnnData
        Raw counts with labels, as :func:`niche.datasets.simulate_metastases` returns them; the edges of
        its truth are none. A study is drawn when it is asked for, so memory holds one at a time.

    Raises
    ------
    InputValueError
        An unknown design or option, an option that the design fixes, a number out of its range.
    InputTypeError
        ``options`` is no mapping, ``rng`` no seed and no Generator.

    Notes
    -----
    Patients, clones, programs, ambient molecules and doublets are there as in any draw; axes, organ
    programs, organ-specific cells and differences in composition are not. What is the same in all
    organs differs between patients, so a test that takes cells or samples of one patient as
    replicates finds differences here.

    Cell types need enough cells where an organ has a fifth of them: with ``cells=600`` the median
    sample of that organ holds 5 to 15 cells of each host cell type.

    Examples
    --------
    >>> import niche
    >>> small = {"organs": ("bone", "lung"), "cells": 30, "n_genes": 1000}
    >>> studies = niche.testing.null_metastases(2, "paired_3_balanced", options=small)
    >>> [(study.obs["patient"].nunique(), len(study.uns["truth"]["edges"])) for study in studies]
    [(3, 0), (3, 0)]
    """
    validate.number(n, "n", low=1, integer=True)
    table = designs().set_index("name")
    validate.choice(design, "design", tuple(table.index))
    if options is not None and not isinstance(options, Mapping):
        raise InputTypeError(f"options must be a mapping from option to value. Got {type(options).__name__}.")
    given = {"primaries": 0, "normals": 0, **(options or {})}
    known = inspect.signature(simulate_metastases).parameters
    for name in given:
        if name in _FIXED:
            raise InputValueError(
                f"options must not hold {name!r}: it is set by the design or an argument of its own."
            )
        if name not in known:
            allowed = [option for option in known if option not in _FIXED]
            raise InputValueError(f"options holds {name!r}. Options are {', '.join(allowed)}.")
    chosen = table.loc[design]
    first = next(iter(given.get("organs", known["organs"].default)))
    given |= {name: {first: float(chosen[name])} for name in _FACTORS if chosen[name] != 1}
    given |= {
        "design": chosen["design"],
        "patients_per_organ": int(chosen["patients_per_organ"]),
        "null": True,
    }
    return _draw(validate.generator(rng).spawn(int(n)), given, n_jobs)


def _draw(
    streams: list[np.random.Generator], options: dict[str, Any], n_jobs: int | None
) -> Iterator[ad.AnnData]:
    for stream in streams:
        yield simulate_metastases(stream, **options, n_jobs=n_jobs)
