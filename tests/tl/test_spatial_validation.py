"""Long proofs of the spatial tests: error rates, recovery, what a section's p-value does not say, time.

``python -m pytest -m validation tests/tl/test_spatial_validation.py`` writes ``docs/validation/spatial.md``.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage, sparse
from scipy.stats import norm

import niche
from niche._kernels.bivariate_moran import pair_tests, whole_section
from niche._kernels.local_moran import local_moran
from niche._kernels.threads import limited_to
from niche._stats.contrasts import Groups, contrasts_of
from niche._stats.organ_tests import Models, Samples, family_tests
from niche._stats.weighted_means import weighted_means
from niche.tl import _spatial_section as parts
from niche.tl._organ_results import EVEN, precision_weights
from niche.tl._pairs_of_genes import gene_pairs
from niche.tl._spatial_graph import built_graph
from niche.tl._spatial_sides import spot_sides

pytestmark = pytest.mark.validation

PAGE = Path(__file__).parents[2] / "docs" / "validation" / "spatial.md"
HEAD = """# Pairs in tissue sections

Written by `python -m pytest -m validation tests/tl/test_spatial_validation.py`.

"""
N_SHUFFLES = 200


def melanoma(shared_data, monkeypatch):
    if not (shared_data / "thrane_melanoma_LNmet_spatial293.h5ad").is_file():
        pytest.skip("no copy of the melanoma section")
    monkeypatch.setattr(niche.settings, "data_dir", shared_data)
    adata = niche.datasets.thrane2018()
    niche.pp.normalize(adata)
    return adata, {"interface_key": "proportions", "tumor": "Melanoma or unclassified"}, ("grid", 4)


def simulated():
    adata = niche.datasets.simulate_spatial(
        11, patients=1, organs=["liver"], side=20, pairs_per_kind=20, n_genes=600
    )
    niche.pp.normalize(adata)
    return adata, {"interface_key": None, "tumor": None}, ("knn", 6)


def section_and_pairs(adata, options, graph):
    """The section as the tool makes it, and pairs whose sides are both expressed."""
    table = adata.uns["truth"]["pairs"] if "truth" in adata.uns else niche.resources.ligand_receptor()
    table = table.assign(pathway="") if "pathway" not in table else table
    genes = gene_pairs(adata, table, "human")
    sides = spot_sides(adata, options["interface_key"], options["tumor"], 0.5)
    weight = built_graph(np.asarray(adata.obsm["spatial"]), graph[0], graph[1], None, on_grid=False)
    values = sparse.csr_matrix(adata.X)[:, np.flatnonzero(genes.gene_of_column >= 0)]
    stratum = np.zeros(adata.n_obs, dtype=np.int64)
    return parts.section_of(0, values, genes, weight, sides.side, stratum, sides.fraction), genes


def shuffled(section, rng, within):
    """The section with its spots' values permuted over their places."""
    order = np.arange(section.side.size)
    for code in np.unique(within):
        rows = np.flatnonzero(within == code)
        order[rows] = rng.permutation(rows)
    return parts.Section(
        0, section.units[order], section.weight, section.side, section.stratum, section.fraction
    )


@pytest.mark.parametrize("which", ["melanoma", "simulated"])
def test_error_rates(which, request, monkeypatch):
    made = (
        melanoma(request.getfixturevalue("shared_data"), monkeypatch) if which == "melanoma" else simulated()
    )
    section, genes = section_and_pairs(*made)
    options = parts.Options(0.05, 30, 10, "receptor", 0, 0)
    rng = np.random.default_rng(0)
    anywhere = np.zeros(section.side.size)
    found = {name: [] for name in ("coordinates shuffled", "receptors shuffled", "border, receptor permuted", "border, ligand permuted", "border, larger of both", "spots")}  # fmt: skip
    _, pairs, _ = parts.global_tests(section, genes, options)
    left, right = genes.ligand[pairs], genes.receptor[pairs]
    ligands, receptors = (np.unique(one, return_inverse=True) for one in (left, right))
    x, y = section.dense(ligands[0]), section.dense(receptors[0])
    some = rng.choice(pairs.size, min(40, pairs.size), replace=False)
    with limited_to(1):
        for _ in range(N_SHUFFLES):
            moved = shuffled(section, rng, anywhere)
            found["coordinates shuffled"].append(parts.global_tests(moved, genes, options)[2]["pval"])
            one = whole_section(section.weight, x, y[rng.permutation(len(y))])
            found["receptors shuffled"].append(pair_tests(one, ligands[1], receptors[1], "receptor").p)
            inside = shuffled(section, rng, section.side)
            border = parts.border_of(inside)
            values = parts.interface_tests(inside, border, genes, options, given=True)[1]
            found["border, receptor permuted"].append(values["pval_receptor"])
            found["border, ligand permuted"].append(values["pval_ligand"])
            found["border, larger of both"].append(values["pval"])
            p = local_moran(moved.weight, moved.dense(left[some]), moved.dense(right[some]))[1]
            found["spots"].append(p[np.isfinite(p)])
    lines, rate = [], {}
    for name, some_p in found.items():
        p = np.concatenate(some_p)
        rate[name] = (p < 0.05).mean(), (p < 0.001).mean()
        lines.append(f"| {name} | {p.size:,} | {rate[name][0]:.4f} | {rate[name][1]:.5f} |")
    text = [
        f"## Error rates: {which}",
        "",
        f"{N_SHUFFLES} times the spots of the section changed places (pairs stay together within a spot), or only the "
        "receptors, or spots within their side of the border. All pairs expressed in 5 % of the spots. Spots whose "
        "neighbourhood is low have p = 1, so their rate is below the level by design.",
        "",
        "| what was permuted, which test | tests | p < 0.05 | p < 0.001 |",
        "| --- | --- | --- | --- |",
        *lines,
    ]
    _write(f"Error rates: {which}", text)
    for name in (
        "coordinates shuffled",
        "receptors shuffled",
        "border, receptor permuted",
        "border, ligand permuted",
    ):
        assert 0.035 <= rate[name][0] <= 0.06, name
        assert rate[name][1] <= 0.0025, name
    assert rate["border, larger of both"][0] <= 0.05
    assert rate["spots"][0] <= 0.05 and rate["spots"][1] <= 0.0025


def test_recovery():
    rows = []
    for mixing in (0.0, 0.3):
        for seed in range(3):
            adata = niche.datasets.simulate_spatial(seed, patients=2, mixing=mixing)
            niche.pp.normalize(adata)
            key = {"interface_key": "tumor_fraction"} if mixing else {}
            niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"], local=None, **key)
            truth = adata.uns["truth"]["pairs"].rename(columns={"direction": "planted", "organ": "where"})
            for level in ("section", "interface"):
                table = niche.get.spatial_communication(adata, level=level, status="tested")
                table = table.merge(
                    truth, left_on=["ligand_complex", "receptor_complex"], right_on=["ligand", "receptor"]
                )
                table["kind"] = np.where(
                    (table["kind"] == "organ_interface") & (table["where"] != table["organ"].astype(str)),
                    "organ_interface elsewhere", table["kind"],
                )  # fmt: skip
                way = table["direction"].astype(str) if level == "interface" else ""
                table["way"] = np.where(
                    table["planted"] == "", "", np.where(table["planted"] == way, "planted", "other")
                )
                table["level"], table["mixing"] = level, mixing
                rows.append(table[["level", "mixing", "kind", "way", "qval"]])
    found = pd.concat(rows)
    found["called"] = found["qval"] <= 0.05
    border = (
        found[found["level"] == "interface"]
        .groupby(["mixing", "kind", "way"])["called"]
        .agg(["mean", "size"])
    )
    whole = found[found["level"] == "section"].groupby(["mixing", "kind"])["called"].agg(["mean", "size"])
    text = [
        "## Recovery",
        "",
        "`simulate_spatial(seed, patients=2, mixing=...)`, three draws, four sections of 576 spots each, effect sixfold; "
        "share called at q <= 0.05 within the section. *Mixing* is the share of a spot that comes from its neighbours; "
        "sides then come from the share of tumor.",
        "",
        "| mixing | kind | way | tests | called across the border |",
        "| --- | --- | --- | --- | --- |",
        *[
            f"| {m} | {k} | {w} | {int(row['size'])} | {row['mean']:.3f} |"
            for (m, k, w), row in border.iterrows()
        ],
        "",
        "| mixing | kind | tests | called over the section |",
        "| --- | --- | --- | --- |",
        *[f"| {m} | {k} | {int(row['size'])} | {row['mean']:.3f} |" for (m, k), row in whole.iterrows()],
    ]
    _write("Recovery", text)
    for mixing in (0.0, 0.3):
        assert border.loc[(mixing, "interface", "planted"), "mean"] >= 0.8
        assert border.loc[(mixing, "compartment", "planted"), "mean"] <= 0.05
        assert border.loc[(mixing, "none", ""), "mean"] <= 0.05
        assert whole.loc[(mixing, "focal"), "mean"] >= 0.8


def spatialdm_sd(weight):
    """Standard deviation of R as SpatialDM and LIANA take it, of both sides permuted independently."""
    n, w = weight.shape[0], weight * (weight.shape[0] / weight.sum())
    whole = n**2 * w.multiply(w).sum() - 2 * n * (w @ w).sum() + w.sum() ** 2
    return np.sqrt(whole / (n**2 * (n - 1) ** 2))


def smooth_sections(rng, n_sections, n_pairs, width, side=24):
    """Independent smooth ligands and receptors on square sections: R and its null's spread."""
    points = np.stack(np.divmod(np.arange(side * side), side), axis=1).astype(float)
    weight = built_graph(points, "grid", 4, None, on_grid=False)
    r, sd, p = np.zeros((3, n_sections, n_pairs))
    published = spatialdm_sd(weight)
    pairs = np.arange(n_pairs)
    for s in range(n_sections):
        fields = rng.normal(size=(2 * n_pairs, side, side))
        if width:
            fields = ndimage.gaussian_filter(fields, (0, width, width), mode="nearest")
        noise = rng.normal(size=fields.shape) * fields.std()
        x, y = np.split((fields + noise).reshape(2 * n_pairs, -1).T, 2, axis=1)
        found = pair_tests(whole_section(weight, x, y), pairs, pairs, "receptor")
        r[s], sd[s], p[s] = found.statistic, np.sqrt(found.null.variance), found.p
    return r, sd, p, norm.sf(r / published)


def test_independent_patterns():
    rng, lines = np.random.default_rng(0), []
    rates = {}
    for width in (0, 1, 2, 4):
        r, sd, p, theirs = smooth_sections(rng, 16, 600, width)
        over = []
        for n in (3, 4, 8):
            groups = [slice(i, i + n) for i in range(0, 16 - n + 1, n)]
            tests = [weighted_means(np.arctanh(r[g].T), 1 / sd[g].T ** 2)["pval"] for g in groups]
            over.append((np.concatenate(tests) < 0.05).mean())
        rates[width] = (p < 0.05).mean(), over
        told = " | ".join(f"{rate:.3f}" for rate in over)
        lines.append(
            f"| {width} | {(p < 0.05).mean():.3f} | {(p < 0.001).mean():.4f} | {(theirs < 0.05).mean():.3f} | {told} |"
        )
    text = [
        "## Independent patterns that are smooth",
        "",
        "Ligand and receptor are independent random fields, smoothed to a width (in spots), with as much noise added: "
        "what two unrelated genes of one anatomy look like. 16 sections of 576 spots, 600 pairs. The p-value of a "
        "section rejects too often, because the null calls all places alike; with SpatialDM's variance (LIANA's as well) it does so more. The "
        "test over patients (`tl.compare_spatial`, `mean_in_<organ>`) holds its level, because patients are independent.",
        "",
        "| width | section p < 0.05 | section p < 0.001 | SpatialDM's variance, p < 0.05 | 3 patients, p < 0.05 | 4 patients | 8 patients |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *lines,
    ]
    _write("Independent patterns that are smooth", text)
    assert 0.04 <= rates[0][0] <= 0.06
    for _, over in rates.values():
        assert all(0.03 <= rate <= 0.065 for rate in over)


def test_organs():
    """Two organs, patients unpaired, sections of unequal size: no difference between them."""
    rng, lines, mean = np.random.default_rng(1), [], []
    for n in (3, 4, 6):
        for ratio in (1.0, 4.0):
            organ = np.repeat([0, 1], n)
            samples = Samples(organ, np.arange(2 * n), np.zeros((2 * n, 0)), ())
            groups = Groups(["liver", "lung"], ["liver", "lung"], ["metastasis"] * 2)
            se2 = np.tile(np.where(organ == 0, 0.02, 0.02 * ratio), (1500, 1)) * rng.uniform(
                0.5, 2, (1, 2 * n)
            )
            y = rng.normal(0, np.sqrt(0.02 + se2))
            usable = np.ones((1500, 2), dtype=bool)
            w = precision_weights(y, se2, samples, usable)
            models = Models(samples, groups, contrasts_of(groups), "averaged")
            p = family_tests(y, w, usable, models, moderate=False, even=EVEN).tests.p[:, 1]
            mean.append((p < 0.05).mean())
            lines.append(f"| {n} | {ratio:.0f} | {p.size} | {mean[-1]:.3f} | {(p < 0.001).mean():.4f} |")
    text = [
        "## Organs without a difference",
        "",
        "`tl.compare_spatial` on values of patients with a spread between them as large as the error of measuring them; "
        "in one organ that error is 1 or 4 times larger (smaller sections).",
        "",
        "| patients per organ | error ratio | tests | p < 0.05 | p < 0.001 |",
        "| --- | --- | --- | --- | --- |",
        *lines,
    ]
    _write("Organs without a difference", text)
    assert 0.035 <= np.mean(mean) <= 0.06


def test_melanoma_section(shared_data, monkeypatch):
    adata, sides, graph = melanoma(shared_data, monkeypatch)
    favourite = [("CCL21", "CCR7")]
    run = {"graph": graph[0], "n_neighs": graph[1], "local": favourite, **sides}
    niche.tl.spatial_communication(adata, **run)
    niche.tl.spatial_communication(adata, null="permutation", n_perms=20_000, key_added="drawn", **run)
    exact, drawn = (
        niche.get.spatial_communication(adata, status="tested", key=k)
        for k in ("spatial_communication", "drawn")
    )
    apart = np.log10(exact["pval"]) - np.log10(drawn["pval"])
    lines = []
    for low, high in ((0.1, 1), (0.01, 0.1), (0.001, 0.01)):
        mine = (drawn["pval"] > low) & (drawn["pval"] <= high)
        q = np.quantile(apart[mine], [0.05, 0.5, 0.95])
        lines.append(f"| {low:g} to {high:g} | {int(mine.sum())} | {q[0]:.3f} | {q[1]:.3f} | {q[2]:.3f} |")
    best = exact.sort_values("pval").head(10)
    border = (
        niche.get.spatial_communication(adata, level="interface", status="tested").sort_values("pval").head(5)
    )
    figure = niche.pl.spatial(adata, favourite[0])
    figure.savefig(PAGE.parent / "melanoma_section.png", dpi=110, bbox_inches="tight")
    about = niche.get.spatial_communication(adata, level="sections").iloc[0]
    text = [
        "## The melanoma section",
        "",
        "Lymph-node metastasis of melanoma, 293 spots (Thrane et al. 2018, doi:10.1158/0008-5472.CAN-18-0747; as "
        "published with SpatialDM, Apache-2.0), square array, consensus pairs, sides by the decomposed share of melanoma. "
        f"{about['n_tested']} pairs tested, {int((exact['qval'] <= 0.05).sum())} at q <= 0.05; across the border "
        f"{about['n_tested_interface']} tests on {about['n_tumor_at_interface']} tumor and {about['n_host_at_interface']} "
        f"host spots, {int((border['qval'] <= 0.05).sum())} at q <= 0.05. One patient.",
        "",
        "![CCL21 and CCR7 on the section](melanoma_section.png)",
        "",
        "| ligand | receptor | R | z | q |",
        "| --- | --- | --- | --- | --- |",
        *[
            f"| {r.ligand_complex} | {r.receptor_complex} | {r.statistic:.2f} | {r.z:.1f} | {r.qval:.1e} |"
            for r in best.itertuples()
        ],
        "",
        "Across the border:",
        "",
        "| ligand | receptor | direction | correlation | p | q |",
        "| --- | --- | --- | --- | --- | --- |",
        *[
            f"| {r.ligand_complex} | {r.receptor_complex} | {r.direction} | {r.statistic:.2f} | {r.pval:.1e} | {r.qval:.2f} |"
            for r in border.itertuples()
        ],
        "",
        "p from the exact moments against 20,000 permutations of the same pairs, log10 of their ratio (the law is made to "
        "err to the side of larger p):",
        "",
        "| p of the permutations | pairs | 5 % | median | 95 % |",
        "| --- | --- | --- | --- | --- |",
        *lines,
    ]
    _write("The melanoma section", text)
    mine = (drawn["pval"] > 0.001) & (drawn["pval"] <= 1)
    assert np.abs(apart[mine]).quantile(0.95) < 0.15
    assert ("CCL21", "CCR7") in set(zip(best["ligand_complex"], best["receptor_complex"], strict=True))


def test_time():
    rng = np.random.default_rng(0)
    side, n_pairs = 64, 4000
    points = np.stack(np.divmod(np.arange(side * side), side), axis=1).astype(float)
    weight = built_graph(points, "grid", 4, None, on_grid=False)
    units = sparse.random(side * side, 1300, 0.2, random_state=rng, format="csc")
    left, right = rng.integers(0, 650, n_pairs), rng.integers(650, 1300, n_pairs)
    pair_tests(
        whole_section(weight, units[:, [0]].toarray(), units[:, [1]].toarray()),
        *np.zeros((2, 1), int),
        "receptor",
    )
    start = time.perf_counter()
    for block in np.array_split(np.argsort(left), 4):
        a, i = np.unique(left[block], return_inverse=True)
        b, j = np.unique(right[block], return_inverse=True)
        pair_tests(whole_section(weight, units[:, a].toarray(), units[:, b].toarray()), i, j, "receptor")
    took = time.perf_counter() - start
    _write(
        "Time",
        [
            "## Time",
            "",
            f"{side * side:,} spots x {n_pairs:,} pairs with exact moments, one thread: {took:.1f} s.",
        ],
    )
    assert took < 60


def _write(title, text):
    """Put a section into the page, keeping the others."""
    body = "\n".join(text).removeprefix("## ")
    kept = PAGE.read_text(encoding="utf-8").split("\n## ")[1:] if PAGE.is_file() else []
    kept = [part.strip() for part in kept if not part.startswith(title)]
    PAGE.write_text(
        HEAD.rstrip() + "\n\n## " + "\n\n## ".join(sorted([*kept, body])) + "\n", encoding="utf-8"
    )
