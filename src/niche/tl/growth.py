"""How fast metastases grow in living animals, from bioluminescence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd

from niche._slots import validate
from niche.errors import InputValueError
from niche.tl._growth_fits import LEAST_POINTS, animal_rows, measurement_rows
from niche.tl._growth_groups import group_contrasts, group_rows, organ_contrasts
from niche.tl._growth_input import DAY0, DETECT, measurements

LEVELS = ("animal", "group", "contrast", "measurement")
COMPARED = ("groups", "organs", None)


def growth_rates(
    table: pd.DataFrame,
    *,
    animal: str = "animal",
    organ: str = "organ",
    day: str = "day",
    flux: str = "flux",
    group: str | None = None,
    level: Literal["animal", "group", "contrast", "measurement"] = "animal",
    compare: Literal["groups", "organs"] | None = None,
    reference: str | None = None,
    background: str | float | Mapping[str, float] = DAY0,
    saturation: str | float | Mapping[str, float] | None = DETECT,
    baseline_day: float = 0.0,
    detection: float = 3.0,
    subtract_background: bool = True,
    min_points: int = LEAST_POINTS,
    confidence: float = 0.95,
) -> pd.DataFrame:
    r"""Fit the growth of every animal and organ, and compare groups or organs with animals as replicates.

    A straight line is fitted to the natural log of the flux against the day, for every animal and organ by
    itself. What enters is above the background and below saturation; what cannot be fitted says why. Groups
    and organs are compared by Student's t on the slopes: an animal counts once, however often it was imaged.

    Parameters
    ----------
    table
        One row per animal, organ and day, in any order. A missing flux is not measured.
    animal, organ, day, flux
        Columns: name of the animal, organ or region, day (number), total flux (photons per second, or any
        unit proportional to it; not negative, not logarithmic).
    group
        Column of the group of each animal (subline, treatment), one per animal. ``None``: all are one group.
    level
        ``"animal"``: one row per animal and organ. ``"group"``: the mean slope of every group and organ.
        ``"contrast"``: differences between groups or between organs. ``"measurement"``: one row per
        measurement, with what it is in the fit.
    compare
        ``"groups"`` (within every organ) or ``"organs"`` (within every group). ``None`` takes groups where
        ``group`` is given. Level ``"contrast"`` only.
    reference
        Group that the others are compared with; ``None`` compares all pairs.
    background
        Flux without a tumor: ``"day0"`` (that of the same animal and organ on ``baseline_day``), a number, a
        mapping from organ to number, or a column with a value for every row. ``"day0"`` is right only where
        that day shows no tumor cells. An image taken right after their injection shows them: taken as the
        background it hides growth and bends the slopes. Give then a number (animals without cells, or an
        empty region), or the ``baseline_day`` of an image before the injection.
    saturation
        Flux from which a measurement does not count: a number, a mapping, a column, ``None`` (nowhere), or
        ``"detect"``. That takes the level near which the highest measurements pile up (three or more within
        1 % of the highest flux above the background), and, in every series, a plateau at the end (see
        Notes).
    baseline_day
        Day of the background ``"day0"``.
    detection
        A measurement above this many times the background counts as signal; at least 1, above 1 where the
        background is subtracted.
    subtract_background
        Fit the flux less the background. Without it light that is no tumor flattens the line, by a
        tenth and more.
    min_points
        Fewest measurements of a line, at least 3.
    confidence
        Of all intervals.

    Returns
    -------
    DataFrame
        Level ``"animal"``: ``animal, organ, group, n_measured, n_used, n_below`` (not above the threshold),
        ``n_saturated`` (all three 0 where the background is not known), ``first_day,
        last_day`` (of those used), ``slope`` (natural log per day) with
        ``slope_error, ci_low, ci_high``, ``doubling_time, doubling_low, doubling_high`` (days; NaN without
        growth, the upper end infinite where the slope may be 0), ``onset`` (day on which the line crosses the
        threshold, also before the first measurement) with ``onset_low, onset_high`` (the threshold taken as
        known; NaN where the slope may be 0), ``intercept`` (log flux on day 0, above the background where
        that is ``subtracted``), ``residual_sd, background, threshold, subtracted, saturation`` (NaN where
        nothing saturates), ``status`` (``tested``, ``not_testable``) and ``reason``.

        Level ``"group"``: ``group, organ, n_animals`` (with a slope), ``n_left_out`` (without), ``slope``
        (mean) with ``slope_sd, slope_error, ci_low, ci_high`` (t over animals), the doubling time of the mean
        slope, ``status, reason``.

        Level ``"contrast"``: ``contrast`` (``<a>_vs_<b>``), ``group`` (in which organs are compared, else
        empty), ``organ`` (in which groups are compared; of organs the one that a positive effect raises),
        ``test`` (``welch``, ``paired``), ``n_first, n_second`` (animals with a slope),
        ``n_pairs`` (animals in both organs), ``n_left_out`` (slopes missing or without partner), ``effect``
        (difference of the mean slopes) with ``effect_error, df, ci_low, ci_high``, ``statistic, pval, qval``
        (Benjamini-Hochberg over all tested rows of the table), ``status, reason``.

        Level ``"measurement"``: ``animal, organ, group, day, flux, background, threshold, saturation`` (level
        given or found among all measurements; NaN without one) and ``use``: ``used``, ``below`` (not above
        the threshold), ``saturated`` (plateaus too), ``unknown`` (no background).

        Rows are sorted by their names, so they do not depend on the order of the table.

    Raises
    ------
    InputTypeError
        ``table`` is no DataFrame, a column of numbers is not, an option of the wrong type.
    MissingKeyError
        A column that does not exist.
    InputValueError
        Negative flux; a day without number; an animal, organ and day there twice; an animal in two groups;
        no measurement on ``baseline_day`` of any animal; nothing to compare; an option out of range.

    Warns
    -----
    NicheWarning
        ``background="day0"``, and the flux of that day is more than three times the lowest later flux of
        the same animal and organ: it was no background.

    See Also
    --------
    niche.pl.growth : Draw the measurements and the lines.
    niche.tl.associate : Scores of the tumors against these slopes.

    Notes
    -----
    With flux F and background B the line is

    .. math::

        \ln(F_t - B) = a + b\, t + \varepsilon_t, \quad F_t > d B,

    with ``detection`` d; the doubling time is :math:`\ln 2 / b`, the onset
    :math:`(\ln((d - 1) B) - a) / b` with Fieller's interval (doi:10.1111/j.2517-6161.1954.tb00159.x), that of
    the slope t with n - 2 degrees of freedom. B is the median of a series where it differs between days.

    Measurements are chosen by their value, and one that noise lifts over the threshold counts while one that
    noise pushes below does not. Lines are flatter for it: by 2 % with six measurements above, by 10 % with
    four. Slopes of animals whose tumor shows too late are missing, and these are the slow
    ones: look at ``n_left_out``. Residuals of one animal are taken as independent.

    A plateau is where a broken line that ends flat (its slope below a third of the rise) fits better than a
    straight one: t of the difference of the two slopes, p < 0.01 shared between all kinks with three
    measurements up to it and two after it.

    Two groups of animals are compared by Welch's t (doi:10.1093/biomet/34.1-2.28). Organs that animals share
    are compared within animals, by t on the differences, if at least three animals have both; the others are
    left out, and with one or two there is no test. A mixed model of all measurements with a Wald test is
    too liberal for so few animals.
    ``docs/validation/growth.md`` has the calibration.

    Examples
    --------
    >>> import niche
    >>> table = niche.datasets.simulate_bioluminescence(1, groups={"parental": 6, "BoM": 6}, organs=["bone"])
    >>> animals = niche.tl.growth_rates(table, group="group")
    >>> animals["status"].value_counts().to_dict()
    {'tested': 12, 'not_testable': 0}
    >>> test = niche.tl.growth_rates(table, group="group", level="contrast", reference="parental")
    >>> print(test.loc[0, "contrast"], f"{test.loc[0, 'effect']:.2f} per day, p = {test.loc[0, 'pval']:.4f}")
    BoM_vs_parental 0.11 per day, p = 0.0004
    """
    validate.choice(level, "level", LEVELS)
    validate.flag(subtract_background, "subtract_background")
    validate.number(detection, "detection", low=1, high=1e6, open_low=bool(subtract_background))
    validate.number(min_points, "min_points", low=LEAST_POINTS, high=1000, integer=True)
    validate.number(confidence, "confidence", low=0.5, high=0.9999)
    validate.number(baseline_day, "baseline_day")
    validate.choice(compare, "compare", COMPARED)
    if level != "contrast" and (compare, reference) != (None, None):
        raise InputValueError(f"compare= and reference= belong to level='contrast'. Got level={level!r}.")
    wanted = compare or ("organs" if group is None else "groups")
    if reference is not None and wanted != "groups":
        raise InputValueError("reference= is a group: name their column with group=, and compare groups.")
    names = {"animal": animal, "organ": organ, "day": day, "flux": flux}
    data = measurements(table, names, group, background, saturation, baseline_day, detection)
    rule: dict[str, Any] = {
        "detection": detection,
        "subtract": subtract_background,
        "plateaus": isinstance(saturation, str) and saturation == DETECT,
    }
    if level == "measurement":
        return measurement_rows(data, **rule)
    animals = animal_rows(data, **rule, min_points=min_points, confidence=confidence)
    if level == "animal":
        return animals
    if level == "group":
        return group_rows(animals, confidence)
    if wanted == "groups":
        return group_contrasts(animals, reference, confidence)
    return organ_contrasts(animals, confidence)
