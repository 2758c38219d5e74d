"""Long proofs of the within-sample null: accuracy against a million permutations, and uniformity.

``python -m pytest -m validation tests/tl/test_communication_validation.py`` writes
``docs/validation/communication_null.md``.
"""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from niche import get, tl
from niche._kernels import permutation

pytestmark = pytest.mark.validation

TABLE = Path(__file__).parents[2] / "docs" / "validation" / "communication_null.md"
DECADES = ((0.1, 1.0, 0.02), (0.01, 0.1, 0.05), (0.001, 0.01, 0.1), (0.0001, 0.001, 0.2))
N_PERMS = 1_000_000
N_RELABELINGS = 200


def cells(*, mean_level: float, n_samples: int, seed: int, n_genes: int = 80) -> ad.AnnData:
    """Types of 10 to 180 cells in every sample; gamma-Poisson counts, log1p; complexes of two genes."""
    rng = np.random.default_rng(seed)
    level = np.exp(rng.normal(mean_level, 1.6, n_genes))
    blocks, rows = [], []
    for s in range(n_samples):
        for t in range(6):
            n = int(rng.integers(10, 181))
            rate = level * np.exp(rng.normal(0, 0.35, n_genes)) * np.exp(rng.normal(0, 0.4, (n, 1)))
            blocks.append(rng.poisson(rng.gamma(1.5, rate / 1.5)))
            rows += [(f"s{s}", f"p{s // 2}", "bone", f"type {t}")] * n
    obs = pd.DataFrame(rows, columns=["sample", "patient", "organ", "cell_type"])
    obs.index = [f"cell{i}" for i in range(len(obs))]
    values = sparse.csr_matrix(np.log1p(2.0 * np.vstack(blocks)).astype(np.float32))
    return ad.AnnData(values, obs=obs, var=pd.DataFrame(index=[f"G{i}" for i in range(n_genes)]))


def pairs(n_genes: int = 80) -> pd.DataFrame:
    """Simple pairs, and pairs with a complex of two subunits on one side."""
    simple = [(f"G{i}", f"G{i + 1}") for i in range(0, n_genes, 2)]
    with_complex = [(f"G{i}", f"G{i + 2}_G{i + 3}") for i in range(0, n_genes - 4, 4)]
    return pd.DataFrame(simple + with_complex, columns=["ligand", "receptor"])


def run(adata: ad.AnnData, **options: object) -> pd.DataFrame:
    """Edges of all pairs of types, whatever their expression."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = tl.communication(
            adata, resource=pairs(), senders="all", receivers="all", expr_prop=0.0, scores=["lr_means"],
            copy=True, **options,
        )  # fmt: skip
    return get.communication(done, status="tested")


def reference(adata: ad.AnnData, table: pd.DataFrame) -> np.ndarray:
    """P-values of the edges of a table over a million stratified permutations."""
    samples, types = pd.factorize(adata.obs["sample"])[0], pd.factorize(adata.obs["cell_type"], sort=True)
    n_samples, n_types = samples.max() + 1, len(types[1])
    group = samples * n_types + types[0]
    columns = permutation.columns_of(adata.X, group, samples, n_samples * n_types)
    units = sorted(set(table["ligand_complex"].astype(str)) | set(table["receptor_complex"].astype(str)))
    genes = [[adata.var_names.get_loc(gene) for gene in unit.split("_")] for unit in units]
    place, type_of = {unit: i for i, unit in enumerate(units)}, {name: i for i, name in enumerate(types[1])}
    source, target = table["source"].map(type_of).to_numpy(int), table["target"].map(type_of).to_numpy(int)
    pair = source * n_types + target
    every = np.arange(n_types**2)
    patients = pd.factorize(adata.obs.groupby("sample", sort=False, observed=True)["patient"].first())[0]
    weight = 1 / (len(set(patients)) * np.bincount(patients)[patients])
    base = np.arange(n_samples) * n_types
    statistics = permutation.Statistics(
        pair, table["ligand_complex"].astype(str).map(place).to_numpy(),
        table["receptor_complex"].astype(str).map(place).to_numpy(), np.zeros(len(table), dtype=np.int8),
        ((table["ligand_means"] + table["receptor_means"]) / 2).to_numpy(),
    )  # fmt: skip
    return permutation.permuted_p(
        columns, statistics, start=np.arange(n_types**2 + 1) * n_samples,
        source_group=(base[None] + every[:, None] // n_types).ravel(),
        target_group=(base[None] + every[:, None] % n_types).ravel(), weight=np.tile(weight, n_types**2),
        unit_start=np.concatenate([[0], np.cumsum([len(g) for g in genes])]),
        unit_gene=np.array([g for unit in genes for g in unit]), n_perms=N_PERMS, seed=1,
    )  # fmt: skip


def write_section(title: str, lines: list[str]) -> None:
    """Replace one section of the committed table."""
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    text = TABLE.read_text() if TABLE.exists() else "# The within-sample null of `tl.communication`\n\n"
    parts = text.split("\n## ")
    kept = [part for part in parts[1:] if not part.startswith(title)]
    command = "python -m pytest -m validation tests/tl/test_communication_validation.py"
    head = f"# The within-sample null of `tl.communication`\n\nWritten by `{command}`.\n"
    body = "\n".join([title, "", *lines, ""])
    TABLE.write_text("\n## ".join([head, *sorted([*kept, body])]).rstrip() + "\n")


def test_analytic_p_against_a_million_permutations():
    rows = [
        "| setting | edges | p between | edges there | median off | 99 % within | allowed | share within |"
    ]
    rows.append("|" + "---|" * 8)
    complexes = [
        "",
        "| setting | complexes | bound >= p | median bound / p (log10) | 99 % within |",
        "|" + "---|" * 5,
    ]
    shares, largest = [], []
    for name, level, n_samples in (("dense", -0.5, 4), ("sparse", -2.2, 4), ("one sample", -1.0, 1)):
        adata = cells(mean_level=level, n_samples=n_samples, seed=3)
        hybrid = run(adata, null="hybrid", n_perms=50)
        table = run(adata, null="analytic", min_cells=1)
        table = table[table["pval"].between(2e-5, 0.5)].reset_index(drop=True)
        key = ["source", "target", "ligand_complex", "receptor_complex"]
        law = table[key].astype(str).merge(hybrid[[*key, "null"]].astype(str), on=key, how="left")["null"]
        drawn = reference(adata, table)
        off = np.abs(np.log10(table["pval"] / drawn)).to_numpy()
        error = 2.6 * 0.434 / np.sqrt(drawn * (N_PERMS + 1))
        trusted = ((table["null"] == "analytic") & (law == "analytic")).to_numpy()
        for low, high, allowed in DECADES:
            mine = trusted & (drawn > low) & (drawn <= high)
            if mine.sum() < 20:
                continue
            within = (off[mine] <= allowed + error[mine]).mean()
            rows.append(
                f"| {name} | {trusted.sum()} | {low:g} to {high:g} | {mine.sum()} | {np.median(off[mine]):.4f} | "
                f"{np.quantile(off[mine], 0.99):.3f} | {allowed} | {within:.3f} |"
            )
            shares.append(within)
            largest.append(off[mine].max())
        bound = (law == "bound").to_numpy() & (drawn > 20 / N_PERMS)
        ratio = np.log10(table["pval"] / drawn).to_numpy()[bound]
        above = (ratio >= -0.02 - error[bound]).mean()
        complexes.append(
            f"| {name} | {bound.sum()} | {above:.3f} | {np.median(ratio):.2f} | {np.quantile(ratio, 0.99):.2f} |"
        )
        shares.append(above)
    write_section(f"Accuracy against {N_PERMS:,} stratified permutations", [*rows, *complexes])
    assert min(shares) >= 0.99
    assert max(largest) < 0.5


def test_p_values_are_uniform_under_relabeling():
    """Simple edges, by the law that gave each p; a permutation p is no finer than 1 / 1,001.

    Complexes are taken whatever law gave their p: which law that is depends on the p, so laws apart would
    be selected sets. Their bounds make them conservative, so only the upper limit is asked of them.
    """
    cut, allowed = np.array([0.05, 1e-3, 1e-4]), np.array([0.1, 0.25, 0.4])
    lines = [
        "| setting | law | p-values | rate at 0.05 | at 0.001 | at 0.0001 |",
        "|---|---|---|---|---|---|",
    ]
    rates = {}
    for name, level in (("dense", -0.5), ("sparse", -2.2)):
        adata = cells(mean_level=level, n_samples=4, seed=5)
        rng = np.random.default_rng(0)
        labels = adata.obs["cell_type"].to_numpy()
        hits = {law: np.zeros(3) for law in ("analytic", "permutation", "complexes, any")}
        n = dict.fromkeys(hits, 0)
        for _ in range(N_RELABELINGS):
            shuffled = labels.copy()
            for rows in adata.obs.groupby("sample", observed=True).indices.values():
                shuffled[rows] = rng.permutation(shuffled[rows])
            adata.obs["cell_type"] = shuffled
            table = run(adata, null="hybrid", n_perms=1_000, rng=int(rng.integers(2**31)))
            is_complex = table["receptor_complex"].astype(str).str.contains("_")
            for law in hits:
                mine = is_complex if law == "complexes, any" else ~is_complex & (table["null"] == law)
                p = table.loc[mine, "pval"].to_numpy()
                hits[law] += (p[:, None] <= cut).sum(axis=0)
                n[law] += p.size
        for law, found in hits.items():
            if n[law] > 10_000:
                rate = rates[name, law] = found / n[law]
                lines.append(
                    f"| {name} | {law} | {n[law]:,} | {rate[0]:.4f} | {rate[1]:.2e} | {rate[2]:.2e} |"
                )
    write_section(f"Uniformity over {N_RELABELINGS} relabelings within samples", lines)
    for (name, law), rate in rates.items():
        off = rate / cut - 1
        assert (off <= allowed).all(), (name, law, rate)
        assert law != "analytic" or (off >= -allowed).all(), (name, law, rate)
