"""Whether a verdict holds under other ways to analyse the same data, and which choice turns it."""

from __future__ import annotations

import numpy as np

ROBUST, SENSITIVE, FRAGILE, ALONE, UNTRIED = range(5)
STABILITIES = ("robust", "sensitive", "fragile", "not_testable", "untried")
"""Names of the codes: holds throughout; one factor decides; none does; too few can test it; holds as far as
can be tested, which is not without each patient."""


def explained(lost: np.ndarray, tested: np.ndarray, options: np.ndarray) -> np.ndarray:
    """Share of the variance of a lost verdict that lies between the options of each factor.

    ``lost`` and ``tested`` (n_verdicts, n_universes) bool, only tested universes count; ``options``
    (n_universes, n_factors) codes. Returns (n_verdicts, n_factors): 1 where an option decides, NaN where
    nothing varies. One minus the sum of squares within options over that around the mean of all.
    """
    seen = tested.astype(float)
    gone = np.where(tested, lost, False).astype(float)
    n, hits = seen.sum(axis=1), gone.sum(axis=1)
    out = np.full((len(lost), options.shape[1]), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = hits - hits**2 / n
        for factor, codes in enumerate(options.T):
            member = codes[:, None] == np.unique(codes)[None]
            size, count = seen @ member, gone @ member
            between = np.where(size > 0, count**2 / size, 0.0)
            within = hits - between.sum(axis=1)
            out[:, factor] = np.where(total > 0, 1 - within / total, np.nan)
    return out


def stability(
    lost: np.ndarray, turned: np.ndarray, tested: np.ndarray, options: np.ndarray, untried: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Stability of verdicts, and the factor that explains most of their losses (-1 where none is lost).

    ``lost`` (n_verdicts, n_universes): the call is not made, the first universe being the base;
    ``turned``: the effect has the other sign. ``untried`` (n_verdicts,): without some patient it cannot be
    tested, so that it may rest on that one. A lost verdict that no single factor decides is fragile, as is
    one whose sign turns or that the base does not make. Of factors that explain alike, the one whose other
    options lose the call more often is named.
    """
    lost, turned = lost & tested, turned & tested
    share = explained(lost, tested, options)
    any_lost = lost.any(axis=1)
    known = np.round(np.nan_to_num(share, nan=-1.0), 9)
    other = (options != options[:1]).astype(float)
    often = (lost @ other) / np.maximum(tested @ other, 1)
    order = np.where(known == known.max(axis=1, keepdims=True), 1 + often, 0)
    worst = np.where(any_lost, order.argmax(axis=1), -1)
    decides = any_lost & (known.max(axis=1) > 1 - 1e-9)
    sound = ~lost[:, 0] & ~turned.any(axis=1)
    code = np.full(len(lost), FRAGILE)
    code[decides & sound] = SENSITIVE
    code[~any_lost & sound] = ROBUST
    code[(code == ROBUST) & untried] = UNTRIED
    code[~tested[:, 0] | (tested.sum(axis=1) < 2)] = ALONE
    worst[code == ALONE] = -1
    return code, worst
