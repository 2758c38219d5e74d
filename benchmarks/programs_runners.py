"""One tool on one file in a process of its own: prints its seconds and peak memory as JSON.

``python programs_runners.py TOOL FILE K N_STARTS FOLDER``. FILE holds counts for ``cnmf`` and the matrix
that it factorised, as npz, for ``niche``. FOLDER receives the spectra: ``starts.npy`` (n_starts, k, n_genes)
and ``consensus.npy``; of niche also ``loss.npy``, of cNMF ``matrix.npz``.
"""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from scipy import sparse

SEED, WORKERS, THRESHOLD = 1, 2, 0.5


def memory_gb(field):
    """Memory of this process: ``VmRSS`` now, or ``VmHWM``, its peak since :func:`forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1e6
    raise ValueError(field)


def forget_peak():
    """Let the peak start from what is used now (Linux); say how much that is."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory_gb("VmRSS")


def cpu_seconds():
    """Seconds that this process has computed on all cores."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Clock:
    """Seconds, and seconds computed, of named steps."""

    def __init__(self):
        self.wall, self.cpu = {}, {}

    @contextlib.contextmanager
    def step(self, name):
        start, used = time.perf_counter(), cpu_seconds()
        yield
        self.wall[name], self.cpu[name] = time.perf_counter() - start, cpu_seconds() - used


def niche(file, k, n_starts, folder):
    import sklearn.cluster
    import sklearn.metrics  # noqa: F401 - imported when first used, which is not timed

    from niche._kernels import nmf
    from niche.tl._programs_consensus import consensus

    calls, before = [], forget_peak()
    x = sparse.load_npz(file).tocsr()
    for _ in range(3):
        clock = Clock()
        with clock.step("prepare"):
            prepared = nmf.prepare(x)
        with clock.step("factorise"):
            seeds = np.random.SeedSequence(SEED).spawn(n_starts)
            found = nmf.factorise(prepared, k, seeds, n_jobs=WORKERS)
        with clock.step("consensus"):
            gathered = consensus([one.spectra for one in found], SEED)
            nmf.usage_of(x, gathered.spectra)
        calls.append(clock)
    beside = memory_gb("VmHWM") - before
    np.save(folder / "starts.npy", np.stack([one.spectra for one in found]))
    np.save(folder / "loss.npy", [one.loss for one in found])
    np.save(folder / "consensus.npy", gathered.spectra)
    warm = min(calls, key=lambda clock: sum(clock.wall.values()))
    return {
        "cold": calls[0].wall, "warm": warm.wall, "cpu": warm.cpu, "beside_gb": beside,
        "converged": float(np.mean([one.converged for one in found])),
        "sweeps": float(np.mean([one.sweeps for one in found])),
    }  # fmt: skip


def cnmf(file, k, n_starts, folder):
    """One call, but two to prepare, which compiles what it uses of scanpy."""
    import scanpy as sc
    from cnmf import cNMF

    cold, clock, before = Clock(), Clock(), forget_peak()
    run = cNMF(output_dir=str(folder), name="run")
    for each in (cold, clock):
        with each.step("prepare"), quiet():
            genes = str(file.with_name("genes.txt"))
            run.prepare(str(file), components=[k], n_iter=n_starts, seed=SEED, genes_file=genes)
    command = [sys.executable, __file__, "cnmf-worker", str(file), str(k), str(n_starts), str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen([*command, str(i)], **pipes) for i in range(WORKERS)]
    for worker in workers:
        worker.stdout.readline()  # has imported what it needs
    with clock.step("factorise"):
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        done = [json.loads(worker.stdout.readline()) for worker in workers]
    for worker in workers:
        worker.communicate()
    clock.cpu["factorise"] = sum(one["cpu"] for one in done)
    with clock.step("consensus"), quiet():
        run.combine()
        run.consensus(k, THRESHOLD, show_clustering=False, build_ref=False, refit_usage=False)
    beside = max(memory_gb("VmHWM") - before, sum(one["beside_gb"] for one in done))
    tables = [run.paths["iter_spectra"] % (k, i) for i in range(n_starts)]
    np.save(folder / "starts.npy", np.stack([values_of(path) for path in tables]))
    gathered = run.paths["consensus_spectra"] % (k, str(THRESHOLD).replace(".", "_"))
    np.save(folder / "consensus.npy", values_of(gathered))
    sparse.save_npz(folder / "matrix.npz", sparse.csr_matrix(sc.read(run.paths["normalized_counts"]).X))
    return {"cold": clock.wall | cold.wall, "warm": clock.wall, "cpu": clock.cpu, "beside_gb": beside}


def cnmf_worker(index, folder):
    """A worker as its documentation has it, told to start when all have imported."""
    from cnmf import cNMF

    run = cNMF(output_dir=str(folder), name="run")
    print("ready", flush=True)
    sys.stdin.readline()
    before, used = forget_peak(), cpu_seconds()
    with quiet():
        run.factorize(worker_i=index, total_workers=WORKERS)
    return {"cpu": cpu_seconds() - used, "beside_gb": memory_gb("VmHWM") - before}


def quiet():
    """Keep what is printed out of the answer."""
    return contextlib.redirect_stdout(sys.stderr)


def values_of(path):
    with np.load(path, allow_pickle=True) as table:
        return table["data"].astype(np.float64)


def main(tool, file, k, n_starts, folder, index="0"):
    warnings.simplefilter("ignore")
    if tool == "cnmf-worker":
        done = cnmf_worker(int(index), Path(folder))
    else:
        run = {"niche": niche, "cnmf": cnmf}[tool]
        done = run(Path(file), int(k), int(n_starts), Path(folder))
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
