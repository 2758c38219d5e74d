"""Which results another was joined from, and whether they are still the same."""

from __future__ import annotations

import numpy as np
import pytest

import niche
from niche._slots import parts
from niche.errors import StaleResultError

BOTH = {"signatures": "signatures", "composition": "composition"}


def test_a_repeated_run_has_the_same_identity(corridor):
    table = parts.table_of(corridor, BOTH)
    assert table["part"].tolist() == list(BOTH)
    niche.tl.composition(corridor)
    assert parts.table_of(corridor, BOTH)["identity"].tolist() == table["identity"].tolist()
    parts.check(corridor, table, "niche.tl.tropism")


def test_another_parameter_changes_it(corridor):
    table = parts.table_of(corridor, BOTH)
    niche.tl.composition(corridor, min_cells=11)
    with pytest.raises(
        StaleResultError, match=r"adata\.uns\['composition'\] changed since niche\.tl\.tropism"
    ):
        parts.check(corridor, table, "niche.tl.tropism")


def test_a_part_that_is_gone_is_named(corridor):
    table = parts.table_of(corridor, BOTH)
    del corridor.uns["signatures"]
    with pytest.raises(StaleResultError, match="signatures"):
        parts.check(corridor, table, "niche.tl.tropism")


def test_fingerprint_holds_what_every_part_read(corridor):
    names = parts.fingerprint_of(corridor, BOTH)["names"].tolist()
    for key in BOTH.values():
        assert set(corridor.uns[key]["fingerprint"]["names"]) <= set(names)
    assert len(names) == len(np.unique(names))
