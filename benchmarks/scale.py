"""Cells against time and memory, on one machine and on workers of a cluster, all read lazily from disk.

``python benchmarks/scale.py`` writes ``docs/benchmarks/scale.md`` and ``scale.svg``. Sizes are chosen with
``--cells``; what is written to disk is about 8 bytes x cells x values, in a temporary folder that is deleted.
``--quick`` uses 20,000 and 60,000 cells and writes no page, to see that everything runs. A run of 10,000,000
cells takes up to an hour: with ``--json`` the measurements are kept, and the same command goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import scale_data

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs" / "benchmarks"
THREADS = "threads"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
WARM_CELLS = 20_000

Run = dict[str, Any]


def run(path: Path, warm: Path, n_workers: int, n_jobs: int) -> Run:
    """One size on threads (``n_workers`` 0) or workers, in a process of its own."""
    command = [sys.executable, str(HERE / "scale_run.py"), str(path), str(warm), str(n_workers), str(n_jobs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    found: Run = json.loads(done.stdout.strip().splitlines()[-1])
    found["mode"] = f"{n_workers} worker{'s' * (n_workers > 1)}" if n_workers else THREADS
    found["workers"] = n_workers
    for name in ("wall", "cpu", "cpu_here", "sent"):
        found[name] = sum(step[name] for step in found["steps"].values())
    return found


def data_of(n: int, folder: Path, asked: argparse.Namespace) -> tuple[Path, Run]:
    """The file of ``n`` cells, and what was written; refuses where the disk is too small."""
    needed, free = 9.0 * n * asked.values, shutil.disk_usage(folder).free
    if needed > 0.8 * free:
        raise SystemExit(
            f"{n:,} cells need {needed / 1e9:.0f} GB in {folder}, {free / 1e9:.0f} GB are free. "
            "Choose fewer cells, fewer --values, or another --folder."
        )
    data = folder / f"cells-{n}.h5ad"
    return data, scale_data.write(data, n, n_genes=asked.genes, n_values=asked.values)


def exponent(runs: list[Run], name: str) -> float:
    """Slope of log time in log cells, NaN for one size."""
    if len(runs) < 2:
        return float("nan")
    return float(np.polyfit(np.log([r["n"] for r in runs]), np.log([r[name] for r in runs]), 1)[0])


def page(runs: list[Run], asked: argparse.Namespace) -> list[str]:
    """The page, as lines of Markdown."""
    load = float(np.mean([r["load"] for r in runs]))
    lines = ["# Cells against time and memory", ""]
    lines += [
        f"Raw counts of {asked.genes:,} genes, about {asked.values} values a cell, 16 patients in 4 organs, "
        "10 cell types; read lazily from an h5ad file. Steps: "
        + ", ".join(f"`{s}`" for s in runs[0]["steps"])
        + ". "
        f"One machine with {os.cpu_count()} cores; {asked.threads} threads, or workers of one thread that "
        f"are processes of the same machine. Load of the machine while this ran: {load:.1f}"
        + (" (others used it too: CPU time says more than wall time)." if load > 3 else "."),
        "",
        "| cells | on disk | how | wall (s) | CPU (s) | CPU s / million cells | peak memory, main process "
        "| of it after warming up and reading labels | largest worker | sent by workers / partition |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in runs:
        sent = f"{r['sent'] / r['parts'] / 1e3:,.0f} kB" if r["workers"] else ""
        worker = f"{r['worker_gb']:.2f} GB" if r["workers"] else ""
        lines.append(
            f"| {r['n']:,} | {r['on_disk_gb']:.1f} GB | {r['mode']} | {r['wall']:.0f} "
            f"| {r['cpu']:.0f} | {r['cpu'] / r['n'] * 1e6:.0f} | {r['peak_gb']:.2f} GB "
            f"| {r['labels_gb']:.2f} GB | {worker} | {sent} |"
        )
    lines += ["", "![cells against time and memory](scale.svg)", ""]
    for mode in dict.fromkeys(r["mode"] for r in runs):
        mine = [r for r in runs if r["mode"] == mode][-2:]
        if len(mine) > 1:
            cpu, wall = exponent(mine, "cpu"), exponent(mine, "wall")
            lines += [
                f"- {mode}: from {mine[0]['n']:,} to {mine[1]['n']:,} cells CPU time grows with cells to the "
                f"power {cpu:.2f}, wall time {wall:.2f}."
            ]
    lines += [f"- {mode}: {told}" for mode, told in memory(runs).items()]
    lines += [
        "",
        "## Per step",
        "",
        "| cells | how | " + " | ".join(f"`{s}`" for s in runs[0]["steps"]) + " |",
    ]
    lines += ["|" + "---|" * (2 + len(runs[0]["steps"]))]
    for r in runs:
        each = [f"{s['wall']:.1f} ({s['cpu']:.1f})" for s in r["steps"].values()]
        lines.append(f"| {r['n']:,} | {r['mode']} | " + " | ".join(each) + " |")
    lines += [
        "",
        "Wall seconds, CPU seconds in brackets. Every run has done all steps once on "
        f"{WARM_CELLS:,} cells before, so that compiled code and tables are loaded.",
        "",
        *model(runs),
    ]
    return lines


def memory(runs: list[Run]) -> dict[str, str]:
    """How the memory of the main process differs between the two largest sizes, by mode."""
    found = {}
    for mode in dict.fromkeys(r["mode"] for r in runs):
        mine = sorted((r for r in runs if r["mode"] == mode), key=lambda r: r["n"])[-2:]
        if len(mine) == 2:
            few, many = mine
            labels, beyond = (
                (many[name] - few[name]) / (many["n"] - few["n"]) * 1e9 for name in ("labels_gb", "peak_gb")
            )
            found[mode] = (
                f"from {few['n']:,} to {many['n']:,} cells the peak of the main process grows by "
                f"{beyond:.0f} bytes a cell; names and labels of cells, once read, are {labels:.0f} of them."
            )
    return found


def model(runs: list[Run]) -> list[str]:
    """What N workers give: measured CPU of the main process, plus that of the workers over N."""
    ones = {r["n"]: r for r in runs if r["workers"] == 1}
    if not ones:
        return []
    lines = [
        "## What more workers give",
        "",
        "The main process builds the graph, adds the last sums and tests; everything else is shared: "
        "T(N) = C_main + C_workers / N, both measured as CPU time with 1 worker; N is at most the number of "
        "partitions. It leaves out reading, sending and waiting: where wall time is far above, the "
        "machine was busy or these are not small.",
        "",
        "| cells | C_main (s) | C_workers (s) | workers | T(N) (s) | measured wall (s) |",
        "|---|---|---|---|---|---|",
    ]
    for n, one in ones.items():
        shared = one["cpu"] - one["cpu_here"]
        for workers in sorted({r["workers"] for r in runs if r["workers"]} | {8, 32}):
            measured = [r["wall"] for r in runs if r["n"] == n and r["workers"] == workers]
            told = f"{measured[0]:.0f}" if measured else "not measured"
            lines.append(
                f"| {n:,} | {one['cpu_here']:.1f} | {shared:.1f} | {workers} | "
                f"{one['cpu_here'] + shared / min(workers, one['parts']):.0f} | {told} |"
            )
    return [*lines, ""]


def figure(runs: list[Run], path: Path) -> None:
    """Time and memory against cells, both axes logarithmic."""
    fig, axes = plt.subplots(1, 3, figsize=(10.5, 3.4))
    for colour, mode in zip(COLOURS, dict.fromkeys(r["mode"] for r in runs), strict=False):
        mine = sorted((r for r in runs if r["mode"] == mode), key=lambda r: r["n"])
        n = [r["n"] for r in mine]
        axes[0].plot(n, [r["wall"] for r in mine], "o-", color=colour, label=mode)
        axes[1].plot(n, [r["cpu"] for r in mine], "o-", color=colour, label=mode)
        axes[2].plot(n, [r["peak_gb"] for r in mine], "o-", color=colour, label=f"main, {mode}")
        if mine[0]["workers"]:
            axes[2].plot(n, [r["worker_gb"] for r in mine], "s--", color=colour, label=f"largest of {mode}")
    for ax, label in zip(axes, ("wall time (s)", "CPU time (s)", "peak memory (GB)"), strict=True):
        ax.set(xscale="log", xlabel="cells", ylabel=label)
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes[:2]:
        ax.set_yscale("log")
    axes[2].set_ylim(bottom=0)
    axes[0].legend(frameon=False, fontsize=8)
    axes[2].legend(frameon=False, fontsize=7)
    fig.tight_layout()
    fig.savefig(path, metadata={"Date": None})
    plt.close(fig)


def main() -> None:
    """Write the data, run every size, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--cells", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000], help="sizes"
    )
    parser.add_argument("--genes", type=int, default=3_000, help="genes (default: 3000)")
    parser.add_argument("--values", type=int, default=150, help="non-zero values of a cell (default: 150)")
    parser.add_argument(
        "--workers", type=int, nargs="*", default=[1, 2], help="numbers of workers (default: 1 2)"
    )
    parser.add_argument(
        "--one-worker-up-to", type=int, default=1_000_000, metavar="CELLS",
        help="above, one worker alone is left out: it takes longest (default: 1000000)",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads without workers")
    parser.add_argument("--folder", help="where the temporary folder is made (default: that of the system)")
    parser.add_argument("--json", help="keeps the measurements; those it holds are not made again")
    parser.add_argument("--out", default=str(DOCS), help="folder of the page (default: docs/benchmarks)")
    parser.add_argument("--quick", action="store_true", help="20,000 and 60,000 cells, no page")
    asked = parser.parse_args()
    sizes = [20_000, 60_000] if asked.quick else sorted(asked.cells)
    kept = Path(asked.json) if asked.json else None
    runs: list[Run] = json.loads(kept.read_text()) if kept and kept.exists() else []
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        warm = folder / "warm.h5ad"
        scale_data.write(warm, WARM_CELLS, n_genes=asked.genes, n_values=asked.values)
        for n in sizes:
            numbers = [w for w in (0, *asked.workers) if w != 1 or n <= asked.one_worker_up_to]
            missing = [w for w in numbers if (n, w) not in {(r["n"], r["workers"]) for r in runs}]
            if missing:
                data, written = data_of(n, folder, asked)
                for n_workers in missing:
                    found = run(data, warm, n_workers, asked.threads)
                    runs.append(found | {"on_disk_gb": written["gigabytes"], "load": os.getloadavg()[0]})
                    print(json.dumps({k: v for k, v in runs[-1].items() if k != "steps"}), flush=True)
                    if kept:
                        kept.write_text(json.dumps(runs))
                data.unlink()
    runs.sort(key=lambda r: (r["n"], r["workers"]))
    text = "\n".join(page(runs, asked))
    print(text)
    if not asked.quick:
        out = Path(asked.out)
        out.mkdir(parents=True, exist_ok=True)
        (out / "scale.md").write_text(text.rstrip() + "\n")
        figure(runs, out / "scale.svg")


if __name__ == "__main__":
    main()
