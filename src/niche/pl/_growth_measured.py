"""Measurements of bioluminescence beside the fits they entered."""

from __future__ import annotations

import numpy as np
import pandas as pd

from niche._slots import tables
from niche._slots.validate import shown
from niche.errors import InputValueError

NEEDED = (
    "animal", "organ", "group", "slope", "intercept", "first_day", "last_day", "background", "threshold",
    "subtracted", "saturation", "status", "n_used", "n_below", "n_saturated",
)  # fmt: skip
USE = "use"


def named_fits(rates: pd.DataFrame) -> pd.DataFrame:
    """The fits with their names as text, each animal and organ once."""
    tables.frame(rates, "rates")
    lost = [name for name in NEEDED if name not in rates.columns]
    if lost:
        raise InputValueError(
            f"rates is no table of niche.tl.growth_rates at level 'animal': it lacks {shown(lost)}."
        )
    out = rates.assign(
        **{key: tables.labels(rates, key, key, "rates") for key in ("animal", "organ", "group", "status")}
    )
    twice = out.duplicated(["animal", "organ"])
    if twice.any():
        first = out[twice].iloc[0]
        raise InputValueError(
            f"rates has {first['animal']!r} in {first['organ']!r} twice. Give one row per animal and organ."
        )
    return out


def measured(
    table: pd.DataFrame, rates: pd.DataFrame, animal: str, organ: str, day: str, flux: str
) -> pd.DataFrame:
    """The measurements with what is known of their animal and organ, and what each is in the fit."""
    tables.frame(table)
    data = pd.DataFrame(
        {
            "animal": tables.labels(table, animal, "animal"),
            "organ": tables.labels(table, organ, "organ"),
            "day": tables.numbers(table, day, "day"),
            "flux": tables.numbers(table, flux, "flux", missing=True, low=0),
        }
    )
    if USE in table.columns:
        data[USE] = tables.labels(table, USE, USE)
    known = data.merge(rates[list(NEEDED)], on=["animal", "organ"], how="left", validate="many_to_one")
    strange = known["status"].isna()
    if strange.any():
        first = known[strange].iloc[0]
        raise InputValueError(
            f"rates does not hold {first['animal']!r} in {first['organ']!r}. Run niche.tl.growth_rates on "
            "this table."
        )
    known = known[known["flux"].notna()].sort_values(["organ", "animal", "day"], kind="stable")
    if USE not in known.columns:
        known[USE] = _uses(known)
    _as_counted(known)
    return known


def _uses(known: pd.DataFrame) -> np.ndarray:
    """What every measurement is, by one threshold and one saturation for each animal and organ."""
    above = known["flux"] > known["threshold"]
    used = above & known["day"].between(known["first_day"], known["last_day"])
    within = used.groupby([known["animal"], known["organ"]]).transform("sum")
    used &= (within == known["n_used"]) | ~(known["flux"] >= known["saturation"])
    uses = np.select([known["threshold"].isna(), used, above], ["unknown", "used", "saturated"], "below")
    return uses.astype(object)


def _as_counted(known: pd.DataFrame) -> None:
    """Refuse to draw other measurements as used than the fit counted."""
    for use in ("used", "below", "saturated"):
        here = (known[USE] == use).groupby([known["animal"], known["organ"]]).sum()
        counted = known.groupby(["animal", "organ"])[f"n_{use}"].first()
        if (here != counted).any():
            who, where = here.index[(here != counted).to_numpy()][0]
            raise InputValueError(
                f"rates counts {counted[who, where]:g} measurements of {who!r} in {where!r} as {use}, table "
                f"has {here[who, where]}. Give the measurements that rates was fitted to, as "
                "niche.tl.growth_rates(..., level='measurement') returns them with the same options."
            )
