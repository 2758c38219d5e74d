"""Time ligand-receptor inference of niche and its peers on the same cells, in one run.

``python benchmarks/communication.py --peers PYTHON`` writes ``docs/benchmarks/communication.md`` and
``communication.svg``. ``--quick`` uses 2,000 cells and 100 permutations, to see that everything runs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import synthetic

from niche import resources
from niche._kernels import aggregate as one_pass
from niche._kernels import specificity
from niche._kernels.aggregate import Layout
from niche._slots import matrix
from niche.tl._pairs_of_genes import gene_pairs

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs" / "benchmarks"
OURS = ("niche-analytic", "niche-hybrid", "niche-permutation")
PEERS = ("liana", "squidpy", "cellphonedb", "fastccc")
MOST_IN_MEMORY = 100_000
EDGE = ["source", "target", "ligand", "receptor"]


def run(tool: str, python: str, data: Path, pairs: Path, n_perms: int, folder: Path) -> dict[str, object]:
    """One tool in a process of its own; its edges are kept for the comparison."""
    out = folder / f"{tool}-{data.stem}.tsv"
    command = [python, str(HERE / "runners.py"), tool, str(data), str(pairs), str(n_perms), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return {"tool": tool, "not_run": reason[0]}
    return {"tool": tool, "edges": out, **json.loads(done.stdout.strip().splitlines()[-1])}


def same_work(found: dict[str, object], reference: pd.DataFrame) -> str:
    """Say how the edges and means of a tool compare with ours."""
    table = pd.read_csv(found["edges"], sep="\t").drop_duplicates(EDGE)
    joined = reference.merge(table, on=EDGE, suffixes=("", "_peer"))
    off = np.abs(joined["mean"] - joined["mean_peer"]).max()
    return f"{len(joined):,} of {len(reference):,} edges in common, means within {off:.0e}"


def pass_against_sum(data: Path) -> dict[str, float]:
    """Seconds of the one pass, without and with the products of gene pairs, and of summing the values."""
    adata = ad.read_h5ad(data)
    genes = gene_pairs(adata, resources.ligand_receptor("consensus"), "human")
    measured = genes.units.measured
    usable = measured[genes.ligand] & measured[genes.receptor]
    pairs = specificity.products_of(genes.units, genes.ligand[usable], genes.receptor[usable])
    group = adata.obs["cell_type"].cat.codes.to_numpy().astype(np.int32)
    none = np.zeros(0, dtype=np.int64)
    out = {"sum of the values": best(lambda: adata.X.data.sum())}
    for name, (first, second) in (("sums and moments", (none, none)), ("with products", pairs)):
        layout = Layout(
            group, np.zeros_like(group), 30, 1, genes.gene_of_column, genes.genes.size, first, second
        )
        out[name] = best(lambda layout=layout: one_pass.tree_of([(0, adata.X)], layout, matrix.TILE_ROWS, 2))
    return out


def best(call, n: int = 5) -> float:
    """Seconds of the fastest of a few calls."""
    seconds = []
    for _ in range(n):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def table_of(results: list[dict[str, object]], base: dict[str, object]) -> list[str]:
    """Markdown rows of what ran, as ratios to ours in the same run."""
    rows = [
        "| tool | time / niche analytic (cold) | (warm) | peak memory | same work |",
        "|---|---|---|---|---|",
    ]
    for found in results:
        if "not_run" in found:
            rows.append(f"| {found['tool']} | not run: {found['not_run'][:80]} | | | |")
            continue
        cold, warm = found["cold"] / base["cold"], found["warm"] / base["warm"]
        rows.append(
            f"| {found['tool']} | {cold:,.1f} | {warm:,.1f} | {found['peak_gb']:.1f} GB | {found['work']} |"
        )
    return rows


def figure(results: list[dict[str, object]], path: Path) -> None:
    """Bars of seconds and of memory, niche's own in one colour."""
    ran = [found for found in results if "not_run" not in found]
    fig, axes = plt.subplots(1, 2, figsize=(9, 0.5 * len(ran) + 1.2), sharey=True)
    names = [found["tool"] for found in ran]
    colours = ["#0072B2" if name.startswith("niche") else "#999999" for name in names]
    for ax, key, label in zip(axes, ("warm", "peak_gb"), ("seconds", "peak memory (GB)"), strict=True):
        ax.barh(names, [found[key] for found in ran], color=colours)
        ax.set(xscale="log", xlabel=label)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    fig.tight_layout()
    fig.savefig(path, metadata={"Date": None})


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="interpreter of the environment that holds the peers")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--scaling", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    asked = parser.parse_args()
    n_cells, n_perms = (2_000, 100) if asked.quick else (10_000, 1_000)
    lines = ["# Ligand-receptor inference: time and memory", ""]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = folder / "pairs.tsv"
        resources.ligand_receptor("consensus")[["ligand", "receptor"]].to_csv(pairs, sep="\t", index=False)
        data = folder / "cells.h5ad"
        synthetic.write(data, n_cells)
        os.environ["NUMBA_CACHE_DIR"] = str(folder / "compiled")
        compiling = run("niche-hybrid", sys.executable, data, pairs, n_perms, folder)
        results = [run(tool, sys.executable, data, pairs, n_perms, folder) for tool in OURS]
        results += [run(tool, asked.peers, data, pairs, n_perms, folder) for tool in PEERS if asked.peers]
        reference = pd.read_csv(results[0]["edges"], sep="\t")
        for found in results:
            if "not_run" not in found:
                found["work"] = same_work(found, reference)
        lines += [f"{n_cells:,} cells x 30 types x consensus, {n_perms:,} permutations, 2 threads.", ""]
        lines += [*table_of(results, results[0]), ""]
        ratio = compiling["cold"] / results[1]["cold"]
        lines += [
            "Cold: the first call in a process, compiled code being on disk; warm: the fastest of three.",
            f"The very first call after an installation compiles: {ratio:.0f} x a cold one (hybrid).",
            "",
        ]
        DOCS.mkdir(parents=True, exist_ok=True)
        if not asked.quick:
            figure(results, DOCS / "communication.svg")
            lines += ["![time and memory](communication.svg)", ""]
        lines += scaling(asked.scaling if not asked.quick else [2_000, 20_000], folder, pairs, asked.peers)
    text = "\n".join(lines)
    print(text)
    if not asked.quick:
        (DOCS / "communication.md").write_text(text + "\n")


def scaling(sizes: list[int], folder: Path, pairs: Path, peers: str | None) -> list[str]:
    """Time per cell and memory of the analytic null, read from disk, and the pass against a plain sum."""
    rows = ["| cells, from disk | time per cell / at the smallest | peak memory |", "|---|---|---|"]
    first, extra = None, []
    for n in sizes:
        data = folder / f"cells-{n}.h5ad"
        synthetic.write(data, n)
        found = run("niche-analytic-disk", sys.executable, data, pairs, 1, folder)
        per_cell = found["cold"] / n
        first = first or per_cell
        rows.append(f"| {n:,} | {per_cell / first:.2f} | {found['peak_gb']:.1f} GB |")
        if n <= MOST_IN_MEMORY:
            seconds = pass_against_sum(data)
            base = seconds.pop("sum of the values")
            parts = ", ".join(f"{name} {value / base:.1f} x" for name, value in seconds.items())
            extra += [f"{n:,} cells in memory, against summing the stored values once: {parts}.", ""]
        if n == MOST_IN_MEMORY and peers:
            extra += [large(run("fastccc", peers, data, pairs, 1, folder), data, pairs, folder), ""]
        data.unlink()
    return [*rows, "", *extra]


def large(peer: dict[str, object], data: Path, pairs: Path, folder: Path) -> str:
    """Say how FastCCC, which permutes nothing either, compares on many cells."""
    ours = run("niche-analytic", sys.executable, data, pairs, 1, folder)
    if "not_run" in peer:
        return f"fastccc on {data.stem}: not run, {peer['not_run'][:80]}"
    work = same_work(peer, pd.read_csv(ours["edges"], sep="\t"))
    cold, warm = (peer[name] / ours[name] for name in ("cold", "warm"))
    return (
        f"{MOST_IN_MEMORY:,} cells in memory, fastccc / niche: cold {cold:.0f} x, warm {warm:.0f} x; "
        f"{peer['peak_gb']:.1f} and {ours['peak_gb']:.1f} GB; {work}."
    )


if __name__ == "__main__":
    main()
