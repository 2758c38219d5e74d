"""Tables of compatibility: columns, filters, what they say of themselves, round trips."""

from __future__ import annotations

import anndata as ad
import pandas as pd
import pytest

from niche import get
from niche.errors import InputValueError, MissingKeyError, StaleResultError

VALUES = "n_genes offer expected effect null_low null_high pval qval status reason".split()
NICHE = ["n_niche_patients", "n_cell_types", "tissue"]
LEVELS = ("organ", "patient", "pairs")


def test_columns(corridor: ad.AnnData) -> None:
    table = get.compatibility(corridor)
    assert list(table) == ["organ", "direction", *VALUES, "n_patients", *NICHE]
    assert not table.duplicated(["organ", "direction"]).any() and len(table) == 3 * table["organ"].nunique()
    told = get.compatibility(corridor, level="patient")
    assert list(told) == ["patient", "organ", "direction", *VALUES, "n_malignant", *NICHE]
    assert set(told["patient"]) == {"P01", "P02"} and len(told) == 2 * len(table)
    pairs = get.compatibility(corridor, level="pairs")
    assert (
        list(pairs)
        == (
            "organ direction ligand_complex receptor_complex cell_type level difference contribution fraction n_patients"
        ).split()
    )
    for frame in (table, told):
        tested = (frame["status"] == "tested").to_numpy()
        assert tested.any() and frame.loc[tested, "pval"].between(0.01, 1).all()
        assert frame.loc[~tested, "pval"].isna().all()
        assert (frame["effect"].dropna() == (frame["offer"] - frame["expected"]).dropna()).all()


def test_every_table_says_what_it_does_not(corridor: ad.AnnData) -> None:
    for level in LEVELS:
        table = get.compatibility(corridor, level=level)
        assert table.attrs["statement"].startswith("Compatibility, not prediction")
    table = get.compatibility(corridor)
    assert set(table.loc[table["status"] == "tested", "reason"]) == {"compatibility, not prediction"}


def test_pairs_are_of_expressed_genes_largest_first(corridor: ad.AnnData) -> None:
    pairs = get.compatibility(corridor, level="pairs", organ="bone")
    assert pairs["contribution"].is_monotonic_decreasing and (pairs["n_patients"] > 0).all()
    assert not pairs.duplicated(["direction", "ligand_complex", "receptor_complex"]).any()


def test_filters(corridor: ad.AnnData) -> None:
    table = get.compatibility(corridor, organ=["bone", "lung"], direction="both")
    assert table["organ"].tolist() == ["bone", "lung"]
    assert len(get.compatibility(corridor, qval=1)) == get.compatibility(corridor)["qval"].notna().sum()
    for options, message in (
        ({"organ": "skin"}, "organ: 'skin' not in the result"),
        ({"direction": "out"}, "direction: 'out' not in the result"),
        ({"direction": "both", "level": "pairs"}, "direction: 'both' not in the result"),
        ({"level": "cell"}, "level must be one of"),
        ({"level": "pairs", "qval": 0.1}, "belongs to level='organ'"),
        ({"qval": 2}, "qval must be a number"),
    ):
        with pytest.raises(InputValueError, match=message):
            get.compatibility(corridor, **options)


def test_missing_and_stale(corridor: ad.AnnData) -> None:
    with pytest.raises(MissingKeyError, match=r"Run niche.tl.compatibility first"):
        get.compatibility(corridor, key="other")
    corridor.obs["organ"] = pd.Categorical(corridor.obs["organ"].astype(str).replace({"bone": "skull"}))
    with pytest.raises(StaleResultError, match="obs organ"):
        get.compatibility(corridor)
