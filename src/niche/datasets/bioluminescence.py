"""A generator of bioluminescence imaging whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from niche._slots import validate
from niche.errors import InputTypeError, InputValueError

DAYS = (0, 4, 7, 11, 14, 18, 21, 25, 28)


def simulate_bioluminescence(
    rng: int | np.random.Generator = 0,
    *,
    groups: Mapping[str, int] | None = None,
    organs: Sequence[str] = ("bone", "lung"),
    days: Sequence[float] = DAYS,
    slope: float | Mapping[str, float] = 0.3,
    slope_sd: float | Mapping[str, float] = 0.04,
    group_effect: float = 0.1,
    null: bool = False,
    animal_correlation: float = 0.5,
    start: float = 2e4,
    start_sd: float = 0.6,
    noise_sd: float = 0.25,
    background: float = 1e5,
    background_sd: float = 0.15,
    saturation: float | None = 1e9,
    missing: float = 0.0,
) -> pd.DataFrame:
    r"""Draw bioluminescence of animals whose metastases grow exponentially, with the truth beside it.

    Parameters
    ----------
    rng
        Seed or Generator. The same seed gives the same bits.
    groups
        Number of animals per group; ``{"parental": 8, "subline": 8}`` by default.
    organs
        Organs of every animal.
    days
        Days of imaging, rising.
    slope
        Mean slope of the first group (natural log per day), for all organs or a mapping from organ.
    slope_sd
        Standard deviation of slopes between animals of a group, for all groups or a mapping from group.
    group_effect
        How much faster every group but the first grows in the first organ.
    null
        No effect of groups.
    animal_correlation
        Correlation of slopes between organs of one animal, 0 to 1.
    start, start_sd
        Median signal on day 0, and the standard deviation of its natural log between animals and organs.
    noise_sd
        Standard deviation of the natural log of a measured signal.
    background, background_sd
        Median light without a tumor, and the standard deviation of its natural log between measurements.
    saturation
        Highest flux that can be measured; ``None`` for no limit.
    missing
        Share of measurements after the first day that are not there.

    Returns
    -------
    DataFrame
        One row per animal, organ and day: ``animal, group, organ, day, flux`` and the truth,
        ``truth_slope``, ``truth_signal`` (without noise and background) and ``truth_onset`` (day on which
        the signal is twice the background). ``attrs["truth"]`` maps ``"slope"`` to the mean slope of every
        group and organ, as ``{group: {organ: slope}}``.

    Raises
    ------
    InputTypeError, InputValueError
        An option is not what it should be; the message names it.

    Notes
    -----
    :math:`F_t = \min(S e^{bt + \varepsilon_t} + B e^{\eta_t}, F_{max})` with
    :math:`b = \mu + \sigma (\sqrt{r}\, z_{animal} + \sqrt{1 - r}\, z_{organ})`.

    Examples
    --------
    >>> import niche
    >>> table = niche.datasets.simulate_bioluminescence(0, groups={"parental": 3, "BrM": 3}, organs=["brain"])
    >>> table.groupby("group")["animal"].nunique().to_dict()
    {'BrM': 3, 'parental': 3}
    >>> table.attrs["truth"]["slope"]["BrM"]
    {'brain': 0.4}
    """
    random = validate.generator(rng)
    numbers = {"parental": 8, "subline": 8} if groups is None else groups
    if not isinstance(numbers, Mapping) or not numbers:
        raise InputTypeError(f"groups must be a mapping from group to number of animals. Got {groups!r}.")
    for name, n in numbers.items():
        validate.number(n, f"groups[{name!r}]", low=1, high=100_000, integer=True)
    sites, day = _listed(organs, "organs"), np.asarray(days, dtype=float)
    if day.ndim != 1 or not day.size or not np.isfinite(day).all() or (np.diff(day) <= 0).any():
        raise InputValueError(f"days must be rising numbers. Got {days!r}.")
    for option, value in (("start", start), ("background", background)):
        validate.number(value, option, low=0, high=1e30, open_low=True)
    for option, value in (("start_sd", start_sd), ("noise_sd", noise_sd), ("background_sd", background_sd)):
        validate.number(value, option, low=0, high=10)
    validate.number(animal_correlation, "animal_correlation", low=0, high=1)
    validate.number(missing, "missing", low=0, high=0.95)
    validate.number(group_effect, "group_effect", low=-10, high=10)
    validate.flag(null, "null")
    if saturation is not None:
        validate.number(saturation, "saturation", low=background, high=1e30, open_low=True)
    means = _per_name(slope, sites, "slope", low=-10)
    spread = _per_name(slope_sd, list(numbers), "slope_sd", low=0)

    first_group = next(iter(numbers))
    truth = {
        name: {
            site: round(
                means[site] + (0.0 if null or name == first_group or site != sites[0] else group_effect), 12
            )
            for site in sites
        }
        for name in numbers
    }
    group = np.repeat(list(numbers), list(numbers.values()))
    n, k = group.size, len(sites)
    shared = np.sqrt(animal_correlation) * random.normal(size=(n, 1))
    own = np.sqrt(1 - animal_correlation) * random.normal(size=(n, k))
    planted = np.array([[truth[name][site] for site in sites] for name in group])
    b = planted + np.array([spread[name] for name in group])[:, None] * (shared + own)
    log_start = np.log(start) + start_sd * random.normal(size=(n, k))
    log_signal = log_start[:, :, None] + b[:, :, None] * day
    light = background * np.exp(background_sd * random.normal(size=log_signal.shape))
    flux = np.exp(log_signal + noise_sd * random.normal(size=log_signal.shape)) + light
    if saturation is not None:
        flux = np.minimum(flux, saturation)
    kept = (random.random(flux.shape) >= missing) | (np.arange(day.size) == 0)

    row, site_code, day_code = np.nonzero(kept)
    with np.errstate(divide="ignore", invalid="ignore"):
        onset = (np.log(2 * background) - log_start) / b
    width = len(str(n))
    table = pd.DataFrame(
        {
            "animal": [f"M{i + 1:0{width}d}" for i in row],
            "group": group[row],
            "organ": np.array(sites, dtype=object)[site_code],
            "day": day[day_code],
            "flux": flux[kept],
            "truth_slope": b[row, site_code],
            "truth_signal": np.exp(log_signal)[kept],
            "truth_onset": onset[row, site_code],
        }
    )
    table.attrs["truth"] = {"slope": truth}
    return table


def _listed(names: Sequence[str], option: str) -> list[str]:
    """Names that are all different."""
    listed = [names] if isinstance(names, str) else [str(name) for name in names]
    if not listed or len(set(listed)) < len(listed):
        raise InputValueError(f"{option} must be different names, at least one. Got {names!r}.")
    return listed


def _per_name(
    value: float | Mapping[str, float], names: Sequence[str], option: str, low: float
) -> dict[str, float]:
    """A number for every name."""
    if not isinstance(value, Mapping):
        validate.number(value, option, low=low, high=1e6)
        return dict.fromkeys(names, float(value))
    missing = [name for name in names if name not in value]
    if missing:
        raise InputValueError(f"{option} has no value for {validate.shown(missing)}.")
    for name in names:
        validate.number(value[name], f"{option}[{name!r}]", low=low, high=1e6)
    return {name: float(value[name]) for name in names}
