"""``convention="squidpy"`` against ``squidpy.gr.ligrec`` run on the same cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import parity
import pytest

sq = pytest.importorskip("squidpy", reason="squidpy is the reference of these tests")

OPTIONS = {"expr_prop": 0.01, "min_cells": 1}


def run_squidpy(organ: parity.Organ) -> pd.DataFrame:
    """Return what ligrec tested, by gene: it replaces complexes by one subunit and drops duplicates."""
    result = sq.gr.ligrec(
        organ.categorical, "cell_type", complex_policy="min", threshold=organ.threshold or 0.01,
        interactions=organ.pairs.rename(columns={"ligand": "source", "receptor": "target"}),
        corr_method=None, use_raw=False, copy=True, n_perms=parity.N_PERMS, seed=0, n_jobs=1,
        show_progress_bar=False, numba_parallel=False,
    )  # fmt: skip
    columns = {}
    for name in ("means", "pvalues"):
        wide = result[name].apply(np.asarray)
        long = wide.set_axis(wide.index.set_names(["ligand", "receptor"])).stack([0, 1], future_stack=True)
        columns[name] = long.rename_axis(["ligand", "receptor", "source", "target"]).reorder_levels(
            parity.GENES
        )
    table = pd.DataFrame(columns).dropna().rename(columns={"means": "lr_means"})
    return table[["lr_means"]].assign(b=(table["pvalues"] * parity.N_PERMS).round().astype(int))


@pytest.fixture(scope="module")
def reference(organ):
    return run_squidpy(organ)


def ours(organ, convention="squidpy"):
    """Return edges by gene, in the capitals to which squidpy turns names."""
    table = parity.run_niche(organ, convention, **OPTIONS)
    table = table.assign(ligand=table["ligand"].str.upper(), receptor=table["receptor"].str.upper())
    return table.drop_duplicates(parity.GENES).set_index(parity.GENES)


def test_rows_means_and_p_values_agree(organ, reference):
    found = ours(organ)
    assert len(found) > 100
    assert parity.disagreements(found, reference) == []


@pytest.mark.parametrize("convention", ["cellphonedb", "liana", "niche"])
def test_another_convention_disagrees(organ, reference, convention):
    assert parity.disagreements(ours(organ, convention), reference) != []


def test_how_silent_permutations_count_matters(organ, reference, monkeypatch):
    if organ.threshold is not None:
        pytest.skip("types this large are hardly ever silent in a permutation")
    parity.change(monkeypatch, "squidpy", silent_is_zero=True)
    assert "p" in parity.disagreements(ours(organ), reference[["lr_means", "b"]])


@pytest.mark.parametrize(
    ("field", "value", "seen_in"),
    [
        ("pooled", False, "lr_means"),
        ("strict_filter", True, "rows"),
        ("strict_tail", False, "p"),
        ("complexes", "lowest", "rows"),
        ("complexes", "limiting", "rows"),
    ],
)
def test_every_choice_matters(field, value, seen_in, ties_reference, monkeypatch):
    organ, wanted = ties_reference
    assert parity.disagreements(ours(organ), wanted) == []
    parity.change(monkeypatch, "squidpy", **{field: value})
    assert seen_in in parity.disagreements(ours(organ), wanted)


@pytest.fixture(scope="module")
def ties_reference():
    organ = parity.ties()
    return organ, run_squidpy(organ)
