"""``convention="cellphonedb"`` against CellPhoneDB v5 run on the same cells."""

from __future__ import annotations

import pickle
from pathlib import Path

import cellphonedb_database as database
import numpy as np
import pandas as pd
import parity
import pytest

method = pytest.importorskip(
    "cellphonedb.src.core.methods.cpdb_statistical_analysis_method",
    reason="CellPhoneDB is the reference of these tests",
)

OPTIONS = {"expr_prop": 0.1, "min_cells": 1}


def run_cellphonedb(organ: parity.Organ, folder: Path) -> pd.DataFrame:
    """Return what it reports as expressed. One thread: its workers repeat each other's permutations."""
    adata = organ.adata
    meta = pd.DataFrame({"Cell": adata.obs_names, "cell_type": adata.obs["cell_type"].to_numpy()})
    meta.to_csv(folder / "meta.tsv", sep="\t", index=False)
    genes = {
        gene
        for name in pd.concat([organ.pairs["ligand"], organ.pairs["receptor"]])
        for gene in name.split("_")
    }
    state = np.random.get_state()  # noqa: NPY002 - CellPhoneDB shuffles with the global generator
    np.random.seed(0)  # noqa: NPY002
    method.call(
        cpdb_file_path=str(database.write(organ.pairs, folder / "database.zip")),
        meta_file_path=str(folder / "meta.tsv"),
        counts_file_path=adata[:, adata.var_names.isin(genes)].copy(), counts_data="hgnc_symbol",
        output_path=str(folder), iterations=parity.N_PERMS, threshold=organ.threshold or 0.1, threads=1,
        debug=True,
    )  # fmt: skip
    np.random.set_state(state)  # noqa: NPY002
    found = pickle.loads((folder / "debug_intermediate.pkl").read_bytes())
    columns = {}
    for name in ("real_mean_analysis", "real_percent_analysis", "result_percent"):
        wide = found[name]
        wide = wide.set_axis(pd.MultiIndex.from_frame(organ.pairs.loc[wide.index]))
        wide.columns = pd.MultiIndex.from_tuples([tuple(column.split("|")) for column in wide.columns])
        long = wide.stack([0, 1], future_stack=True)
        columns[name] = long.rename_axis([*parity.EDGE[2:], *parity.EDGE[:2]]).reorder_levels(parity.EDGE)
    table = pd.DataFrame(columns)
    table = table[(table["real_mean_analysis"] > 0) & (table["real_percent_analysis"] > 0)]
    b = (table["result_percent"] * parity.N_PERMS).round().astype(int)
    return pd.DataFrame({"lr_means": table["real_mean_analysis"], "b": b})


@pytest.fixture(scope="module")
def reference(organ, tmp_path_factory):
    return run_cellphonedb(organ, tmp_path_factory.mktemp("cellphonedb"))


def ours(organ, convention="cellphonedb"):
    return parity.run_niche(organ, convention, **OPTIONS).set_index(parity.EDGE)


def test_rows_means_and_p_values_agree(organ, reference):
    found = ours(organ)
    assert len(found) > 100
    assert parity.disagreements(found, reference) == []


@pytest.mark.parametrize("convention", ["liana", "squidpy", "niche"])
def test_another_convention_disagrees(organ, reference, convention):
    assert parity.disagreements(ours(organ, convention), reference) != []


def test_how_silent_permutations_count_matters(organ, reference, monkeypatch):
    if organ.threshold is not None:
        pytest.skip("types this large are hardly ever silent in a permutation")
    parity.change(monkeypatch, "cellphonedb", silent_is_zero=False)
    assert "p" in parity.disagreements(ours(organ), reference[["lr_means", "b"]])


@pytest.mark.parametrize(
    ("field", "value", "seen_in"),
    [
        ("pooled", False, "lr_means"),
        ("strict_filter", False, "rows"),
        ("strict_tail", False, "p"),
        ("complexes", "limiting", "p"),
        ("complexes", "all_cells", "rows"),
    ],
)
def test_every_choice_matters(field, value, seen_in, ties_reference, monkeypatch):
    organ, wanted = ties_reference
    assert parity.disagreements(ours(organ), wanted) == []
    parity.change(monkeypatch, "cellphonedb", **{field: value})
    assert seen_in in parity.disagreements(ours(organ), wanted)


@pytest.fixture(scope="module")
def ties_reference(tmp_path_factory):
    organ = parity.ties()
    return organ, run_cellphonedb(organ, tmp_path_factory.mktemp("ties"))


def test_interaction_scores_agree_to_their_three_decimals(organ):
    """The steps of its scoring in float32, without the worker processes that it starts for them."""
    from cellphonedb.utils import scoring_utils as scoring

    found = ours(organ)
    names = sorted({name for level in (2, 3) for name in found.index.get_level_values(level)})
    genes = sorted({gene for name in names for gene in name.split("_")})
    x = organ.adata[:, genes].to_df().T
    kept = scoring.filter_genes_per_cell_type(x, organ.adata.obs, organ.threshold or 0.1, "cell_type")
    means = scoring.mean_expression_per_cell_type(kept, organ.adata.obs, "cell_type")
    units = pd.DataFrame(
        {name: means.loc[name.split("_")].apply(scoring._geometric_mean) for name in names}
    ).T
    scaled = scoring.scale_expression(units, 10)
    source, target, ligand, receptor = (found.index.get_level_values(i) for i in range(4))
    left = [scaled.at[a, b] for a, b in zip(ligand, source, strict=True)]
    right = [scaled.at[a, b] for a, b in zip(receptor, target, strict=True)]
    np.testing.assert_allclose(found["interaction_score"], np.multiply(left, right), rtol=1e-5, atol=1e-4)
