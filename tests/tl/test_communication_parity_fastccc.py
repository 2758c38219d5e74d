"""Where FastCCC's analytic null is wrong and niche's agrees with real permutations.

FastCCC draws the cells of a type with replacement and takes ligand and receptor as independent. A type that
holds three quarters of the cells then has a null twice too wide, and the null of a correlated pair within one
type is too narrow.
"""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import norm

import niche
from niche.errors import NicheWarning

fastccc = pytest.importorskip("fastccc", reason="FastCCC is what these tests show the failures of")

N_PAIRS = 20
SIZES = {"Dominant": 450, "Minor": 60, "Other": 90}


@pytest.fixture(scope="module")
def cells():
    """Pairs 0 to 9 vary independently, pairs 10 to 19 together; small effects in both types."""
    rng = np.random.default_rng(5)
    label = np.repeat(list(SIZES), list(SIZES.values()))
    shared = rng.normal(size=(label.size, N_PAIRS))
    own = rng.normal(size=(label.size, 2 * N_PAIRS))
    together = np.repeat(np.where(np.arange(N_PAIRS) < N_PAIRS // 2, 0.0, 0.95), 2)
    x = 2 + 0.5 * (np.sqrt(together) * np.repeat(shared, 2, axis=1) + np.sqrt(1 - together) * own)
    lift = {"Dominant": 0.03, "Minor": 0.07, "Other": 0.0}
    x += np.array([lift[name] for name in label])[:, None]
    obs = pd.DataFrame({"cell_type": label, "sample": "s", "patient": "p", "organ": "bone"})
    obs.index = [f"cell{i}" for i in range(label.size)]
    genes = [f"{side}{i}" for i in range(N_PAIRS) for side in ("LIG", "REC")]
    x = sparse.csr_matrix(np.maximum(x, 0).astype(np.float32))
    return ad.AnnData(x, obs=obs, var=pd.DataFrame(index=genes))


@pytest.fixture(scope="module")
def z_scores(cells, tmp_path_factory):
    """Normal quantiles of the p-values of niche, of FastCCC and of real permutations, by type and pair."""
    by_niche, by_fastccc = niche_p(cells), fastccc_p(cells, tmp_path_factory.mktemp("fastccc"))
    x, label = cells.to_df().to_numpy(dtype=float), cells.obs["cell_type"].to_numpy()
    statistic = (x[:, 0::2] + x[:, 1::2]) / 2
    rng = np.random.default_rng(0)
    rows = []
    for name, n in list(SIZES.items())[:2]:
        observed = statistic[label == name].mean(axis=0)
        drawn = np.stack([statistic[rng.permutation(len(x))[:n]].mean(axis=0) for _ in range(10_000)])
        p = ((drawn >= observed).sum(axis=0) + 1) / (len(drawn) + 1)
        rows += [(name, i, p[i], by_niche[name, i], by_fastccc[name, i]) for i in range(N_PAIRS)]
    table = pd.DataFrame(rows, columns=["cell_type", "pair", "permuted", "niche", "fastccc"])
    assert table["permuted"].between(0.0005, 0.9995).all()
    return table.set_index(["cell_type", "pair"]).apply(norm.isf)


def niche_p(cells: ad.AnnData) -> dict[tuple[str, int], float]:
    pairs = pd.DataFrame({"ligand": cells.var_names[0::2], "receptor": cells.var_names[1::2]})
    with pytest.warns(NicheWarning, match="one organ only"):
        result = niche.tl.communication(
            cells, "cell_type", resource=pairs, senders="all", receivers="all", null="analytic", copy=True
        )
    table = niche.get.communication(result)
    table = table[table["source"].astype(str) == table["target"].astype(str)]
    return {(row.source, int(str(row.ligand_complex)[3:])): row.pval for row in table.itertuples()}


def fastccc_p(cells: ad.AnnData, folder) -> dict[tuple[str, int], float]:
    number = list(range(cells.n_vars))
    tables = {
        "gene_table": {"protein_id": number, "hgnc_symbol": list(cells.var_names)},
        "protein_table": {"id_protein": number, "protein_multidata_id": number},
        "complex_table": {"complex_multidata_id": [1000]},
        "complex_composition_table": {"complex_multidata_id": [1000, 1000], "protein_multidata_id": [0, 1]},
        "interaction_table": {
            "id_cp_interaction": [f"I{i}" for i in range(N_PAIRS)],
            "multidata_1_id": number[0::2],
            "multidata_2_id": number[1::2],
        },
    }
    for name, columns in tables.items():
        pd.DataFrame(columns).to_csv(folder / f"{name}.csv", index=False)
    p = fastccc.statistical_analysis_method(
        str(folder), None, cells.copy(), meta_key="cell_type", save_path=str(folder)
    )[1]
    return {(name, i): p.loc[f"{name}|{name}", f"I{i}"] for name in SIZES for i in range(N_PAIRS)}


def slope(z: pd.DataFrame, tool: str) -> float:
    """By how much a tool stretches the distance from the middle of the null."""
    return float((z[tool] * z["permuted"]).sum() / (z["permuted"] ** 2).sum())


def test_niche_agrees_with_real_permutations(z_scores):
    assert (z_scores["niche"] - z_scores["permuted"]).abs().max() < 0.15
    for _, z in z_scores.groupby(level="cell_type"):
        assert slope(z, "niche") == pytest.approx(1, abs=0.03)


def test_the_null_of_a_dominant_type_is_twice_too_wide_in_fastccc(z_scores):
    """Conservative: sqrt(N / (N - n)) = 2 for 75 % of the cells."""
    z = z_scores.loc["Dominant"].iloc[: N_PAIRS // 2]
    assert slope(z, "fastccc") == pytest.approx(0.5, abs=0.05)


def test_the_null_of_an_autocrine_pair_is_too_narrow_in_fastccc(z_scores):
    """Anti-conservative: sqrt((1 + r) (N - n) / N) = 1.32 for r = 0.95 and 10 % of the cells."""
    z = z_scores.loc["Minor"].iloc[N_PAIRS // 2 :]
    assert slope(z, "fastccc") == pytest.approx(1.32, abs=0.08)
    found = norm.sf(z[["permuted", "niche", "fastccc"]])
    assert (found[:, 2] < found[:, 0]).sum() >= 0.8 * (found[:, 0] < 0.5).sum()
