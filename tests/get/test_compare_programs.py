"""Tables of compared programs: columns, filters, staleness."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

import niche
from niche.errors import InputValueError, MissingKeyError, StaleResultError
from niche.get.compare_programs import COLUMNS


def test_one_row_per_program_and_contrast(corridor: ad.AnnData) -> None:
    table = niche.get.compare_programs(corridor)
    assert tuple(table) == COLUMNS
    assert not table.duplicated(["program", "contrast"]).any()
    programs = niche.get.programs(corridor, what="programs")["program"]
    assert set(table["program"]) == set(programs)
    omnibus = table[table["contrast"] == "omnibus"]
    assert omnibus["effect"].isna().all()
    assert (omnibus["organ"] == "").all()


def test_filters(corridor: ad.AnnData) -> None:
    assert set(niche.get.compare_programs(corridor, organ="bone")["organ"]) == {"bone"}
    assert set(niche.get.compare_programs(corridor, contrast="omnibus")["contrast"]) == {"omnibus"}
    assert set(niche.get.compare_programs(corridor, program="P1", what="units")["program"]) == {"P1"}
    assert niche.get.compare_programs(corridor, qval=0.0).empty
    with pytest.raises(InputValueError, match="P99"):
        niche.get.compare_programs(corridor, program="P99")
    with pytest.raises(InputValueError, match="no such column"):
        niche.get.compare_programs(corridor, what="verdicts", contrast="omnibus")


def test_units_hold_the_mean_usage_of_patients(corridor: ad.AnnData) -> None:
    units = niche.get.compare_programs(corridor, what="units")
    row = units.iloc[0]
    names = list(niche.get.programs(corridor, what="programs")["program"])
    organ = str(row["organ"]).removesuffix(" (primary)")
    tissue = "primary" if "primary" in str(row["organ"]) else "metastasis"
    obs = corridor.obs
    mine = (obs["patient"] == row["patient"]) & (obs["organ"] == organ) & (obs["tissue"] == tissue)
    usage = corridor.obsm["X_programs"][mine.to_numpy(), names.index(row["program"])]
    assert row["usage"] == pytest.approx(np.nanmean(usage), rel=1e-5)
    assert row["n_cells"] == np.isfinite(usage).sum()


def test_organs_and_verdicts_have_every_program(corridor: ad.AnnData) -> None:
    names = set(niche.get.programs(corridor, what="programs")["program"])
    for what in ("verdicts", "organs", "units"):
        assert set(niche.get.compare_programs(corridor, what=what)["program"]) == names
    verdicts = niche.get.compare_programs(corridor, what="verdicts")
    assert (verdicts["reason"] != "").all()


def test_missing_and_stale(demo: ad.AnnData, corridor: ad.AnnData) -> None:
    with pytest.raises(MissingKeyError, match="compare_programs"):
        niche.get.compare_programs(demo)
    corridor.obs["organ"] = corridor.obs["organ"].astype(str).replace({"bone": "skin"})
    with pytest.raises(StaleResultError, match="organ"):
        niche.get.compare_programs(corridor)
