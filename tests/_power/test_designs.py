"""Planned designs by name, as the simulator draws them."""

from __future__ import annotations

import pytest

import niche
from niche._power.designs import planned


@pytest.mark.parametrize("pairing", ["unpaired", "partial", "paired"])
def test_same_as_the_simulator(pairing):
    organs = ["bone", "lung", "brain"]
    adata = niche.datasets.simulate_metastases(
        0, organs=organs, design=pairing, patients_per_organ=3, primaries=0, normals=0, cells=20, n_genes=1500
    )
    theirs = adata.obs[["patient", "organ"]].astype(str).drop_duplicates()
    found = planned(organs, 3, pairing)
    groups = [
        sorted(map(tuple, frame.groupby("patient")["organ"].apply(sorted))) for frame in (found, theirs)
    ]
    assert groups[0] == groups[1]


def test_numbers():
    paired = planned(["a", "b", "c"], 4, "paired")
    assert len(paired) == 12 and paired["patient"].nunique() == 4
    partial = planned(["a", "b", "c"], 4, "partial")
    assert len(partial) == 12 and partial["patient"].nunique() == 8
    assert set(paired["tissue"]) == {"metastasis"}
