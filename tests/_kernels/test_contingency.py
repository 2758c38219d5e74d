from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche._kernels import contingency as module
from niche._kernels.contingency import contingency


@pytest.mark.parametrize("block", [7, 1000, 1 << 20])
def test_counts_are_those_of_a_crosstab(monkeypatch, block):
    monkeypatch.setattr(module, "_BLOCK", block)
    rng = np.random.default_rng(0)
    a, b, c = (rng.integers(0, n, 500).astype(np.int32) for n in (4, 3, 2))
    found = contingency([a, b, c], (4, 3, 2))
    wanted = pd.crosstab([a, b], c).reindex(pd.MultiIndex.from_product([range(4), range(3)]), fill_value=0)
    assert np.array_equal(found.reshape(12, 2), wanted.to_numpy())


def test_labels_nobody_has_are_counted_as_none():
    assert contingency([np.array([0, 2])], (4,)).tolist() == [1, 0, 1, 0]
    assert contingency([np.array([], dtype=int)], (2,)).tolist() == [0, 0]


def test_codes_outside_are_refused():
    with pytest.raises(ValueError, match="invalid entry"):
        contingency([np.array([0, 4])], (4,))
