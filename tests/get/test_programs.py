"""Tables of programs agree with what is stored."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

import niche
from niche.errors import InputValueError, MissingKeyError, StaleResultError


def test_genes_are_those_of_the_highest_coefficients(corridor: ad.AnnData) -> None:
    genes = niche.get.programs(corridor)
    names = list(niche.get.programs(corridor, what="programs")["program"])
    weight = np.asarray(corridor.varm["programs"])
    for j, name in enumerate(names):
        mine = genes[genes["program"] == name]
        assert mine["rank"].tolist() == list(range(1, len(mine) + 1))
        assert mine["weight"].is_monotonic_decreasing
        assert set(mine["gene"]) == set(
            corridor.var_names[np.argsort(-weight[:, j], kind="stable")[: len(mine)]]
        )


def test_usage_is_the_mean_of_the_cells(corridor: ad.AnnData) -> None:
    table = niche.get.programs(corridor, what="usage")
    row = table.iloc[3]
    place = list(niche.get.programs(corridor, what="programs")["program"]).index(row["program"])
    cells = corridor.obsm["X_programs"][(corridor.obs["sample"] == row["sample"]).to_numpy(), place]
    cells = cells[np.isfinite(cells)].astype(float)
    assert row["n_cells"] == len(cells)
    assert row["usage"] == pytest.approx(cells.mean())
    assert row["se"] == pytest.approx(cells.std(ddof=1) / np.sqrt(len(cells)))


def test_every_program_can_be_chosen(corridor: ad.AnnData) -> None:
    for what in ("genes", "programs", "usage"):
        assert set(niche.get.programs(corridor, what=what, program=["P2", "P1"])["program"]) == {"P1", "P2"}
    with pytest.raises(InputValueError, match="P99"):
        niche.get.programs(corridor, program="P99")
    with pytest.raises(InputValueError, match="no row per program"):
        niche.get.programs(corridor, what="curve", program="P1")
    with pytest.raises(InputValueError, match="what"):
        niche.get.programs(corridor, what="everything")


def test_samples_of_tumor_cells_are_listed(corridor: ad.AnnData) -> None:
    table = niche.get.programs(corridor, what="samples")
    assert set(table["sample"]) == set(corridor.obs["sample"])
    skipped = table[table["status"] == "skipped"]
    assert (skipped["reason"] != "").all()


def test_stale_and_missing(demo: ad.AnnData, corridor: ad.AnnData) -> None:
    with pytest.raises(MissingKeyError, match=r"niche\.tl\.programs"):
        niche.get.programs(demo)
    del corridor.obsm["X_programs"]
    with pytest.raises(MissingKeyError, match="X_programs"):
        niche.get.programs(corridor, what="usage")
    corridor.obs["patient"] = (
        corridor.obs["patient"].astype(str).replace({corridor.obs["patient"].iloc[0]: "x"})
    )
    with pytest.raises(StaleResultError, match="patient"):
        niche.get.programs(corridor)
