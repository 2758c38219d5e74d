"""Time copy-number inference of niche and infercnvpy on the same cells, in one run.

``python benchmarks/cnv.py --peers PYTHON`` writes ``docs/benchmarks/cnv.md``; ``PYTHON`` is the interpreter
of an environment with infercnvpy, this one by default. ``--quick`` uses 2,000 cells, to see that it runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs" / "benchmarks"
TOOLS = ("niche", "niche-two-references", "niche-as-infercnvpy", "infercnvpy", "infercnvpy-two-references")
PARITY = "niche-as-infercnvpy"


def write(path: Path, n_cells: int, n_genes: int = 12_000) -> None:
    """Write log counts, 20 % of them not zero, three labels, and genes spread over 22 chromosomes."""
    rng = np.random.default_rng(0)
    base = np.exp(rng.normal(-2.2, 1.5, n_genes)).astype(np.float32)
    blocks = [
        sparse.csr_matrix(
            np.log1p(rng.poisson(base, (min(2_500, n_cells - first), n_genes))).astype(np.float32)
        )
        for first in range(0, n_cells, 2_500)
    ]
    chromosome = np.sort(rng.integers(1, 23, n_genes))
    start = np.concatenate([np.sort(rng.integers(0, 2e8, (chromosome == c).sum())) for c in range(1, 23)])
    var = pd.DataFrame({"chromosome": [f"chr{c}" for c in chromosome], "start": start, "end": start + 1000})
    var.index = [f"g{i}" for i in range(n_genes)]
    obs = pd.DataFrame({"label": pd.Categorical(rng.choice(["tumor", "stroma", "normal"], n_cells))})
    obs.index = [f"cell{i}" for i in range(n_cells)]
    ad.AnnData(sparse.vstack(blocks, format="csr"), obs=obs, var=var).write_h5ad(path)


def run(tool: str, python: str, data: Path, repeats: int, folder: Path) -> dict[str, object]:
    """One tool in a process of its own; its profile is kept for the comparison."""
    out = folder / f"{tool}.npz"
    command = [python, str(HERE / "cnv_runners.py"), tool, str(data), str(repeats), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode:
        return {"tool": tool, "not_run": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    return {"tool": tool, "profile": out, **json.loads(done.stdout.strip().splitlines()[-1])}


def same_work(ours: Path, theirs: Path) -> str:
    """Say how far two profiles are apart."""
    first, second = (sparse.load_npz(path) for path in (ours, theirs))
    in_one = (first != 0) != (second != 0)
    off = abs(first - second)
    largest = (off - off.multiply(in_one)).max()
    return (
        f"{first.shape[0]:,} x {first.shape[1]:,} values, largest difference {largest:.0e}; "
        f"{in_one.nnz} lie so near the threshold that they are zero in one only"
    )


def rows_of(results: dict[str, dict[str, object]]) -> list[str]:
    """Markdown rows: times as ratios to ours in the same run, memory above that of the data."""
    base = results["niche"]
    out = [
        "| tool | references | cold | warm | CPU | memory beside the data | largest worker | output |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for tool, found in results.items():
        references = 2 if tool.endswith("two-references") else 1
        name = tool.removesuffix("-two-references")
        if "not_run" in found:
            out.append(f"| {name} | {references} | not run: {found['not_run'][:80]} | | | | | |")
            continue
        cold, warm = (found[kind] / base["warm"] for kind in ("cold", "warm"))
        cpu = found["cpu"] / base["cpu"]
        worker = f"{found['worker_gb']:.2f} GB" if tool.startswith("infercnvpy") else ""
        out.append(
            f"| {name} | {references} | {cold:.1f} | {warm:.1f} | {cpu:.1f} | {found['beside_gb']:.2f} GB "
            f"| {worker} | {found['output_gb']:.2f} GB |"
        )
    return out


def parity(python: str, folder: Path, n_cells: int) -> str:
    """Both tools on cells that are one chunk of infercnvpy."""
    data = folder / "one_chunk.h5ad"
    write(data, n_cells)
    found = [
        run(tool, sys.executable if tool == PARITY else python, data, 1, folder)
        for tool in (PARITY, "infercnvpy")
    ]
    return same_work(*(item["profile"] for item in found))


def main() -> None:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    n_cells = 2_000 if asked.quick else 20_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "cells.h5ad"
        write(data, n_cells)
        results = {}
        for tool in TOOLS:
            ours = tool.startswith("niche")
            results[tool] = run(tool, sys.executable if ours else asked.peers, data, 7 if ours else 3, folder)
        lines = [
            "# Copy number from expression: time and memory",
            "",
            f"{n_cells:,} cells x 12,000 genes, 20 % of the values not zero, windows of 100 genes every 10,",
            "two threads or workers. Times are ratios to niche (warm, one reference) in the same run; every",
            "tool is a process of its own; warm is the shortest of its calls, cold the first. Memory is what",
            "is used beside the data. CPU is the time computed on all cores, which other programs on the",
            "machine hardly touch. infercnvpy sends chunks of 5,000 cells to workers.",
            "",
            *rows_of(results),
            "",
        ]
        peer = results["infercnvpy"]
        if "not_run" not in peer:
            warm = peer["warm"] / results["niche"]["warm"]
            cold = peer["cold"] / results["niche"]["cold"]
            same = peer["warm"] / results[PARITY]["warm"]
            cpu = peer["cpu"] / results["niche"]["cpu"]
            lines += [
                f"niche is {warm:.0f} times as fast as infercnvpy (cold {cold:.0f} times), under the other's",
                f"own convention {same:.0f} times; in CPU time {cpu:.0f} times.",
                "",
                f"Same work, on one chunk: {parity(asked.peers, folder, min(n_cells, 5_000))}.",
                "",
            ]
    text = "\n".join(lines)
    print(text)
    if not asked.quick:
        (DOCS / "cnv.md").write_text(text)


if __name__ == "__main__":
    main()
