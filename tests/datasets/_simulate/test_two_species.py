from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from niche.datasets._simulate import two_species


@pytest.fixture
def clean() -> tuple[sparse.csr_matrix, np.ndarray]:
    """400 cells of 50 genes, a quarter of them malignant."""
    rng = np.random.default_rng(0)
    return sparse.csr_matrix(rng.poisson(20, (400, 50)).astype(np.float32)), np.arange(400) % 4 == 0


def test_fraction_gives_the_cross_share_that_was_asked_for() -> None:
    malignant, totals = np.array([True, False, False, False]), np.array([300.0, 100.0, 100.0, 100.0])
    a = two_species.fraction_of(malignant, totals, 0.05)
    q = 0.5
    assert 0.25 * a * (1 - q) + 0.75 * a * q == pytest.approx(0.05)
    assert two_species.fraction_of(np.ones(4, bool), totals, 0.05) == 0.0


def test_droplets_hold_the_molecules_of_their_cells(clean) -> None:
    counts, malignant = clean
    rng = np.random.default_rng(1)
    made = two_species.droplets(
        rng, counts, malignant, cross=0.0, cell_sd={"human": 0.5, "mouse": 0.5}, doublets=0.1
    )
    assert len(made.rows) == 360 and (made.partner >= 0).sum() == 40
    assert not set(made.rows) & set(made.partner[made.partner >= 0])
    both = (made.human + made.mouse).toarray()
    wanted = counts.toarray()[made.rows]
    paired = made.partner >= 0
    wanted[paired] += counts.toarray()[made.partner[paired]]
    assert np.array_equal(both, wanted)


def test_ambient_molecules_keep_depth_and_share(clean) -> None:
    counts, malignant = clean
    rng = np.random.default_rng(1)
    made = two_species.droplets(
        rng, counts, malignant, cross=0.05, cell_sd={"human": 0.3, "mouse": 0.3}, doublets=0.0
    )
    total = np.asarray((made.human + made.mouse).sum(axis=1)).ravel()
    assert total.mean() == pytest.approx(counts.sum() / 400, rel=0.01)
    human = np.asarray(made.human.sum(axis=1)).ravel() / total
    assert np.where(malignant, 1 - human, human).mean() == pytest.approx(0.05, rel=0.1)


def test_names_are_partners_or_have_none() -> None:
    names, is_ortholog = two_species.mouse_names(pd.Index(["CXCR4", "CXCL8", "ACTB", "HLA-A"]))
    assert names[0] == "Cxcr4" and names[2] == "Actb" and len(set(names)) == 4
    assert is_ortholog.tolist() == [True, False, True, False]
