"""Time the comparison of organs on 100,000 edges of 40 samples, beside pydeseq2 on their sides, in one run.

``python benchmarks/comparison.py --peers PYTHON`` writes ``docs/benchmarks/comparison.md``; ``PYTHON`` is the
interpreter of an environment with pydeseq2, this one by default. ``--quick`` takes a tenth of the pairs, to
see that it runs, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from niche import pp, resources, tl
from niche.datasets import simulate_metastases

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs" / "benchmarks"
PEER = "pydeseq2"
REPEATS = {"consensus": 7, "averaged": 5, PEER: 1}
BOUNDS = {"consensus": 2.0, "averaged": 20.0}
"""Seconds on two cores."""

SENDERS = ["Malignant", "Fibroblast", "Macrophage", "T cell"]
RECEIVERS = ["Malignant", "Endothelial cell", "Monocyte", "NK cell", "B cell", "T cell"]
PAIRS = 4_200
"""Listed pairs; 24 pairs of cell types make about 100,000 edges of them."""

PAGE = """# Comparing organs: time

{n_edges:,} edges of {senders} senders and {receivers} receivers, {n_tested:,} of them testable, in 40
samples, metastases of 10 patients in four organs each. `tl.compare_communication` tests the mean of both
sides and each side in 11 contrasts (omnibus, pairs of organs, every organ against the rest), leaves out each
patient, and judges every edge. Times are ratios to the consensus, warm, in the same run on two threads; every
tool is a process of its own; warm is the shortest of its calls, cold the first, with what is loaded on the
way. CPU is the time computed on all cores. The bound is of the shortest call.

{table}
"""
BESIDE = """
pydeseq2 gets the counts of the sides: genes of ligands and receptors with a median of 3 or more,
{n_sides:,} in all, summed per sample. It fits each cell type once and tests the pairs of organs and every
organ against the rest, {n_tests:,} tests. It tests no edges, and takes samples of one patient as independent.

The consensus is {warm:.0f} times as fast (cold {cold:.0f} times), averaging over correlations {slow:.0f}
times.
"""


def write(path: Path, n_pairs: int) -> None:
    """Write a study of 10 patients with a metastasis in each of four organs, and its edges."""
    adata = simulate_metastases(
        0, patients_per_organ=10, primaries=0, normals=0, cells=300, depth=25_000, parenchyma=False
    )
    pp.normalize(adata)
    listed = resources.ligand_receptor("consensus").head(n_pairs)
    tl.communication(adata, "cell_type", resource=listed, senders=SENDERS, receivers=RECEIVERS, null=None)
    adata.write_h5ad(path)


def run(tool: str, python: str, data: Path) -> dict[str, object]:
    """One tool in a process of its own."""
    command = [python, str(HERE / "comparison_runners.py"), tool, str(data), str(REPEATS[tool])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=data.parent, check=False)
    except OSError as error:
        return {"not_run": str(error)}
    if done.returncode:
        return {"not_run": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def rows_of(results: dict[str, dict[str, object]]) -> list[str]:
    """Markdown rows: times as ratios to the consensus, warm, of the same run."""
    base = results["consensus"]
    out = ["| tool | cold | warm | CPU | bound on two cores |", "|---|---|---|---|---|"]
    for tool, found in results.items():
        name = tool if tool == PEER else f'niche, `patients="{tool}"`'
        if "not_run" in found:
            out.append(f"| {name} | not run: {found['not_run'][:80]} | | | |")
            continue
        cold, warm = (found[kind] / base["warm"] for kind in ("cold", "warm"))
        bound = ""
        if tool in BOUNDS:
            bound = f"{BOUNDS[tool]:g} s, {'kept' if found['warm'] < BOUNDS[tool] else 'missed'}"
        shown = f"{warm:.1f}" if REPEATS[tool] > 1 else ""
        out.append(f"| {name} | {cold:.1f} | {shown} | {found['cpu'] / base['cpu']:.1f} | {bound} |")
    return out


def page(results: dict[str, dict[str, object]]) -> str:
    """The whole page."""
    ours, averaged, peer = (results[tool] for tool in ("consensus", "averaged", PEER))
    text = PAGE.format(
        **ours, senders=len(SENDERS), receivers=len(RECEIVERS), table="\n".join(rows_of(results))
    )
    if "not_run" in peer:
        return text
    warm, cold, slow = (peer["cold"] / one for one in (ours["warm"], ours["cold"], averaged["warm"]))
    return text + BESIDE.format(**peer | {"warm": warm, "cold": cold, "slow": slow})


def main() -> None:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "edges.h5ad"
        write(data, PAIRS // 10 if asked.quick else PAIRS)
        results = {tool: run(tool, asked.peers if tool == PEER else sys.executable, data) for tool in REPEATS}
    text = page(results)
    print(text)
    if not asked.quick:
        (DOCS / "comparison.md").write_text(text)


if __name__ == "__main__":
    main()
