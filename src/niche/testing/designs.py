"""The study designs in which tests between organs are tried out."""

from __future__ import annotations

import pandas as pd

_PAIRINGS = ("unpaired", "partial", "paired")
_PATIENTS = (3, 4, 6)
_FACTORS = {
    "balanced": {"cell_factor": 1.0, "depth_factor": 1.0, "variance_factor": 1.0},
    "unequal": {"cell_factor": 0.2, "depth_factor": 0.5, "variance_factor": 2.0},
}


def designs() -> pd.DataFrame:
    """List the named designs: pairing x patients per organ x equal or unequal organs.

    Returns
    -------
    DataFrame
        One row per design, 18 in all: ``name`` (``"partial_4_unequal"``), ``design`` (``unpaired``: a
        patient has one organ, ``partial``: one patient in each round has two, ``paired``: every
        patient has all), ``patients_per_organ`` (3, 4, 6), and what sets the first organ apart:
        ``cell_factor``, ``depth_factor`` and ``variance_factor``, all 1 in a balanced design; in an
        unequal one it has a fifth of the cells, half the depth and twice the variance between samples,
        all at once.

    Notes
    -----
    Unequal precision is what breaks tests between groups that are otherwise sound: voom's weights
    (doi:10.1186/gb-2014-15-2-r29) and variances by group (doi:10.1093/nar/gkv412) were made for it.

    Examples
    --------
    >>> import niche
    >>> table = niche.testing.designs().set_index("name")
    >>> table.loc[["partial_4_balanced", "partial_4_unequal"], "cell_factor":]
                        cell_factor  depth_factor  variance_factor
    name
    partial_4_balanced          1.0           1.0              1.0
    partial_4_unequal           0.2           0.5              2.0
    """
    rows = [
        {"name": f"{pairing}_{n}_{balance}", "design": pairing, "patients_per_organ": n, **factors}
        for pairing in _PAIRINGS
        for n in _PATIENTS
        for balance, factors in _FACTORS.items()
    ]
    return pd.DataFrame(rows)
