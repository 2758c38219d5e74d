from __future__ import annotations

import numpy as np
import pytest

from niche.report import formats


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1.234e-5, "1.2e-05"), (0.04999, "0.05"), (0.0123, "0.012"), (1.0, "1"), (0.999, "1"), (0.99, "0.99"),
     (np.nan, "–"), (5e-324, "4.9e-324"), (np.float32(0.25), "0.25")],
)  # fmt: skip
def test_probabilities(value: float, shown: str) -> None:
    assert formats.probability(value) == shown


def test_a_probability_is_never_shown_as_nothing() -> None:
    for value in (0.0, 5e-324, 1e-300, 9.99e-4):
        assert float(formats.probability(value)) >= 0
        assert formats.probability(value) not in ("0", "0.0", "0.0e+00")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (1234567.8, "1,234,568"), (0.12345, "0.123"), (0.00012, "1.2e-04"), (-2.5, "-2.5"), (np.nan, "–"),
     (np.inf, "inf")],
)  # fmt: skip
def test_decimals(value: float, shown: str) -> None:
    assert formats.decimal(value) == shown


def test_counts_shares_and_words() -> None:
    assert formats.count(1234567) == "1,234,567"
    assert formats.count(None) == "–"
    assert [formats.share(x) for x in (0, 0.004, 0.25, 1, np.nan)] == ["0 %", "<1 %", "25 %", "100 %", "–"]
    assert [formats.text(x) for x in ("a", "", " ", None, np.nan, 3)] == ["a", "–", "–", "–", "–", "3"]
    assert [formats.plural(n, "cell") for n in (0, 1, 1000)] == ["0 cells", "1 cell", "1,000 cells"]
    assert formats.plural(2, "metastasis", "metastases") == "2 metastases"
    assert [formats.listed(list(x)) for x in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
    assert formats.readable("lymph_node") == "lymph node"
