"""Time and compare the consensus programs of niche and of cNMF on the same matrix, in one run.

``python benchmarks/programs.py --peers PYTHON`` writes ``docs/benchmarks/programs.md`` and ``programs.svg``;
``PYTHON`` is the interpreter of an environment with cNMF. ``--quick`` uses 1,000 cells and 4 starts, to see
that everything runs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import program_counts
from scipy import optimize, sparse

from niche._kernels import nmf

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs" / "benchmarks"
PLANTED = 12
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Case:
    """Programs asked for, cells, random starts, and the seed of the cells."""

    k: int
    n_cells: int
    n_starts: int
    seed: int


@dataclass(frozen=True)
class Compared:
    """What both tools needed and found; losses are niche's over cNMF's."""

    case: Case
    ours: dict[str, object]
    theirs: dict[str, object]
    best: float
    mean: float
    consensus: float
    cosine: np.ndarray

    def ratio(self, kind: str, steps: tuple[str, ...] = ("prepare", "factorise", "consensus")) -> float:
        """CNMF's time over niche's."""
        theirs, ours = (sum(found[kind][step] for step in steps) for found in (self.theirs, self.ours))
        return theirs / ours


def run(tool: str, python: str, file: Path, case: Case, folder: Path) -> dict[str, object]:
    """One tool in a process of its own; its spectra stay in the folder.

    Two workers on two cores are fastest with one thread of linear algebra each.
    """
    folder.mkdir()
    command = [python, str(HERE / "programs_runners.py"), tool, str(file), str(case.k), str(case.n_starts)]
    environment = os.environ | (ONE_THREAD if tool == "cnmf" else {})
    done = subprocess.run(
        [*command, str(folder)], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise RuntimeError(f"{tool}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def matched_cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosines of the best pairs of two sets of spectra, largest first."""
    first, second = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (a, b))
    cosine = first @ second.T
    return np.sort(cosine[optimize.linear_sum_assignment(-cosine)])[::-1]


def compare(case: Case, peers: str, folder: Path) -> Compared:
    """Run both on the same cells; cNMF first, whose scaled matrix niche is given."""
    file, ours, theirs = folder / "cells.h5ad", folder / "niche", folder / "cnmf"
    folder.mkdir()
    program_counts.write(file, case.n_cells, n_programs=PLANTED, seed=case.seed)
    peer = run("cnmf", peers, file, case, theirs)
    matrix = theirs / "matrix.npz"
    own = run("niche", sys.executable, matrix, case, ours)
    x = sparse.load_npz(matrix).tocsr()

    def refit(spectra: np.ndarray) -> float:
        return nmf.squared_error(x, nmf.usage_of(x, spectra), spectra)

    # cNMF keeps no usage of a start: the best there is, which can only lower its loss
    loss = np.load(ours / "loss.npy"), np.array([refit(one) for one in np.load(theirs / "starts.npy")])
    gathered = [np.load(place / "consensus.npy") for place in (ours, theirs)]
    return Compared(
        case, own, peer, loss[0].min() / loss[1].min(), loss[0].mean() / loss[1].mean(),
        refit(gathered[0]) / refit(gathered[1]), matched_cosine(*gathered),
    )  # fmt: skip


def times(found: list[Compared]) -> list[str]:
    """Markdown rows of time and memory, as ratios of one run."""
    out = [
        "| k | cells | starts | factorising, cNMF / niche | in CPU time | prepare to consensus, cold | warm "
        "| in CPU time | memory of niche | of cNMF |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        alone = ("factorise",)
        out.append(
            f"| {one.case.k} | {one.case.n_cells:,} | {one.case.n_starts} | {one.ratio('warm', alone):.1f} "
            f"| {one.ratio('cpu', alone):.1f} | {one.ratio('cold'):.1f} | {one.ratio('warm'):.1f} "
            f"| {one.ratio('cpu'):.1f} | {one.ours['beside_gb']:.2f} GB | {one.theirs['beside_gb']:.2f} GB |"
        )
    return out


def agreement(found: list[Compared]) -> list[str]:
    """Markdown rows of losses and spectra."""
    out = [
        "| k | loss niche / cNMF - 1: best start | mean of the starts | consensus | cosine of the matched "
        "spectra: least | median | at least 0.99 |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in found:
        near = int((one.cosine >= 0.99).sum())
        out.append(
            f"| {one.case.k} | {one.best - 1:+.1e} | {one.mean - 1:+.1e} | {one.consensus - 1:+.1e} "
            f"| {one.cosine.min():.4f} | {np.median(one.cosine):.4f} | {near} of {one.case.k} |"
        )
    return out


def figure(found: list[Compared], path: Path) -> None:
    """How many times as long cNMF takes, and how alike the spectra are."""
    fig, axes = plt.subplots(1, 2, figsize=(9, 2.6))
    for at, one in enumerate(found):
        label = f"k = {one.case.k}"
        ratios = [one.ratio("warm", ("factorise",)), one.ratio("warm")]
        axes[0].barh(np.arange(2) + 0.38 * at, ratios, 0.36, color=("#0072B2", "#E69F00")[at], label=label)
        axes[1].plot(one.cosine, "o-", ms=3, color=("#0072B2", "#E69F00")[at], label=label)
    axes[0].axvline(1, color="black", lw=0.8)
    axes[0].set_yticks(np.arange(2) + 0.19, ["factorising", "prepare to consensus"])
    axes[0].set(xscale="log", xlabel="time of cNMF / time of niche")
    axes[0].invert_yaxis()
    axes[1].set(xlabel="consensus program, matched", ylabel="cosine of spectra", ylim=(None, 1.01))
    axes[1].legend(frameon=False)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    fig.tight_layout()
    fig.savefig(path, metadata={"Date": None})


def page(found: list[Compared]) -> str:
    """The Markdown page."""
    lines = [
        "# Consensus programs: time, loss and memory",
        "",
        f"Cells x 2,000 variable genes, a fifth of the values not zero, {PLANTED} planted programs of which",
        "every cell mixes a few, negative binomial counts. niche and cNMF factorise the identical scaled",
        "matrix from as many random starts, both on two cores: niche in two threads, cNMF in two worker",
        "processes at once. cNMF's workers are timed from when all have imported what they need. Its",
        "clustergram, its reference and its last refit of usage are turned off; the consensus of cNMF still",
        "fits spectra of all genes and writes files, which niche's does not. Asking for more programs than",
        "were planted is the slow case: the additional ones have little to hold on to.",
        "",
        *times(found),
        "",
        "Times are ratios of one run. Cold: the first call in a process, compiled code being on disk; warm:",
        "niche's fastest of three, for cNMF preparing a second time. CPU time is what was computed on all",
        "cores, which other programs on the machine hardly touch. Memory is what is used beside the imported",
        "libraries, the data included; of cNMF the sum of its workers where that is more.",
        "",
        *agreement(found),
        "",
        "Loss is the sum of squares that is left. That of niche's starts is its own; to cNMF's starts, which",
        "keep no usage, and to both consensus spectra the best non-negative usage is fitted.",
        f"{converged(found)}",
        "",
    ]
    return "\n".join(lines)


def converged(found: list[Compared]) -> str:
    """Say how niche's starts ended."""
    parts = [
        f"with k = {one.case.k} {one.ours['converged']:.0%} after {one.ours['sweeps']:.0f} sweeps on average"
        for one in found
    ]
    return f"Starts of niche that converged: {', '.join(parts)}."


def compile_all() -> None:
    """Have compiled code on disk before anything is timed."""
    x = sparse.random(300, 300, 0.2, format="csr", rng=np.random.default_rng(0))
    found = nmf.factorise(nmf.prepare(x), 2, np.random.SeedSequence(0).spawn(1))
    nmf.usage_of(x, found[0].spectra.astype(np.float64))


def main() -> None:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", required=True, help="interpreter of the environment that holds cNMF")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--starts", type=int, default=20, help="random starts of the first case")
    parser.add_argument("--slow-starts", type=int, default=20, help="of the case of too many programs")
    parser.add_argument("--slow-cells", type=int, default=12_000, help="cells of that case")
    asked = parser.parse_args()
    cases = (
        Case(PLANTED, 12_000, asked.starts, 0),
        Case(PLANTED + 4, asked.slow_cells, asked.slow_starts, 1),
    )
    if asked.quick:
        cases = tuple(Case(case.k, 1_000, 4, case.seed) for case in cases)
    compile_all()
    found = []
    with tempfile.TemporaryDirectory() as name:
        for case in cases:
            found.append(compare(case, asked.peers, Path(name) / str(case.k)))
            print("\n".join([*times(found), *agreement(found)]), flush=True)
            if not asked.quick:  # after every case, for the slow one may be stopped
                figure(found, DOCS / "programs.svg")
                (DOCS / "programs.md").write_text(f"{page(found)}\n![time and cosines](programs.svg)\n")


if __name__ == "__main__":
    main()
